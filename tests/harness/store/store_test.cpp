#include "harness/store/store.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <system_error>

#include "datasets/dataset.h"
#include "harness/store/file_lock.h"
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
  EXPECT_EQ(opened.finish(kNode, {nlohmann::json{{"loss", 0.5}}, {}, {}}),
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
  const StageFacts facts = {{{"count", 1}}, {12.5, 20.5, 4096, 2}, {{"commit", "abc"}}};
  const auto manifest = nlohmann::json::parse(read(opened.finish(node, facts) / "manifest.json"));
  EXPECT_EQ(manifest["schema_version"], 2);
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
  EXPECT_EQ(manifest["cost"],
            (nlohmann::json{
                {"seconds", 12.5}, {"cpu_seconds", 20.5}, {"peak_memory", 4096}, {"attempts", 2}}));
  EXPECT_EQ(manifest["made_by"], (nlohmann::json{{"commit", "abc"}}));
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

TEST_F(DamagedArtifact, WithAFlippedBitInTheManifestIsMadeAgain) {
  std::string manifest = read(folder_ / "manifest.json");
  manifest.replace(manifest.find("\"loss\": 0.5"), 11, "\"loss\": 0.7");
  write(folder_ / "manifest.json", manifest);
  expect_found_and_made_again("its SHA-256 differs");
}

TEST_F(DamagedArtifact, WithAFlippedBitInAFileIsFoundByTheStageThatReadsIt) {
  std::string model = read(folder_ / "model.bin");
  model[3] ^= 1;
  write(folder_ / "model.bin", model);
  EXPECT_THAT(store().damage(kNode.stage, kNode.key), HasSubstr("model.bin has the SHA-256"));
  EXPECT_TRUE(store().complete(kNode));  // the sizes are right
  const StageNode next = make_node("samples", 1, {}, {{"model", kNode}});
  try {
    run(next, [](StageContext&) { return nlohmann::json(); });
    FAIL() << "it read what was not written";
  } catch (const MissingInput& missing) {
    EXPECT_EQ(missing.key, kNode.key);
    EXPECT_THAT(missing.what(), HasSubstr("model.bin has the SHA-256"));
  }
  EXPECT_FALSE(store().complete(kNode));  // it was moved aside, to be made again
  EXPECT_TRUE(fs::exists(fs::path(folder_) += ".damaged"));
}

TEST_F(DamagedArtifact, OfAnOlderProgramIsReadWithoutAHashOfItsManifest) {
  auto manifest = nlohmann::json::parse(read(folder_ / "manifest.json"));
  manifest["schema_version"] = 1;
  manifest.erase("sha256");
  manifest.erase("cost");
  manifest["seconds"] = 3.5;
  write(folder_ / "manifest.json", manifest.dump());
  EXPECT_TRUE(store().complete(kNode));
  EXPECT_EQ(seconds_of(store().inspect(kNode).manifest), 3.5);
}

TEST_F(DamagedArtifact, IsMarkedAsUsedByEachUse) {
  const fs::path manifest = folder_ / "manifest.json";
  fs::last_write_time(manifest, fs::file_time_type::clock::now() - std::chrono::hours(100));
  run(kNode, [](StageContext& c) { return three_steps(c); });
  EXPECT_LT(fs::file_time_type::clock::now() - fs::last_write_time(manifest),
            std::chrono::hours(1));
}

TEST_F(StoreTest, AFailureIsNotedUntilTheStageIsMade) {
  const Store opened = store();
  EXPECT_THROW(run(kNode, [](StageContext&) -> nlohmann::json { throw Diverged("no number"); }),
               Diverged);
  const auto noted = opened.noted_failure(kNode);
  ASSERT_TRUE(noted.has_value());
  EXPECT_EQ(noted->status, "diverged");
  EXPECT_EQ(noted->message, "no number");
  EXPECT_GT(noted->time, 0);

  Progress progress;
  const auto function = [](StageContext& context) { return three_steps(context); };
  StageRunner same_run(opened, progress, {.since = noted->time});
  EXPECT_THROW(same_run.run(kNode, function), StageFailed);
  StageRunner later_run(opened, progress, {.since = noted->time + 1});
  EXPECT_FALSE(later_run.run(kNode, function).cached);
  EXPECT_FALSE(opened.noted_failure(kNode).has_value());
}

TEST_F(StoreTest, AStageThatAnotherProcessIsAtWorkOnIsLeftToIt) {
  const Store opened = store();
  fs::create_directories(opened.folder(kNode).parent_path());
  Progress progress;
  StageRunner runner(opened, progress);
  const auto function = [](StageContext& context) { return three_steps(context); };
  std::string holder;
  {
    const FileLock held(opened.lock_file(kNode), [](const std::string&) {});
    EXPECT_FALSE(runner.try_run(kNode, function, &holder).has_value());
    EXPECT_THAT(holder, HasSubstr("process " + std::to_string(getpid())));
  }
  EXPECT_TRUE(runner.try_run(kNode, function, &holder).has_value());
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
  const auto folder = opened.finish(kNode, {});
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
  EXPECT_THROW(opened.seal(kNode, {}), std::logic_error);
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

TEST_F(StoreTest, NamesThatWouldLeadOutOfItAreRefused) {
  const std::string key(64, 'a');
  EXPECT_EQ(store().folder("any_order", key).parent_path(), store().root() / "any_order");
  for (const std::string name : {"", ".", "..", "../evil", "/etc", "a/b", "a b", "a\n"}) {
    EXPECT_THROW(store().folder(name, key), BadData) << name;
    EXPECT_THROW(store().folder("any_order", name), BadData) << name;
    EXPECT_THROW(store().inspect(name, key), BadData) << name;
  }
}

}  // namespace
}  // namespace oar
