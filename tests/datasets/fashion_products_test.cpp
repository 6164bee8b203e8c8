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
  config_.caption = "articleType";
  EXPECT_EQ(index().images[0].caption, "Tshirts");
}

TEST_F(FashionProducts, ATemplateJoinsColumnsToACaption) {
  config_.caption = "{gender} {articleType}";
  const DatasetIndex found = index();
  EXPECT_EQ(found.images[0].caption, "Men Tshirts");
  EXPECT_EQ(found.images[1].caption, "Women");  // without an articleType
  EXPECT_EQ(found.images[3].caption, "");       // without a row
  config_.caption = "{gender} {article}";
  EXPECT_THAT(refusal(), HasSubstr("caption: \"" + (folder_.path() / "styles.csv").string() +
                                   "\" has no column \"article\""));
}

TEST_F(FashionProducts, NaIsNoValue) {
  folder_.write("styles.csv", "id,gender,season\n10,Men,NA\n11,NA,Fall\n");
  config_.class_column = "season";
  config_.caption = "{gender} {season}";
  const DatasetIndex found = index();
  EXPECT_THAT(found.classes, ElementsAre("Fall"));
  EXPECT_EQ(found.images[0].caption, "Men");
  EXPECT_EQ(found.images[0].label, -1);
}

TEST_F(FashionProducts, RowsWithoutAnImageAreCountedAndNamed) {
  const DatasetIndex found = index();
  ASSERT_EQ(found.rejected.size(), 1u);
  EXPECT_EQ(found.rejected[0].file, "styles.csv");
  EXPECT_EQ(found.rejected[0].reason,
            "1 of its 4 rows name an image that is not in images/: 99.jpg");
}

TEST_F(FashionProducts, TheLargeReleaseKnowsMoreInOneFilePerImage) {
  folder_.write("styles/13.json",
                R"({"data": {"id": 13, "gender": "Girls", "productDisplayName": "Pink  dress",
                             "articleType": {"id": 9, "typeName": "Dresses"}}})");
  config_.class_column = "articleType";
  const DatasetIndex found = index();
  EXPECT_EQ(found.images[3].caption, "Pink dress");
  EXPECT_EQ(found.classes.at(found.images[3].label), "Dresses");
  folder_.write("styles/13.json", "{\"data\": ");
  EXPECT_EQ(index().images[3].label, -1);
}

TEST(FashionProductsRoot, MayBeTheFolderAboveOrTheOneAboveThat) {
  for (const std::string place :
       {"fashion-dataset/", "fashion-dataset/fashion-dataset/", "archive/myntradataset/"}) {
    const TestFolder folder;
    folder.write_picture(place + "images/10.jpg");
    folder.write(place + "styles.csv", "id,productDisplayName\n10,Shirt\n");
    DatasetConfig config;
    config.name = "fashion_products";
    config.root = folder.path();
    config.image_size = 8;
    const DatasetIndex index = make_dataset(config)->index();
    EXPECT_EQ(index.images.at(0).file, place + "images/10.jpg");
    EXPECT_EQ(index.images.at(0).caption, "Shirt");
    folder.write_picture("images/11.jpg");  // the nearer one counts: zips hold a second copy
    EXPECT_EQ(make_dataset(config)->index().images.at(0).file, "images/11.jpg");
  }
}

TEST(FashionProductsRoot, IsAskedForWhereTwoFoldersWouldDo) {
  const TestFolder folder;
  folder.write_picture("small/images/10.jpg");
  folder.write_picture("large/images/10.jpg");
  DatasetConfig config;
  config.name = "fashion_products";
  config.root = folder.path();
  EXPECT_THAT(message_of<BadData>([&] { make_dataset(config); }),
              AllOf(HasSubstr("holds several folders with images/"), HasSubstr("large"),
                    HasSubstr("small\"; set dataset.root to one of them")));
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
  config_.caption = "colour";
  EXPECT_THAT(refusal(), AllOf(HasSubstr("caption: \""), HasSubstr("no column \"colour\"")));
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
