#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "datasets/image_source.h"
#include "datasets/npy_header.h"
#include "datasets/npz.h"
#include "tests/datasets/test_archive.h"
#include "tests/datasets/test_source.h"

namespace oar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// Three images of 8 x 9 pixels, no two values in a row alike.
torch::Tensor three_images() {
  return torch::arange(3 * 8 * 9 * 3).remainder(251).to(torch::kUInt8).view({3, 8, 9, 3});
}

Bytes npy_of(const torch::Tensor& array) {
  Bytes bytes = make_npy_header(array.scalar_type(), array.sizes());
  const auto* data = static_cast<const std::byte*>(array.const_data_ptr());
  bytes.insert(bytes.end(), data, data + array.nbytes());
  return bytes;
}

/// A .npy whose header is this text.
Bytes npy_with(const std::string& header, size_t elements) {
  Bytes bytes = bytes_of(std::string("\x93NUMPY\1\0", 8));
  bytes.push_back(std::byte(header.size() & 255));
  bytes.push_back(std::byte(header.size() >> 8));
  for (const std::byte byte : bytes_of(header)) bytes.push_back(byte);
  bytes.resize(bytes.size() + elements);
  return bytes;
}

void expect_three_images(const ImageSource& source, const std::string& name) {
  EXPECT_THAT(visits_of(source),
              ElementsAre("0 " + name + "[0]", "1 " + name + "[1]", "2 " + name + "[2]"));
  for (const SourceImage& image : images_of(source)) {
    EXPECT_TRUE(torch::equal(image.pixels, three_images()[image.rank].permute({2, 0, 1})));
    EXPECT_TRUE(image.bytes.empty());
  }
}

TEST(ArraySource, ReadsNpyAndNpzStoredAndDeflated) {
  const TestFolder folder;
  folder.write("a.npy", npy_of(three_images()));
  write_npz(folder.path() / "stored.npz", {{"arr_0", three_images()}});
  folder.write("deflated.npz", make_archive("zip", {{"arr_0.npy", npy_of(three_images())}}));
  expect_three_images(*open_image_source(folder.path() / "a.npy"), "array");
  expect_three_images(*open_image_source(folder.path() / "stored.npz"), "arr_0");
  expect_three_images(*open_image_source(folder.path() / "deflated.npz"), "arr_0");
}

TEST(ArraySource, OfSeveralArraysArr0OrTheOnlyOneOfImages) {
  const TestFolder folder;
  const torch::Tensor labels = torch::arange(3), images = three_images();
  write_npz(folder.path() / "adm.npz", {{"arr_0", images}, {"arr_1", labels}});
  write_npz(folder.path() / "named.npz", {{"labels", labels}, {"samples", images}});
  write_npz(folder.path() / "both.npz", {{"arr_0", images}, {"more", torch::zeros_like(images)}});
  expect_three_images(*open_image_source(folder.path() / "adm.npz"), "arr_0");
  expect_three_images(*open_image_source(folder.path() / "named.npz"), "samples");
  expect_three_images(*open_image_source(folder.path() / "both.npz"), "arr_0");
  write_npz(folder.path() / "two.npz", {{"a", images}, {"b", images}, {"l", labels}});
  EXPECT_EQ(
      refusal_of(folder, "two.npz"),
      "\"two.npz\": one array of images, uint8 [N, H, W, 3], is needed, called arr_0 if there "
      "are others; it holds a |u1 [3, 8, 9, 3], b |u1 [3, 8, 9, 3], l <i8 [3]");
}

TEST(ArraySource, AnotherArrayMayBeOfATypeThatIsNotRead) {
  const TestFolder folder;
  folder.write("a.npz",
               make_archive("zip", {{"meta.npy", npy_with("{'descr': [('a', '<f4')], }", 4)},
                                    {"images.npy", npy_of(three_images())}}));
  expect_three_images(*open_image_source(folder.path() / "a.npz"), "images");
}

TEST(ArraySource, RefusesArraysThatAreNoImages) {
  const TestFolder folder;
  const auto npz = [&](const torch::Tensor& array) {
    write_npz(folder.path() / "a.npz", {{"mu", array}});
    return refusal_of(folder, "a.npz");
  };
  EXPECT_EQ(
      npz(torch::zeros({4})),
      "\"a.npz\": an array of images, uint8 [N, H, W, 3], is needed, called arr_0 if there are "
      "others; it holds mu <f4 [4]");
  EXPECT_THAT(npz(torch::zeros({3, 3, 8, 9}, torch::kUInt8)),
              HasSubstr("it holds mu |u1 [3, 3, 8"));
  EXPECT_THAT(npz(torch::zeros({0, 8, 8, 3}, torch::kUInt8)),
              HasSubstr("there are no images in it"));
  EXPECT_THAT(npz(torch::zeros({1, 7, 8, 3}, torch::kUInt8)),
              HasSubstr("|u1 [1, 7, 8, 3] is refused: images of at least 8x8 pixels are needed"));
  folder.write("a.npy", npy_of(torch::zeros({2, 3})));
  EXPECT_EQ(refusal_of(folder, "a.npy"),
            "\"a.npy\": an array of images, uint8 [N, H, W, 3], is needed; it holds <f4 [2, 3]");
}

TEST(ArraySource, RefusesFortranOrderWhichScattersTheImages) {
  const TestFolder folder;
  folder.write("a.npy",
               npy_with("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 8, 8, 3), }", 384));
  EXPECT_THAT(refusal_of(folder, "a.npy"), HasSubstr("numpy.ascontiguousarray"));
}

TEST(ArraySource, ASizeThatDoesNotFitTheShapeIsRefused) {
  const TestFolder folder;
  Bytes npy = npy_of(three_images());
  npy.pop_back();
  folder.write("a.npy", npy);
  EXPECT_EQ(
      refusal_of(folder, "a.npy"),
      "\"a.npy\": 775 bytes, but an array |u1 [3, 8, 9, 3] takes 776; it is cut off or damaged");
  folder.write("a.npz", make_archive("zip", {{"arr_0.npy", npy}}));
  EXPECT_EQ(refusal_of(folder, "a.npz"),
            "\"a.npz\": array arr_0: 775 bytes, but |u1 [3, 8, 9, 3] takes 776; it is damaged");
}

TEST(ArraySource, ADamagedArrayIsRefusedByItsChecksum) {
  const TestFolder folder;
  Bytes npz = make_archive("zip stored", {{"arr_0.npy", npy_of(three_images())}});
  npz[500] ^= std::byte{1};
  folder.write("a.npz", npz);
  EXPECT_THAT(refusal_of(folder, "a.npz"), HasSubstr("libarchive: ZIP bad CRC"));
}

TEST(ArraySource, OneThatChangesMeanwhileIsRefused) {
  const TestFolder folder;
  for (const char* file : {"a.npy", "a.npz"}) {
    const auto write = [&](const torch::Tensor& images) {
      if (file == std::string("a.npy")) {
        folder.write(file, npy_of(images));
      } else {
        write_npz(folder.path() / file, {{"arr_0", images}});
      }
    };
    write(three_images());
    const auto source = open_image_source(folder.path() / file);
    write(torch::zeros({3, 9, 8, 3}, torch::kUInt8));
    EXPECT_THAT(message_of<BadData>([&] { images_of(*source); }),
                HasSubstr("has changed since it was opened; start again"));
  }
}

}  // namespace
}  // namespace oar
