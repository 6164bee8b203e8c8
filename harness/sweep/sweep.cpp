#include "harness/sweep/sweep.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "harness/sweep/json_file.h"
#include "harness/sweep/sweep_file.h"

namespace oar {
namespace {

using nlohmann::json;

const std::string kRelabelPrefix = std::string(kRelabel) + ".";

/// The argument of --set as messages show it: one short line.
std::string where_set(const std::string& argument) {
  std::string text = shown(argument).substr(1);
  if (text.ends_with('"')) text.pop_back();
  return "--set " + text;
}

/// The text as JSON where it is JSON, else as a string.
json json_or_text(const std::string& text) {
  try {
    return parse_json(text, "").value;
  } catch (const std::invalid_argument&) {
    return text;
  }
}

/// Turns a sweep file and the --set arguments into cells.
class CellMaker {
 public:
  CellMaker(const JsonFile& file, const SweepFile& sweep, const KnownNames& known,
            Mistakes& mistakes)
      : file_(file), sweep_(sweep), known_(known), mistakes_(mistakes) {
    for (const auto& [name, layer] : sweep.recipes) recipes_.emplace(name, &layer);
  }

  void read_set(const std::string& argument);
  std::vector<Cell> make();

 private:
  std::string id_of(const Combination& combination) const;
  std::string place_of(const Combination& combination) const;
  Settings settings_of(const Combination& combination);
  void check_labels(const Combination& combination, const Settings& settings);
  void apply_set(Settings& settings);
  void check_unused_set();
  void check_baseline(const std::vector<Cell>& cells);
  void check_equal(const Settings& settings, const Cell& cell);

