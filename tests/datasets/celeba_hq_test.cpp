#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
