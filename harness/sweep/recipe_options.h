#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness/sweep/mistakes.h"

namespace oar {

/// The names that a recipe may use, taken from the registries of the other folders by whoever
/// calls.
struct KnownNames {
  std::vector<std::string> datasets;
  std::vector<std::string> generated_datasets;     ///< need no dataset.root
  std::vector<std::string> token_datasets;         ///< codes from the start: no tokenizer
  std::vector<std::string> class_column_datasets;  ///< have labels once dataset.class_column is set
  std::vector<std::string> unlabelled_datasets;    ///< never have class labels
  std::vector<std::string> officially_split_datasets;  ///< dataset.split may be "official"
  std::vector<std::string> uncaptioned_datasets;       ///< never have captions
  std::vector<std::string> unmirrored_datasets;        ///< an image means another thing mirrored
  std::vector<std::string> crops, resizes;
  std::vector<std::string> tokenizers;
  std::vector<std::string> orders;
  std::vector<std::string> labelling_orders;  ///< found by search, or given: can label a data set
  std::vector<std::string> paths;             ///< fixed orders that are one for all images
  std::vector<std::string> next_encodings;    ///< components, joined by '+' in a recipe
  std::vector<std::string> features;
  std::vector<std::string> brought_features;  ///< features whose weights the user brings
  std::vector<std::string> metrics;  ///< what a cell of results.json may hold; a gate names one
  std::vector<std::string> undirected_metrics;  ///< neither more nor less of them is better
};

enum class OptionType {
  kInt,
  kNumber,
  kText,
  kIntList,
  kTextList,  ///< a set: no repetition, kept in the order of its choices
  kEncoding,  ///< names joined by '+': no repetition, kept in the order of the registry
};

/// What values an option takes, beyond its type. A list's limits are those of its elements.
struct Accepts {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool without_min = false;
  bool without_max = false;
  std::vector<std::string> choices;
  std::vector<std::string> KnownNames::*names = nullptr;  ///< choices that a registry lists
  std::string noun;                                       ///< what such a name is called
};

/// One line of recipe_options.def.
struct RecipeOption {
  std::string key;  ///< section.name
  OptionType type;
  nlohmann::json default_value;  ///< null: the preset decides, and null may be written
  Accepts accepts;
  std::string doc;

  std::string section() const { return key.substr(0, key.find('.')); }
  std::string name() const { return key.substr(key.find('.') + 1); }
};

/// The section that may be null as a whole.
inline constexpr char kRelabel[] = "relabel";

/// Every option, in the order of recipe_options.def.
const std::vector<RecipeOption>& recipe_options();

/// The option called `section.name`, or nullptr.
const RecipeOption* find_option(const std::string& key);

/// dataset, tokenizer, ...: in the order of recipe_options.def.
const std::vector<std::string>& recipe_sections();

/// Keys of all options, or of those of one section.
std::vector<std::string> option_keys(const std::string& section = "");

/// What the option takes, for people: `an integer, at least 1; or null: the preset's`.
std::string accepts_text(const RecipeOption& option, const KnownNames& known);

/// `value` in the one form that equal values share (2e6 -> 2000000 for an integer, 1 -> 1.0 for a
/// number, names of a set in the order of its choices). A value that the option does not take is
/// added to the mistakes, and the default is returned.
nlohmann::json checked_value(const RecipeOption& option, const nlohmann::json& value,
                             const KnownNames& known, const std::string& where, Mistakes& mistakes);

/// The table as text: key, default, what is accepted, what it does. `oar-bench list options` prints
/// it.
std::string list_options(const KnownNames& known);

}  // namespace oar
