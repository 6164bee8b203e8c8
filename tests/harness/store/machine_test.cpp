#include "harness/store/machine.h"

#include <gmock/gmock.h>
#include <torch/version.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "store_fixture.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::MatchesRegex;

TEST(MachineRecord, SaysWhatAStrangerNeedsToKnow) {
  const auto record = machine_record("cpu");
  EXPECT_EQ(record.at("device"), "cpu");
  EXPECT_GE(record.at("processor").at("threads").get<int>(),
            static_cast<int>(std::thread::hardware_concurrency()));
  EXPECT_TRUE(record.at("processor").at("instruction_sets").is_array());
  EXPECT_GT(record.at("memory").get<int64_t>(), int64_t{64} << 20);
  EXPECT_THAT(record.at("system").at("kernel").get<std::string>(), HasSubstr("Linux "));
  EXPECT_FALSE(record.at("compiler").get<std::string>().empty());
  EXPECT_EQ(record.at("libraries").at("libtorch"), TORCH_VERSION);
  for (const char* name : {"opencv", "nlohmann_json", "openssl", "fmt", "libarchive"}) {
    EXPECT_THAT(record.at("libraries").at(name).get<std::string>(),
                MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+.*"));
  }
  EXPECT_THAT(record.at("commit").get<std::string>(), MatchesRegex("unknown|[0-9a-f]{40}"));
  EXPECT_EQ(record.at("tree_clean").is_null(), record.at("commit") == "unknown");
  EXPECT_THAT(record.at("build").at("type").get<std::string>(), MatchesRegex("[A-Za-z]+"));
  EXPECT_THAT(record.at("build").at("flags").get<std::string>(), HasSubstr("-"));
  EXPECT_TRUE(record.at("build").at("sanitizers").is_boolean());
  EXPECT_EQ(record.at("gpus"), gpu_records());
}

// Both shapes of the first line that NVIDIA's modules have, as they print them.
TEST_F(StoreTest, TheDriverAndTheGpusAreReadWithoutCuda) {
  EXPECT_TRUE(gpu_records(root_ / "nvidia").is_null());
  for (const char* bus : {"0000:4b:00.0", "0000:3a:00.0"}) {
    fs::create_directories(root_ / "nvidia" / "gpus" / bus);
  }
  write(root_ / "nvidia" / "gpus" / "0000:3a:00.0" / "information",
        "Model: \t\t NVIDIA H200\nIRQ:   \t\t 120\nGPU UUID: \t GPU-1\n");
  write(root_ / "nvidia" / "gpus" / "0000:4b:00.0" / "information",
        "Model: \t\t NVIDIA A100-SXM4-80GB\n");
  write(root_ / "nvidia" / "version",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  "
        "(dvs-builder@U22)  Sun Jul 27 07:19:21 UTC 2025\nGCC version:  gcc version 12.3.0\n");
  EXPECT_EQ(gpu_records(root_ / "nvidia"),
            (nlohmann::json{{{"name", "NVIDIA H200"}, {"driver", "580.65.06"}},
                            {{"name", "NVIDIA A100-SXM4-80GB"}, {"driver", "580.65.06"}}}));
  write(
      root_ / "nvidia" / "version",
      "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03  Tue Jun  6 22:20:39 UTC 2023\n");
  EXPECT_EQ(gpu_records(root_ / "nvidia").at(0).at("driver"), "535.54.03");
}

// cmake/GitVersion.cmake, run on a tree of our own.
class GitVersion : public StoreTest {
 protected:
  void SetUp() override {
    if (std::system("cmake --version >/dev/null 2>&1 && git --version >/dev/null 2>&1") != 0) {
      GTEST_SKIP() << "needs cmake and git on the PATH";
    }
    fs::create_directory(tree());
  }
  fs::path tree() const { return root_ / "tree"; }
  void git(const std::string& arguments) const {
    const std::string command = "cd '" + tree().string() +
                                "' && git -c user.name=t -c user.email=t@example.org "
                                "-c init.defaultBranch=main " +
                                arguments + " >/dev/null 2>&1";
    ASSERT_EQ(std::system(command.c_str()), 0) << arguments;
  }
  std::string header() const {
    const std::string command = "cmake -DSOURCE_DIR='" + tree().string() + "' -DHEADER='" +
                                (root_ / "v.h").string() +
                                "' -P '" OAR_SOURCE_DIR "/cmake/GitVersion.cmake' >/dev/null";
    EXPECT_EQ(std::system(command.c_str()), 0);
    return read(root_ / "v.h");
  }
};

TEST_F(GitVersion, IsUnknownOutsideATreeAndBeforeTheFirstCommit) {
  const std::string unknown =
      "#pragma once\n\n#define OAR_GIT_COMMIT \"unknown\"\n"
      "#define OAR_GIT_TREE_CLEAN \"unknown\"\n";
  EXPECT_EQ(header(), unknown);
  git("init");
  EXPECT_EQ(header(), unknown);
}

TEST_F(GitVersion, IsUnknownInsideATreeOfSomebodyElse) {
  git("init");
  git("commit --allow-empty -m theirs");
  fs::create_directory(tree() / "oar-bench");
  const fs::path nested = tree() / "oar-bench";
  const std::string command = "cmake -DSOURCE_DIR='" + nested.string() + "' -DHEADER='" +
                              (root_ / "v.h").string() +
                              "' -P '" OAR_SOURCE_DIR "/cmake/GitVersion.cmake' >/dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_THAT(read(root_ / "v.h"), HasSubstr("OAR_GIT_COMMIT \"unknown\""));
}

TEST_F(GitVersion, NamesTheCommitAndWhetherTheTreeIsClean) {
  git("init");
  write(tree() / "a", "1");
  git("add a");
  git("commit -m first");
  EXPECT_THAT(header(), testing::ContainsRegex("OAR_GIT_COMMIT \"[0-9a-f]{40}\""));
  EXPECT_THAT(header(), HasSubstr("OAR_GIT_TREE_CLEAN \"true\""));
  write(tree() / "a", "2");
  EXPECT_THAT(header(), HasSubstr("OAR_GIT_TREE_CLEAN \"false\""));
}

TEST_F(GitVersion, DoesNotTouchAHeaderThatSaysTheSame) {
  header();
  const auto past = fs::file_time_type::clock::now() - std::chrono::hours(1);
  fs::last_write_time(root_ / "v.h", past);
  const auto before = fs::last_write_time(root_ / "v.h");
  header();
  EXPECT_EQ(fs::last_write_time(root_ / "v.h"), before);
}

}  // namespace
}  // namespace oar
