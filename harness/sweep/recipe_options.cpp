#include "harness/sweep/recipe_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>
#include <utility>

#include "harness/sweep/json_file.h"
#include "harness/sweep/nearest_name.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr double kMaxInteger = 9007199254740992.0;  // 2^53: what every reader of JSON keeps exactly

Accepts anything() { return {}; }

Accepts between(double min, double max) {
  Accepts accepts;
  accepts.min = min;
  accepts.max = max;
  return accepts;
}

Accepts at_least(double min) { return between(min, std::numeric_limits<double>::infinity()); }

Accepts above(double min) {
  Accepts accepts = at_least(min);
  accepts.without_min = true;
  return accepts;
}

Accepts above_to(double min, double max) {
  Accepts accepts = between(min, max);
  accepts.without_min = true;
  return accepts;
}

Accepts from_below(double min, double max) {
  Accepts accepts = between(min, max);
  accepts.without_max = true;
  return accepts;
}

Accepts one_of(std::vector<std::string> choices) {
  Accepts accepts;
  accepts.choices = std::move(choices);
  return accepts;
}

Accepts registered(std::string noun, std::vector<std::string> KnownNames::*names) {
  Accepts accepts;
  accepts.noun = std::move(noun);
  accepts.names = names;
  return accepts;
}

std::string range_text(const Accepts& accepts) {
  const std::string low =
      fmt::format("{} {}", accepts.without_min ? "above" : "at least", accepts.min);
  const std::string high =
      fmt::format("{} {}", accepts.without_max ? "below" : "at most", accepts.max);
  if (std::isinf(accepts.min)) return std::isinf(accepts.max) ? "" : ", " + high;
  return std::isinf(accepts.max) ? ", " + low : fmt::format(", {} and {}", low, high);
}

bool in_range(const Accepts& accepts, double number) {
  return (accepts.without_min ? number > accepts.min : number >= accepts.min) &&
         (accepts.without_max ? number < accepts.max : number <= accepts.max);
}

std::optional<json> as_integer(const json& value, const Accepts& accepts) {
  if (!value.is_number()) return std::nullopt;
  const double number = value.get<double>();
  if (std::trunc(number) != number || std::abs(number) > kMaxInteger) return std::nullopt;
  if (!in_range(accepts, number)) return std::nullopt;
  return value.is_number_float() ? json(static_cast<int64_t>(number)) : json(value.get<int64_t>());
}

const std::vector<std::string>& choices_of(const RecipeOption& option, const KnownNames& known) {
  return option.accepts.names ? known.*option.accepts.names : option.accepts.choices;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The names in the order of the choices, each once; nothing if one is unknown or repeated.
std::optional<std::vector<std::string>> in_order_of(const std::vector<std::string>& choices,
                                                    const std::vector<std::string>& names) {
  std::vector<std::string> sorted;
  for (const std::string& choice : choices) {
    if (contains(names, choice)) sorted.push_back(choice);
  }
  if (sorted.size() != names.size()) return std::nullopt;
  return sorted;
}

std::vector<std::string> split_at_plus(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t end; (end = text.find('+', begin)) != std::string::npos; begin = end + 1) {
    parts.push_back(text.substr(begin, end - begin));
  }
  parts.push_back(text.substr(begin));
  return parts;
}

/// The canonical form of a value that is taken, or nothing.
std::optional<json> accepted(const RecipeOption& option, const json& value,
                             const KnownNames& known) {
  if (value.is_null()) {
    return option.default_value.is_null() ? std::optional<json>(value) : std::nullopt;
  }
  switch (option.type) {
    case OptionType::kInt:
      return as_integer(value, option.accepts);
    case OptionType::kNumber: {
      if (!value.is_number() || !in_range(option.accepts, value.get<double>())) return std::nullopt;
      return json(value.get<double>() + 0.0);  // -0 becomes 0
    }
    case OptionType::kText: {
      const auto& choices = choices_of(option, known);
      const bool restricted = option.accepts.names || !choices.empty();
      if (!value.is_string()) return std::nullopt;
      if (restricted && !contains(choices, value.get<std::string>())) return std::nullopt;
      return value;
    }
    case OptionType::kIntList: {
      if (!value.is_array() || value.empty()) return std::nullopt;
      json list = json::array();
      for (const json& element : value) {
        const auto integer = as_integer(element, option.accepts);
        if (!integer) return std::nullopt;
        list.push_back(*integer);
      }
      return list;
    }
    case OptionType::kTextList: {
      if (!value.is_array()) return std::nullopt;
      for (const json& element : value) {
        if (!element.is_string()) return std::nullopt;
      }
      const auto sorted =
          in_order_of(choices_of(option, known), value.get<std::vector<std::string>>());
      return sorted ? std::optional<json>(*sorted) : std::nullopt;
    }
    case OptionType::kEncoding: {
      if (!value.is_string()) return std::nullopt;
      const auto sorted = in_order_of(choices_of(option, known), split_at_plus(value));
      if (!sorted) return std::nullopt;
      return json(fmt::format("{}", fmt::join(*sorted, "+")));
    }
  }
  return std::nullopt;
}

