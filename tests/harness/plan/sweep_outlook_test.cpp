// What a plan says of a sweep before anything runs.
#include "harness/plan/sweep_outlook.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/plan/print_plan.h"
#include "harness/store/file_lock.h"
#include "tests/harness/plan/plan_fixture.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> names_of(const std::vector<Difference>& differences) {
  std::vector<std::string> names;
  for (const Difference& difference : differences) names.push_back(difference.name);
  return names;
}

TEST_F(PlanTest, EverythingIsNewInAnEmptyStoreAndItsTimeIsUnknown) {
  const Planned two = planned(kTwoRecipes);
  const SweepOutlook found = outlook(two);
  for (const StageOutlook& stage : found.stages) {
    EXPECT_EQ(stage.state, StageState::kToDo);
    EXPECT_TRUE(stage.is_new);
    EXPECT_FALSE(stage.seconds);
  }
  // Shared: 2 stages of data. raster: a model, samples and what judges them; oar_finetuned: orders
  // and a specialist more. Each of the two seeds has its own.
  EXPECT_THAT(plan_text(two.sweep, two.plan, found),
              HasSubstr("4 cells, 22 different stages: 0 cached, 22 to do\n"
                        "sharing: the cells use 28 stages, 6 of them made for another cell\n"
                        "time: unknown"));
  EXPECT_FALSE(fs::exists(root_ / "store"));  // looking leaves nothing behind
}

TEST_F(PlanTest, WhatTheStoreHoldsIsCached) {
  const Planned two = planned(kTwoRecipes);
  make_all(two.plan);
  const SweepOutlook found = outlook(two);
  for (const StageOutlook& stage : found.stages) EXPECT_EQ(stage.state, StageState::kCached);
  EXPECT_THAT(plan_text(two.sweep, two.plan, found), HasSubstr("22 cached, 0 to do"));
}

TEST_F(PlanTest, AnEditIsNamedAndStagesAfterItNameTheirInput) {
  make_all(planned(kTwoRecipes).plan);
  const Planned edited = planned(kTwoRecipes, {"train.images_seen=1000"});
  const SweepOutlook found = outlook(edited);
  const auto at = [&](const char* role) -> const StageOutlook& {
    return found.stages[stage_of(edited.plan, 3, role)];
  };
  EXPECT_EQ(at("tokens").state, StageState::kCached);
  ASSERT_EQ(names_of(at("any_order").changed), (std::vector<std::string>{"train.images_seen"}));
  EXPECT_EQ(at("any_order").changed[0].before, 80000);
  EXPECT_EQ(at("any_order").changed[0].after, 1000);
  EXPECT_EQ(names_of(at("orders").changed), (std::vector<std::string>{"input model"}));
  EXPECT_EQ(names_of(at("specialist").changed),
            (std::vector<std::string>{"input model", "input orders"}));
  const std::string text = plan_text(edited.sweep, edited.plan, found);
  EXPECT_THAT(text, HasSubstr("to do     changed: train.images_seen 80000 -> 1000, about"));
  EXPECT_THAT(text, HasSubstr("to do     changed: input model; input orders, about"));
}

TEST_F(PlanTest, TheLastRecordSaysWhatACellWasMadeFrom) {
  const Planned before = planned(kTwoRecipes, {"generate.temperature=0.5"}),
                other = planned(kTwoRecipes, {"generate.temperature=0.7"}),
                now = planned(kTwoRecipes, {"generate.temperature=0.9"});
  make_all(before.plan);
  make_all(other.plan);
  fs::create_directories(root_ / "out");
  for (const Planned* last : {&before, &other}) {
    const PlannedStage& samples = last->plan.stages[stage_of(last->plan, 0, "samples")];
    const nlohmann::json stage = {{"role", "samples"}, {"key", samples.node.key}};
    const nlohmann::json record = {
        {"cells", {{{"id", last->sweep.cells[0].id}, {"stages", {stage}}}}}};
    write(root_ / "out" / "results.json", record.dump());
    const SweepOutlook found = outlook(now);
    const auto& changed = found.stages[stage_of(now.plan, 0, "samples")].changed;
    ASSERT_EQ(names_of(changed), (std::vector<std::string>{"temperature"}));
    EXPECT_EQ(changed[0].before, last == &before ? 0.5 : 0.7);
  }
}

