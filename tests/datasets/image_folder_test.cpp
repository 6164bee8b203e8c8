#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "datasets/dataset.h"
#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

DatasetConfig config_of(const TestFolder& folder) {
  DatasetConfig config;
  config.name = "image_folder";
  config.root = folder.path();
  config.image_size = 8;
  return config;
}

DatasetIndex index_of(const TestFolder& folder) { return make_dataset(config_of(folder))->index(); }

std::string refusal(const TestFolder& folder) {
  return message_of<BadData>([&] { make_dataset(config_of(folder)); });
}

TEST(ImageFolder, ClassesAreTheSubFoldersSortedWithAllImagesBelowThem) {
  const TestFolder folder;
  folder.write_picture("dog/2.jpg");
  folder.write_picture("cat/1.png");
  folder.write_picture("cat/young/deep/3.png");
  folder.write("labels.csv", "not an image");
  folder.write(".cache/4.png", "hidden folders are no classes");
  const DatasetIndex index = index_of(folder);
  EXPECT_THAT(index.classes, ElementsAre("cat", "dog"));
  std::vector<std::pair<std::string, int64_t>> found;
  for (const ImageRecord& image : index.images) found.emplace_back(image.file, image.label);
  EXPECT_THAT(found, ElementsAre(Pair("cat/1.png", 0), Pair("cat/young/deep/3.png", 0),
                                 Pair("dog/2.jpg", 1)));
}

TEST(ImageFolder, AClassMayBeALinkToAFolderElsewhere) {
  const TestFolder folder, elsewhere;
  elsewhere.write_picture("1.png");
  folder.write_picture("dog/2.png");
  std::filesystem::create_directory_symlink(elsewhere.path(), folder.path() / "cat");
  EXPECT_THAT(index_of(folder).classes, ElementsAre("cat", "dog"));
}

TEST(ImageFolder, AFlatFolderHasNoClasses) {
  const TestFolder folder;
  folder.write_picture("1.png");
  folder.write_picture("2.png");
  folder.write("notes/readme.txt", "a sub-folder without images is no class");
  const DatasetIndex index = index_of(folder);
  EXPECT_EQ(index.images.size(), 2u);
  EXPECT_THAT(index.classes, IsEmpty());
  EXPECT_EQ(count_images(index).without_label, 2);
}

TEST(ImageFolder, ImagesBesideClassesAreRefused) {
  const TestFolder folder;
  folder.write_picture("loose.png");
  folder.write_picture("cat/1.png");
  EXPECT_THAT(refusal(folder), AllOf(HasSubstr("holds images itself (\"loose.png\") and in "
                                               "sub-folders (\"cat\"); move the loose images")));
}

TEST(ImageFolder, AClassWithoutImagesIsRefusedByName) {
  const TestFolder folder;
  folder.write_picture("cat/1.png");
  folder.write("dog/2.txt", "");
  EXPECT_THAT(refusal(folder),
              AllOf(HasSubstr("every sub-folder is a class, but \""),
                    HasSubstr("/dog\" holds no .jpg, .jpeg or .png image; add images to it")));
}

TEST(ImageFolder, NoImagesAnywhereIsRefused) {
  const TestFolder folder;
  folder.write("dog/2.txt", "");
  EXPECT_THAT(refusal(folder), HasSubstr("image_folder: no images in \""));
}

TEST(ImageFolder, HasNoColumns) {
  const TestFolder folder;
  folder.write_picture("1.png");
  DatasetConfig config = config_of(folder);
  config.caption = "title";
  EXPECT_THAT(message_of<std::invalid_argument>([&] { make_dataset(config); }),
              HasSubstr("caption is \"title\", but image_folder has no columns"));
}

}  // namespace
}  // namespace oar
