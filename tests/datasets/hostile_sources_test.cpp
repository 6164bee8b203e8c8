// Files that a stranger made, or a failing disk: images or BadData, never anything else.

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "datasets/npy.h"
#include "datasets/npz.h"
#include "tests/datasets/test_archive.h"
#include "tests/datasets/test_source.h"

namespace oar {
namespace {

constexpr int kMutants = 2000;  // of each kind

/// The file with one to four bytes changed, or a piece cut out, doubled or cut off.
Bytes mutated(Bytes bytes, std::mt19937& random) {
  const auto place = [&] { return static_cast<std::ptrdiff_t>(random() % (bytes.size() + 1)); };
  switch (random() % 8) {
    case 0:
      bytes.resize(place());
      break;
    case 1: {
      const auto [begin, end] = std::minmax({place(), place()});
      bytes.erase(bytes.begin() + begin, bytes.begin() + end);
      break;
    }
    case 2: {
      const auto [begin, end] = std::minmax({place(), place()});
      const Bytes piece(bytes.begin() + begin, bytes.begin() + end);
      bytes.insert(bytes.begin() + place(), piece.begin(), piece.end());
      break;
    }
    default:
      constexpr int kTelling[] = {0, 1, 0x7F, 0x80, 0xFF};
      for (int changes = 1 + random() % 4; changes > 0; --changes) {
        const auto at = random() % bytes.size();
        bytes[at] = std::byte(random() % 2 ? kTelling[random() % 5] : random() % 256);
      }
  }
  return bytes;
}

torch::Tensor images() { return torch::arange(2 * 8 * 8 * 3).to(torch::kUInt8).view({2, 8, 8, 3}); }

struct Kind {
  std::string name;
  Bytes bytes;
};

void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

std::vector<Kind> kinds() {
  Bytes npy = make_npy_header(torch::kUInt8, images().sizes());
  const torch::Tensor data = images();
  const auto* elements = static_cast<const std::byte*>(data.const_data_ptr());
  npy.insert(npy.end(), elements, elements + data.nbytes());
  const std::vector<TestEntry> pictures = {
      picture_entry("d/a.png"), {"d/b.txt", bytes_of("b")}, picture_entry("c.jpg")};
  return {{"npy", npy},
          {"npz", make_archive("zip", {{"arr_0.npy", npy}, {"labels.npy", npy}})},
          {"npz_stored", make_archive("zip stored", {{"arr_0.npy", npy}})},
          {"zip", make_archive("zip", pictures)},
          {"tar", make_archive("tar", pictures)},
          {"tar_gzip", make_archive("tar gzip", pictures)},
          {"tar_xz", make_archive("tar xz", pictures)},
          {"tar_zstd", make_archive("tar zstd", pictures)}};
}

class HostileSource : public testing::TestWithParam<Kind> {};

INSTANTIATE_TEST_SUITE_P(, HostileSource, testing::ValuesIn(kinds()),
                         [](const auto& info) { return info.param.name; });

TEST_P(HostileSource, IsReadOrRefusedAsBadData) {
  const TestFolder folder;
  std::mt19937 random(20);
  int refused = 0;
  for (int i = 0; i < kMutants; ++i) {
    folder.write("file", mutated(GetParam().bytes, random));
    try {
      images_of(*open_image_source(folder.path() / "file"));
    } catch (const BadData&) {
      ++refused;
    }
    try {
      read_npz(folder.path() / "file", {"arr_0", "labels"});
    } catch (const BadData&) {
    }
  }
  EXPECT_GT(refused, kMutants / 10);  // or the mutations hit nothing
}

TEST(HostileMatrix, IsReadOrRefusedAsBadData) {
  const TestFolder folder;
  Bytes npy = make_npy_header(torch::kFloat32, {4, 3});
  npy.resize(npy.size() + 48);
  std::mt19937 random(21);
  for (int i = 0; i < kMutants; ++i) {
    folder.write("file", mutated(npy, random));
    try {
      const NpyMatrix matrix(folder.path() / "file");
      matrix.rows(0, matrix.count());
    } catch (const BadData&) {
    }
  }
}

}  // namespace
}  // namespace oar
