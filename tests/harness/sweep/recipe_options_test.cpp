#include "harness/sweep/recipe_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/harness/sweep/sweep_fixture.h"

namespace oar {
namespace {

using nlohmann::json;
using testing::HasSubstr;

/// The canonical value, or the message.
json checked(const std::string& key, const json& value) {
  Mistakes mistakes;
  const json result = checked_value(*find_option(key), value, known_names(), "here", mistakes);
  return mistakes.empty() ? result : json(mistakes.text());
}

std::string message(const std::string& key, const json& value) {
  const json result = checked(key, value);
  return result.is_string() ? result.get<std::string>() : "taken: " + result.dump();
}

TEST(RecipeOptions, EveryDefaultIsAValueThatTheOptionTakes) {
  for (const RecipeOption& option : recipe_options()) {
    EXPECT_EQ(checked(option.key, option.default_value), option.default_value) << option.key;
  }
}

TEST(RecipeOptions, EveryOptionIsListedOnceAndExplained) {
  std::set<std::string> keys;
  for (const RecipeOption& option : recipe_options()) {
    EXPECT_TRUE(keys.insert(option.key).second) << option.key;
    EXPECT_FALSE(option.doc.empty()) << option.key;
  }
}

TEST(RecipeOptions, SectionsFollowTheStages) {
  EXPECT_EQ(recipe_sections(), (std::vector<std::string>{"dataset", "tokenizer", "model", "train",
                                                         "relabel", "generate", "evaluate"}));
}

TEST(RecipeOptions, EveryChoiceIsTakenAndAnythingElseRefused) {
  int with_choices = 0;
  for (const RecipeOption& option : recipe_options()) {
    if (option.type != OptionType::kText || option.accepts.choices.empty()) continue;
    ++with_choices;
    for (const std::string& choice : option.accepts.choices) {
      EXPECT_EQ(checked(option.key, choice), choice) << option.key;
    }
    EXPECT_THAT(message(option.key, "zzzz"), HasSubstr("cannot be \"zzzz\"")) << option.key;
  }
  EXPECT_EQ(with_choices, 18);
}

TEST(RecipeOptions, EveryLimitIsWhereTheTableSays) {
  for (const RecipeOption& option : recipe_options()) {
    const bool integer = option.type == OptionType::kInt;
    if (!integer && option.type != OptionType::kNumber) continue;
    const double step = integer ? 1 : 1e-6;
    const Accepts& accepts = option.accepts;
    EXPECT_THAT(message(option.key, accepts.min - step), HasSubstr("cannot be")) << option.key;
    const double lowest = accepts.without_min ? accepts.min + step : accepts.min;
    EXPECT_EQ(checked(option.key, lowest), json(lowest)) << option.key;
    if (accepts.max > 1e300) continue;
    EXPECT_THAT(message(option.key, accepts.max + step), HasSubstr("cannot be")) << option.key;
    const double highest = accepts.without_max ? accepts.max - step : accepts.max;
    EXPECT_EQ(checked(option.key, highest), json(highest)) << option.key;
  }
}

TEST(RecipeOptions, AnOpenLimitItselfIsRefused) {
  EXPECT_THAT(message("generate.temperature", 0), HasSubstr("accepted: a number, above 0"));
  EXPECT_THAT(message("generate.top_p", 0), HasSubstr("accepted: a number, above 0 and at most 1"));
  EXPECT_THAT(message("dataset.held_out", 1),
              HasSubstr("accepted: a number, at least 0 and below 1"));
}

TEST(RecipeOptions, AValueOutOfRangeIsNamedWithItsRange) {
  EXPECT_EQ(message("dataset.image_size", 7),
            "here: dataset.image_size cannot be 7.\n"
            "  accepted: an integer, at least 8 and at most 4096");
}

TEST(RecipeOptions, AWrongTypeIsRefused) {
  EXPECT_THAT(message("train.images_seen", "many"), HasSubstr("accepted: an integer, at least 1"));
  EXPECT_THAT(message("train.images_seen", 1.5), HasSubstr("cannot be 1.5"));
  EXPECT_THAT(message("train.images_seen", 1e300), HasSubstr("cannot be 1e+300"));
  EXPECT_THAT(message("train.images_seen", uint64_t{1} << 63), HasSubstr("cannot be 9223372"));
  EXPECT_THAT(message("train.learning_rate", true), HasSubstr("accepted: a number, above 0"));
  EXPECT_THAT(message("dataset.root", 3), HasSubstr("accepted: a text"));
  EXPECT_THAT(message("model.preset", 3), HasSubstr("accepted: one of nano, tiny"));
}

TEST(RecipeOptions, NullIsTakenWhereAPresetDecides) {
  EXPECT_EQ(checked("tokenizer.codebook_size", nullptr), nullptr);
  EXPECT_THAT(message("train.images_seen", nullptr), HasSubstr("cannot be null"));
  EXPECT_THAT(message("model.layers", 0), HasSubstr("at most 1000; or null: the preset's"));
}

TEST(RecipeOptions, AMisspeltChoiceGetsASuggestion) {
  EXPECT_EQ(message("tokenizer.preset", "smal"),
            "here: tokenizer.preset cannot be \"smal\".\n"
            "  accepted: one of nano, tiny, small, paper\n"
            "  did you mean \"small\"?");
}

TEST(RecipeOptions, AMisspeltNameGetsTheRegistryAndASuggestion) {
  EXPECT_EQ(message("train.order", "rastr"),
            "here: no order is called \"rastr\".\n"
            "  known: oar, random, raster\n"
            "  did you mean \"raster\"?");
  EXPECT_THAT(message("dataset.name", "fashion"), HasSubstr("no data set is called \"fashion\""));
  EXPECT_THAT(message("tokenizer.name", "vgqan"), HasSubstr("no tokenizer is called"));
  EXPECT_THAT(message("evaluate.features", "vgg"), HasSubstr("no feature network is called"));
}

TEST(RecipeOptions, RelabellingNeedsAnOrderThatIsFoundOrGiven) {
  EXPECT_EQ(message("relabel.order", "raster"),
            "here: no order for labels is called \"raster\".\n  known: oar");
}

TEST(RecipeOptions, NextEncodingsAreJoinedInTheRegistrysOrder) {
  EXPECT_EQ(checked("model.next_encoding", "rotary+relative"), "relative+rotary");
  EXPECT_EQ(checked("model.next_encoding", "absolute"), "absolute");
}

TEST(RecipeOptions, AnUnknownPartOfANextEncodingIsNamed) {
  EXPECT_EQ(message("model.next_encoding", "relative+rotry"),
            "here: no next encoding is called \"rotry\".\n"
            "  known: absolute, relative, rotary\n"
            "  did you mean \"rotary\"?");
}

TEST(RecipeOptions, ARepeatedOrEmptyPartOfANextEncodingIsRefused) {
  for (const char* value : {"rotary+rotary", "", "rotary+"}) {
    EXPECT_THAT(message("model.next_encoding", value), HasSubstr("joined by +")) << value;
  }
}

TEST(RecipeOptions, MetricsAreASet) {
  EXPECT_EQ(checked("evaluate.metrics", {"kid", "fid"}), json({"fid", "kid"}));
  EXPECT_EQ(checked("evaluate.metrics", json::array()), json::array());
  EXPECT_THAT(message("evaluate.metrics", {"fid", "fid"}), HasSubstr("without repetition"));
  EXPECT_THAT(message("evaluate.metrics", {"fix"}), HasSubstr("did you mean \"fid\"?"));
  EXPECT_THAT(message("evaluate.metrics", "fid"), HasSubstr("accepted: a list"));
  EXPECT_THAT(message("evaluate.metrics", json::array({1})), HasSubstr("accepted: a list"));
}

TEST(RecipeOptions, AListOfIntegersIsCheckedElementByElement) {
  EXPECT_EQ(checked("tokenizer.channel_multipliers", {1, 2.0, 4}), json({1, 2, 4}));
  EXPECT_EQ(
      message("tokenizer.channel_multipliers", {1, 0}),
      "here: tokenizer.channel_multipliers cannot be [1,0].\n"
      "  accepted: a list of integers, each at least 1 and at most 64; or null: the preset's");
  EXPECT_THAT(message("tokenizer.channel_multipliers", json::array()), HasSubstr("cannot be []"));
}

TEST(RecipeOptions, EqualNumbersBecomeOneForm) {
  EXPECT_EQ(checked("train.images_seen", 2e6).dump(), "2000000");
  EXPECT_EQ(checked("generate.temperature", 1).dump(), "1.0");
  EXPECT_EQ(checked("generate.distance_penalty", -0.0).dump(), "0.0");
}

TEST(ListOptions, ShowsDefaultMeaningAndWhatIsAccepted) {
  EXPECT_THAT(list_options(known_names()), HasSubstr("train.order = \"random\"\n"
                                                     "    order of the patches in training\n"
                                                     "    one of oar, random, raster\n"));
}

}  // namespace
}  // namespace oar
