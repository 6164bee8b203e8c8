#include "datasets/image_files.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "datasets/image_file.h"
#include "datasets/sha256.h"
#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

DatasetConfig config_of(const TestFolder& folder) {
  DatasetConfig config;
  config.name = "image_folder";
  config.root = folder.path();
  config.image_size = 8;
  return config;
}

DatasetIndex scan(const TestFolder& folder, DatasetConfig config, int64_t threads = 0) {
  return scan_images(config, images_in(folder.path(), folder.path()), {}, threads);
}
DatasetIndex scan(const TestFolder& folder) { return scan(folder, config_of(folder)); }

std::vector<std::string> files_of(const DatasetIndex& index) {
  std::vector<std::string> files;
  for (const ImageRecord& image : index.images) files.push_back(image.file);
  return files;
}

std::vector<std::string> rejections_of(const DatasetIndex& index) {
  std::vector<std::string> lines;
  for (const auto& [file, reason] : index.rejected) lines.push_back(file + ": " + reason);
  return lines;
}

void write_ten(const TestFolder& folder) {
  for (int i = 0; i < 10; ++i) folder.write_picture(fmt::format("{}.png", i), i);
}

TEST(ScanImages, ListsWholeImagesByPathWithSizeAndHash) {
  const TestFolder folder;
  folder.write_picture("b.PNG");
  folder.write_picture("a.jpeg");
  folder.write_picture("B.jpg");
  const DatasetIndex index = scan(folder);
  EXPECT_THAT(files_of(index), ElementsAre("B.jpg", "a.jpeg", "b.PNG"));
  EXPECT_THAT(index.rejected, IsEmpty());
  EXPECT_EQ(index.images[1].width, 20);
  EXPECT_EQ(index.images[1].height, 16);
  EXPECT_EQ(index.images[1].sha256, sha256_file(folder.path() / "a.jpeg"));
}

TEST(ScanImages, ListsBrokenImagesWithTheReasonAndLeavesThemOut) {
  const TestFolder folder;
  folder.write_picture("good.jpg");
  folder.write("empty.jpg", "");
  Bytes half = encode(make_picture(40, 40), ".jpg");
  half.resize(half.size() - 100);
  folder.write("half.jpg", half);
  folder.write("page.png", "<!DOCTYPE html>");
  folder.write("tiny.png", encode(make_picture(4, 4), ".png"));
  folder.write("video.gif", "GIF89a");
  folder.write("notes.txt", "no image, and does not claim to be one");
  folder.write(".hidden.jpg", "");
  const DatasetIndex index = scan(folder);
  EXPECT_THAT(files_of(index), ElementsAre("good.jpg"));
  EXPECT_THAT(rejections_of(index),
              ElementsAre("empty.jpg: empty file (0 bytes)", HasSubstr("half.jpg: broken JPEG: "),
                          "page.png: neither JPEG nor PNG but a web page or XML text",
                          "tiny.png: 4x4 pixels; at least 8x8 are needed",
                          "video.gif: .gif files are not read; convert it to PNG or JPEG"));
  EXPECT_EQ(count_images(index).rejected, 5);
}

TEST(ScanImages, RejectsAFileWhoseNameJsonCannotHold) {
  const TestFolder folder;
  folder.write_picture("good.png");
  folder.write_picture("caf\xE9.png");
  const DatasetIndex index = scan(folder);
  EXPECT_THAT(rejections_of(index), ElementsAre("caf\uFFFD.png: its name is not UTF-8; rename it"));
}

TEST(ScanImages, RejectsAFileThatVanishesMeanwhile) {
  const TestFolder folder;
  folder.write_picture("good.png");
  folder.write_picture("gone.png");
  ImageListing listing = images_in(folder.path(), folder.path());
  fs::remove(folder.path() / "gone.png");
  const DatasetIndex index = scan_images(config_of(folder), listing, {});
  EXPECT_THAT(rejections_of(index),
              ElementsAre("gone.png: cannot be read: No such file or directory"));
}

TEST(ScanImages, IsTheSameForEveryNumberOfThreadsAndOrderOfTheListing) {
  const TestFolder folder;
  write_ten(folder);
  folder.write("broken.png", "");
  DatasetConfig config = config_of(folder);
  for (const int64_t max_images : {0, 4}) {
    config.max_images = max_images;
    const DatasetIndex one = scan(folder, config, 1);
    ImageListing backwards = images_in(folder.path(), folder.path());
    std::sort(backwards.images.begin(), backwards.images.end(),
              [](const auto& a, const auto& b) { return a.file > b.file; });
    const DatasetIndex four = scan_images(config, backwards, {}, 4);
    ASSERT_EQ(files_of(one), files_of(four));
    EXPECT_EQ(rejections_of(one), rejections_of(four));
    for (size_t i = 0; i < one.images.size(); ++i) {
      EXPECT_EQ(one.images[i].sha256, four.images[i].sha256);
      EXPECT_EQ(one.images[i].split, four.images[i].split);
    }
  }
}

TEST(ScanImages, ASubsetIsChosenByHashAndBrokenImagesAreMadeUpFor) {
  const TestFolder folder;
  write_ten(folder);
  DatasetConfig config = config_of(folder);
  config.max_images = 4;
  const std::vector<std::string> chosen = files_of(scan(folder, config));
  ASSERT_EQ(chosen.size(), 4u);
  EXPECT_TRUE(std::is_sorted(chosen.begin(), chosen.end()));

  folder.write(chosen[0], "");  // break one of them: the other three stay, one more joins
  const std::vector<std::string> again = files_of(scan(folder, config));
  ASSERT_EQ(again.size(), 4u);
  EXPECT_TRUE(std::includes(again.begin(), again.end(), chosen.begin() + 1, chosen.end()));

  config.max_images = 1000;  // more than there are
  EXPECT_EQ(scan(folder, config).images.size(), 9u);
}

