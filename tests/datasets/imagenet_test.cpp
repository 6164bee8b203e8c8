#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "datasets/dataset.h"
#include "datasets/wnid_folders.h"
#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

/// Two training images of two classes, at `place` of the root, and two of a flat val/.
class ImageNet : public testing::Test {
 protected:
  explicit ImageNet(std::string place = "") : place_(std::move(place)) {
    folder_.write_picture(place_ + "train/n01530575/n01530575_4.JPEG", 1);
    folder_.write_picture(place_ + "train/n01440764/n01440764_18.JPEG", 2);
    config_.name = "imagenet";
    config_.root = folder_.path();
    config_.image_size = 8;
  }

  void write_flat_validation() const {
    folder_.write_picture(place_ + "val/ILSVRC2012_val_00000001.JPEG", 3);
    folder_.write_picture(place_ + "val/ILSVRC2012_val_00000002.JPEG", 4);
  }
  DatasetIndex index() const { return make_dataset(config_)->index(); }
  std::string refusal() const {
    return message_of<BadData>([this] { make_dataset(config_); });
  }
  /// The classes of the held-out images.
  std::vector<std::string> held_out() const {
    std::vector<std::string> wnids;
    const DatasetIndex found = index();
    for (const ImageRecord& image : found.images) {
      if (image.split == Split::kTrain) continue;
      wnids.push_back(image.label < 0 ? "none" : found.classes.at(image.label));
    }
    return wnids;
  }

  std::string place_;
  TestFolder folder_;
  DatasetConfig config_;
};

TEST_F(ImageNet, ClassesAreTheWordNetIdsSorted) {
  const DatasetIndex found = index();
  EXPECT_THAT(found.classes, ElementsAre("n01440764", "n01530575"));
  ASSERT_THAT(found.images, SizeIs(2));
  EXPECT_EQ(found.images[0].file, "train/n01440764/n01440764_18.JPEG");
  EXPECT_EQ(found.images[0].label, 0);
  EXPECT_EQ(found.images[1].label, 1);
}

TEST_F(ImageNet, CaptionsAreTheWordsOfTheClass) {
  folder_.write("LOC_synset_mapping.txt", "n01440764 tench, Tinca tinca\nn02123045 tabby\n");
  EXPECT_EQ(index().images[0].caption, "tench, Tinca tinca");
  EXPECT_EQ(index().images[1].caption, "");
  folder_.write("LOC_synset_mapping.txt", "tench\n");
  EXPECT_THAT(refusal(), HasSubstr("the line \"tench\" is no WordNet ID and its words"));
}

TEST_F(ImageNet, TheHashSplitLeavesTheValidationImagesAlone) {
  write_flat_validation();
  EXPECT_THAT(index().images, SizeIs(2));
}

TEST_F(ImageNet, TheOfficialSplitHoldsOutValidationFolders) {
  config_.split = "official";
  folder_.write_picture("val/n01530575/ILSVRC2012_val_00000009.JPEG", 3);
  EXPECT_THAT(held_out(), ElementsAre("n01530575"));
  EXPECT_EQ(count_images(index()).train, 2);
}

TEST_F(ImageNet, AFlatValidationFolderTakesKagglesSolution) {
  config_.split = "official";
  write_flat_validation();
  folder_.write("LOC_val_solution.csv",
                "ImageId,PredictionString\n"
                "ILSVRC2012_val_00000002,n01440764 111 108 206 267 n01440764 1 2 3 4 \n"
                "ILSVRC2012_val_00000001,n01530575 9 9 9 9 \n");
  EXPECT_THAT(held_out(), ElementsAre("n01530575", "n01440764"));
}

TEST_F(ImageNet, AFlatValidationFolderTakesOneWordNetIdALine) {
  config_.split = "official";
  write_flat_validation();
  folder_.write("imagenet_2012_validation_synset_labels.txt", "n01440764\nn01530575\n");
  EXPECT_THAT(held_out(), ElementsAre("n01440764", "n01530575"));
  folder_.write("imagenet_2012_validation_synset_labels.txt", "n01440764\n");
  EXPECT_THAT(held_out(), ElementsAre("n01440764", "none"));
  folder_.write("imagenet_2012_validation_synset_labels.txt", "490\n");
  EXPECT_THAT(refusal(), HasSubstr("\"490\" is no WordNet ID (n01440764)"));
}

TEST_F(ImageNet, AFlatValidationFolderTakesTheNumbersOfTheDevelopmentKit) {
  config_.split = "official";
  write_flat_validation();
  folder_.write("devkit/data/ILSVRC2012_validation_ground_truth.txt", "12\n449\n");
  EXPECT_THAT(refusal(), HasSubstr("nothing says the classes of its images"));
  folder_.write("devkit/data/map_clsloc.txt", "n01440764 449 tench\nn01530575 12 brambling\n");
  EXPECT_THAT(held_out(), ElementsAre("n01530575", "n01440764"));
  folder_.write("devkit/data/ILSVRC2012_validation_ground_truth.txt", "12\n450\n");
  EXPECT_THAT(refusal(), HasSubstr("map_clsloc.txt\" has no class \"450\""));
}

TEST_F(ImageNet, TheOfficialSplitNeedsTheValidationImages) {
  config_.split = "official";
  EXPECT_THAT(refusal(), AllOf(HasSubstr("split \"official\" holds out \""), HasSubstr("val\""),
                               HasSubstr("set dataset.split to \"hash\"")));
}

TEST_F(ImageNet, FoldersOfOtherNamesAreRefused) {
  folder_.write_picture("train/tench/1.JPEG");
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("named by its WordNet ID (n01440764), and holds \"tench\""),
                    HasSubstr("use the data set image_folder")));
  config_.root = folder_.path() / "train/tench";
  EXPECT_THAT(refusal(), HasSubstr("imagenet: there is no folder \""));
}

class ImageNetOfKaggle : public ImageNet {
 protected:
  ImageNetOfKaggle() : ImageNet("ILSVRC/Data/CLS-LOC/") {}
};

TEST_F(ImageNetOfKaggle, IsFoundFromTheTopOfTheZip) {
  write_flat_validation();
  folder_.write("LOC_val_solution.csv",
                "ImageId,PredictionString\nILSVRC2012_val_00000001,n01530575 9 9 9 9 \n");
  config_.split = "official";
  EXPECT_THAT(held_out(), ElementsAre("n01530575", "none"));
  EXPECT_EQ(index().images[0].file, "ILSVRC/Data/CLS-LOC/train/n01440764/n01440764_18.JPEG");
}

TEST(IsWnid, IsTheLetterNAndEightDigits) {
  EXPECT_TRUE(is_wnid("n01440764"));
  for (const char* other : {"n0144076", "n014407641", "v01440764", "n0144076x", ""}) {
    EXPECT_FALSE(is_wnid(other)) << other;
  }
}

}  // namespace
}  // namespace oar
