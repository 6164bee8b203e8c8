#include "datasets/image_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "datasets/npz.h"
#include "tests/datasets/test_archive.h"
#include "tests/datasets/test_source.h"

namespace oar {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string kind_of(const TestFolder& folder, const std::string& file) {
  return open_image_source(folder.path() / file)->description();
}

TEST(OpenImageSource, ContentDecidesWhatAFileIsNotItsName) {
  const TestFolder folder;
  folder.write_picture("images/a.png");
  folder.write("list.zip", "images/a.png\n");
  folder.write("tar.txt", make_archive("tar gzip", {picture_entry("a.png")}));
  folder.write("zip.tar", make_archive("zip", {picture_entry("a.png")}));
  write_npz(folder.path() / "npz.jpg", {{"arr_0", torch::zeros({2, 8, 8, 3}, torch::kUInt8)}});
  EXPECT_THAT(kind_of(folder, "images"), StartsWith("folder \""));
  EXPECT_THAT(kind_of(folder, "list.zip"), StartsWith("list \""));
  EXPECT_THAT(kind_of(folder, "tar.txt"), StartsWith("tar archive \""));
  EXPECT_THAT(kind_of(folder, "zip.tar"), StartsWith("zip archive \""));
  EXPECT_THAT(kind_of(folder, "npz.jpg"), StartsWith("array arr_0 of \""));
}

TEST(OpenImageSource, SaysWhatIsAcceptedWhereThePathIsSomethingElse) {
  const TestFolder folder;
  folder.write("empty.txt", "");
  folder.write_picture("photo.jpg");
  folder.write("program", std::string("\x7F"
                                      "ELF\0\1\2",
                                      7));
  ASSERT_EQ(mkfifo((folder.path() / "pipe").c_str(), 0600), 0);
  const auto refused = [&](const std::string& file, const std::string& why) {
    EXPECT_THAT(refusal_of(folder, file),
                AllOf(StartsWith("\"" + file + "\" " + why + "; give a "), HasSubstr(".npz")));
  };
  refused("none", "does not exist");
  refused("empty.txt", "is an empty file");
  refused("photo.jpg", "is a single image");
  refused("program", "is none of the files that are read");
  refused("pipe", "is neither a file nor a folder");
}

TEST(OpenImageSource, SaysWhyAFileCannotBeRead) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const TestFolder folder;
  folder.write("list.txt", "a.png");
  std::filesystem::permissions(folder.path() / "list.txt", std::filesystem::perms::none);
  EXPECT_EQ(refusal_of(folder, "list.txt"), "cannot read \"list.txt\"; check its permissions");
}

TEST(OpenImageSource, AnExceptionOfTheVisitorEndsTheReading) {
  const TestFolder folder;
  folder.write_picture("a.png");
  folder.write_picture("b.png");
  int visits = 0;
  const auto source = open_image_source(folder.path());
  const auto stop = [&](const SourceImage&) {
    ++visits;
    throw std::logic_error("enough");
  };
  EXPECT_EQ(message_of<std::logic_error>([&] { source->read(stop); }), "enough");
  EXPECT_EQ(visits, 1);
}

}  // namespace
}  // namespace oar
