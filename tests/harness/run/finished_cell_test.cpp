#include "harness/run/finished_cell.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <system_error>

#include "datasets/dataset.h"
#include "tests/reports/example_results.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using example::cell;
using example::failed;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::ThrowsMessage;

/// A run of two recipes over two seeds whose store holds the tokens, and not the model.
class FinishedCellTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / ("oar-finished-" + std::to_string(::getpid()));
    fs::create_directories(root_);
    const Store store(root_ / "store");
    const StageNode tokens = make_node("tokens", 1, json::object());
    store.open_work(tokens);
    std::ofstream(store.work(tokens) / "codes") << "codes";
    tokens_ = store.finish(tokens, {json::object(), {}, {}});

    std::vector<json> cells;
    for (const char* name : {"raster", "oar"}) {
      for (const int seed : {0, 1}) {
        cells.push_back(cell(name, seed, json::array()));
        cells.back()["stages"] = {
            example::stage("tokens", tokens.key, 1),
            example::stage("any_order", make_node("any_order", 1, json::object()).key, 1)};
      }
    }
    cells.back()["stages"].push_back(example::stage("specialist", "a", 1));
    cells.back()["stages"].push_back(example::stage("specialist", "b", 1));
    cells.back()["stages"].back()["role"] = "specialist_2";
    cells[0] = failed(cells[0], "failed", "out of memory");
    write(example::results(cells));
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const json& results) const { std::ofstream(root_ / "results.json") << results; }
  FinishedCell open(const std::string& name) const {
    return open_finished_cell(root_, name, root_ / "store");
  }

  fs::path root_, tokens_;
};

TEST_F(FinishedCellTest, IsFoundByItsIdOrByLabelsThatItAloneHas) {
  for (const char* name : {"recipe=oar,seed=1", "oar,seed=1", "seed=1,oar", "seed=1,recipe=oar"}) {
    EXPECT_EQ(open(name).id(), "recipe=oar,seed=1") << name;
  }
  EXPECT_EQ(open("oar,seed=1").seed(), 1);
  EXPECT_EQ(open("oar,seed=1").recipe().at("generate").at("order"), "oar");
}

TEST_F(FinishedCellTest, ListsTheCellsThatANameFitsOrAllOfThem) {
  EXPECT_THAT([&] { open("oar"); },
              ThrowsMessage<std::invalid_argument>(AllOf(
                  HasSubstr("\"oar\" names 2 cells"), HasSubstr("\n  recipe=oar,seed=0 (done)"),
                  HasSubstr("\n  recipe=oar,seed=1 (done)"), Not(HasSubstr("raster")))));
  EXPECT_THAT([&] { open("random"); }, ThrowsMessage<std::invalid_argument>(
                                           AllOf(HasSubstr("\"random\" names 0 cells"),
                                                 HasSubstr("\n  recipe=raster,seed=0 (failed)"))));
  EXPECT_THAT([&] { open(""); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("no cell is named")));
}

TEST_F(FinishedCellTest, NeedsNoNameWhereItIsTheOnlyOne) {
  write(example::results({cell("oar", 3, json::array())}));
  EXPECT_EQ(open("").id(), "recipe=oar,seed=3");
}

TEST_F(FinishedCellTest, KnowsWhereItsArtifactsAre) {
  EXPECT_EQ(open("oar,seed=1").artifact("tokens"), tokens_);
  EXPECT_THAT(open("oar,seed=1").roles_of("specialist"), ElementsAre("specialist", "specialist_2"));
  EXPECT_THAT(open("oar,seed=0").roles_of("specialist"), ElementsAre());
  EXPECT_THAT([&] { open("oar,seed=1").artifact("samples"); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("recipe=oar,seed=1 has no \"samples\"; it has: tokens, any_order, ")));
}

TEST_F(FinishedCellTest, SaysWhichArtifactIsNotInTheStore) {
  EXPECT_THAT([&] { open("oar,seed=1").artifact("any_order"); },
              ThrowsMessage<BadData>(AllOf(HasSubstr("the any_order of cell recipe=oar,seed=1 is "
                                                     "not there"),
                                           HasSubstr("run the sweep again"))));
  fs::resize_file(tokens_ / "codes", 2);
  EXPECT_THAT([&] { open("oar,seed=1").artifact("tokens"); },
              ThrowsMessage<BadData>(HasSubstr("the tokens of cell recipe=oar,seed=1 is damaged")));
}

TEST_F(FinishedCellTest, NeedsTheStoreOfTheRunAndMakesNone) {
  EXPECT_THAT([&] { open_finished_cell(root_, "oar,seed=1", root_ / "other"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("there is no folder")));
  EXPECT_FALSE(fs::exists(root_ / "other"));
}

TEST_F(FinishedCellTest, NeedsTheRecordOfARun) {
  EXPECT_THROW(open_finished_cell(root_ / "nowhere", "", root_ / "store"), std::system_error);
  write({{"schema_version", 1}});
  EXPECT_THAT([&] { open("oar,seed=1"); },
              ThrowsMessage<BadData>(HasSubstr("not the record of a run: ")));
}

}  // namespace
}  // namespace oar
