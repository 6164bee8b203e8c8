#include "datasets/npz.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <system_error>

#include "datasets/image_file.h"
#include "datasets/npy_header.h"
#include "tests/datasets/test_archive.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const fs::path kGolden = fs::path(OAR_SOURCE_DIR) / "tests/datasets/golden/arrays.npz";

/// 0 .. 23, as in tests/golden/make_npz_golden.py.
torch::Tensor count(torch::ScalarType type, double factor = 1) {
  return (torch::arange(24, torch::kFloat64) * factor).to(type).view({2, 3, 4});
}

std::string refusal(const fs::path& path, const std::string& name) {
  return message_of<BadData>([&] { read_npz(path, {name}); });
}

TEST(ReadNpz, ReadsEveryTypeThatNumpyWrote) {
  for (const auto& [name, expected] :
       std::map<std::string, torch::Tensor>{{"f4", count(torch::kFloat32, 0.25)},
                                            {"f8", count(torch::kFloat64, 0.25)},
                                            {"u1", count(torch::kUInt8)},
                                            {"i4", count(torch::kInt32, -1)},
                                            {"i8", count(torch::kInt64, -1)},
                                            {"fortran", count(torch::kFloat32)},
                                            {"number", torch::tensor(2.5, torch::kFloat64)},
                                            {"empty", torch::empty({0, 3})}}) {
    const torch::Tensor array = read_npz(kGolden, {name}).at(name);
    EXPECT_EQ(array.scalar_type(), expected.scalar_type()) << name;
    EXPECT_TRUE(torch::equal(array, expected)) << name;
    EXPECT_TRUE(array.is_contiguous()) << name;
  }
}

TEST(ReadNpz, RefusesByNameWhatItDoesNotRead) {
  EXPECT_THAT(refusal(kGolden, "big_endian"),
              HasSubstr("array big_endian: type >f4 is big-endian"));
  EXPECT_THAT(refusal(kGolden, "complex"), HasSubstr("array complex: type <c8 is not read"));
  EXPECT_THAT(refusal(kGolden, "objects"), HasSubstr("type |O holds Python objects"));
  EXPECT_THAT(refusal(kGolden, "records"), HasSubstr("records of several types"));
}

TEST(ReadNpz, GivesOnlyWhatWasAskedForAndIsThere) {
  const auto arrays = read_npz(kGolden, {"f4", "none", "u1"});
  EXPECT_EQ(arrays.size(), 2u);
  EXPECT_TRUE(arrays.contains("f4") && arrays.contains("u1"));
  EXPECT_THAT(read_npz(kGolden, {}), IsEmpty());
}

TEST(NpzNames, ListsTheArraysInTheFilesOrder) {
  EXPECT_THAT(npz_names(kGolden),
              ElementsAre("f4", "f8", "u1", "i4", "i8", "fortran", "number", "empty", "big_endian",
                          "complex", "objects", "records"));
}

TEST(WriteNpz, WhatIsWrittenIsReadBack) {
  const TestFolder folder;
  const fs::path path = folder.path() / "a.npz";
  const std::map<std::string, torch::Tensor> arrays = {
      {"f4", count(torch::kFloat32).transpose(0, 2)},
      {"f8", count(torch::kFloat64)},
      {"i4", count(torch::kInt32)},
      {"i8", count(torch::kInt64)},
      {"large", torch::rand({300'000}, torch::kFloat)},
      {"number", torch::tensor(3.5)},
      {"u1", count(torch::kUInt8)}};
  write_npz(path, arrays);
  EXPECT_THAT(npz_names(path), ElementsAre("f4", "f8", "i4", "i8", "large", "number", "u1"));
  for (const auto& [name, array] : read_npz(path, npz_names(path))) {
    EXPECT_TRUE(torch::equal(array, arrays.at(name))) << name;
  }
}

TEST(WriteNpz, TheSameArraysGiveTheSameBytes) {
  const TestFolder folder;
  const std::map<std::string, torch::Tensor> arrays = {{"a", count(torch::kFloat32)}};
  write_npz(folder.path() / "a.npz", arrays);
  setenv("TZ", "Asia/Tokyo", 1);  // zip keeps local times
  tzset();
  write_npz(folder.path() / "b.npz", arrays);
  unsetenv("TZ");
  tzset();
  EXPECT_EQ(read_bytes(folder.path() / "a.npz"), read_bytes(folder.path() / "b.npz"));
}

TEST(WriteNpz, LeavesTheOldFileWhereItFails) {
  const TestFolder folder;
  const fs::path path = folder.path() / "a.npz";
  folder.write("a.npz", "old");
  EXPECT_THROW(write_npz(path, {{"a", torch::zeros({2}, torch::kBool)}}), c10::Error);
  EXPECT_EQ(read_bytes(path), bytes_of("old"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
  EXPECT_THAT(message_of<std::system_error>([] { write_npz("/none/a.npz", {}); }),
              HasSubstr("cannot create \"/none/a.npz\""));
}

TEST(ReadNpz, AnArrayWhoseSizeIsNotThatOfItsShapeIsRefusedBeforeMemoryIsTaken) {
  const TestFolder folder;
  Bytes npy = make_npy_header(torch::kFloat64, {int64_t{1} << 40, 1 << 10});  // 8 PB
  npy.resize(npy.size() + 16);
  folder.write("a.npz", make_archive("zip", {{"a.npy", npy}}));
  EXPECT_THAT(
      refusal(folder.path() / "a.npz", "a"),
      HasSubstr("array a: 144 bytes, but <f8 [1099511627776, 1024] takes 9007199254741120"));
}

TEST(ReadNpz, ASizeThatNoFileOfThisLengthUnpacksToIsRefused) {
  const TestFolder folder;
  Bytes npy = make_npy_header(torch::kUInt8, {2'000'000'000});
  for (int64_t i = 0; i < 600'000; ++i) npy.push_back(std::byte(i * i >> 5 & 255));
  Bytes zip = make_archive("zip", {{"a.npy", npy}});
  set_zip_size(zip, 2'000'000'128);
  folder.write("a.npz", zip);
  EXPECT_THAT(refusal(folder.path() / "a.npz", "a"),
              HasSubstr("array a: 2000000128 bytes do not come out of a file that small"));
}

TEST(ReadNpz, DamageAndDoubledNamesAreRefused) {
  const TestFolder folder;
  Bytes npy = make_npy_header(torch::kFloat32, {2});
  npy.resize(npy.size() + 8);
  folder.write("two.npz", make_archive("zip", {{"a.npy", npy}, {"a.npy", npy}}));
  EXPECT_THAT(refusal(folder.path() / "two.npz", "a"), HasSubstr("array a comes twice"));
  Bytes zip = make_archive("zip stored", {{"a.npy", npy}});
  zip[find_bytes(zip, "NUMPY") + 130] ^= std::byte{1};
  folder.write("bad.npz", zip);
  EXPECT_THAT(refusal(folder.path() / "bad.npz", "a"), HasSubstr("libarchive: ZIP bad CRC"));
  folder.write("no.npz", "text");
  EXPECT_THAT(refusal(folder.path() / "no.npz", "a"),
              HasSubstr("the archive is damaged or cut off"));
  EXPECT_THAT(refusal(folder.path() / "none.npz", "a"), HasSubstr("none.npz"));
}

}  // namespace
}  // namespace oar
