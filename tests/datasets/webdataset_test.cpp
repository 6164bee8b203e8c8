#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "datasets/binary_file.h"
#include "datasets/dataset.h"
#include "datasets/sha256.h"
#include "datasets/web_shard.h"
#include "tests/datasets/test_archive.h"
#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TestEntry text_entry(const std::string& path, std::string_view text) {
  return {path, bytes_of(text)};
}

class WebDataset : public testing::Test {
 protected:
  WebDataset() {
    config_.name = "webdataset";
    config_.root = folder_.path();
    config_.image_size = 8;
  }

  void write_shard(const std::string& file, const std::vector<TestEntry>& entries) const {
    folder_.write(file, make_archive("tar", entries));
  }
  DatasetIndex index() const { return make_dataset(config_)->index(); }
  std::string refusal() const {
    return message_of<BadData>([this] { make_dataset(config_); });
  }

  TestFolder folder_;
  DatasetConfig config_;
};

TEST_F(WebDataset, MembersOfOneKeyAreOneSample) {
  write_shard("s-000.tar", {text_entry("a/7.cls", "1\n"), picture_entry("a/7.jpg", 1),
                            text_entry("a/7.txt", " a red\n dress "), picture_entry("a/8.png", 2),
                            text_entry("a/8.cls", "0")});
  const DatasetIndex found = index();
  ASSERT_THAT(found.images, SizeIs(2));
  EXPECT_EQ(found.images[0].file, "s-000.tar/a/7.jpg");
  EXPECT_EQ(found.images[0].caption, "a red dress");
  EXPECT_EQ(found.images[0].label, 1);
  EXPECT_EQ(found.images[1].caption, "");
  EXPECT_EQ(found.images[1].label, 0);
  EXPECT_THAT(found.classes, ElementsAre("0", "1"));
}

TEST_F(WebDataset, AnImageIsReadFromItsPlaceInTheTar) {
  const Bytes first = encode(make_picture(20, 16, 1), ".jpg");
  const Bytes second = encode(make_picture(33, 16, 2), ".png");
  // 120 letters: too long for a tar's header, so that another record stands before the file.
  const std::string long_name = std::string(120, 'k') + ".png";
  write_shard("deep/s.tar", {{"1.jpg", first}, {long_name, second}, text_entry("1.txt", "x")});
  const auto dataset = make_dataset(config_);
  ASSERT_THAT(dataset->index().images, SizeIs(2));
  EXPECT_EQ(dataset->index().images[0].sha256, sha256_hex(first));
  EXPECT_EQ(dataset->index().images[1].sha256, sha256_hex(second));
  EXPECT_EQ(dataset->index().images[1].width, 33);
  const TestFolder unpacked;
  unpacked.write("1.jpg", first);
  unpacked.write("2.png", second);
  DatasetConfig of_files = config_;
  of_files.name = "image_folder";
  of_files.root = unpacked.path();
  EXPECT_TRUE(torch::equal(dataset->load({0, 1}), make_dataset(of_files)->load({0, 1})));
}

TEST_F(WebDataset, TheRootMayBeOneTar) {
  write_shard("faces.tar", {picture_entry("7.jpg")});
  config_.root = folder_.path() / "faces.tar";
  const auto made = make_dataset(config_);
  EXPECT_EQ(made->index().images[0].file, "7.jpg");
  const auto opened = open_dataset(config_, made->index());
  EXPECT_TRUE(torch::equal(opened->load({0}), made->load({0})));
}

TEST_F(WebDataset, JsonHasLabelAndCaptionWhereNoOtherMemberDoes) {
  write_shard("s.tar", {picture_entry("1.jpg", 1), text_entry("1.json", R"({"label": 3})"),
                        picture_entry("2.jpg", 2),
                        text_entry("2.json", R"({"label": "x", "caption": "no", "width": 9})"),
                        text_entry("2.cls", "12"), text_entry("2.txt", "yes"),
                        picture_entry("3.jpg", 3), text_entry("3.json", R"({"caption": "so"})")});
  const DatasetIndex found = index();
  EXPECT_THAT(found.classes, ElementsAre("03", "12"));  // as many digits as the largest
  EXPECT_EQ(found.images[0].label, 0);
  EXPECT_EQ(found.images[1].label, 1);
  EXPECT_EQ(found.images[1].caption, "yes");
  EXPECT_EQ(found.images[2].label, -1);
  EXPECT_EQ(found.images[2].caption, "so");
}

TEST_F(WebDataset, LabelsMayBeNames) {
  write_shard("s.tar", {picture_entry("1.jpg", 1), text_entry("1.cls", "dog"),
                        picture_entry("2.jpg", 2), text_entry("2.cls", "cat")});
  EXPECT_THAT(index().classes, ElementsAre("cat", "dog"));
  EXPECT_EQ(index().images[0].label, 1);
}

