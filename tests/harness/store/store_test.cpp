#include "harness/store/store.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <system_error>

#include "models/weights/atomic_file.h"
#include "store_fixture.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using State = Artifact::State;

const StageNode kNode = make_node("any_order", 3, {{"seed", 7}});

TEST_F(StoreTest, FinishMakesAnArtifactThatIsComplete) {
  const Store opened = store();
  opened.open_work(kNode);
  write(opened.work(kNode) / "model.bin", "abc");
  EXPECT_FALSE(opened.complete(kNode));
  EXPECT_EQ(opened.finish(kNode, {{"loss", 0.5}}, 12.5),
            root_ / "store" / "any_order" / kNode.key.substr(0, 32));
  EXPECT_TRUE(opened.complete(kNode));
  EXPECT_FALSE(fs::exists(opened.work(kNode)));
}

TEST_F(StoreTest, TheManifestSaysWhatTheArtifactIsAndHoldsEachFilesHash) {
  const Store opened = store();
  const StageNode node = make_node("samples", 2, {{"n", 4}}, {{"model", kNode}});
  opened.open_work(node);
  fs::create_directory(opened.work(node) / "images");
  write(opened.work(node) / "images" / "0.png", "abc");
  write(opened.scratch(node) / "checkpoint", "not part of it");
  const auto manifest =
      nlohmann::json::parse(read(opened.finish(node, {{"count", 1}}, 12.5) / "manifest.json"));
  EXPECT_EQ(manifest["schema_version"], 1);
  EXPECT_EQ(manifest["stage"], "samples");
  EXPECT_EQ(manifest["version"], 2);
  EXPECT_EQ(manifest["key"], node.key);
  EXPECT_EQ(manifest["config"], node.config);
  EXPECT_EQ(manifest["inputs"],
            (nlohmann::json{{"model", {{"stage", "any_order"}, {"key", kNode.key}}}}));
  EXPECT_EQ(
      manifest["files"],  // SHA-256 of "abc" as FIPS 180 prints it
      (nlohmann::json{
          {"images/0.png",
           {{"bytes", 3},
            {"sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}}}}));
  EXPECT_EQ(manifest["record"], (nlohmann::json{{"count", 1}}));
  EXPECT_EQ(manifest["seconds"], 12.5);
  EXPECT_THAT(manifest["created"].get<std::string>(),
              testing::MatchesRegex("....-..-..T..:..:..Z"));
}

class DamagedArtifact : public StoreTest {
 protected:
  void SetUp() override {
    folder_ = run(kNode, [](StageContext& context) { return three_steps(context); }).folder;
    intact_ = files_of(folder_);
  }
  void expect_found_and_made_again(const std::string& problem) {
    EXPECT_EQ(store().inspect(kNode).state, State::kDamaged);
    EXPECT_THAT(store().inspect(kNode).problem, HasSubstr(problem));
    const auto again = run(kNode, [](StageContext& context) { return three_steps(context); });
    EXPECT_FALSE(again.cached);
    EXPECT_EQ(files_of(folder_), intact_);
    EXPECT_TRUE(store().complete(kNode));
    EXPECT_THAT(printed(), HasSubstr(kNode.label() + " is damaged: "));
    EXPECT_THAT(printed(), HasSubstr(problem));
    EXPECT_TRUE(fs::exists(folder_.string() + ".damaged"));
  }
  fs::path folder_;
  std::map<std::string, std::string> intact_;
};

TEST_F(DamagedArtifact, WithATruncatedFileIsMadeAgain) {
  fs::resize_file(folder_ / "model.bin", 5);
  expect_found_and_made_again("model.bin holds 5 bytes, its manifest says 14");
}

TEST_F(DamagedArtifact, WithAMissingFileIsMadeAgain) {
  fs::remove(folder_ / "model.bin");
  expect_found_and_made_again("model.bin: No such file");
}

TEST_F(DamagedArtifact, WithATruncatedManifestIsMadeAgain) {
  fs::resize_file(folder_ / "manifest.json", 40);
  expect_found_and_made_again("its manifest.json cannot be read");
}

TEST_F(DamagedArtifact, WithAFlippedBitInTheManifestsSizeIsMadeAgain) {
  std::string manifest = read(folder_ / "manifest.json");
  manifest.replace(manifest.find("\"bytes\": 14"), 11, "\"bytes\": 15");
  write(folder_ / "manifest.json", manifest);
  expect_found_and_made_again("model.bin holds 14 bytes, its manifest says 15");
}

TEST_F(DamagedArtifact, WithoutAManifestIsMadeAgain) {
  fs::remove(folder_ / "manifest.json");
  expect_found_and_made_again("no readable manifest.json");
}

TEST_F(DamagedArtifact, WithTheManifestOfAnotherIsMadeAgain) {
  const StageNode other = make_node("any_order", 3, {{"seed", 8}});
  const auto folder = run(other, [](StageContext& c) { return three_steps(c); }).folder;
  fs::copy_file(folder / "manifest.json", folder_ / "manifest.json",
                fs::copy_options::overwrite_existing);
  expect_found_and_made_again("belongs to another artifact");
}

TEST_F(StoreTest, HalfWrittenFilesOfAKilledProcessAreNotPartOfTheArtifact) {
  const Store opened = store();
  opened.open_work(kNode);
  write(opened.work(kNode) / "model.bin.tmp.4711", "half");
  write(opened.work(kNode) / "notes.tmp.txt", "whole");
  opened.open_work(kNode);
  const auto folder = opened.finish(kNode, {}, 1);
  EXPECT_EQ(files_of(folder), (std::map<std::string, std::string>{{"notes.tmp.txt", "whole"}}));
}

TEST_F(StoreTest, AnArtifactOfManyFilesIsComplete) {
  const auto folder = run(kNode, [](StageContext& context) -> nlohmann::json {
                        for (int i = 0; i < 200; ++i) {
                          write(context.work() / (std::to_string(i) + ".png"), "abc");
                        }
                        return {};
                      }).folder;
  EXPECT_TRUE(store().complete(kNode));
  EXPECT_EQ(files_of(folder).size(), 200u);
}

TEST_F(StoreTest, LinksAreRefused) {
  const Store opened = store();
  opened.open_work(kNode);
  fs::create_symlink("/etc/hostname", opened.work(kNode) / "model.bin");
  EXPECT_THROW(opened.seal(kNode, {}, 1), std::logic_error);
}

TEST_F(StoreTest, AStageThatWritesAManifestOfItsOwnIsRefused) {
  EXPECT_THROW(run(kNode,
                   [](StageContext& context) -> nlohmann::json {
                     write(context.work() / "manifest.json", "{}");
                     return {};
                   }),
               std::logic_error);
}

TEST_F(StoreTest, ThatCannotBeAFolderSaysSo) {
  write(root_ / "store", "a file");
  try {
    store();
    FAIL() << "a file was taken for a store";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), HasSubstr((root_ / "store").string()));
    EXPECT_THAT(error.what(), HasSubstr("name another folder with --store"));
  }
}

TEST_F(StoreTest, ThatCannotBeWrittenStillServesWhatItHoldsAndRefusesTheRest) {
  const auto function = [](StageContext& context) { return three_steps(context); };
  run(kNode, function);
  const fs::path stage = root_ / "store" / "any_order";
  fs::permissions(stage, fs::perms::owner_read | fs::perms::owner_exec);
  if (access(stage.c_str(), W_OK) == 0) GTEST_SKIP() << "root may write anywhere";
  EXPECT_TRUE(run(kNode, function).cached);
  EXPECT_THROW(run(make_node("any_order", 3, {{"seed", 8}}), function), std::system_error);
  fs::permissions(stage, fs::perms::owner_all);
}

// A limit on the size of files stands for a full disk: the same call fails, with EFBIG in place of
// ENOSPC.
class FullDisk : public StoreTest {
 protected:
  static void limit_files_to(rlim_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {bytes, bytes};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  static nlohmann::json write_a_megabyte(StageContext& context) {
    write_file_atomically(context.work() / "model.bin", std::string(1 << 20, 'x'));
    return {};
  }
};

TEST_F(FullDisk, StopsTheStageAndLeavesEveryFinishedArtifactIntact) {
  const StageNode earlier = make_node("dataset", 1, {});
  const auto folder = run(earlier, [](StageContext& c) { return three_steps(c); }).folder;
  const auto before = files_of(folder);
  const int status = in_child([&] {
    limit_files_to(4096);
    try {
      run(kNode, write_a_megabyte);
    } catch (const std::system_error& error) {
      return error.code().value() == EFBIG ? 74 : 1;
    }
    return 0;
  });
  EXPECT_EQ(status, 74);
  EXPECT_TRUE(store().complete(earlier));
  EXPECT_EQ(files_of(folder), before);
  EXPECT_FALSE(store().complete(kNode));
  EXPECT_EQ(files_of(run(kNode, write_a_megabyte).folder).at("model.bin").size(), 1u << 20);
}

TEST_F(FullDisk, WhileWritingTheManifestLeavesTheStageToBeFinishedLater) {
  const auto long_record = [](StageContext& context) -> nlohmann::json {
    write(context.work() / "model.bin", "abc");
    return std::string(10000, 'x');
  };
  const int status = in_child([&] {
    limit_files_to(4096);
    try {
      run(kNode, long_record);
    } catch (const std::system_error&) {
      return 74;
    }
    return 0;
  });
  EXPECT_EQ(status, 74);
  EXPECT_EQ(store().inspect(kNode).state, State::kMissing);
  EXPECT_EQ(files_of(run(kNode, long_record).folder),
            (std::map<std::string, std::string>{{"model.bin", "abc"}}));
}

}  // namespace
}  // namespace oar
