#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "datasets/image_file.h"
#include "datasets/image_source.h"
#include "tests/datasets/test_source.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr SourceOptions kRecursive{.recursive = true};

TEST(FolderSource, ImagesComeByPathBytewise) {  // as sorted() of Python has them
  const TestFolder folder;
  for (const char* file : {"b.PNG", "a.jpeg", "B.jpg", "10.png", "9.png"}) {
    folder.write_picture(file);
  }
  const auto source = open_image_source(folder.path());
  EXPECT_THAT(source->names(), ElementsAre("10.png", "9.png", "B.jpg", "a.jpeg", "b.PNG"));
  EXPECT_THAT(visits_of(*source),
              ElementsAre("0 10.png", "1 9.png", "2 B.jpg", "3 a.jpeg", "4 b.PNG"));
  EXPECT_THAT(source->notes(), IsEmpty());
  EXPECT_EQ(source->count(), 5);
  EXPECT_EQ(source->description(), "folder \"" + folder.path().string() + "\"");
}

TEST(FolderSource, GivesTheBytesOfEachFile) {
  const TestFolder folder;
  folder.write_picture("a.png", 1);
  const auto images = images_of(*open_image_source(folder.path()));
  EXPECT_EQ(images.at(0).bytes, read_bytes(folder.path() / "a.png"));
  EXPECT_FALSE(images.at(0).pixels.defined());
}

TEST(FolderSource, RecursiveSortsWholePaths) {  // '/' comes after '.' and before letters
  const TestFolder folder;
  for (const char* file : {"a/x.png", "a.png", "a/b/y.png", "aa.png", ".cache/z.png"}) {
    folder.write_picture(file);
  }
  const auto source = open_image_source(folder.path(), kRecursive);
  EXPECT_THAT(source->names(), ElementsAre("a.png", "a/b/y.png", "a/x.png", "aa.png"));
  EXPECT_THAT(source->notes(), ElementsAre("1 hidden name passed over"));
}

TEST(FolderSource, SaysWhatItLeavesOut) {
  const TestFolder folder;
  folder.write_picture("a.png");
  folder.write_picture("more/b.png");
  folder.write_picture("deep/er/c.png");
  folder.write("empty/notes.txt", "");
  folder.write("read me.txt", "");
  folder.write("table.csv", "");
  folder.write("._a.png", "");
  EXPECT_THAT(open_image_source(folder.path())->notes(),
              ElementsAre("2 sub-folders with images were not read; --recursive reads them",
                          "2 other files passed over", "1 hidden name passed over"));
}

TEST(FolderSource, WhatCannotBeReadIsVisitedWithTheReason) {
  const TestFolder folder;
  folder.write("a.webp", "RIFF");
  fs::create_symlink(folder.path() / "nowhere", folder.path() / "b.png");
  folder.write_picture("c.png");
  folder.write("d.png", "");
  fs::resize_file(folder.path() / "d.png", kMaxImageBytes + 1);  // takes no space on the disk
  const auto source = open_image_source(folder.path());
  fs::remove(folder.path() / "c.png");
  EXPECT_THAT(visits_of(*source),
              ElementsAre("0 a.webp: .webp files are not read; convert it to PNG or JPEG",
                          "1 b.png: there is no such file", "2 c.png: there is no such file",
                          "3 d.png: larger than 1000 MB"));
}

TEST(FolderSource, ANameThatIsNotUtf8IsShownWithReplacements) {
  const TestFolder folder;
  folder.write_picture("caf\xE9.png");
  EXPECT_THAT(visits_of(*open_image_source(folder.path())), ElementsAre("0 caf\uFFFD.png"));
}

TEST(FolderSource, FollowsLinksToFilesButNotToFolders) {  // which may lead in a circle
  const TestFolder folder;
  folder.write_picture("real.png");
  fs::create_symlink("real.png", folder.path() / "link.png");
  fs::create_directory_symlink(".", folder.path() / "circle");
  const auto source = open_image_source(folder.path(), kRecursive);
  EXPECT_THAT(visits_of(*source), ElementsAre("0 link.png", "1 real.png"));
  EXPECT_THAT(source->notes(), ElementsAre("1 link to folders not followed"));
}

TEST(FolderSource, WithoutImagesItSaysWhatIsThereAndWhatToDo) {
  const TestFolder folder;
  folder.write("notes/a.txt", "");
  folder.write("notes/b.csv", "");
  EXPECT_EQ(refusal_of(folder, "notes"),
            "no images in the folder \"notes\": it holds 2 other files; images are .jpg, .jpeg and "
            ".png files");
  fs::create_directory(folder.path() / "empty");
  EXPECT_THAT(refusal_of(folder, "empty", kRecursive),
              HasSubstr("no images in the folder \"empty\" or below it: it holds no files"));
  folder.write_picture("classes/cat/1.png");
  EXPECT_EQ(refusal_of(folder, "classes"),
            "no images in the folder \"classes\" itself, but in 1 sub-folder of it; --recursive "
            "reads them");
}

TEST(FolderSource, AFolderThatMayNotBeReadIsRefused) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const TestFolder folder;
  folder.write_picture("closed/a.png");
  fs::permissions(folder.path() / "closed", fs::perms::none);
  EXPECT_THAT(refusal_of(folder, "closed"), HasSubstr("Permission denied; check its permissions"));
  fs::permissions(folder.path() / "closed", fs::perms::owner_all);
}

}  // namespace
}  // namespace oar
