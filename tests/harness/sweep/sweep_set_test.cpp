#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/harness/sweep/sweep_fixture.h"

namespace oar {
namespace {

using testing::HasSubstr;

constexpr char kSweep[] = R"({
  "version": 1,
  "defaults": { "train.images_seen": 10 },
  "recipes": { "oar": {}, "tuned": { "train.images_seen": 20, "relabel": {} } },
  "include": [ { "recipe": "oar", "generate.top_k": 3 } ]
})";

template <typename T>
std::vector<T> values_of(const std::string& key, const std::vector<std::string>& set) {
  std::vector<T> values;
  for (const Cell& cell : sweep_of(kSweep, set).cells) values.push_back(get<T>(cell.recipe, key));
  return values;
}

std::vector<bool> relabelled(const std::vector<std::string>& set) {
  std::vector<bool> values;
  for (const Cell& cell : sweep_of(kSweep, set).cells) values.push_back(relabels(cell.recipe));
  return values;
}

TEST(SweepSet, WinsOverDefaultsAndRecipes) {
  EXPECT_EQ(values_of<int64_t>("train.images_seen", {}), (std::vector<int64_t>{10, 20}));
  EXPECT_EQ(values_of<int64_t>("train.images_seen", {"train.images_seen=7"}),
            (std::vector<int64_t>{7, 7}));
}

TEST(SweepSet, AValueIsJsonOrElseAText) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(values_of<std::string>("train.order", {"train.order=raster"}), Texts(2, "raster"));
  EXPECT_EQ(values_of<std::string>("train.order", {"train.order=\"raster\""}), Texts(2, "raster"));
  EXPECT_EQ(values_of<Texts>("evaluate.metrics", {"evaluate.metrics=[\"isc\"]"}),
            std::vector<Texts>(2, Texts{"isc"}));
  EXPECT_EQ(values_of<std::string>("dataset.root", {"dataset.root=a=b"}), Texts(2, "a=b"));
}

TEST(SweepSet, ASectionIsMerged) {
  EXPECT_EQ(values_of<int64_t>("train.batch_size", {"train={\"batch_size\": 8}"}),
            std::vector<int64_t>(2, 8));
}

TEST(SweepSet, RelabelOptionsReachOnlyTheCellsThatRelabel) {
  EXPECT_EQ(relabelled({"relabel.max_images=4"}), (std::vector<bool>{false, true}));
  EXPECT_EQ(get<int64_t>(sweep_of(kSweep, {"relabel.max_images=4"}).cells[1].recipe,
                         "relabel.max_images"),
            4);
}

TEST(SweepSet, RelabelItselfIsSwitchedForEveryCell) {
  EXPECT_EQ(relabelled({"relabel=null"}), (std::vector<bool>{false, false}));
  EXPECT_EQ(relabelled({"relabel={}"}), (std::vector<bool>{true, true}));
}

TEST(SweepSet, ARelabelOptionThatReachesNoCellIsRefused) {
  EXPECT_EQ(mistakes_of(R"({"version": 1})", {"relabel.max_images=4"}),
            "--set relabel.max_images=4: relabel.max_images changes nothing: relabel is null in "
            "every cell.\n"
            "  leave it out, or add --set relabel={} to fine-tune in every cell");
}

TEST(SweepSet, AMistakeNamesTheArgument) {
  EXPECT_EQ(mistakes_of(kSweep, {"train.order=rastr"}),
            "--set train.order=rastr: no order is called \"rastr\".\n"
            "  known: oar, random, raster\n"
            "  did you mean \"raster\"?");
  EXPECT_THAT(mistakes_of(kSweep, {"train.ordr=raster"}),
              HasSubstr("did you mean \"train.order\""));
}

TEST(SweepSet, WhatTheSweepVariesCannotBeSet) {
  EXPECT_EQ(mistakes_of(kSweep, {"recipe=oar"}),
            "--set recipe=oar: the sweep itself varies \"recipe\", so it cannot be set for all "
            "cells.\n"
            "  edit its values in the file, or leave it out of --set");
  EXPECT_THAT(mistakes_of(kSweep, {"generate.top_k=4"}), HasSubstr("varies \"generate.top_k\""));
  EXPECT_THAT(mistakes_of(kSweep, {"generate={\"top_k\": 4}"}), HasSubstr("varies"));
}

TEST(SweepSet, AnArgumentIsKeyEqualsValue) {
  EXPECT_EQ(mistakes_of(kSweep, {"train.order"}),
            "--set train.order: there is no key=value.\n  write --set train.images_seen=1000");
  EXPECT_THAT(mistakes_of(kSweep, {"=3"}), HasSubstr("there is no key=value"));
}

TEST(SweepSet, AnOptionIsSetOnce) {
  EXPECT_THAT(mistakes_of(kSweep, {"train.order=oar", "train.order=raster"}),
              HasSubstr("--set train.order=raster: train.order is given twice.\n"
                        "  first at --set train.order=oar"));
}

TEST(SweepSet, ATextThatIsNotUtf8IsRefused) {
  EXPECT_THAT(mistakes_of(kSweep, {"dataset.root=\xff"}), HasSubstr("is not UTF-8"));
}

TEST(SweepSet, OptionsTakenTogetherAreCheckedAfterIt) {
  EXPECT_THAT(mistakes_of(kSweep, {"generate.num_samples=200"}),
              HasSubstr("--set generate.num_samples=200: generate.num_samples is 200, fewer than"));
}

}  // namespace
}  // namespace oar
