// The corpus of the fuzzer, replayed: hostile files are refused for the right reason, and what the
// fuzzer once found stays mended.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "models/weights/tensor_file.h"
#include "tests/fuzz/seed_files.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace oar {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path kCorpus = fs::path(OAR_SOURCE_DIR) / "tests/fuzz/corpus/read_tensors";

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string answer(const std::string& bytes) {
  try {
    read_tensors(as_bytes(bytes), "file");
    return "read";
  } catch (const BadWeights& error) {
    return error.what();
  }
}

TEST(SeedFiles, AreReadOrRefusedForTheReasonTheirTableGives) {
  for (const SeedFile& seed : seed_files()) {
    const std::string expected = seed.refusal.empty() ? "read" : seed.refusal;
    EXPECT_THAT(answer(seed.bytes), HasSubstr(expected)) << seed.name;
  }
}

TEST(SeedFiles, AreTheOnesOfTheCorpus) {
  std::set<std::string> names;
  for (const SeedFile& seed : seed_files()) {
    EXPECT_TRUE(names.insert(seed.name).second) << seed.name;
    EXPECT_LE(seed.bytes.size(), 2048u) << seed.name;
    EXPECT_EQ(content(kCorpus / seed.name), seed.bytes)
        << seed.name << ": write the corpus anew: build/make_corpus " << kCorpus.string();
  }
}

TEST(Corpus, GivesTensorsOrBadWeights) {
  size_t files = 0;
  for (const auto& entry : fs::directory_iterator(kCorpus)) {
    SCOPED_TRACE(entry.path().string());
    const std::string bytes = content(entry.path());
    EXPECT_NO_THROW(
        LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
    ++files;
  }
  EXPECT_GE(files, seed_files().size());
}

}  // namespace
}  // namespace oar
