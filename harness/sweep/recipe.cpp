#include "harness/sweep/recipe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>

#include "harness/sweep/json_file.h"
#include "harness/sweep/nearest_name.h"

namespace oar {
namespace {

using nlohmann::json;

bool is_section(const std::string& key) {
  const auto& sections = recipe_sections();
  return std::find(sections.begin(), sections.end(), key) != sections.end();
}

void add(const std::string& key, json value, const std::string& where,
         const SettingsContext& context, Settings& settings) {
  const auto [first, is_new] = settings.emplace(key, Setting{std::move(value), where});
  if (!is_new) {
    context.mistakes.add({where,
                          fmt::format("{} is given twice", key),
                          {"first at " + first->second.where, "keep one of the two"}});
  }
}

void read_option(const RecipeOption& option, const json& value, const std::string& where,
                 const SettingsContext& context, Settings& settings) {
  add(option.key, checked_value(option, value, context.known, where, context.mistakes), where,
      context, settings);
}

/// Options whose name without the section is `name`: what "order" may have meant.
std::vector<std::string> options_named(const std::string& name) {
  std::vector<std::string> keys;
  for (const RecipeOption& option : recipe_options()) {
    if (option.name() == name) keys.push_back("\"" + option.key + "\"");
  }
  return keys;
}

}  // namespace

void add_unknown_key(const std::string& key, const std::string& pointer,
                     const SettingsContext& context) {
  const std::string section = key.substr(0, key.find('.'));
  std::vector<std::string> candidates = context.extra_names;
  std::vector<std::string> known = context.extra_names;
  if (is_section(section)) {
    known = option_keys(section);
  } else {
    known.insert(known.end(), recipe_sections().begin(), recipe_sections().end());
    candidates.insert(candidates.end(), recipe_sections().begin(), recipe_sections().end());
  }
  const auto all = option_keys();
  candidates.insert(candidates.end(), all.begin(), all.end());
  std::string suggestion = did_you_mean(key, candidates);
  if (const auto options = options_named(key); !options.empty()) {
    suggestion = fmt::format("did you mean {}?", fmt::join(options, " or "));
  }
  context.mistakes.add({context.where(pointer),
                        fmt::format("no option is called {}", shown(key)),
                        {known_line(known), suggestion}});
}

void read_setting(const std::string& key, const json& value, const std::string& pointer,
                  const SettingsContext& context, Settings& settings) {
  if (key.starts_with("x-")) return;
  if (const RecipeOption* option = find_option(key)) {
    read_option(*option, value, context.where(pointer), context, settings);
    return;
  }
  if (!is_section(key)) {
    add_unknown_key(key, pointer, context);
    return;
  }
  const bool may_be_null = key == kRelabel;
  if (may_be_null && value.is_null()) {
    add(key, nullptr, context.where(pointer), context, settings);
    return;
  }
  if (!value.is_object()) {
    context.mistakes.add({context.where(pointer),
                          fmt::format("{} cannot be {}", key, shown(value)),
                          {fmt::format("accepted: an object of options, {{\"{}\": ...}}{}",
                                       find_option(option_keys(key).front())->name(),
                                       may_be_null ? "; or null: no fine-tuning" : ""),
                           known_line(option_keys(key))}});
    return;
  }
  if (may_be_null) add(key, json::object(), context.where(pointer), context, settings);
  for (const auto& [name, member] : value.items()) {
    if (name.starts_with("x-")) continue;
    const std::string place = child_pointer(pointer, name);
    if (const RecipeOption* option = find_option(key + "." + name)) {
      read_option(*option, member, context.where(place), context, settings);
    } else {
      add_unknown_key(key + "." + name, place, context);
    }
  }
}

void read_settings(const json& object, const std::string& pointer, const SettingsContext& context,
                   Settings& settings) {
  for (const auto& [key, value] : object.items()) {
    read_setting(key, value, child_pointer(pointer, key), context, settings);
  }
  const auto relabel = settings.find(kRelabel);
  if (relabel == settings.end() || !relabel->second.value.is_null()) return;
  for (const std::string& key : option_keys(kRelabel)) {
    const auto contradiction = settings.find(key);
    if (contradiction == settings.end()) continue;
    context.mistakes.add({contradiction->second.where,
                          fmt::format("{} is given, but relabel is null beside it", key),
                          {"leave one of the two out"}});
  }
}

void overlay(Settings& base, const Settings& layer) {
  for (const auto& [key, setting] : layer) base[key] = setting;
}

bool relabels(const Settings& settings) {
  const auto relabel = settings.find(kRelabel);
  if (relabel != settings.end()) return !relabel->second.value.is_null();
  const auto first = settings.lower_bound(std::string(kRelabel) + ".");
  return first != settings.end() && first->first.starts_with(std::string(kRelabel) + ".");
}

Recipe resolve(const Settings& settings) {
  static const Recipe defaults = [] {
    Recipe recipe = Recipe::object();
    for (const RecipeOption& option : recipe_options()) {
      recipe[option.section()][option.name()] = option.default_value;
    }
    return recipe;
  }();
  Recipe recipe = defaults;
  if (!relabels(settings)) recipe[kRelabel] = nullptr;
  for (const auto& [key, setting] : settings) {
    const RecipeOption* const option = find_option(key);
    if (option == nullptr) continue;  // relabel itself
    json& section = recipe[option->section()];
    if (section.is_object()) section[option->name()] = setting.value;
  }
  return recipe;
}

std::string difference_from_defaults(const Settings& settings) {
  const bool with_relabel = relabels(settings);
  json difference = {{kRelabel, with_relabel}};
  for (const auto& [key, setting] : settings) {
    const RecipeOption* const option = find_option(key);
    if (option == nullptr || setting.value == option->default_value) continue;
    if (option->section() != kRelabel || with_relabel) difference[key] = setting.value;
  }
  return canonical_json(difference);
}

const json& part(const Recipe& recipe, const std::string& section) {
  const auto found = recipe.find(section);
  if (found == recipe.end()) {
    throw std::logic_error(fmt::format("the recipe has no section \"{}\"", section));
  }
  return *found;
}

bool relabels(const Recipe& recipe) { return !part(recipe, kRelabel).is_null(); }

const json& value_of(const Recipe& recipe, const std::string& key) {
  const auto dot = key.find('.');
  const json& section = part(recipe, key.substr(0, dot));
  const std::string name = dot == std::string::npos ? "" : key.substr(dot + 1);
  if (!section.is_object() || !section.contains(name)) {
    throw std::logic_error(fmt::format("the recipe has no option \"{}\"", key));
  }
  return section.at(name);
}

}  // namespace oar
