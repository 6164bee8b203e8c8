#include "harness/sweep/sweep_schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <limits>
#include <utility>

#include "harness/sweep/sweep_file.h"

namespace oar {
namespace {

using Schema = nlohmann::ordered_json;

constexpr double kExactIntegers = 9007199254740992.0;  // 2^53: what every reader of JSON keeps

Schema reference(const std::string& name) { return {{"$ref", "#/$defs/" + name}}; }

/// An object of these members, and of notes: keys that begin with `x-`.
Schema object_of(Schema properties) {
  return {{"type", "object"},
          {"properties", std::move(properties)},
          {"patternProperties", {{"^x-", true}}},
          {"additionalProperties", false}};
}

Schema list_of(Schema items) {
  return {{"type", "array"}, {"minItems", 1}, {"uniqueItems", true}, {"items", std::move(items)}};
}

Schema described(std::string description, Schema schema) {
  Schema result = {{"description", std::move(description)}};
  result.update(schema);
  return result;
}

/// The limit as the integer that it most likely is: 1, and not 1.0.
Schema limit(double value) {
  if (std::trunc(value) == value) return static_cast<int64_t>(value);
  return value;
}

Schema number_schema(const char* type, Accepts accepts) {
  if (std::string_view(type) == "integer") {
    accepts.min = std::max(accepts.min, -kExactIntegers);
    accepts.max = std::min(accepts.max, kExactIntegers);
  }
  Schema schema = {{"type", type}};
  if (std::isfinite(accepts.min)) {
    schema[accepts.without_min ? "exclusiveMinimum" : "minimum"] = limit(accepts.min);
  }
  if (std::isfinite(accepts.max)) {
    schema[accepts.without_max ? "exclusiveMaximum" : "maximum"] = limit(accepts.max);
  }
  return schema;
}

/// Names joined by +, each a choice. `examples` is what editors complete from.
Schema encoding_schema(const std::vector<std::string>& choices) {
  const std::string one = fmt::format("({})", fmt::join(choices, "|"));
  return {
      {"type", "string"}, {"pattern", fmt::format("^{0}(\\+{0})*$", one)}, {"examples", choices}};
}

Schema value_schema(const RecipeOption& option, const KnownNames& known) {
  const auto& choices = option.accepts.names ? known.*option.accepts.names : option.accepts.choices;
  switch (option.type) {
    case OptionType::kInt:
      return number_schema("integer", option.accepts);
    case OptionType::kNumber:
      return number_schema("number", option.accepts);
    case OptionType::kText:
      if (!choices.empty() || option.accepts.names) return {{"enum", choices}};
      return {{"type", "string"}};
    case OptionType::kIntList:
      return {
          {"type", "array"}, {"minItems", 1}, {"items", number_schema("integer", option.accepts)}};
    case OptionType::kTextList:
      return {{"type", "array"}, {"uniqueItems", true}, {"items", {{"enum", choices}}}};
    case OptionType::kEncoding:
      return encoding_schema(choices);
  }
  return true;
}

Schema option_schema(const RecipeOption& option, const KnownNames& known) {
  Schema schema = value_schema(option, known);
  if (option.default_value.is_null()) {
    schema = {{"anyOf", Schema::array({schema, {{"type", "null"}}})}};
  }
  schema = described(fmt::format("{} ({})", option.doc, accepts_text(option, known)), schema);
  schema["default"] = option.default_value;
  return schema;
}

Schema section_schema(const std::string& section) {
  Schema properties = Schema::object();
  for (const RecipeOption& option : recipe_options()) {
    if (option.section() == section) properties[option.name()] = reference(option.key);
  }
  Schema schema = object_of(properties);
  if (section == kRelabel) {
    schema["type"] = {"object", "null"};
    return described("fine-tuning on orders that a search has found; null: none", schema);
  }
  return schema;
}

/// A member for every option, dotted, and one for every section.
Schema option_members() {
  Schema members = Schema::object();
  for (const std::string& section : recipe_sections()) members[section] = reference(section);
  for (const RecipeOption& option : recipe_options()) members[option.key] = reference(option.key);
  return members;
}

/// The same beside a recipe: what labels a cell.
Schema label_members() {
  Schema members = {{"recipe", {{"type", "string"}, {"description", "name of a recipe"}}}};
  members.update(option_members());
  return members;
}

/// A part of the labels of a cell.
Schema labels(const char* description) {
  Schema schema = described(description, reference("labels"));
  schema["minProperties"] = 1;
  return schema;
}

Schema matrix_schema() {
  const Schema labels = label_members();
  Schema axes = Schema::object();
  for (const auto& [key, value] : labels.items()) axes[key] = list_of(value);
  return described("a key, then the list of its values: every combination runs", object_of(axes));
}

Schema recipes_schema() {
  return {{"description", "a name for each recipe, then its options over the defaults"},
          {"type", "object"},
          {"propertyNames", {{"pattern", "^x-|^[^,=\\u0000-\\u001f\\u007f]+$"}}},
          {"patternProperties", {{"^x-", true}, {"^(?!x-)", reference("options")}}}};
}

Schema strategy_schema() {
  return described(
      "how the cells are run; changes no result",
      object_of({{"fail_fast",
                  {{"description", "the first cell that fails ends the sweep"},
                   {"type", "boolean"},
                   {"default", false}}},
                 {"max_parallel",
                  {{"description", "worker processes, where the command line names no number"},
                   {"type", "integer"},
                   {"minimum", 1},
                   {"maximum", kMaxParallel},
                   {"default", 1}}},
                 {"on_diverge",
                  {{"description",
                    "a cell whose loss is not finite: record it and go on, or stop the sweep"},
                   {"enum", {"record", "stop"}},
                   {"default", "record"}}}}));
}

Schema gates_schema(const KnownNames& known) {
  Schema gate = object_of(
      {{"metric", {{"description", "as a cell of results.json names it"}, {"enum", known.metrics}}},
       {"max_regression",
        {{"description",
          "how much worse than the baseline: \"3%\" of its value, or a number of the metric's "
          "unit"},
         {"anyOf",
          Schema::array({{{"type", "number"}, {"minimum", 0}},
                         {{"type", "string"}, {"pattern", "^([0-9]+\\.?[0-9]*|\\.[0-9]+)%$"}}})}}},
       {"max", {{"description", "largest value, in the metric's unit"}, {"type", "number"}}},
       {"min", {{"description", "smallest value, in the metric's unit"}, {"type", "number"}}}});
  gate["required"] = {"metric"};
  gate["anyOf"] = Schema::array(
      {{{"required", {"max_regression"}}}, {{"required", {"max"}}}, {{"required", {"min"}}}});
  return {{"description", "what a comparison with the baseline must keep to"},
          {"type", "array"},
          {"items", std::move(gate)}};
}

Schema report_schema() {
  Schema keys = Schema::array({kRecipe, kSeed});
  for (const std::string& section : recipe_sections()) keys.push_back(section);
  for (const RecipeOption& option : recipe_options()) keys.push_back(option.key);
  const auto axis = [&](const char* description) {
    return Schema{{"description", description}, {"enum", keys}};
  };
  return described("how the report's first table is laid out",
                   object_of({{"rows", axis("label that the rows follow")},
                              {"columns", axis("label that the columns follow, in place of the "
                                               "metrics")}}));
}

Schema members(const KnownNames& known) {
  const Schema include =
      labels("a recipe and options: merged into the cells it matches, else added");
  const Schema exclude = labels("drops every cell that has all of these values");
  const Schema seed = {{"type", "integer"}, {"minimum", 0}, {"maximum", int64_t{1} << 53}};
  return {
      {"$schema", {{"description", "this schema, for editors"}, {"type", "string"}}},
      {"version", {{"description", "version of this format"}, {"const", 1}}},
      {"name",
       {{"description", "of the sweep; the file's without it"},
        {"type", "string"},
        {"minLength", 1}}},
      {"defaults", described("options of every recipe", reference("options"))},
      {"recipes", recipes_schema()},
      {"matrix", matrix_schema()},
      {"include", {{"type", "array"}, {"items", include}}},
      {"exclude", {{"type", "array"}, {"items", exclude}}},
      {"seeds", described("every combination runs under each of them", list_of(seed))},
      {"strategy", strategy_schema()},
      {"baseline", labels("labels of the cells that the others are compared with")},
      {"gates", gates_schema(known)},
      {"report", report_schema()},
  };
}

}  // namespace

std::string sweep_schema(const KnownNames& known) {
  Schema schema = {
      {"$schema", "https://json-schema.org/draft/2020-12/schema"},
      {"title", "oar-bench sweep"},
      {"description", "what `oar-bench run` reads; keys that begin with x- are notes"}};
  schema.update(object_of(members(known)));
  schema["required"] = {"version"};
  Schema definitions = {{"options", object_of(option_members())},
                        {"labels", object_of(label_members())}};
  for (const std::string& section : recipe_sections()) {
    definitions[section] = section_schema(section);
  }
  for (const RecipeOption& option : recipe_options()) {
    definitions[option.key] = option_schema(option, known);
  }
  schema["$defs"] = std::move(definitions);
  return schema.dump(1) + "\n";
}

}  // namespace oar
