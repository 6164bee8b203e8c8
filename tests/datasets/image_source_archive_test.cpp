#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "datasets/image_source.h"
#include "tests/datasets/test_archive.h"
#include "tests/datasets/test_source.h"

namespace oar {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

/// What every kind of archive promises.
class EveryArchive : public testing::TestWithParam<const char*> {
 protected:
  void write(const std::vector<TestEntry>& entries) const {
    folder_.write("archive", make_archive(GetParam(), entries));
  }
  std::unique_ptr<ImageSource> open() const {
    return open_image_source(folder_.path() / "archive");
  }
  std::string refusal(const std::vector<TestEntry>& entries) const {
    write(entries);
    return refusal_of(folder_, "archive");
  }

  TestFolder folder_;
};

INSTANTIATE_TEST_SUITE_P(, EveryArchive,
                         testing::Values("tar", "tar gzip", "tar xz", "tar zstd", "zip",
                                         "zip stored"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

TEST_P(EveryArchive, RanksByPathAndVisitsAsStored) {
  write({picture_entry("d/b.png", 1), picture_entry("d/a/c.jpg", 2), picture_entry("./a.png", 3)});
  const auto source = open();
  EXPECT_THAT(source->names(), ElementsAre("a.png", "d/a/c.jpg", "d/b.png"));
  EXPECT_THAT(visits_of(*source), ElementsAre("2 d/b.png", "1 d/a/c.jpg", "0 a.png"));
  EXPECT_THAT(source->notes(), IsEmpty());
  const auto images = images_of(*source);
  EXPECT_EQ(images[0].bytes, picture_entry("d/b.png", 1).content);
  EXPECT_EQ(images[1].bytes, picture_entry("d/a/c.jpg", 2).content);
}

TEST_P(EveryArchive, PassesOverWhatIsNoImageAndWhatMacOsAdds) {
  write({{"d/", {}, AE_IFDIR},
         picture_entry("d/a.png"),
         {"d/notes.txt", bytes_of("x")},
         {"d/._a.png", bytes_of("x")},
         {"__MACOSX/d/._a.png", bytes_of("x")},
         {"d/.DS_Store", bytes_of("x")}});
  const auto source = open();
  EXPECT_THAT(visits_of(*source), ElementsAre("0 d/a.png"));
  EXPECT_THAT(source->notes(),
              ElementsAre("1 other file passed over", "3 hidden files passed over"));
}

TEST_P(EveryArchive, ImagesOfOtherFormatsAreUnreadableNotLeftOut) {
  write({picture_entry("a.png"), {"b.gif", bytes_of("GIF89a")}, {"c.png", {}}});
  EXPECT_THAT(visits_of(*open()),
              ElementsAre("0 a.png", "1 b.gif: .gif files are not read; convert it to PNG or JPEG",
                          "2 c.png"));
}

TEST_P(EveryArchive, NamesMayHaveLettersOfAnyScript) {
  write({picture_entry("\u00E4\u6728.png")});
  EXPECT_THAT(visits_of(*open()), ElementsAre("0 \u00E4\u6728.png"));
}

TEST_P(EveryArchive, WithoutImagesItSaysWhatIsThere) {
  EXPECT_THAT(refusal({{"a.txt", bytes_of("x")}, {"b.txt", bytes_of("x")}}),
              HasSubstr("archive \"archive\": it holds 2 other files; images are .jpg, .jpeg and "
                        ".png files"));
}

TEST_P(EveryArchive, PathsThatLeadOutsideAreRefused) {
  for (const char* path : {"/etc/a.png", "../a.png", "a/../../b.png", "a/.."}) {
    EXPECT_EQ(refusal({{path, bytes_of("x")}}),
              fmt::format("\"archive\": entry \"{}\" is refused: its path leads out of the archive",
                          path));
  }
}

TEST_P(EveryArchive, SymbolicLinksAreRefused) {
  EXPECT_EQ(refusal({picture_entry("a.png"), {"b.png", {}, AE_IFLNK, "/etc/passwd"}}),
            "\"archive\": entry \"b.png\" is refused: it is a link; put the file itself into the "
            "archive");
}

TEST_P(EveryArchive, TwoEntriesOfOneNameAreRefused) {
  EXPECT_EQ(refusal({picture_entry("a.png", 1), picture_entry("b.png"), picture_entry("./a.png")}),
            "\"archive\": entry \"a.png\" is refused: two entries have this name");
}

TEST_P(EveryArchive, CutOffAnywhereItIsRefused) {  // or what is missing is no entry
  const Bytes whole = make_archive(
      GetParam(), {picture_entry("a.png"), {"notes.txt", Bytes(3000)}, picture_entry("b.png")});
  for (const double share : {0.999, 0.9, 0.7, 0.5, 0.3}) {
    Bytes part(whole.begin(), whole.begin() + static_cast<int64_t>(share * whole.size()));
    if (GetParam() == std::string("tar") && share > 0.8) continue;  // only zeros are cut off
    folder_.write("archive", part);
    EXPECT_THAT(refusal_of(folder_, "archive"), StartsWith("\"archive\": ")) << share;
    EXPECT_THAT(refusal_of(folder_, "archive"), HasSubstr("cut off")) << share;
  }
}

TEST_P(EveryArchive, OneThatChangesMeanwhileIsRefused) {
  write({picture_entry("a.png"), picture_entry("b.png")});
  const auto source = open();
  for (const auto& now : {std::vector{picture_entry("a.png")},
                          std::vector{picture_entry("a.png"), picture_entry("c.png")}}) {
    write(now);
    EXPECT_THAT(message_of<BadData>([&] { source->read([](const SourceImage&) {}); }),
                HasSubstr("has changed since it was opened; start again"));
  }
}

TEST(TarSource, HardLinksAndDevicesAreRefused) {
  const TestFolder folder;
  const auto refusal = [&](const TestEntry& entry) {
    folder.write("a.tar", make_archive("tar", {picture_entry("a.png"), entry}));
    return refusal_of(folder, "a.tar");
  };
  EXPECT_THAT(refusal({"b.png", {}, AE_IFREG, "a.png", true}),
              HasSubstr("entry \"b.png\" is refused: it is a link"));
  EXPECT_THAT(refusal({"b.png", {}, AE_IFIFO}),
              HasSubstr("entry \"b.png\" is refused: it is a device, pipe or the like"));
  EXPECT_THAT(refusal({"b.png", {}, AE_IFCHR}), HasSubstr("it is a device, pipe or the like"));
}

TEST(TarSource, WhatFollowsTheFirstEndIsReadToo) {  // cat a.tar b.tar > both.tar
  const TestFolder folder;
  Bytes both = make_archive("tar", {picture_entry("b.png")});
  const Bytes second = make_archive("tar", {picture_entry("a.png")});
  both.insert(both.end(), second.begin(), second.end());
  folder.write("both.tar", both);
  EXPECT_THAT(visits_of(*open_image_source(folder.path() / "both.tar")),
              ElementsAre("1 b.png", "0 a.png"));
}

TEST(TarSource, OneThatEndsBetweenTwoFilesIsRefused) {
  const TestFolder folder;
  Bytes tar = make_archive("tar", {picture_entry("a.png"), {"b.txt", Bytes(512, std::byte{'b'})}});
  tar.resize(find_bytes(tar, "b.txt"));
  folder.write("a.tar", tar);
  EXPECT_EQ(refusal_of(folder, "a.tar"),
            "\"a.tar\": cut off after \"a.png\": the end mark of a tar archive is missing; copy it "
            "again");
}

TEST(TarSource, AnEntryLargerThanAnyImageIsRefused) {
  const TestFolder folder;
  Bytes tar = make_archive("tar", {{"a.png", Bytes(512)}});
  const std::string size = "10000000000";  // octal, 1 GiB
  std::copy_n(bytes_of(size).begin(), size.size(), tar.begin() + 124);
  int sum = 0;  // of the header, its own six digits counted as blanks
  for (int i = 0; i < 512; ++i) sum += i >= 148 && i < 156 ? ' ' : std::to_integer<int>(tar[i]);
  const std::string digits = fmt::format("{:06o}", sum);
  std::copy_n(bytes_of(digits).begin(), digits.size(), tar.begin() + 148);
  folder.write("a.tar", tar);
  EXPECT_EQ(refusal_of(folder, "a.tar"),
            "\"a.tar\": entry \"a.png\" is refused: it is larger than 1000 MB");
}

TEST(TarSource, CompressedTextIsNoArchive) {
  const TestFolder folder;
  folder.write("a.gz", std::string("\x1F\x8B\x08\0\0\0\0\0\0\x03\x4B\xAC\0\0\0\0\0", 17));
  EXPECT_THAT(refusal_of(folder, "a.gz"),
              StartsWith("\"a.gz\": the archive is damaged or cut off (libarchive: "));
}

TEST(ZipSource, EncryptedEntriesAreRefused) {
  const TestFolder folder;
  folder.write("a.zip", make_archive("zip encrypted", {picture_entry("a.png")}));
  EXPECT_EQ(refusal_of(folder, "a.zip"),
            "\"a.zip\": entry \"a.png\" is refused: it is encrypted; make an archive without "
            "password");
}

TEST(ZipSource, AWrongChecksumIsSaidWithTheEntry) {
  const TestFolder folder;
  Bytes zip = make_archive("zip stored", {picture_entry("a.png"), picture_entry("b.png")});
  zip[find_bytes(zip, "IDAT") + 40] ^= std::byte{1};
  folder.write("a.zip", zip);
  EXPECT_THAT(refusal_of(folder, "a.zip"),
              AllOf(HasSubstr("\"a.zip\": the archive is damaged or cut off at or after \"a.png\""),
                    HasSubstr("libarchive: ZIP bad CRC")));
}

TEST(ZipSource, AnEntryOfAnotherSizeThanTheArchiveSaysIsRefused) {
  const TestFolder folder;
  Bytes zip = make_archive("zip stored", {{"a.png", Bytes(3000, std::byte{7})}});
  for (const uint32_t size : {2990, 3010}) {
    set_zip_size(zip, size);
    folder.write("a.zip", zip);
    EXPECT_NE(refusal_of(folder, "a.zip"), "") << size;
  }
}

}  // namespace
}  // namespace oar
