// The corpora of the fuzzers, replayed: hostile files are refused for the right reason, and what a
// fuzzer once found stays mended.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <set>

#include "datasets/archive_reader.h"
#include "harness/sweep/sweep.h"
#include "models/weights/tensor_file.h"
#include "tests/fuzz/seed_groups.h"
#include "tests/fuzz/targets.h"
#include "tests/harness/sweep/sweep_fixture.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path kCorpus = fs::path(OAR_SOURCE_DIR) / "tests/fuzz/corpus";

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string sweep_answer(const std::string& bytes) {
  std::vector<std::string> set;
  size_t end = bytes.find('\0');
  const std::string file = bytes.substr(0, end);
  while (end != std::string::npos) {
    const size_t begin = end + 1;
    end = bytes.find('\0', begin);
    set.push_back(bytes.substr(begin, end == std::string::npos ? end : end - begin));
  }
  try {
    parse_sweep(file, "s.json", set, known_names());
    return "read";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

std::string weights_answer(const std::string& bytes) {
  try {
    read_tensors(as_bytes(bytes), "file");
    return "read";
  } catch (const BadWeights& error) {
    return error.what();
  }
}

std::string archive_answer(const std::string& bytes) {
  const fs::path path =
      fs::temp_directory_path() / ("oar_corpus_test_" + std::to_string(::getpid()));
  std::ofstream(path, std::ios::binary) << bytes;
  std::string answer = "read";
  try {
    const auto format = bytes.starts_with("PK") ? ArchiveFormat::kZip : ArchiveFormat::kTar;
    ArchiveReader reader(path, format, {.entries = 100, .unpacked = 1 << 20});
    while (reader.next()) reader.read_all();
  } catch (const BadData& error) {
    answer = error.what();
  }
  fs::remove(path);
  return answer;
}

struct Target {
  const char* name;
  void (*run)(std::span<const std::byte>);
  std::string (*answer)(const std::string& bytes);
};

void PrintTo(const Target& target, std::ostream* out) { *out << target.name; }

class Corpus : public testing::TestWithParam<Target> {
 protected:
  static std::vector<SeedFile> seeds() {
    for (const SeedGroup& group : seed_groups()) {
      if (group.target == GetParam().name) return group.seeds;
    }
    return {};
  }
};

TEST_P(Corpus, SeedsAreReadOrRefusedForTheReasonTheirTableGives) {
  for (const SeedFile& seed : seeds()) {
    const std::string expected = seed.refusal.empty() ? "read" : seed.refusal;
    EXPECT_THAT(GetParam().answer(seed.bytes), HasSubstr(expected)) << seed.name;
  }
}

TEST_P(Corpus, HoldsTheSeeds) {
  std::set<std::string> names;
  for (const SeedFile& seed : seeds()) {
    EXPECT_TRUE(names.insert(seed.name).second) << seed.name;
    EXPECT_LE(seed.bytes.size(), 4096u) << seed.name;
    EXPECT_TRUE(content(kCorpus / GetParam().name / seed.name) == seed.bytes)
        << seed.name << ": write the corpora anew: build/make_corpus " << kCorpus.string();
  }
  EXPECT_FALSE(names.empty());
}

TEST_P(Corpus, EveryFileGivesWhatTheReaderPromises) {
  size_t files = 0;
  for (const auto& entry : fs::directory_iterator(kCorpus / GetParam().name)) {
    SCOPED_TRACE(entry.path().string());
    EXPECT_NO_THROW(GetParam().run(as_bytes(content(entry.path()))));
    ++files;
  }
  EXPECT_GE(files, seeds().size());
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Corpus,
                         testing::Values(Target{"sweep", fuzz::sweep, sweep_answer},
                                         Target{"safetensors", fuzz::safetensors, weights_answer},
                                         Target{"pickle", fuzz::pickle, weights_answer},
                                         Target{"archive", fuzz::archive, archive_answer}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace oar
