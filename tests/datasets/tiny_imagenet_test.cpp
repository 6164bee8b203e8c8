#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "datasets/dataset.h"
#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

DatasetConfig config_of(const TestFolder& folder) {
  DatasetConfig config;
  config.name = "tiny_imagenet";
  config.root = folder.path();
  config.image_size = 8;
  return config;
}

void write_validation(const TestFolder& folder) {
  folder.write_picture("val/images/val_0.JPEG", 3);
  folder.write_picture("val/images/val_1.JPEG", 4);
  folder.write("val/val_annotations.txt", "val_1.JPEG\tn01443537\t0\t32\t44\t62\n");
}

TEST(TinyImageNet, TrainingImagesLieInImagesOrInTheClassItself) {
  for (const std::string images : {"images/", ""}) {
    const TestFolder folder;
    folder.write_picture("train/n02124075/" + images + "n02124075_0.JPEG", 1);
    folder.write_picture("train/n01443537/" + images + "n01443537_0.JPEG", 2);
    folder.write("train/n01443537/n01443537_boxes.txt", "n01443537_0.JPEG\t0\t0\t1\t1\n");
    const DatasetIndex index = make_dataset(config_of(folder))->index();
    EXPECT_THAT(index.classes, ElementsAre("n01443537", "n02124075"));
    ASSERT_THAT(index.images, SizeIs(2));
    EXPECT_EQ(index.images[0].file, "train/n01443537/" + images + "n01443537_0.JPEG");
    EXPECT_EQ(index.images[1].label, 1);
  }
}

TEST(TinyImageNet, TheOfficialSplitHoldsOutTheAnnotatedValidationImages) {
  const TestFolder folder;
  folder.write_picture("tiny-imagenet-200/train/n01443537/images/n01443537_0.JPEG", 1);
  DatasetConfig config = config_of(folder);
  config.root = folder.path() / "tiny-imagenet-200";
  config.split = "official";
  EXPECT_THAT(message_of<BadData>([&] { make_dataset(config); }),
              HasSubstr("split \"official\" holds out \""));
  const auto write = [&](const std::string& file, const std::string& text) {
    folder.write("tiny-imagenet-200/val/" + file, text);
  };
  folder.write_picture("tiny-imagenet-200/val/images/val_0.JPEG", 3);
  folder.write_picture("tiny-imagenet-200/val/images/val_1.JPEG", 4);
  EXPECT_THAT(message_of<BadData>([&] { make_dataset(config); }),
              HasSubstr("val_annotations.txt\", which is not there"));
  write("val_annotations.txt", "val_1.JPEG\tn01443537\t0\t32\t44\t62\n");
  config.root = folder.path();  // the folder above will do
  const DatasetIndex index = make_dataset(config)->index();
  ASSERT_THAT(index.images, SizeIs(3));
  EXPECT_EQ(index.images[0].split, Split::kTrain);
  EXPECT_EQ(index.images[1].split, Split::kHeldOut);
  EXPECT_EQ(index.images[1].label, -1);  // val_0 is not in the list
  EXPECT_EQ(index.images[2].label, 0);
  write("val_annotations.txt", "val_1.JPEG n01443537\n");
  EXPECT_THAT(message_of<BadData>([&] { make_dataset(config); }),
              HasSubstr("the line \"val_1.JPEG n01443537\" has no WordNet ID behind the image"));
}

TEST(TinyImageNet, ValidationImagesMayLieInFoldersOfTheirClass) {
  const TestFolder folder;
  folder.write_picture("train/n01443537/n01443537_0.JPEG", 1);
  folder.write_picture("val/n01443537/val_7.JPEG", 2);
  DatasetConfig config = config_of(folder);
  config.split = "official";
  const DatasetCounts counts = count_images(make_dataset(config)->index());
  EXPECT_EQ(counts.train, 1);
  EXPECT_EQ(counts.held_out, 1);
  EXPECT_THAT(counts.per_class, ElementsAre(2));
}

TEST(TinyImageNet, TheHashSplitLeavesTheValidationImagesAlone) {
  const TestFolder folder;
  folder.write_picture("train/n01443537/n01443537_0.JPEG", 1);
  write_validation(folder);
  EXPECT_THAT(make_dataset(config_of(folder))->index().images, SizeIs(1));
}

TEST(TinyImageNet, CaptionsAreTheWordsOfTheClass) {
  const TestFolder folder;
  folder.write_picture("train/n02124075/n02124075_0.JPEG", 1);
  EXPECT_EQ(make_dataset(config_of(folder))->index().images[0].caption, "");
  folder.write("classes.tsv", "n02124075\tEgyptian cat\n");
  EXPECT_EQ(make_dataset(config_of(folder))->index().images[0].caption, "Egyptian cat");
  folder.write("words.txt", "n00001740\tentity\nn02124075\tEgyptian cat, Felis\n");
  EXPECT_EQ(make_dataset(config_of(folder))->index().images[0].caption, "Egyptian cat, Felis");
}

}  // namespace
}  // namespace oar
