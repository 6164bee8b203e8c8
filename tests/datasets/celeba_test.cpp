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
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kAttributes[] =
    "3\n"
    "5_o_Clock_Shadow Smiling Young \n"
    "000001.jpg -1  1  1\n"
    "000002.jpg  1 -1  1\n"
    "000003.jpg -1 -1 -1\n";

/// Four faces; the lists know the first three.
class Celeba : public testing::Test {
 protected:
  explicit Celeba(const std::string& images = "img_align_celeba/") {
    for (int i = 1; i <= 4; ++i) {
      folder_.write_picture(images + "00000" + std::to_string(i) + ".jpg", i);
    }
    config_.name = "celeba";
    config_.root = folder_.path();
    config_.image_size = 8;
  }

  DatasetIndex index() const { return make_dataset(config_)->index(); }
  std::string refusal() const {
    return message_of<BadData>([this] { make_dataset(config_); });
  }
  std::vector<int64_t> labels() const {
    std::vector<int64_t> labels;
    for (const ImageRecord& image : index().images) labels.push_back(image.label);
    return labels;
  }

  TestFolder folder_;
  DatasetConfig config_;
};

TEST_F(Celeba, NeedsNoListsWhereNothingIsAskedOfThem) {
  EXPECT_THAT(index().images, SizeIs(4));
  EXPECT_THAT(index().classes, IsEmpty());
}

TEST_F(Celeba, AnAttributeMakesTwoClassesSortedByName) {
  folder_.write("Anno/list_attr_celeba.txt", kAttributes);
  config_.class_column = "Smiling";
  EXPECT_THAT(index().classes, ElementsAre("Smiling", "not Smiling"));
  EXPECT_THAT(labels(), ElementsAre(0, 1, 1, -1));
  config_.class_column = "5_o_Clock_Shadow";
  EXPECT_THAT(index().classes, ElementsAre("5_o_Clock_Shadow", "not 5_o_Clock_Shadow"));
  EXPECT_THAT(labels(), ElementsAre(1, 0, 1, -1));
}

TEST_F(Celeba, KagglesTableOfAttributesIsReadToo) {
  folder_.write("list_attr_celeba.csv",
                "image_id,Smiling,Young\n000001.jpg,1,-1\n000002.jpg,-1,-1\n000004.jpg,1,1\n");
  config_.class_column = "Smiling";
  EXPECT_THAT(labels(), ElementsAre(0, 1, -1, 0));
}

TEST_F(Celeba, AnUnknownAttributeIsRefusedWithTheKnownOnes) {
  folder_.write("list_attr_celeba.txt", kAttributes);
  config_.class_column = "smiling";
  EXPECT_THAT(refusal(), AllOf(HasSubstr("list_attr_celeba.txt\" has no attribute \"smiling\""),
                               HasSubstr("known: 5_o_Clock_Shadow, Smiling, Young"),
                               HasSubstr("did you mean \"Smiling\"?")));
  config_.class_column = "image_id";
  EXPECT_THAT(refusal(), HasSubstr("has no attribute \"image_id\""));
}

TEST_F(Celeba, AMissingListIsNamedWithWhatNeedsIt) {
  config_.class_column = "Smiling";
  EXPECT_THAT(refusal(),
              HasSubstr("class_column \"Smiling\" needs list_attr_celeba.txt, or Kaggle's "
                        "list_attr_celeba.csv"));
  config_.class_column = "";
  config_.split = "official";
  EXPECT_THAT(refusal(), HasSubstr("split \"official\" needs list_eval_partition.txt"));
}

TEST_F(Celeba, ADamagedListIsRefusedWithTheLine) {
  folder_.write("list_attr_celeba.txt", "1\nSmiling Young\n000001.jpg 1\n");
  config_.class_column = "Smiling";
  EXPECT_THAT(refusal(), HasSubstr("the line of \"000001.jpg\" has 1 values, and there are 2"));
  folder_.write("list_attr_celeba.txt", "1\nSmiling Young\n000001.jpg 0 1\n");
  EXPECT_THAT(refusal(), HasSubstr("the Smiling of \"000001.jpg\" is \"0\", not 1 or -1"));
}

TEST_F(Celeba, TheOfficialSplitTrainsOnPart0HoldsOutPart2AndLeavesPart1Out) {
  for (const auto& [file, text] :
       {std::pair("Eval/list_eval_partition.txt", "000001.jpg 2\n000002.jpg 0\n000003.jpg 1\n"),
        std::pair("list_eval_partition.csv",
                  "image_id,partition\n000001.jpg,2\n000002.jpg,0\n000003.jpg,1\n")}) {
    folder_.write(file, text);
    config_.split = "official";
    const DatasetIndex found = index();
    ASSERT_THAT(found.images, SizeIs(2));
    EXPECT_EQ(found.images[0].split, Split::kHeldOut);
    EXPECT_EQ(found.images[1].split, Split::kTrain);
    ASSERT_THAT(found.rejected, SizeIs(2));  // one entry each for validation and for no part
    EXPECT_THAT(found.rejected[0].file, HasSubstr("list_eval_partition"));
    EXPECT_THAT(found.rejected[0].reason,
                HasSubstr("1 images of the official validation part are left out"));
    EXPECT_THAT(found.rejected[1].reason, HasSubstr("1 images are of no official part"));
    std::filesystem::remove(folder_.path() / file);
  }
}

TEST_F(Celeba, APartitionOfOtherImagesOrOtherPartsIsRefused) {
  config_.split = "official";
  folder_.write("list_eval_partition.txt", "900001.jpg 0\n900002.jpg 2\n");
  EXPECT_THAT(refusal(), HasSubstr("none of the 4 images is a training or test image of "
                                   "list_eval_partition.txt"));
  folder_.write("list_eval_partition.txt", "000001.jpg 3\n");
  EXPECT_THAT(refusal(), HasSubstr("the line \"000001.jpg 3\" is no image and its part"));
  folder_.write("list_eval_partition.txt", "000001.jpg\n");
  EXPECT_THAT(refusal(), HasSubstr("the line \"000001.jpg\" is no image and its part"));
  folder_.write("list_eval_partition.txt", "000001.jpg 2\n000002.jpg 2\n");
  EXPECT_THAT(refusal(), HasSubstr("none of the 2 images in \"" + folder_.path().string() +
                                   "\" is of the official training part"));
}

TEST_F(Celeba, HasNoCaptions) {
  config_.caption = "Smiling";
  EXPECT_THAT(message_of<std::invalid_argument>([this] { make_dataset(config_); }),
              HasSubstr("caption is \"Smiling\", but celeba has no captions"));
}

class CelebaNested : public Celeba {
 protected:
  CelebaNested() : Celeba("img_align_celeba/img_align_celeba/") {}
};

TEST_F(CelebaNested, IsFoundAsKagglesZipUnpacksIt) {
  folder_.write("list_attr_celeba.txt", kAttributes);
  config_.class_column = "Young";
  EXPECT_EQ(index().images[0].file, "img_align_celeba/img_align_celeba/000001.jpg");
  EXPECT_THAT(labels(), ElementsAre(0, 0, 1, -1));
}

class CelebaFlat : public Celeba {
 protected:
  CelebaFlat() : Celeba("") {}
};

TEST_F(CelebaFlat, IsFoundInTheRootItself) { EXPECT_EQ(index().images[3].file, "000004.jpg"); }

}  // namespace
}  // namespace oar
