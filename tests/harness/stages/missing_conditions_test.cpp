#include "harness/stages/missing_conditions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "datasets/dataset.h"
#include "harness/stages/pipeline.h"

namespace oar {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

Recipe recipe_of(const std::string& condition) {
  const std::string sweep =
      R"({"version": 1, "defaults": {"dataset.name": "sunset", "model.condition": ")" + condition +
      R"("}})";
  return parse_sweep(sweep, "sweep.json", {}, known_names()).cells.at(0).recipe;
}

json names_of(int64_t images) {
  json names = json::array();
  for (int64_t i = 0; i < images; ++i) names.push_back("images/" + std::to_string(i) + ".jpg");
  return names;
}

json record_of(int64_t images, int64_t without_label, int64_t without_caption) {
  return {{"images", images},
          {"train", images},
          {"held_out", 0},
          {"classes", {"a"}},
          {"without_label", without_label},
          {"without_caption", without_caption},
          {"without_label_first", names_of(without_label)},
          {"without_caption_first", names_of(without_caption)}};
}

TEST(MissingConditions, OnlyWhatTheConditionAsksForIsMissed) {
  const json record = record_of(100, 3, 7);
  EXPECT_EQ(missing_conditions(recipe_of("none"), record), "");
  EXPECT_EQ(missing_conditions(recipe_of("class"), record),
            "3 of 100 images (3.0 %) have no label: images/0.jpg, images/1.jpg, images/2.jpg; they "
            "are trained on without a condition");
  EXPECT_EQ(missing_conditions(recipe_of("caption"), record),
            "7 of 100 images (7.0 %) have no caption: images/0.jpg, images/1.jpg, images/2.jpg, "
            "images/3.jpg, images/4.jpg, ...; they are trained on without a condition");
  EXPECT_EQ(missing_conditions(recipe_of("class"), record_of(100, 0, 7)), "");
}

TEST(MissingConditions, UpToATwentiethIsTaken) {
  EXPECT_NO_THROW(check_conditions(recipe_of("class"), record_of(100, 5, 100), false));
  EXPECT_THROW(check_conditions(recipe_of("class"), record_of(100, 6, 0), false), BadData);
  EXPECT_NO_THROW(check_conditions(recipe_of("none"), record_of(100, 100, 100), false));
}

// Numbers are measured on the held-out images, few as they may be.
TEST(MissingConditions, UpToATwentiethOfTheHeldOutImagesIsTaken) {
  json record = record_of(1000, 10, 0);
  record.update({{"held_out", 100}, {"held_out_without_label", 5}});
  EXPECT_NO_THROW(check_conditions(recipe_of("class"), record, false));
  record["held_out_without_label"] = 6;
  EXPECT_THAT([&] { check_conditions(recipe_of("class"), record, false); },
              ThrowsMessage<BadData>(HasSubstr("(1.0 %, 6 of 100 held out) have no label")));
}

TEST(MissingConditions, MoreIsRefusedUnlessItIsAllowed) {
  const json record = record_of(8583, 0, 7281);
  EXPECT_THAT([&] { check_against_data(recipe_of("caption"), record); },
              ThrowsMessage<BadData>(AllOf(
                  HasSubstr("model.condition is \"caption\", but 7281 of 8583 images (84.8 %) have "
                            "no caption. Complete them, or add --allow-missing"),
                  HasSubstr("without a condition: images/0.jpg, "))));
  EXPECT_NO_THROW(check_conditions(recipe_of("caption"), record, /*allow_missing=*/true));
}

TEST(MissingConditions, ARecordOfBeforeHasCountsAndNoNames) {
  json record = record_of(10, 2, 0);
  record.erase("without_label_first");
  EXPECT_THAT([&] { check_conditions(recipe_of("class"), record, false); },
              ThrowsMessage<BadData>(HasSubstr("2 of 10 images (20.0 %) have no label. Complete")));
}

}  // namespace
}  // namespace oar
