#include "harness/sweep/sweep_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include "harness/sweep/file_mistakes.h"
#include "harness/sweep/nearest_name.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;
constexpr int64_t kMaxSeed = int64_t{1} << 53;

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// A value of a matrix or include key: its form for comparing and labelling, and what it sets.
struct LabelValue {
  json value;
  Settings settings;
};

/// Reads one file. It goes on after a mistake, so that all of them are found.
class Reader {
 public:
  Reader(const JsonFile& file, const KnownNames& known, Mistakes& mistakes)
      : file_(file),
        mistakes_(mistakes),
        in_file_(file, mistakes),
        context_{known, [this](const std::string& pointer) { return file_.where(pointer); },
                 mistakes} {}

  SweepFile read();

 private:
  void mistake(const std::string& pointer, const std::string& found,
               std::vector<std::string> help) {
    in_file_.add(pointer, found, std::move(help));
  }
  void wrong(const std::string& pointer, const std::string& what, const json& value,
             const std::string& accepted) {
    in_file_.wrong(pointer, what, value, accepted);
  }

  const json* member(const std::string& key, json::value_t type, const std::string& accepted);
  std::vector<std::string> keys_as_written(const std::string& pointer) const;

  void read_head();
  void read_recipes();
  Settings read_recipe(const json& recipe, const std::string& pointer);
  void read_seeds();
  void read_matrix();
  void read_axis(const std::string& key, const json& values, const std::string& pointer);
  void read_include();
  void check_include(const std::string& key, const LabelValue& label, const std::string& pointer,
                     Settings& together);
  void read_exclude();
  void check_exclude(const json& exclude, const Combination& pattern, const std::string& pointer);
  void read_strategy();
  void read_baseline();
  void read_report();
  std::string report_axis(const json& report, const std::string& key, const std::string& otherwise);

  std::optional<LabelValue> read_label(const std::string& key, const json& value,
                                       const std::string& pointer);
  void add_label(const std::string& key);

  const JsonFile& file_;
  Mistakes& mistakes_;
  FileMistakes in_file_;
  SettingsContext context_;
  std::set<std::string> recipe_names_;
  std::vector<std::string> axis_keys_;  ///< as written, those with a mistake too
  std::vector<Combination> points_;     ///< of the matrix, once an exclude asks
  SweepFile sweep_;
};

/// A member of the sweep, or nullptr where it is missing or not of the type.
const json* Reader::member(const std::string& key, json::value_t type,
                           const std::string& accepted) {
  const auto found = file_.value.find(key);
  if (found == file_.value.end()) return nullptr;
  if (found->type() == type) return &*found;
  wrong("/" + key, key, *found, accepted);
  return nullptr;
}

std::vector<std::string> Reader::keys_as_written(const std::string& pointer) const {
  std::vector<std::string> keys;
  const auto written = file_.keys_of.find(pointer);
  if (written == file_.keys_of.end()) return keys;
  for (const std::string& key : written->second) {
    if (!key.starts_with("x-")) keys.push_back(key);
  }
  return keys;
}

void Reader::read_head() {
  in_file_.check_keys(file_.value, "", sweep_members());
  member("$schema", json::value_t::string, "a text: the JSON Schema that an editor checks with");
  const std::string accepted = fmt::format("{}, the version of this format", kVersion);
  if (!file_.value.contains("version")) {
    mistake("", "there is no version", {fmt::format("add \"version\": {}", kVersion)});
  } else if (file_.value["version"] != json(kVersion)) {
    wrong("/version", "version", file_.value["version"], accepted);
  }
  sweep_.name = std::filesystem::path(file_.name).stem().string();
  if (const json* name = member("name", json::value_t::string, "a text that is not empty")) {
    sweep_.name = *name;
    if (sweep_.name.empty()) wrong("/name", "name", *name, "a text that is not empty");
  }
}

void Reader::read_recipes() {
  if (const json* defaults = member("defaults", json::value_t::object, "an object of options")) {
    read_settings(*defaults, "/defaults", context_, sweep_.defaults);
  }
  const json* recipes = member("recipes", json::value_t::object,
                               "an object: a name for each recipe, then its options");
  if (!recipes) return;
  for (const std::string& name : keys_as_written("/recipes")) {
    const json& recipe = recipes->at(name);
    const std::string pointer = child_pointer("/recipes", name);
    const bool plain = std::none_of(name.begin(), name.end(), [](unsigned char c) {
      return c < 0x20 || c == 0x7f || c == ',' || c == '=';
    });
    if (name.empty() || !plain) {
      wrong(pointer, "the name of a recipe", name, "a text without comma, = or control characters");
    }
    sweep_.recipes.emplace_back(name, read_recipe(recipe, pointer));
    recipe_names_.insert(name);
  }
}

