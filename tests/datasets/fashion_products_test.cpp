#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "datasets/dataset.h"
#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Four images; styles.csv has rows for three of them and one for an image that is not there.
class FashionProducts : public testing::Test {
 protected:
  FashionProducts() {
    for (const char* id : {"10", "11", "12", "13"}) {
      folder_.write_picture(std::string("images/") + id + ".jpg");
    }
    folder_.write("styles.csv",
                  "id,gender,articleType,productDisplayName\n"
                  "12,Women,Skirts,White skirt, size M, washed\n"
                  "10,Men,Tshirts,\"Navy \"\"Town\"\" T-Shirt, blue\"\n"
                  "11,Women,,Plain\n"
                  "99,Kids,Caps,Not here\n");
    config_.name = "fashion_products";
    config_.root = folder_.path();
    config_.image_size = 8;
  }

  DatasetIndex index() const { return make_dataset(config_)->index(); }
  std::string refusal() const {
    return message_of<BadData>([this] { make_dataset(config_); });
  }

  TestFolder folder_;
  DatasetConfig config_;
};

TEST_F(FashionProducts, CaptionsMayHoldCommasAndQuotes) {
  const DatasetIndex found = index();
  ASSERT_EQ(found.images.size(), 4u);
  EXPECT_EQ(found.images[0].file, "images/10.jpg");
  EXPECT_EQ(found.images[0].caption, "Navy \"Town\" T-Shirt, blue");
  EXPECT_EQ(found.images[1].caption, "Plain");
  EXPECT_EQ(found.images[2].caption, "White skirt, size M, washed");
}

TEST_F(FashionProducts, AnImageWithoutARowIsUsedWithoutCaptionAndClass) {
  config_.class_column = "gender";
  const DatasetIndex found = index();
  EXPECT_EQ(found.images[3].caption, "");
  EXPECT_EQ(found.images[3].label, -1);
  const DatasetCounts counts = count_images(found);
  EXPECT_EQ(counts.images, 4);
  EXPECT_EQ(counts.without_caption, 1);
  EXPECT_EQ(counts.without_label, 1);
}

TEST_F(FashionProducts, ClassesAreTheValuesThatListedImagesHaveSorted) {
  config_.class_column = "gender";
  const DatasetIndex found = index();
  EXPECT_THAT(found.classes, ElementsAre("Men", "Women"));  // Kids has no image
  EXPECT_EQ(found.images[0].label, 0);
  EXPECT_EQ(found.images[1].label, 1);
  EXPECT_THAT(count_images(found).per_class, ElementsAre(1, 2));
}

TEST_F(FashionProducts, AnEmptyValueIsNoClass) {
  config_.class_column = "articleType";
  const DatasetIndex found = index();
  EXPECT_THAT(found.classes, ElementsAre("Skirts", "Tshirts"));
  EXPECT_EQ(found.images[1].label, -1);
}

TEST_F(FashionProducts, AnyColumnCanBeTheCaption) {
  config_.caption_column = "articleType";
  EXPECT_EQ(index().images[0].caption, "Tshirts");
}

TEST_F(FashionProducts, WithoutClassColumnThereAreNoClasses) {
  const DatasetIndex found = index();
  EXPECT_TRUE(found.classes.empty());
  EXPECT_EQ(count_images(found).without_label, 4);
}

TEST_F(FashionProducts, AnUnknownColumnIsRefusedWithTheKnownOnes) {
  config_.class_column = "articletype";
  EXPECT_THAT(refusal(), AllOf(HasSubstr("class_column: \""),
                               HasSubstr("styles.csv\" has no column \"articletype\".\n"),
                               HasSubstr("known: id, gender, articleType, productDisplayName"),
                               HasSubstr("did you mean \"articleType\"?")));
  config_.class_column = "";
  config_.caption_column = "colour";
  EXPECT_THAT(refusal(), AllOf(HasSubstr("caption_column: \""), HasSubstr("no column \"colour\"")));
}

TEST_F(FashionProducts, StylesAreNeededOnlyByWhoAsksForAColumn) {
  std::filesystem::remove(folder_.path() / "styles.csv");
  EXPECT_EQ(count_images(index()).without_caption, 4);
  config_.class_column = "gender";
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("class_column \"gender\""), HasSubstr("styles.csv\", which"),
                    HasSubstr("is not there; copy it beside images/")));
}

TEST_F(FashionProducts, StylesWithoutIdsAreRefused) {
  folder_.write("styles.csv", "number,gender\n10,Men\n");
  EXPECT_THAT(refusal(), HasSubstr("styles.csv\" has no column \"id\""));
  folder_.write("styles.csv", "");
  EXPECT_THAT(refusal(), HasSubstr("styles.csv\" is empty"));
}

TEST_F(FashionProducts, StylesOfOtherImagesAreRefusedAsClasses) {
  folder_.write("styles.csv", "id,gender\n500,Men\n");
  config_.class_column = "gender";
  EXPECT_THAT(refusal(), HasSubstr("no image in \"" + (folder_.path() / "images").string() +
                                   "\" has a value of \"gender\" in styles.csv"));
}

TEST_F(FashionProducts, AFolderWithoutImagesFolderIsRefused) {
  config_.root = folder_.path() / "images";
  EXPECT_THAT(refusal(), AllOf(HasSubstr("fashion_products: there is no folder \""),
                               HasSubstr("images/images\"; set dataset.root to the folder that "
                                         "holds images/ID.jpg and styles.csv")));
}

}  // namespace
}  // namespace oar
