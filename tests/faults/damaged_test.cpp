// Files of the store that somebody, or a disk, has changed: found, named, and made again.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/faults/fault_fixture.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DamagedTrains : public FaultTest {
 protected:
  void SetUp() override {
    FaultTest::SetUp();
    ASSERT_EQ(run_sweep("calm").code, 0);
    fs::copy(folder_ / "calm", folder_ / "store", fs::copy_options::recursive);
  }

  /// The file of this name in the one artifact of `stage`.
  fs::path file_of(const std::string& stage, const std::string& name) const {
    for (const auto& entry : fs::directory_iterator(folder_ / "store" / stage)) {
      if (fs::exists(entry.path() / name)) return entry.path() / name;
    }
    throw std::runtime_error("no " + name + " in " + stage);
  }
  void forget(const std::string& stage) { fs::remove_all(folder_ / "store" / stage); }

  static void flip_a_bit(const fs::path& file) {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    const auto middle = static_cast<std::streamoff>(fs::file_size(file) / 2);
    bytes.seekg(middle);
    const char byte = static_cast<char>(bytes.get() ^ 1);
    bytes.seekp(middle);
    bytes.put(byte);
  }
  static void cut_in_half(const fs::path& file) { fs::resize_file(file, fs::file_size(file) / 2); }

  /// The next run must say `named` is damaged, and leave the store as it was.
  void expect_found_and_remade(const std::string& named) {
    const Outcome outcome = run(loud());
    EXPECT_EQ(outcome.code, 0) << outcome.text;
    EXPECT_THAT(outcome.text, HasSubstr("is damaged"));
    EXPECT_THAT(outcome.text, HasSubstr(named));
    EXPECT_THAT(differences("store", "calm"), IsEmpty());
  }
  std::vector<std::string> loud() const {
    std::vector<std::string> words = arguments("store");
    std::erase(words, "--quiet");
    return words;
  }
};

TEST_F(DamagedTrains, FilesThatAreTooShortAreFoundAtOnce) {
  for (const auto& [stage, name] :
       std::vector<std::pair<std::string, std::string>>{{"any_order", "weights.safetensors"},
                                                        {"tokens", "tokens.safetensors"},
                                                        {"features", "features.safetensors"},
                                                        {"scores", "manifest.json"}}) {
    SCOPED_TRACE(stage + "/" + name);
    cut_in_half(file_of(stage, name));
    expect_found_and_remade(name);
  }
}

TEST_F(DamagedTrains, ABitInAManifestIsFoundAtOnce) {
  flip_a_bit(file_of("any_order", "manifest.json"));
  expect_found_and_remade("manifest.json");
}

// Sizes are right, so only whoever reads the file finds it: the stages that do are made anew.
TEST_F(DamagedTrains, ABitInAFileIsFoundByWhoeverReadsIt) {
  for (const auto& [stage, name, reader] :
       std::vector<std::array<std::string, 3>>{{"tokenizer", "weights.safetensors", "tokens"},
                                               {"tokens", "tokens.safetensors", "any_order"},
                                               {"any_order", "weights.safetensors", "orders"},
                                               {"orders", "orders.safetensors", "specialist"},
                                               {"samples", "images/000003.png", "features"},
                                               {"features", "features.safetensors", "scores"}}) {
    SCOPED_TRACE(stage + "/" + name);
    flip_a_bit(file_of(stage, name));
    forget(reader);
    expect_found_and_remade(name);
  }
}

TEST_F(DamagedTrains, ABitInACheckpointOnlyCostsTheTimeToThatPoint) {
  const std::vector<std::string> more = {"--set", "train.images_seen=20000", "--checkpoint-every",
                                         "0.1"};
  ASSERT_EQ(run_sweep("steady", more).code, 0);
  const auto checkpoint = [&] {
    std::error_code vanished;
    for (fs::recursive_directory_iterator i(folder_ / "store" / "any_order", vanished), end;
         i != end; i.increment(vanished)) {
      if (i->path().filename() == "checkpoint.safetensors") return i->path();
    }
    return fs::path();
  };
  fs::remove_all(folder_ / "store");
  const pid_t process = start(arguments("store", more));
  for (int i = 0; i < 2000 && checkpoint().empty(); ++i) ::usleep(10000);
  ::kill(process, SIGTERM);
  EXPECT_EQ(finish(process).code, 75);
  ASSERT_FALSE(checkpoint().empty());
  flip_a_bit(checkpoint());
  std::vector<std::string> again = loud();
  again.insert(again.end(), more.begin(), more.end());
  const Outcome outcome = run(again);
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("checkpoint.safetensors: damaged"));
  EXPECT_EQ(numbers("store"), numbers("steady"));
}

}  // namespace
}  // namespace oar