Settings Reader::read_recipe(const json& recipe, const std::string& pointer) {
  Settings settings;
  if (!recipe.is_object()) {
    wrong(pointer, "a recipe", recipe, "an object of options; {} for the defaults as they are");
    return settings;
  }
  read_settings(recipe, pointer, context_, settings);
  if (settings.count(kRelabel) == 0 && relabels(settings)) {
    settings[kRelabel] = {json::object(), file_.where(pointer)};  // over a null in the defaults
  }
  return settings;
}

void Reader::read_seeds() {
  const std::string accepted = "a list of integers, each at least 0 and once";
  const json* seeds = member("seeds", json::value_t::array, accepted);
  if (!seeds) return;
  sweep_.seeds.clear();
  std::set<int64_t> seen;
  if (seeds->empty()) wrong("/seeds", "seeds", *seeds, accepted);
  for (std::size_t i = 0; i < seeds->size(); ++i) {
    const json& seed = (*seeds)[i];
    const std::string pointer = fmt::format("/seeds/{}", i);
    const bool whole = seed.is_number_integer() && seed >= 0 && seed <= kMaxSeed;
    if (!whole) {
      wrong(pointer, "a seed", seed, accepted);
    } else if (!seen.insert(seed.get<int64_t>()).second) {
      mistake(pointer, fmt::format("the seed {} is repeated", shown(seed)),
              {"its cells would be equal; keep one"});
    } else {
      sweep_.seeds.push_back(seed);
    }
  }
}

/// Reads what a matrix or include key stands for. Mistakes are added, and give nothing.
std::optional<LabelValue> Reader::read_label(const std::string& key, const json& value,
                                             const std::string& pointer) {
  if (key == kRecipe) {
    const std::string name = value.is_string() ? value.get<std::string>() : "";
    if (value.is_string() && recipe_names_.count(name)) return LabelValue{value, {}};
    std::vector<std::string> names;  // as written
    for (const auto& recipe : sweep_.recipes) names.push_back(recipe.first);
    mistake(pointer, fmt::format("no recipe is called {}", shown(value)),
            {known_line(names), did_you_mean(name, names)});
    return std::nullopt;
  }
  if (key == kSeed || key == "seeds") {
    mistake(pointer, fmt::format("{} is no key here", shown(key)),
            {"list the seeds in \"seeds\", at the top: every combination runs with each of them"});
    return std::nullopt;
  }
  SettingsContext context = context_;
  context.extra_names = {kRecipe};
  const std::size_t before = mistakes_.all().size();
  LabelValue label;
  read_setting(key, value, pointer, context, label.settings);
  if (mistakes_.all().size() != before) return std::nullopt;
  const auto setting = label.settings.find(key);
  label.value = find_option(key) ? setting->second.value : value;
  return label;
}

void Reader::add_label(const std::string& key) {
  if (!contains(sweep_.label_keys, key)) sweep_.label_keys.push_back(key);
}

void Reader::read_axis(const std::string& key, const json& values, const std::string& pointer) {
  if (!values.is_array() || values.empty()) {
    wrong(pointer, "a matrix key", values, "a list of one or more values");
    return;
  }
  for (const Axis& other : sweep_.matrix.axes) {
    if (!overlaps(key, other.key)) continue;
    mistake(pointer, fmt::format("{} and {} vary the same options", shown(key), shown(other.key)),
            {"keep one of the two"});
    return;
  }
  Axis axis{key, {}};
  std::set<json> seen;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string place = fmt::format("{}/{}", pointer, i);
    const auto label = read_label(key, values[i], place);
    if (!label) continue;
    if (!seen.insert(label->value).second) {
      mistake(place, fmt::format("the value {} is repeated", shown(values[i])),
              {"its cells would be equal; keep one"});
      continue;
    }
    axis.values.push_back(label->value);
    sweep_.label_settings[{key, canonical_json(label->value)}] = label->settings;
  }
  add_label(key);
  sweep_.matrix.axes.push_back(std::move(axis));
}

