#include "harness/sweep/sweep_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "harness/sweep/nearest_name.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;
constexpr std::size_t kMaxCells = 10000;
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
        context_{known, [this](const std::string& pointer) { return file_.where(pointer); },
                 mistakes} {}

  SweepFile read();

 private:
  void mistake(const std::string& pointer, const std::string& found,
               std::vector<std::string> help) {
    mistakes_.add({file_.where(pointer), found, std::move(help)});
  }

  void wrong(const std::string& pointer, const std::string& what, const json& value,
             const std::string& accepted) {
    mistake(pointer, fmt::format("{} cannot be {}", what, shown(value)), {"accepted: " + accepted});
  }

  void check_keys(const json& object, const std::string& pointer,
                  const std::vector<std::string>& known);
  const json* member(const std::string& key, json::value_t type, const std::string& accepted);
  std::vector<std::string> keys_as_written(const std::string& pointer) const;
  std::vector<std::string> recipe_names() const;

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
  void read_report();
  std::string report_axis(const json& report, const std::string& key, const std::string& otherwise);

  std::optional<LabelValue> read_label(const std::string& key, const json& value,
                                       const std::string& pointer);
  void add_label(const std::string& key);

  const JsonFile& file_;
  Mistakes& mistakes_;
  SettingsContext context_;
  std::vector<std::string> axis_keys_;  ///< as written, those with a mistake too
  SweepFile sweep_;
};

void Reader::check_keys(const json& object, const std::string& pointer,
                        const std::vector<std::string>& known) {
  for (const auto& [key, value] : object.items()) {
    if (key.starts_with("x-") || contains(known, key)) continue;
    mistake(child_pointer(pointer, key), fmt::format("no key is called {} here", shown(key)),
            {known_line(known), did_you_mean(key, known)});
  }
}

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
  check_keys(file_.value, "",
             {"version", "name", "defaults", "recipes", "matrix", "include", "exclude", "seeds",
              "strategy", "report"});
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

std::vector<std::string> Reader::recipe_names() const {
  std::vector<std::string> names;
  for (const auto& [name, settings] : sweep_.recipes) names.push_back(name);
  return names;
}

void Reader::read_seeds() {
  const std::string accepted = "a list of integers, each at least 0 and once";
  const json* seeds = member("seeds", json::value_t::array, accepted);
  if (!seeds) return;
  sweep_.seeds.clear();
  if (seeds->empty()) wrong("/seeds", "seeds", *seeds, accepted);
  for (std::size_t i = 0; i < seeds->size(); ++i) {
    const json& seed = (*seeds)[i];
    const std::string pointer = fmt::format("/seeds/{}", i);
    const bool whole = seed.is_number_integer() && seed >= 0 && seed <= kMaxSeed;
    if (!whole) {
      wrong(pointer, "a seed", seed, accepted);
    } else if (std::find(sweep_.seeds.begin(), sweep_.seeds.end(), seed.get<int64_t>()) !=
               sweep_.seeds.end()) {
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
    const auto names = recipe_names();
    if (value.is_string() && contains(names, value)) return LabelValue{value, {}};
    const std::string name = value.is_string() ? value.get<std::string>() : "";
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
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string place = fmt::format("{}/{}", pointer, i);
    const auto label = read_label(key, values[i], place);
    if (!label) continue;
    if (std::find(axis.values.begin(), axis.values.end(), label->value) != axis.values.end()) {
      mistake(place, fmt::format("the value {} is repeated", shown(values[i])),
              {"its cells would be equal; keep one"});
      continue;
    }
    axis.values.push_back(label->value);
    sweep_.label_settings[{key, label_text(label->value)}] = label->settings;
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
    for (const std::string& name : recipe_names()) axis.values.push_back(name);
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
      sweep_.label_settings.try_emplace({key, label_text(label->value)}, label->settings);
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
  const auto points = product(sweep_.matrix.axes);
  const bool drops = std::any_of(points.begin(), points.end(),
                                 [&](const Combination& point) { return matches(pattern, point); });
  if (drops) return;
  mistake(pointer, fmt::format("no cell of the matrix matches {}", shown(exclude)),
          {"an exclude drops every cell that has all of its values"});
}

void Reader::read_strategy() {
  const json* strategy = member("strategy", json::value_t::object, "an object: fail_fast");
  if (!strategy) return;
  check_keys(*strategy, "/strategy", {"fail_fast"});
  const auto fail_fast = strategy->find("fail_fast");
  if (fail_fast == strategy->end()) return;
  if (fail_fast->is_boolean()) {
    sweep_.fail_fast = *fail_fast;
  } else {
    wrong("/strategy/fail_fast", "fail_fast", *fail_fast,
          "true: the first cell that fails ends the sweep; false: the others go on");
  }
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
  check_keys(*report, "/report", {"rows", "columns"});
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
  read_report();
  return std::move(sweep_);
}

}  // namespace

SweepFile read_sweep_file(const JsonFile& file, const KnownNames& known, Mistakes& mistakes) {
  return Reader(file, known, mistakes).read();
}

std::string label_text(const json& value) {
  return value.is_string() ? value.get<std::string>() : canonical_json(value);
}

bool overlaps(const std::string& a, const std::string& b) {
  return a == b || a.starts_with(b + ".") || b.starts_with(a + ".");
}

}  // namespace oar
