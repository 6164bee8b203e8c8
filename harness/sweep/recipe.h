#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "harness/sweep/mistakes.h"
#include "harness/sweep/recipe_options.h"

namespace oar {

/// A recipe says how one generator of images is made and judged. Resolved, it is a JSON object of
/// sections in which every option of recipe_options.def is present in canonical form:
///
///     {"dataset": {"name": "sunset", ...}, ..., "relabel": null, ...}
///
/// `relabel` is null where the model is not fine-tuned on orders it has found.
using Recipe = nlohmann::json;

/// One option as somebody wrote it: its canonical value, and the place that messages point at.
struct Setting {
  nlohmann::json value;
  std::string where;
};

/// Dotted key -> setting. Beside the options there may be `relabel`: null where it was switched
/// off, an empty object where it was switched on.
using Settings = std::map<std::string, Setting>;

/// What reading needs: the registries, how a JSON pointer is shown, and where mistakes go.
struct SettingsContext {
  const KnownNames& known;
  std::function<std::string(const std::string& pointer)> where;
  Mistakes& mistakes;
  std::vector<std::string> extra_names = {};  ///< further keys allowed here, for suggestions
};

/// Adds the settings of one member of a layer, `"train.order": "raster"` or
/// `"train": {"order": "raster"}`. Keys that begin with `x-` are skipped. Unknown keys, refused
/// values and options given twice in the layer are mistakes.
void read_setting(const std::string& key, const nlohmann::json& value, const std::string& pointer,
                  const SettingsContext& context, Settings& settings);

/// Adds the settings of every member of `object`, which is found at `pointer`.
void read_settings(const nlohmann::json& object, const std::string& pointer,
                   const SettingsContext& context, Settings& settings);

/// Reports a key that is neither an option nor a section nor one of the context's extra names.
void add_unknown_key(const std::string& key, const std::string& pointer,
                     const SettingsContext& context);

/// Puts `layer` over `base`: its settings win.
void overlay(Settings& base, const Settings& layer);

/// False where `relabel` is null, or is not mentioned at all.
bool relabels(const Settings& settings);

/// Every option, from the settings or its default.
Recipe resolve(const Settings& settings);

/// A text that two settings share if and only if they resolve to the same recipe; it names only
/// what is not a default, so it is much shorter than the recipe.
std::string difference_from_defaults(const Settings& settings);

/// Adds what is wrong with options taken together (KID subsets larger than the sample, guidance
/// without a condition, ...). `settings` are those that `recipe` was resolved from; `otherwise` is
/// the place to point at where none of the options concerned was written.
void check_together(const Recipe& recipe, const Settings& settings, const std::string& otherwise,
                    const KnownNames& known, Mistakes& mistakes);

/// One section of a resolved recipe: what a stage's key is hashed from.
///
/// Errors  std::logic_error if there is no such section.
const nlohmann::json& part(const Recipe& recipe, const std::string& section);

/// True where the resolved recipe has a fine-tuning stage.
bool relabels(const Recipe& recipe);

/// The JSON value of an option of a resolved recipe.
///
/// Errors  std::logic_error if there is no such option, or it is of a section that is null.
const nlohmann::json& value_of(const Recipe& recipe, const std::string& key);

/// The option as a T: get<int64_t>(recipe, "train.images_seen").
template <typename T>
T get(const Recipe& recipe, const std::string& key) {
  return value_of(recipe, key).get<T>();
}

/// The same for an option that a preset may decide: nothing where it is null.
template <typename T>
std::optional<T> get_optional(const Recipe& recipe, const std::string& key) {
  const nlohmann::json& value = value_of(recipe, key);
  return value.is_null() ? std::nullopt : std::optional<T>(value.get<T>());
}

}  // namespace oar
