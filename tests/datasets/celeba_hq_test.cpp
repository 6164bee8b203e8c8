#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>

#include "datasets/dataset.h"
#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

DatasetConfig config_of(const TestFolder& folder) {
  DatasetConfig config;
  config.name = "celeba_hq";
  config.root = folder.path();
  config.image_size = 8;
  return config;
}

DatasetIndex index_of(const TestFolder& folder) { return make_dataset(config_of(folder))->index(); }

TEST(CelebaHq, ImagesLieInTheRootOrInAKnownFolder) {
  for (const std::string place : {"", "images/", "CelebA-HQ-img/"}) {
    const TestFolder folder;
    folder.write_picture(place + "000001.jpg");
    const DatasetIndex index = index_of(folder);
    ASSERT_EQ(index.images.size(), 1u);
    EXPECT_EQ(index.images[0].file, place + "000001.jpg");
    EXPECT_EQ(index.images[0].label, -1);
    EXPECT_EQ(index.images[0].caption, "");
  }
}

TEST(CelebaHq, ACaptionIsOneNonEmptyLineOfTheImagesTextFile) {
  const TestFolder folder;
  folder.write_picture("images/7.jpg");
  folder.write_picture("images/8.jpg");
  folder.write_picture("images/9.jpg");
  folder.write("celeba-caption/7.txt", "\r\n  She smiles. \r\n\r\nShe wears lipstick.\n");
  folder.write("celeba-caption/8.txt", " \n\n");
  const DatasetIndex index = index_of(folder);
  EXPECT_THAT(index.images[0].caption, AnyOf("She smiles.", "She wears lipstick."));
  EXPECT_EQ(index.images[1].caption, "");
  EXPECT_EQ(count_images(index).without_caption, 2);
}

TEST(CelebaHq, TheSeedChoosesAmongTheCaptionsAndNothingElseDoes) {
  const TestFolder folder;
  folder.write_picture("images/7.jpg");
  folder.write("celeba-caption/7.txt", "a\nb\nc\n");
  DatasetConfig config = config_of(folder);
  std::set<std::string> chosen;
  for (config.seed = 0; config.seed < 20; ++config.seed) {
    const std::string caption = make_dataset(config)->index().images[0].caption;
    EXPECT_EQ(make_dataset(config)->index().images[0].caption, caption);
    chosen.insert(caption);
  }
  EXPECT_EQ(chosen, (std::set<std::string>{"a", "b", "c"}));
}

TEST(CelebaHq, CaptionsMayLieInTextAsTheyUnpack) {
  for (const char* place : {"text/celeba-caption/7.txt", "text/7.txt"}) {
    const TestFolder folder;
    folder.write_picture("images/7.jpg");
    folder.write(place, "She smiles.\n");
    EXPECT_EQ(index_of(folder).images[0].caption, "She smiles.") << place;
  }
}

/// Four images of which the lists of `write` name three: 0 to train, 1 to test, 2 (where the list
/// can say so) of the validation part.
void expect_official_split(const std::function<void(const TestFolder&)>& write, size_t left_out) {
  const TestFolder folder;
  for (int i = 0; i < 4; ++i) folder.write_picture("images/" + std::to_string(i) + ".jpg", i);
  write(folder);
  DatasetConfig config = config_of(folder);
  config.split = "official";
  const DatasetIndex index = make_dataset(config)->index();
  ASSERT_EQ(index.images.size(), 2u);
  EXPECT_EQ(index.images[0].split, Split::kTrain);
  EXPECT_EQ(index.images[1].split, Split::kHeldOut);
  EXPECT_EQ(index.rejected.size(), left_out);
}

TEST(CelebaHq, TheOfficialSplitIsReadFromTextLists) {
  expect_official_split(
      [](const TestFolder& folder) {
        folder.write("train.txt", "0.jpg\n");
        folder.write("test.txt", "00001\n");
      },
      1);
}

TEST(CelebaHq, TheOfficialSplitIsReadFromThePicklesOfMultiModalCelebaHq) {
  expect_official_split(
      [](const TestFolder& folder) {
        folder.write("train/filenames.pickle", "(lp0\nV0\np1\na.");
        folder.write("test/filenames.pickle", "(lp0\nV1\np1\na.");
      },
      1);
}

TEST(CelebaHq, TheOfficialSplitIsReadFromTheMappingToCelebA) {
  expect_official_split(
      [](const TestFolder& folder) {
        folder.write("CelebA-HQ-to-CelebA-mapping.txt",
                     "idx     orig_idx    orig_file\n"
                     "0       119613      119614.jpg\n"
                     "1       182637      182638.jpg\n"
                     "2       162770      162771.jpg\n");
        folder.write("Eval/list_eval_partition.txt", "119614.jpg 0\n162771.jpg 1\n182638.jpg 2\n");
      },
      2);
}

TEST(CelebaHq, TheOfficialSplitNeedsListsThatAgree) {
  const TestFolder folder;
  folder.write_picture("images/7.jpg");
  DatasetConfig config = config_of(folder);
  config.split = "official";
  const auto refusal = [&] { return message_of<BadData>([&] { make_dataset(config); }); };
  EXPECT_THAT(refusal(), HasSubstr("celeba_hq: split \"official\" needs lists in \""));
  folder.write("CelebA-HQ-to-CelebA-mapping.txt", "idx orig_idx orig_file\n7 6 000007.jpg\n");
  folder.write("list_eval_partition.txt", "000001.jpg 0\n");
  EXPECT_THAT(refusal(), HasSubstr("the line \"7 6 000007.jpg\" does not end in a photo that"));
  folder.write("train.txt", "7.jpg\n");
  folder.write("test.txt", "7.jpg\n");
  EXPECT_THAT(refusal(), HasSubstr("test.txt\" names \"7.jpg\", which is in \""));
}

TEST(CelebaHq, HasNoColumns) {
  const TestFolder folder;
  folder.write_picture("7.jpg");
  DatasetConfig config = config_of(folder);
  config.class_column = "Smiling";
  EXPECT_THAT(
      message_of<std::invalid_argument>([&] { make_dataset(config); }),
      HasSubstr("class_column is \"Smiling\", but celeba_hq has no columns to choose from"));
}

}  // namespace
}  // namespace oar