void Reader::read_matrix() {
  const json* matrix =
      member("matrix", json::value_t::object, "an object: a key, then the list of its values");
  if (!sweep_.recipes.empty() && (!matrix || !matrix->contains(kRecipe))) {
    axis_keys_.push_back(kRecipe);
    Axis axis{kRecipe, {}};
    for (const auto& recipe : sweep_.recipes) axis.values.push_back(recipe.first);
    add_label(kRecipe);
    sweep_.matrix.axes.push_back(std::move(axis));
  }
  if (!matrix) return;
  for (const std::string& key : keys_as_written("/matrix")) {
    axis_keys_.push_back(key);
    read_axis(key, matrix->at(key), child_pointer("/matrix", key));
  }
  if (product_size(sweep_.matrix.axes, kMaxCells) > kMaxCells) {
    mistake("/matrix", fmt::format("the matrix has more than {} cells", kMaxCells),
            {"split it into several sweeps: their common stages run once"});
  }
}

void Reader::read_include() {
  const std::string accepted = "a list of objects: a recipe and options";
  const json* includes = member("include", json::value_t::array, accepted);
  if (!includes) return;
  for (std::size_t i = 0; i < includes->size(); ++i) {
    const json& include = (*includes)[i];
    const std::string pointer = fmt::format("/include/{}", i);
    const auto keys = keys_as_written(pointer);
    if (!include.is_object() || keys.empty()) {
      wrong(pointer, "an include", include, accepted);
      continue;
    }
    Combination combination;
    Settings together;  // finds an option that is given twice within the include
    for (const std::string& key : keys) {
      const std::string place = child_pointer(pointer, key);
      const auto label = read_label(key, include.at(key), place);
      if (!label) continue;
      check_include(key, *label, place, together);
      combination[key] = label->value;
      sweep_.label_settings.try_emplace({key, canonical_json(label->value)}, label->settings);
      add_label(key);
    }
    sweep_.matrix.include.push_back(std::move(combination));
  }
}

/// Finds an option that the matrix varies under another key, or that the include gives twice.
void Reader::check_include(const std::string& key, const LabelValue& label,
                           const std::string& pointer, Settings& together) {
  for (const Axis& axis : sweep_.matrix.axes) {
    if (axis.key == key || !overlaps(axis.key, key)) continue;
    mistake(pointer,
            fmt::format("{} sets what the matrix key {} varies", shown(key), shown(axis.key)),
            {fmt::format("write it as {}", shown(axis.key))});
  }
  for (const auto& [option, setting] : label.settings) {
    if (together.emplace(option, setting).second) continue;
    mistake(pointer, fmt::format("{} is given twice", option), {"keep one of the two"});
  }
}

void Reader::read_exclude() {
  const std::string accepted = "a list of objects: matrix keys, each with one of its values";
  const json* excludes = member("exclude", json::value_t::array, accepted);
  if (!excludes) return;
  for (std::size_t i = 0; i < excludes->size(); ++i) {
    const json& exclude = (*excludes)[i];
    const std::string pointer = fmt::format("/exclude/{}", i);
    const auto keys = keys_as_written(pointer);
    if (!exclude.is_object() || keys.empty()) {
      wrong(pointer, "an exclude", exclude, accepted);
      continue;
    }
    Combination pattern;
    for (const std::string& key : keys) {
      const std::string place = child_pointer(pointer, key);
      if (!contains(axis_keys_, key)) {
        mistake(place, fmt::format("{} is no key of the matrix", shown(key)),
                {known_line(axis_keys_), did_you_mean(key, axis_keys_)});
      } else if (const auto label = read_label(key, exclude.at(key), place)) {
        pattern[key] = label->value;
      }
    }
    check_exclude(exclude, pattern, pointer);
    sweep_.matrix.exclude.push_back(std::move(pattern));
  }
}

void Reader::check_exclude(const json& exclude, const Combination& pattern,
                           const std::string& pointer) {
  if (!mistakes_.empty()) return;  // what drops nothing is known for a matrix without mistakes only
  if (points_.empty()) points_ = product(sweep_.matrix.axes);
  const bool drops = std::any_of(points_.begin(), points_.end(),
                                 [&](const Combination& point) { return matches(pattern, point); });
  if (drops) return;
  mistake(pointer, fmt::format("no cell of the matrix matches {}", shown(exclude)),
          {"an exclude drops every cell that has all of its values"});
}

