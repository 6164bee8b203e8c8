#include "harness/init/init_verb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <system_error>

#include "harness/init/starter_sweep.h"
#include "harness/stages/pipeline.h"
#include "harness/sweep/sweep.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Sweep starter(const StarterOptions& options) {
  return parse_sweep(starter_sweep(options, known_names()), "s.json", {}, known_names());
}

TEST(StarterSweep, EveryDataSetGetsOneThatReads) {
  for (const std::string& dataset : known_names().datasets) {
    const Sweep sweep = starter({.name = "first", .dataset = dataset});
    EXPECT_EQ(sweep.name, "first");
    ASSERT_EQ(sweep.cells.size(), 2u) << dataset;
    EXPECT_EQ(sweep.cells[0].id, "recipe=raster,seed=0");
    EXPECT_EQ(sweep.cells[1].id, "recipe=oar,seed=0");
    EXPECT_EQ(sweep.baseline, (Combination{{"recipe", "raster"}}));
    for (const Cell& cell : sweep.cells) {
      EXPECT_EQ(get<std::string>(cell.recipe, "dataset.name"), dataset);
      EXPECT_FALSE(relabels(cell.recipe));
    }
  }
}

TEST(StarterSweep, TextsOfTheUserStayTexts) {
  const std::string hostile = "a\"}, \"x\": {\\ @name@ @dataset@\n";
  const Sweep sweep = starter({.name = hostile, .dataset = "image_folder", .root = hostile});
  EXPECT_EQ(sweep.name, hostile);
  EXPECT_EQ(get<std::string>(sweep.cells[0].recipe, "dataset.root"), hostile);
}

TEST(StarterSweep, ARootThatNobodyReadsIsRefused) {
  EXPECT_THROW(starter({.dataset = "sunset", .root = "photos"}), std::invalid_argument);
  EXPECT_THROW(starter({.dataset = "planted_path", .root = "photos"}), std::invalid_argument);
  EXPECT_THROW(starter({.dataset = "image_folder", .root = "\xff"}), std::invalid_argument);
}

class InitVerb : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("oar_init_test_" + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string init(InitOptions options) {
    std::ostringstream out;
    EXPECT_EQ(run_init(options, known_names(), out), 0);
    return out.str();
  }
  std::string mistake(InitOptions options) {
    try {
      init(options);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "no mistake";
  }

  fs::path folder_;
};

TEST_F(InitVerb, WritesASweepAndSaysHowToRunIt) {
  const fs::path file = folder_ / "first.json";
  const std::string text = init({.file = file});
  EXPECT_THAT(text, HasSubstr("oar-bench run '" + file.string() + "'"));
  const Sweep sweep = read_sweep(file, {}, known_names());
  EXPECT_EQ(sweep.name, "first");
  EXPECT_EQ(get<std::string>(sweep.cells[0].recipe, "dataset.name"), "sunset");
}

TEST_F(InitVerb, SaysWhichFilesAreMissing) {
  EXPECT_THAT(init({.file = folder_ / "a.json", .dataset = "celeba_hq"}),
              HasSubstr("It reads data/celeba_hq: put your copy there, or edit dataset.root."));
  EXPECT_THAT(init({.file = folder_ / "b.json", .dataset = "celeba_hq", .root = "faces"}),
              testing::Not(HasSubstr("put your copy there")));
}

TEST_F(InitVerb, ReplacesNoFileUnlessForced) {
  const fs::path file = folder_ / "mine.json";
  std::ofstream(file) << "mine";
  EXPECT_THAT(mistake({.file = file}), HasSubstr("is there already; name another file, or"));
  EXPECT_EQ(fs::file_size(file), 4u);
  init({.file = file, .force = true});
  EXPECT_EQ(read_sweep(file, {}, known_names()).cells.size(), 2u);
}

TEST_F(InitVerb, AMisspeltDataSetGetsASuggestionAndNoFile) {
  EXPECT_THAT(mistake({.file = folder_ / "a.json", .dataset = "sunst"}),
              HasSubstr("no data set is called \"sunst\".\n  known: "));
  EXPECT_THAT(mistake({.file = folder_ / "a.json", .dataset = "sunst"}),
              HasSubstr("\n  did you mean \"sunset\"?"));
  EXPECT_FALSE(fs::exists(folder_ / "a.json"));
}

TEST_F(InitVerb, AFolderThatIsNotThereIsNamed) {
  EXPECT_THROW(init({.file = folder_ / "none" / "a.json"}), std::system_error);
}

}  // namespace
}  // namespace oar