TEST_F(WebDataset, OtherMembersAndSamplesWithoutAnImageArePassedOver) {
  write_shard("s.tar",
              {picture_entry("1.jpg", 1), picture_entry("1.seg.png", 2), text_entry("9.cls", "4"),
               text_entry("1.pth", "?"), text_entry("._1.jpg", "resource fork")});
  const DatasetIndex found = index();
  EXPECT_THAT(found.images, SizeIs(1));
  EXPECT_THAT(found.rejected, IsEmpty());
  EXPECT_THAT(found.classes, IsEmpty());  // that of 9.cls has no image
}

TEST_F(WebDataset, WhatCannotBeUsedIsRejectedWithTheReason) {
  write_shard("s.tar", {picture_entry("1.jpg", 1), picture_entry("1.png", 2),
                        text_entry("2.webp", "RIFF"), text_entry("3.jpg", "no image")});
  const DatasetIndex found = index();
  EXPECT_THAT(found.images, SizeIs(1));
  ASSERT_THAT(found.rejected, SizeIs(3));
  EXPECT_EQ(found.rejected[0].file, "s.tar/1.png");
  EXPECT_EQ(found.rejected[0].reason, "its sample has an image already, \"1.jpg\"");
  EXPECT_EQ(found.rejected[1].file, "s.tar/2.webp");
  EXPECT_EQ(found.rejected[2].file, "s.tar/3.jpg");
}

TEST_F(WebDataset, CompressedShardsAreRefusedWithAHint) {
  folder_.write("s.tar", make_archive("tar gzip", {picture_entry("1.jpg")}));
  EXPECT_THAT(refusal(), AllOf(HasSubstr("s.tar\" is compressed"), HasSubstr("unpack it")));
  std::filesystem::remove(folder_.path() / "s.tar");
  for (const char* name : {"s.tar.gz", "s.tgz", "s.tar.zst"}) {
    folder_.write(name, "anything");
    EXPECT_THAT(refusal(), AllOf(HasSubstr(name), HasSubstr("is compressed"))) << name;
    std::filesystem::remove(folder_.path() / name);
  }
}

TEST_F(WebDataset, ADamagedShardIsRefused) {
  Bytes shard = make_archive("tar", {picture_entry("1.jpg", 1), picture_entry("2.jpg", 2)});
  shard.resize(shard.size() - 1200);
  folder_.write("s.tar", shard);
  EXPECT_THAT(refusal(), AllOf(HasSubstr("s.tar\""), HasSubstr("cut off")));
}

TEST_F(WebDataset, BrokenTextsAreRefusedWithTheMember) {
  write_shard("s.tar", {picture_entry("1.jpg"), text_entry("1.json", "{\"label\": ")});
  EXPECT_THAT(refusal(), AllOf(HasSubstr("s.tar\": \"1.json\" is no label or caption"),
                               HasSubstr("it is no JSON object")));
  write_shard("s.tar", {picture_entry("1.jpg"), text_entry("1.txt", std::string(1'000'001, 'x'))});
  EXPECT_THAT(message_of<BadData>([&] { read_web_shard(folder_.path() / "s.tar"); }),
              HasSubstr("\"1.txt\" is no label or caption: it has more than 1000000 bytes"));
}

TEST_F(WebDataset, AShardThatChangedSinceTheScanIsNamed) {
  write_shard("s.tar", {picture_entry("1.jpg", 1), picture_entry("2.jpg", 2)});
  const auto load_after = [&](const std::vector<TestEntry>& entries) {
    const DatasetIndex scanned = index();
    write_shard("s.tar", entries);
    const std::string message =
        message_of<BadData>([&] { open_dataset(config_, scanned)->load({1}); });
    write_shard("s.tar", {picture_entry("1.jpg", 1), picture_entry("2.jpg", 2)});
    return message;
  };
  EXPECT_THAT(load_after({picture_entry("1.jpg", 1), picture_entry("2.jpg", 3)}),
              HasSubstr("s.tar/2.jpg\" has changed since the data set was scanned"));
  EXPECT_THAT(load_after({picture_entry("1.jpg", 1)}),
              HasSubstr("s.tar/2.jpg\" has vanished since the data set was scanned"));
}

TEST(PlacesInTar, AreWhereTheBytesOfEachFileAre) {
  const TestFolder folder;
  const std::string long_name = std::string(150, 'n') + ".txt";
  folder.write("t.tar",
               make_archive("tar", {text_entry("a.txt", "alpha"), text_entry(long_name, "beta"),
                                    text_entry("d/c.txt", "")}));
  const auto places = places_in_tar(folder.path() / "t.tar");
  const InputFile tar(folder.path() / "t.tar");
  const auto text_at = [&](const std::string& name) {
    Bytes bytes(places.at(name).size);
    tar.read_at(places.at(name).offset, bytes);
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  ASSERT_THAT(places, SizeIs(3));
  EXPECT_EQ(text_at("a.txt"), "alpha");
  EXPECT_EQ(text_at(long_name), "beta");
  EXPECT_EQ(text_at("d/c.txt"), "");
}

}  // namespace
}  // namespace oar