void Reader::read_strategy() {
  const json* strategy =
      member("strategy", json::value_t::object, "an object: fail_fast, max_parallel, on_diverge");
  if (!strategy) return;
  in_file_.check_keys(*strategy, "/strategy", {"fail_fast", "max_parallel", "on_diverge"});
  if (const auto found = strategy->find("fail_fast"); found != strategy->end()) {
    if (found->is_boolean()) {
      sweep_.fail_fast = *found;
    } else {
      wrong("/strategy/fail_fast", "fail_fast", *found,
            "true: the first cell that fails ends the sweep; false: the others go on");
    }
  }
  if (const auto found = strategy->find("max_parallel"); found != strategy->end()) {
    if (found->is_number_integer() && *found >= 1 && *found <= kMaxParallel) {
      sweep_.max_parallel = *found;
    } else {
      wrong("/strategy/max_parallel", "max_parallel", *found,
            fmt::format("an integer from 1 to {}: the worker processes of run", kMaxParallel));
    }
  }
  if (const auto found = strategy->find("on_diverge"); found != strategy->end()) {
    sweep_.stop_on_diverge = *found == "stop";
    if (*found == "stop" || *found == "record") return;
    const std::string name = found->is_string() ? found->get<std::string>() : "";
    mistake("/strategy/on_diverge", fmt::format("on_diverge cannot be {}", shown(*found)),
            {"accepted: \"record\": the sweep goes on; \"stop\": a cell that diverges ends it",
             did_you_mean(name, {"record", "stop"})});
  }
}

/// A partial match of the cells' labels; sweep.cpp sees that it fits one.
void Reader::read_baseline() {
  const std::string accepted = "an object of labels: {\"recipe\": ...}, or keys of the matrix";
  const json* baseline = member("baseline", json::value_t::object, accepted);
  if (!baseline) return;
  const auto keys = keys_as_written("/baseline");
  if (keys.empty()) wrong("/baseline", "baseline", *baseline, accepted);
  Combination pattern;
  for (const std::string& key : keys) {
    const std::string place = child_pointer("/baseline", key);
    if (!contains(sweep_.label_keys, key)) {
      mistake(place, fmt::format("no cell has a label {}", shown(key)),
              {known_line(sweep_.label_keys), did_you_mean(key, sweep_.label_keys)});
    } else if (const auto label = read_label(key, baseline->at(key), place)) {
      pattern[key] = label->value;
    }
  }
  sweep_.baseline = std::move(pattern);
}

std::string Reader::report_axis(const json& report, const std::string& key,
                                const std::string& otherwise) {
  const auto found = report.find(key);
  if (found == report.end()) return otherwise;
  std::vector<std::string> known = sweep_.label_keys;
  known.push_back(kSeed);
  if (found->is_string() && contains(known, *found)) return *found;
  const std::string name = found->is_string() ? found->get<std::string>() : "";
  mistake("/report/" + key, fmt::format("the {} of the report cannot be {}", key, shown(*found)),
          {known_line(known), did_you_mean(name, known)});
  return otherwise;
}

void Reader::read_report() {
  sweep_.rows = sweep_.label_keys.empty() ? kSeed : sweep_.label_keys.front();
  const json* report = member("report", json::value_t::object, "an object: rows, columns");
  if (!report) return;
  in_file_.check_keys(*report, "/report", {"rows", "columns"});
  sweep_.rows = report_axis(*report, "rows", sweep_.rows);
  sweep_.columns = report_axis(*report, "columns", "");
  if (sweep_.rows == sweep_.columns) {
    mistake("/report", fmt::format("rows and columns are both {}", shown(sweep_.rows)),
            {"leave columns out: they are the metrics then"});
  }
}

SweepFile Reader::read() {
  if (!file_.value.is_object()) {
    wrong("", "a sweep", file_.value, "an object: version, recipes, matrix, ...");
    return {};
  }
  read_head();
  read_recipes();
  read_seeds();
  read_matrix();
  read_include();
  read_exclude();
  read_strategy();
  read_baseline();
  sweep_.gates = read_gates(file_, context_.known, mistakes_);
  read_report();
  return std::move(sweep_);
}

}  // namespace

const std::vector<std::string>& sweep_members() {
  static const std::vector<std::string> members = {
      "$schema", "version", "name",     "defaults", "recipes", "matrix", "include",
      "exclude", "seeds",   "strategy", "baseline", "gates",   "report"};
  return members;
}

SweepFile read_sweep_file(const JsonFile& file, const KnownNames& known, Mistakes& mistakes) {
  return Reader(file, known, mistakes).read();
}

std::string label_text(const json& value) {
  const std::string quoted = canonical_json(value);
  if (!value.is_string()) return quoted;
  const std::string& text = value.get_ref<const std::string&>();
  const bool escaped = quoted.size() != text.size() + 2;
  const bool bare = !escaped && text.find_first_of(",=\"\x7f") == std::string::npos;
  return bare ? text : quoted;
}

bool overlaps(const std::string& a, const std::string& b) {
  return a == b || a.starts_with(b + ".") || b.starts_with(a + ".");
}

}  // namespace oar