TEST(ScanImages, AnotherSeedChoosesAnotherSubset) {
  const TestFolder folder;
  write_ten(folder);
  DatasetConfig config = config_of(folder);
  config.max_images = 4;
  std::set<std::vector<std::string>> subsets;
  for (config.seed = 0; config.seed < 5; ++config.seed) {
    subsets.insert(files_of(scan(folder, config)));
  }
  EXPECT_GT(subsets.size(), 1u);
}

TEST(ScanImages, ReportsEveryFileAndNeverFromTwoThreadsAtOnce) {
  const TestFolder folder;
  write_ten(folder);
  std::vector<int64_t> seen;  // unguarded: a second thread would be a race
  const auto progress = [&seen](int64_t done, int64_t total) {
    EXPECT_EQ(total, 10);
    seen.push_back(done);
  };
  scan_images(config_of(folder), images_in(folder.path(), folder.path()), progress, 4);
  EXPECT_THAT(seen, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
}

TEST(ScanImages, AnExceptionOfTheProgressEndsTheScan) {  // this is how Ctrl-C arrives
  const TestFolder folder;
  write_ten(folder);
  const auto stop = [](int64_t, int64_t) { throw std::runtime_error("interrupted"); };
  EXPECT_EQ(message_of<std::runtime_error>([&] {
              scan_images(config_of(folder), images_in(folder.path(), folder.path()), stop);
            }),
            "interrupted");
}

TEST(ScanImages, AFolderWithoutImagesIsRefused) {
  const TestFolder folder;
  folder.write("readme.txt", "");
  folder.write("a.webp", "");
  EXPECT_THAT(message_of<BadData>([&] { scan(folder); }),
              AllOf(HasSubstr("image_folder: no images in \"" + folder.path().string() +
                              "\" (1 other files)"),
                    HasSubstr("a.webp: .webp files are not read; convert it to PNG or JPEG"),
                    HasSubstr("images are .jpg, .jpeg and .png files; check dataset.root")));
}

TEST(ScanImages, AFolderFullOfBrokenImagesIsRefusedWithTheFirstReasons) {
  const TestFolder folder;
  for (int i = 0; i < 7; ++i) folder.write(fmt::format("{}.jpg", i), "");
  EXPECT_THAT(message_of<BadData>([&] { scan(folder); }),
              AllOf(HasSubstr("image_folder: none of the 7 images in \""),
                    HasSubstr("  0.jpg: empty file (0 bytes)\n"),
                    HasSubstr("  4.jpg: empty file (0 bytes)\n  ... and 2 more\n"),
                    HasSubstr("copy the data set again from where it came from")));
}

class OpenedImages : public testing::Test {
 protected:
  OpenedImages() {
    write_ten(folder_);
    config_ = config_of(folder_);
    dataset_ = open_image_files(config_, scan(folder_));
  }

  TestFolder folder_;
  DatasetConfig config_;
  std::unique_ptr<Dataset> dataset_;
};

TEST_F(OpenedImages, LoadsWhatTheFilesHold) {
  const torch::Tensor batch = dataset_->load({7, 2});
  EXPECT_TRUE(torch::equal(batch[0], decode_square(read_bytes(folder_.path() / "7.png"), 8)));
  EXPECT_TRUE(torch::equal(batch[1], decode_square(read_bytes(folder_.path() / "2.png"), 8)));
}

TEST_F(OpenedImages, AFileThatVanishedIsNamed) {
  fs::remove(folder_.path() / "3.png");
  EXPECT_THAT(message_of<BadData>([&] {
                dataset_->load({1, 3});
              }),
              AllOf(HasSubstr("3.png\" has vanished since the data set was scanned"),
                    HasSubstr("delete the stored dataset stage so that it is scanned again")));
  EXPECT_EQ(dataset_->load({1, 2}).size(0), 2);  // the others still load
}

TEST_F(OpenedImages, AFileThatChangedIsNamedEvenIfItIsAWholeImage) {
  folder_.write_picture("3.png", 99);
  EXPECT_THAT(message_of<BadData>([&] { dataset_->load({3}); }),
              HasSubstr("3.png\" has changed since the data set was scanned; put the file back"));
}

TEST_F(OpenedImages, AFileThatCannotBeReadAnyMoreIsNamed) {
  fs::remove(folder_.path() / "3.png");
  fs::create_directory(folder_.path() / "3.png");
  EXPECT_THAT(message_of<BadData>([&] { dataset_->load({3}); }),
              HasSubstr("3.png\" has become unreadable (Is a directory) since"));
}

TEST_F(OpenedImages, AnIndexCannotLeadOutOfTheRoot) {
  for (const char* file : {"../secret.png", "a/../../secret.png", "/etc/secret.png", ""}) {
    DatasetIndex index = dataset_->index();
    index.images[0].file = file;
    EXPECT_THAT(message_of<BadData>([&] { open_image_files(config_, index); }),
                HasSubstr(fmt::format("the stored index names \"{}\", which is not below", file)));
  }
}

}  // namespace
}  // namespace oar
