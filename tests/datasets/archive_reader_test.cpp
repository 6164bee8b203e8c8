#include "datasets/archive_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/datasets/test_archive.h"

namespace oar {
namespace {

using ::testing::HasSubstr;

TEST(ArchiveReader, GivesPathsSizesAndContentInPieces) {
  const TestFolder folder;
  folder.write("a", make_archive("tar", {{"./d//x", bytes_of("abcdef")}, {"y", bytes_of("gh")}}));
  ArchiveReader archive(folder.path() / "a", ArchiveFormat::kTar);
  const auto first = archive.next();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->path, "d/x");
  EXPECT_EQ(first->size, 6);
  std::array<std::byte, 4> piece;
  EXPECT_EQ(archive.read(piece), 4u);
  EXPECT_EQ(archive.read(piece), 2u);
  EXPECT_EQ(piece[1], std::byte{'f'});
  EXPECT_EQ(archive.next()->path, "y");
  EXPECT_EQ(archive.read_all(), bytes_of("gh"));
  EXPECT_FALSE(archive.next().has_value());
}

TEST(ArchiveReader, RefusesMoreThanTheLimits) {
  const TestFolder folder;
  folder.write("a", make_archive("tar", {{"x", Bytes(60)}, {"y", Bytes(60)}, {"z", {}}}));
  const auto refusal = [&](ArchiveLimits limits) {
    return message_of<BadData>([&] {
      ArchiveReader archive(folder.path() / "a", ArchiveFormat::kTar, limits);
      while (archive.next()) continue;
    });
  };
  EXPECT_EQ(refusal({.entries = 3, .unpacked = 120}), "");
  EXPECT_THAT(refusal({.entries = 2, .unpacked = 120}),
              HasSubstr("entry \"z\" is refused: more than 2 entries"));
  EXPECT_THAT(
      refusal({.entries = 3, .unpacked = 119}),
      HasSubstr("entry \"y\" is refused: with it the archive unpacks to more than 119 bytes"));
}

TEST(ArchiveReader, RefusesNamesThatAreTooLong) {
  const TestFolder folder;
  folder.write("a", make_archive("tar", {{std::string(5000, 'x'), {}}}));
  ArchiveReader archive(folder.path() / "a", ArchiveFormat::kTar);
  EXPECT_THAT(message_of<BadData>([&] { archive.next(); }), HasSubstr("its name is too long"));
}

}  // namespace
}  // namespace oar