TEST_F(PlanTest, TimeAndBytesFollowTheWorkOfStagesLikeIt) {
  const Planned once = planned(kTwoRecipes),
                twice = planned(kTwoRecipes, {"train.images_seen=160000"});
  for (const PlannedStage& stage : once.plan.stages) {
    if (stage.node.stage == "any_order") make(stage.node, 30, 1000);
  }
  const SweepOutlook found = outlook(twice);
  const StageOutlook& model = found.stages[stage_of(twice.plan, 0, "any_order")];
  EXPECT_DOUBLE_EQ(model.seconds.value(), 60);  // twice the images
  EXPECT_DOUBLE_EQ(model.bytes.value(), 1000);  // of a network of the same size
  const OutlookTotals totals = totals_of(twice.plan, found);
  EXPECT_DOUBLE_EQ(totals.seconds, 240);  // two orders, two seeds
  EXPECT_EQ(totals.unknown_seconds, 18u);
  EXPECT_THAT(plan_text(twice.sweep, twice.plan, found),
              HasSubstr("time: at least 4m00s: 18 of the stages have none like them"));
}

TEST_F(PlanTest, ASharedStageNamesTheCellThatMakesIt) {
  const Planned two = planned(kTwoRecipes);
  const SweepOutlook found = outlook(two);
  const StageOutlook& tokens = found.stages[stage_of(two.plan, 3, "tokens")];
  EXPECT_EQ(tokens.cells, 4u);
  EXPECT_EQ(tokens.first_cell, 0u);
  EXPECT_THAT(plan_text(two.sweep, two.plan, found),
              HasSubstr("shared with recipe=raster,seed=0\n"));
}

TEST_F(PlanTest, ADamagedArtifactIsNamed) {
  const Planned two = planned(kTwoRecipes);
  make_all(two.plan);
  const size_t tokens = stage_of(two.plan, 0, "tokens");
  fs::resize_file(store().folder(two.plan.stages[tokens].node) / "made.bin", 9);
  const SweepOutlook found = outlook(two);
  EXPECT_EQ(found.stages[tokens].state, StageState::kDamaged);
  EXPECT_THAT(plan_text(two.sweep, two.plan, found),
              ::testing::AllOf(HasSubstr("made.bin holds 9 bytes, its manifest says 10"),
                               HasSubstr("21 cached, 1 to do, 1 of them damaged")));
}

TEST_F(PlanTest, AFailureIsToldAndWhoIsAtWork) {
  const Planned two = planned(kTwoRecipes);
  const Store opened = store();
  const StageNode& model = two.plan.stages[stage_of(two.plan, 0, "any_order")].node;
  fs::create_directories(opened.folder(model).parent_path());
  opened.note_failure(model, {"diverged", "loss is not finite", false, 1});
  const StageNode& tokens = two.plan.stages[stage_of(two.plan, 0, "tokens")].node;
  fs::create_directories(opened.folder(tokens).parent_path());
  const FileLock lock(opened.lock_file(tokens), [](const std::string&) {});
  const SweepOutlook found = outlook(two);
  EXPECT_EQ(found.stages[stage_of(two.plan, 0, "any_order")].state, StageState::kFailed);
  EXPECT_EQ(found.stages[stage_of(two.plan, 0, "tokens")].state, StageState::kRunning);
  const std::string text = plan_text(two.sweep, two.plan, found);
  EXPECT_THAT(text, HasSubstr("the last time: loss is not finite; it is tried again"));
  EXPECT_THAT(text, HasSubstr(fmt::format("at work   in process {} on ", getpid())));
}

TEST_F(PlanTest, ManyCellsAreShownAsATableOfKinds) {
  const Planned two = planned(kTwoRecipes);
  OutlookOptions few = options();
  few.show = 3;
  const std::string text = plan_text(two.sweep, two.plan, outlook_of(two.sweep, two.plan, few));
  EXPECT_THAT(text, Not(HasSubstr("recipe=raster,seed=0\n")));
  EXPECT_THAT(text, HasSubstr("  any_order                    4         0         4  unknown\n"));
}

TEST_F(PlanTest, JsonSaysTheSame) {
  make_all(planned(kTwoRecipes).plan);
  const Planned edited = planned(kTwoRecipes, {"train.images_seen=1000"});
  const nlohmann::json plan = plan_json(edited.sweep, edited.plan, outlook(edited));
  EXPECT_EQ(plan.at("cells").size(), 4u);
  const nlohmann::json& model = plan.at("cells")[1].at("stages")[2];
  EXPECT_EQ(model.at("role"), "any_order");
  EXPECT_EQ(model.at("state"), "to do");
  EXPECT_EQ(model.at("changed")[0],
            (nlohmann::json{{"name", "train.images_seen"}, {"before", 80000}, {"after", 1000}}));
  EXPECT_EQ(plan.at("totals").at("cached"), 2);
  EXPECT_EQ(plan.at("totals").at("to_do"), 20);
}

}  // namespace
}  // namespace oar