  const JsonFile& file_;
  const SweepFile& sweep_;
  const KnownNames& known_;
  Mistakes& mistakes_;
  std::map<std::string, const Settings*> recipes_;
  Settings set_;
  std::set<std::string> used_;  ///< keys of set_ that reached a cell
  std::map<std::string, std::string>
      first_;                   ///< what a combination computes -> its first cell's id
  std::vector<Mistake> equal_;  ///< told if there is no other mistake
};

void CellMaker::read_set(const std::string& argument) {
  const std::string where = where_set(argument);
  const auto equals = argument.find('=');
  if (equals == std::string::npos || equals == 0) {
    mistakes_.add({where, "there is no key=value", {"write --set train.images_seen=1000"}});
    return;
  }
  const std::string key = argument.substr(0, equals);
  for (const std::string& label : sweep_.label_keys) {
    if (!overlaps(key, label)) continue;
    mistakes_.add(
        {where,
         fmt::format("the sweep itself varies {}, so it cannot be set for all cells", shown(label)),
         {"edit its values in the file, or leave it out of --set"}});
    return;
  }
  const json value = json_or_text(argument.substr(equals + 1));
  try {
    canonical_json(value);
  } catch (const std::invalid_argument& error) {
    mistakes_.add({where, error.what(), {"write it in UTF-8"}});
    return;
  }
  read_setting(key, value, "", {known_, [&](const std::string&) { return where; }, mistakes_},
               set_);
}

std::string CellMaker::id_of(const Combination& combination) const {
  std::string id;
  for (const std::string& key : sweep_.label_keys) {
    const auto value = combination.find(key);
    if (value == combination.end()) continue;
    id += fmt::format("{}{}={}", id.empty() ? "" : ",", key, label_text(value->second));
  }
  return id;
}

/// The place that messages about a cell as a whole point at: its recipe, else the file.
std::string CellMaker::place_of(const Combination& combination) const {
  const auto recipe = combination.find(kRecipe);
  return file_.where(recipe == combination.end() ? "" : child_pointer("/recipes", recipe->second));
}

/// Everything that is set for a combination, the later layers over the earlier ones.
Settings CellMaker::settings_of(const Combination& combination) {
  Settings settings = sweep_.defaults;
  const auto recipe = combination.find(kRecipe);
  if (recipe != combination.end()) overlay(settings, *recipes_.at(recipe->second));
  for (const auto& [key, value] : combination) {
    if (key == kRecipe) continue;
    overlay(settings, sweep_.label_settings.at({key, canonical_json(value)}));
  }
  check_labels(combination, settings);
  apply_set(settings);
  return settings;
}

/// A cell labelled with an option of a section that is off would be labelled with what it is not.
void CellMaker::check_labels(const Combination& combination, const Settings& settings) {
  if (relabels(settings)) return;
  for (const auto& [key, value] : combination) {
    if (!key.starts_with(kRelabelPrefix)) continue;
    mistakes_.add(
        {sweep_.label_settings.at({key, canonical_json(value)}).at(key).where,
         fmt::format("{} is given, but relabel is null in the cell {}", key, id_of(combination)),
         {"exclude the cell, and include its recipe once without this key"}});
  }
}

void CellMaker::apply_set(Settings& settings) {
  const bool with_relabel = set_.count(kRelabel) ? relabels(set_) : relabels(settings);
  for (const auto& [key, setting] : set_) {
    if (key.starts_with(kRelabelPrefix) && !with_relabel) continue;
    settings[key] = setting;
    used_.insert(key);
  }
}

std::vector<Cell> CellMaker::make() {
  std::vector<Cell> cells;
  const auto combinations = expand(sweep_.matrix);
  const std::size_t count = combinations.size() * sweep_.seeds.size();
  if (count > kMaxCells) {
    mistakes_.add(
        {file_.where(""),
         fmt::format("the sweep has {} cells, seeds counted, more than {}", count, kMaxCells),
         {"split it into several sweeps: their common stages run once"}});
    return cells;
  }
  for (const Combination& combination : combinations) {
    if (!sweep_.recipes.empty() && combination.count(kRecipe) == 0) {
      mistakes_.add({file_.where("/include"),
                     fmt::format("{} names no recipe and fits no cell of the matrix",
                                 shown(json(combination))),
                     {"add a \"recipe\" to it"}});
      continue;
    }
    const Settings settings = settings_of(combination);
    const Recipe recipe = resolve(settings);
    check_together(recipe, settings, place_of(combination), known_, mistakes_);
    const std::string id = id_of(combination);
    for (const int64_t seed : sweep_.seeds) {
      cells.push_back(
          {fmt::format("{}{}seed={}", id, id.empty() ? "" : ",", seed), combination, seed, recipe});
    }
    check_equal(settings, cells[cells.size() - sweep_.seeds.size()]);
  }
  if (cells.empty() && mistakes_.empty()) {
    mistakes_.add({file_.where("/exclude"), "no cell is left", {"exclude fewer"}});
  }
  check_unused_set();
  if (mistakes_.empty()) {
    for (const Mistake& mistake : equal_) mistakes_.add(mistake);
  }
  if (mistakes_.empty()) check_baseline(cells);
  return cells;
}

void CellMaker::check_baseline(const std::vector<Cell>& cells) {
  if (!sweep_.baseline) return;
  const Combination& baseline = *sweep_.baseline;
  const bool fits = std::any_of(cells.begin(), cells.end(),
                                [&](const Cell& cell) { return matches(baseline, cell.labels); });
  if (fits) return;
  Mistake mistake{file_.where("/baseline"),
                  fmt::format("no cell matches {}", shown(json(baseline))),
                  {"the baseline is the cells that have all of its labels"}};
  for (const auto& member : baseline) {
    std::vector<std::string> values;  // that a cell has, in the order of the cells
    for (const Cell& cell : cells) {
      const auto label = cell.labels.find(member.first);
      if (label == cell.labels.end()) continue;
      const std::string text = label_text(label->second);
      if (std::find(values.begin(), values.end(), text) == values.end()) values.push_back(text);
    }
    mistake.help.push_back(fmt::format("{}: {}", member.first, fmt::join(values, ", ")));
  }
  mistakes_.add(mistake);
}

void CellMaker::check_unused_set() {
  for (const auto& [key, setting] : set_) {
    if (used_.count(key)) continue;
    mistakes_.add({setting.where,
                   fmt::format("{} changes nothing: relabel is null in every cell", key),
                   {"leave it out, or add --set relabel={} to fine-tune in every cell"}});
  }
}

/// Finds combinations that compute the same; every one of them has the same seeds.
void CellMaker::check_equal(const Settings& settings, const Cell& cell) {
  const auto [same, is_new] = first_.emplace(difference_from_defaults(settings), cell.id);
  if (is_new) return;
  equal_.push_back({place_of(cell.labels),
                    fmt::format("the cells {} and {} compute the same", same->second, cell.id),
                    {"exclude one of them, or give them a difference"}});
}

Sweep make_sweep(const JsonFile& file, const std::vector<std::string>& set,
                 const KnownNames& known) {
  Mistakes mistakes;
  const SweepFile sweep = read_sweep_file(file, known, mistakes);
  CellMaker maker(file, sweep, known, mistakes);
  for (const std::string& argument : set) maker.read_set(argument);
  mistakes.throw_if_any();  // cells made of mistaken values would bring mistakes that are none
  Sweep result{
      sweep.name,         maker.make(),          sweep.rows,     sweep.columns, sweep.fail_fast,
      sweep.max_parallel, sweep.stop_on_diverge, sweep.baseline, sweep.gates};
  mistakes.throw_if_any();
  return result;
}

}  // namespace

Sweep parse_sweep(std::string_view text, const std::string& name,
                  const std::vector<std::string>& set, const KnownNames& known) {
  return make_sweep(parse_json(text, name), set, known);
}

Sweep read_sweep(const std::filesystem::path& path, const std::vector<std::string>& set,
                 const KnownNames& known) {
  return make_sweep(read_json_file(path), set, known);
}

std::string identity(const Cell& cell) {
  return canonical_json({{"recipe", cell.recipe}, {"seed", cell.seed}});
}

}  // namespace oar
