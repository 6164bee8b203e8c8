#include "harness/sweep/sweep_schema.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "harness/sweep/sweep_file.h"
#include "tests/harness/sweep/sweep_fixture.h"

namespace oar {
namespace {

using nlohmann::json;

const json& schema() {
  static const json value = json::parse(sweep_schema(known_names()));
  return value;
}
const json& definition(const std::string& name) { return schema().at("$defs").at(name); }

std::set<std::string> keys_of(const json& object) {
  std::set<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.insert(key);
  return keys;
}

/// What an editor is to accept for the option, without its description and default.
json accepted(const std::string& key) {
  json value = definition(key);
  value.erase("description");
  value.erase("default");
  return value;
}

TEST(SweepSchema, KnowsTheMembersThatTheReaderKnows) {
  const auto& members = sweep_members();
  EXPECT_EQ(keys_of(schema().at("properties")),
            std::set<std::string>(members.begin(), members.end()));
  EXPECT_EQ(schema().at("required"), json{"version"});
}

TEST(SweepSchema, EveryOptionStandsDottedAndInItsSection) {
  const json& dotted = definition("options").at("properties");
  for (const RecipeOption& option : recipe_options()) {
    const json reference = {{"$ref", "#/$defs/" + option.key}};
    EXPECT_EQ(dotted.at(option.key), reference);
    EXPECT_EQ(definition(option.section()).at("properties").at(option.name()), reference);
    EXPECT_TRUE(
        definition(option.key).at("description").get<std::string>().starts_with(option.doc));
    EXPECT_EQ(definition(option.key).at("default"), option.default_value) << option.key;
  }
  EXPECT_EQ(dotted.size(), recipe_options().size() + recipe_sections().size());
}

TEST(SweepSchema, EveryObjectTakesNotesAndRefusesOtherKeys) {
  int objects = 0;
  const std::function<void(const json&)> look = [&](const json& value) {
    if (value.is_object() && value.contains("properties") && value.contains("type")) {
      ++objects;
      EXPECT_EQ(value.at("patternProperties"), json({{"^x-", true}})) << value.dump();
      EXPECT_EQ(value.at("additionalProperties"), false) << value.dump();
    }
    for (const json& member : value) {
      if (member.is_structured()) look(member);
    }
  };
  look(schema());
  // the sweep, matrix, strategy, a gate, report, options, labels; the sections
  EXPECT_EQ(objects, 7 + static_cast<int>(recipe_sections().size()));
}

TEST(SweepSchema, LimitsOfNumbersAreTheOptions) {
  EXPECT_EQ(accepted("dataset.image_size"),
            json({{"type", "integer"}, {"minimum", 8}, {"maximum", 4096}}));
  EXPECT_EQ(accepted("train.images_seen"),  // 2^53 where the option has no largest
            json({{"type", "integer"}, {"minimum", 1}, {"maximum", 9007199254740992}}));
  EXPECT_EQ(accepted("dataset.held_out"),
            json({{"type", "number"}, {"minimum", 0}, {"exclusiveMaximum", 1}}));
  EXPECT_EQ(accepted("generate.top_p"),
            json({{"type", "number"}, {"exclusiveMinimum", 0}, {"maximum", 1}}));
  EXPECT_EQ(accepted("train.distance_penalty"), json({{"type", "number"}, {"minimum", 0}}));
}

TEST(SweepSchema, NamesComeFromTheRegistries) {
  EXPECT_EQ(accepted("train.order"), json({{"enum", {"oar", "random", "raster"}}}));
  EXPECT_EQ(accepted("relabel.order"), json({{"enum", {"oar"}}}));
  EXPECT_EQ(accepted("dataset.root"), json({{"type", "string"}}));
  EXPECT_EQ(accepted("model.next_encoding").at("pattern"),
            "^(absolute|relative|rotary)(\\+(absolute|relative|rotary))*$");
  EXPECT_EQ(schema().at("/properties/gates/items/properties/metric/enum"_json_pointer),
            json(known_names().metrics));
}

TEST(SweepSchema, WhatAPresetMayDecideMayBeNull) {
  EXPECT_EQ(
      accepted("model.layers"),
      json({{"anyOf",
             {{{"type", "integer"}, {"minimum", 1}, {"maximum", 1000}}, {{"type", "null"}}}}}));
}

TEST(SweepSchema, OnlyRelabelMayBeNullAsAWhole) {
  for (const std::string& section : recipe_sections()) {
    EXPECT_EQ(definition(section).at("type"),
              section == kRelabel ? json({"object", "null"}) : json("object"));
  }
}

TEST(SweepSchema, AMatrixKeyTakesAListOfWhatItsOptionTakes) {
  const json& axes = schema().at("properties").at("matrix").at("properties");
  EXPECT_EQ(axes.at("train.order"), json({{"type", "array"},
                                          {"minItems", 1},
                                          {"uniqueItems", true},
                                          {"items", {{"$ref", "#/$defs/train.order"}}}}));
  EXPECT_TRUE(axes.contains("recipe"));
  EXPECT_FALSE(axes.contains("seed"));
}

}  // namespace
}  // namespace oar
