#include "datasets/binary_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <system_error>

#include "datasets/image_file.h"
#include "tests/datasets/test_archive.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

TEST(OutputFile, AppearsWholeByCommit) {
  const TestFolder folder;
  const fs::path path = folder.path() / "a";
  folder.write("a", "old");
  OutputFile file(path);
  file.write_at(3, bytes_of("def"));
  file.write_at(0, bytes_of("abc"));
  EXPECT_EQ(read_bytes(path), bytes_of("old"));
  file.commit();
  EXPECT_EQ(read_bytes(path), bytes_of("abcdef"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

TEST(OutputFile, IsGoneWithoutCommit) {
  const TestFolder folder;
  { OutputFile(folder.path() / "a").write_at(0, bytes_of("abc")); }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(OutputFile, TwoOfOnePathDoNotDisturbEachOther) {
  const TestFolder folder;
  OutputFile first(folder.path() / "a"), second(folder.path() / "a");
  first.write_at(0, bytes_of("first"));
  second.write_at(0, bytes_of("second"));
  first.commit();
  second.commit();
  EXPECT_EQ(read_bytes(folder.path() / "a"), bytes_of("second"));
}

TEST(OutputFile, SaysWhereItCannotWrite) {
  EXPECT_THAT(message_of<std::system_error>([] { OutputFile("/none/a"); }),
              HasSubstr("cannot create \"/none/a\": No such file or directory"));
  const TestFolder folder;
  OutputFile file(folder.path() / "a");
  fs::create_directory(folder.path() / "a");
  EXPECT_THAT(message_of<std::system_error>([&] { file.commit(); }), HasSubstr("cannot rename"));
}

TEST(InputFile, ReadsAnywhereAndStopsAtTheEnd) {
  const TestFolder folder;
  folder.write("a", "abcdef");
  const InputFile file(folder.path() / "a");
  EXPECT_EQ(file.size(), 6);
  std::array<std::byte, 4> bytes{};
  EXPECT_EQ(file.read_at(1, bytes), 4u);
  EXPECT_EQ(bytes[0], std::byte{'b'});
  EXPECT_EQ(file.read_at(4, bytes), 2u);
  EXPECT_EQ(file.read_at(9, bytes), 0u);
  EXPECT_THAT(message_of<std::system_error>([] { InputFile("/none/a"); }),
              HasSubstr("cannot open \"/none/a\": No such file or directory"));
}

}  // namespace
}  // namespace oar