/// The first name in the value that is not a choice: the one a suggestion is made for.
std::string unknown_name(const json& value, const RecipeOption& option,
                         const std::vector<std::string>& choices) {
  std::vector<std::string> names;
  if (value.is_string()) {
    names = option.type == OptionType::kEncoding
                ? split_at_plus(value)
                : std::vector<std::string>{value.get<std::string>()};
  } else if (value.is_array()) {
    for (const json& element : value) {
      if (element.is_string()) names.push_back(element);
    }
  }
  for (const std::string& name : names) {
    if (!contains(choices, name)) return name;
  }
  return "";
}

Mistake refused(const RecipeOption& option, const json& value, const KnownNames& known,
                const std::string& where) {
  const auto& choices = choices_of(option, known);
  const std::string name = unknown_name(value, option, choices);
  const std::string suggestion = did_you_mean(name, choices);
  if (option.accepts.names && !name.empty()) {
    return {where,
            fmt::format("no {} is called {}", option.accepts.noun, shown(name)),
            {known_line(choices), suggestion}};
  }
  return {where,
          fmt::format("{} cannot be {}", option.key, shown(value)),
          {"accepted: " + accepts_text(option, known), suggestion}};
}

}  // namespace

const std::vector<RecipeOption>& recipe_options() {
  static const std::vector<RecipeOption> options = {
#define OPTION(section, name, type, default_value, accepts, doc) \
  {#section "." #name, OptionType::type, default_value, accepts, doc},
#include "harness/sweep/recipe_options.def"
#undef OPTION
  };
  return options;
}

const RecipeOption* find_option(const std::string& key) {
  static const std::unordered_map<std::string, const RecipeOption*> by_key = [] {
    std::unordered_map<std::string, const RecipeOption*> options;
    for (const RecipeOption& option : recipe_options()) options.emplace(option.key, &option);
    return options;
  }();
  const auto found = by_key.find(key);
  return found == by_key.end() ? nullptr : found->second;
}

const std::vector<std::string>& recipe_sections() {
  static const std::vector<std::string> sections = [] {
    std::vector<std::string> names;
    for (const RecipeOption& option : recipe_options()) {
      if (!contains(names, option.section())) names.push_back(option.section());
    }
    return names;
  }();
  return sections;
}

std::vector<std::string> option_keys(const std::string& section) {
  std::vector<std::string> keys;
  for (const RecipeOption& option : recipe_options()) {
    if (section.empty() || option.section() == section) keys.push_back(option.key);
  }
  return keys;
}

std::string accepts_text(const RecipeOption& option, const KnownNames& known) {
  const auto& choices = choices_of(option, known);
  const std::string names = fmt::format("{}", fmt::join(choices, ", "));
  std::string text;
  switch (option.type) {
    case OptionType::kInt:
      text = "an integer" + range_text(option.accepts);
      break;
    case OptionType::kNumber:
      text = "a number" + range_text(option.accepts);
      break;
    case OptionType::kText:
      text = names.empty() ? "a text" : "one of " + names;
      break;
    case OptionType::kIntList:
      text = "a list of integers, each" + range_text(option.accepts).substr(1);
      break;
    case OptionType::kTextList:
      text = "a list without repetition of " + names;
      break;
    case OptionType::kEncoding:
      text = "one or more of " + names + ", each once, joined by +";
      break;
  }
  return option.default_value.is_null() ? text + "; or null: the preset's" : text;
}

json checked_value(const RecipeOption& option, const json& value, const KnownNames& known,
                   const std::string& where, Mistakes& mistakes) {
  if (const auto canonical = accepted(option, value, known)) return *canonical;
  mistakes.add(refused(option, value, known, where));
  return option.default_value;
}

std::string list_options(const KnownNames& known) {
  std::string text;
  for (const RecipeOption& option : recipe_options()) {
    text +=
        fmt::format("{} = {}\n    {}\n    {}\n", option.key, canonical_json(option.default_value),
                    option.doc, accepts_text(option, known));
  }
  return text;
}

}  // namespace oar
