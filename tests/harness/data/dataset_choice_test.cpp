// Which data set the command line means.
#include "harness/data/dataset_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "datasets/dataset.h"
#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string guess_of(const std::vector<std::string>& files) {
  const TestFolder folder;
  for (const std::string& file : files) folder.write(file, std::string_view("x"));
  const LayoutGuess guess = guess_dataset(folder.path());
  return guess.dataset + ": " + guess.because;
}

TEST(LayoutGuess, GoesByTheFilesThatOnlyOneDataSetHas) {
  EXPECT_EQ(guess_of({"styles.csv", "images/1.jpg"}), "fashion_products: it holds styles.csv");
  EXPECT_EQ(guess_of({"img_align_celeba/1.jpg"}), "celeba: it holds img_align_celeba");
  EXPECT_EQ(guess_of({"celeba-caption/1.txt"}), "celeba_hq: it holds celeba-caption");
  EXPECT_EQ(guess_of({"CelebA-HQ-img/1.jpg"}), "celeba_hq: it holds CelebA-HQ-img");
  EXPECT_EQ(guess_of({"wnids.txt", "train/n01440764/1.JPEG"}), "tiny_imagenet: it holds wnids.txt");
  EXPECT_EQ(guess_of({"train/n01440764/1.JPEG"}), "imagenet: it holds train/n########/");
  EXPECT_EQ(guess_of({"shard-0000.tar"}), "webdataset: it holds tar archives");
  EXPECT_EQ(guess_of({"cats/1.png", "train/night/1.png"}),
            "image_folder: it has the layout of no other data set");
}

TEST(LayoutGuess, TellsTinyImageNetByTheSizeOfItsImages) {
  for (const char* file : {"train/n01440764/1.JPEG", "train/n01440764/images/1.JPEG"}) {
    const TestFolder folder;
    folder.write(file, encode(make_picture(64, 64), ".jpg"));
    EXPECT_EQ(guess_dataset(folder.path()).dataset, "tiny_imagenet") << file;
    folder.write(file, encode(make_picture(64, 65), ".jpg"));
    EXPECT_EQ(guess_dataset(folder.path()).dataset, "imagenet") << file;
  }
}

class Choice : public ::testing::Test {
 protected:
  std::string refusal_of(const DatasetWish& wish) const {
    return message_of<std::invalid_argument>([&] { choose_dataset(wish); });
  }

  TestFolder folder_;
};

TEST_F(Choice, HasEveryOptionOfASweep) {
  const DatasetChoice choice =
      choose_dataset({.path = folder_.path(), .set = {"held_out=0.2", "dataset.seed=7"}});
  EXPECT_EQ(choice.section.at("name"), "image_folder");
  EXPECT_EQ(choice.section.at("root"), folder_.path().string());
  EXPECT_EQ(choice.section.at("held_out"), 0.2);
  EXPECT_EQ(choice.section.at("seed"), 7);
  EXPECT_EQ(choice.section.at("image_size"), 64);
  EXPECT_THAT(choice.because, HasSubstr("layout of no other"));
}

TEST_F(Choice, IsNoGuessWhereADataSetIsNamed) {
  EXPECT_EQ(choose_dataset({.path = folder_.path(), .dataset = "celeba_hq"}).because, "");
  EXPECT_EQ(choose_dataset({.path = folder_.path(), .set = {"name=celeba_hq"}}).because, "");
}

TEST_F(Choice, MayBeThatOfASweepWithAnotherFolder) {
  folder_.write("sweep.json", std::string_view(R"({"version": 1,
      "defaults": {"dataset": {"name": "celeba_hq", "root": "data/faces", "held_out": 0.25}},
      "matrix": {"train.order": ["raster", "random"]}})"));
  const std::filesystem::path sweep = folder_.path() / "sweep.json";
  EXPECT_EQ(choose_dataset({.sweep = sweep}).section.at("root"), "data/faces");
  const DatasetChoice choice = choose_dataset({.path = folder_.path(), .sweep = sweep});
  EXPECT_EQ(choice.section.at("root"), folder_.path().string());
  EXPECT_EQ(choice.section.at("name"), "celeba_hq");
  EXPECT_EQ(choice.section.at("held_out"), 0.25);
}

TEST_F(Choice, OfASweepWithSeveralDataSetsIsRefused) {
  folder_.write("sweep.json", std::string_view(R"({"version": 1,
      "matrix": {"dataset.image_size": [32, 64]}})"));
  EXPECT_THAT(refusal_of({.sweep = folder_.path() / "sweep.json"}),
              AllOf(HasSubstr("read 2 data sets, which differ in dataset.image_size"),
                    HasSubstr("PATH, --dataset and --set")));
}

TEST_F(Choice, KnowsNoOptionOfOtherSections) {
  EXPECT_THAT(refusal_of({.path = folder_.path(), .set = {"train.order=raster"}}),
              HasSubstr("--set train.order=raster: found an option of another section"));
  EXPECT_THAT(refusal_of({.path = folder_.path(), .set = {"held_oud=0.2"}}),
              HasSubstr("did you mean \"dataset.held_out\"?"));
  EXPECT_THAT(refusal_of({.path = folder_.path(), .dataset = "celebahq"}), HasSubstr("celeba_hq"));
}

TEST_F(Choice, NeedsAFolderOrAName) {
  EXPECT_THAT(refusal_of({}), HasSubstr("give its PATH, or --dataset NAME"));
  EXPECT_THAT(message_of<BadData>([&] { choose_dataset({.path = folder_.path() / "no"}); }),
              HasSubstr("there is nothing at"));
  EXPECT_EQ(choose_dataset({.dataset = "sunset"}).section.at("name"), "sunset");
}

}  // namespace
}  // namespace oar
