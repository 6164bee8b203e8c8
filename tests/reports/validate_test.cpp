#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "reports/report.h"
#include "tests/reports/example_results.h"

namespace oar {
namespace {

using example::cell;
using example::fid;
using example::results;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Results that follow the schema in every field.
json complete() {
  json oar = cell("oar", 0, {fid(12.8), example::distance(4.3)});
  oar["stages"] = {example::stage("any_order", "m", 12.3)};
  oar["order_statistics"] = {
      {"peeks", false},
      {"draws_before_choosing", true},
      {"histogram", {{"edges", {0, 1, 2}}, {"counts", {0, 3}}}},
      {"mean_step_of", {{0, 1}, {2, 3}}},
      {"stddev_step_of", {{0, 1}, {0, 1}}},
      {"signatures",
       json::array({{{"name", "seams"}, {"present", nullptr}, {"sentence", "No images."}}})}};
  return results(
      {oar, example::failed(cell("raster", 0, json::array()), "failed", "out of memory")});
}

TEST(ValidateResults, FindsNothingWrongWithAFileThatFollowsTheSchema) {
  EXPECT_THAT(validate_results(complete()), IsEmpty());
}

TEST(ValidateResults, RefusesAStageWhoseFolderWouldBeOutsideTheStore) {
  for (const char* name : {"../../evil", "/etc", "a/b", "..", "", "a\n"}) {
    json file = complete();
    file["cells"][0]["stages"][0]["stage"] = name;
    file["cells"][0]["stages"][0]["key"] = name;
    const std::string found = json(name).dump();
    EXPECT_THAT(validate_results(file),
                ElementsAre("cells[0].stages[0].stage: found " + found +
                                "; accepted: letters, digits, _ and - only",
                            "cells[0].stages[0].key: found " + found +
                                "; accepted: letters, digits, _ and - only"));
  }
}

TEST(ValidateResults, AllowsFieldsOfALaterHarness) {
  json file = complete();
  file["x"] = 1;
  file["cells"][0]["metrics"][0]["x"] = 1;
  EXPECT_THAT(validate_results(file), IsEmpty());
}

/// What validation says after one value was replaced.
std::vector<std::string> problems_with(const char* pointer, json value) {
  json file = complete();
  file[json::json_pointer(pointer)] = std::move(value);
  return validate_results(file);
}

TEST(ValidateResults, SaysWhereWhatWasFoundAndWhatIsAccepted) {
  EXPECT_THAT(
      problems_with("/cells/0/status", "finished"),
      ElementsAre(
          "cells[0].status: found \"finished\"; accepted: done, failed, diverged, interrupted"));
  EXPECT_THAT(problems_with("/schema_version", 2),
              ElementsAre("schema_version: found 2; accepted: 1"));
  EXPECT_THAT(problems_with("/created", "yesterday"),
              ElementsAre("created: found \"yesterday\"; accepted: a time in UTC such as "
                          "\"2026-01-01T00:00:00Z\""));
  EXPECT_THAT(problems_with("/cells/0/stages/0/seconds", -1),
              ElementsAre("cells[0].stages[0].seconds: found -1; accepted: a finite number >= 0"));
  EXPECT_THAT(
      problems_with("/cells/1/error", ""),
      ElementsAre("cells[1].error: found \"\"; accepted: the reason, as the cell is not done"));
  EXPECT_THAT(problems_with("/context/versions", 3),
              ElementsAre("context.versions: found 3; accepted: an object"));
}

TEST(ValidateResults, NamesAFieldThatIsMissing) {
  json file = complete();
  file["cells"][0]["metrics"][1].erase("higher_is_better");
  EXPECT_THAT(validate_results(file),
              ElementsAre("cells[0].metrics[1].higher_is_better: missing; accepted: true, false, "
                          "or null where neither is better"));
}

TEST(ValidateResults, RefusesNanInMemory) {  // in a file it is written as null
  EXPECT_THAT(
      problems_with("/cells/0/metrics/0/value", std::numeric_limits<double>::quiet_NaN()),
      ElementsAre("cells[0].metrics[0].value: found NaN or infinity; accepted: a finite number, or "
                  "null where the metric gave none"));
  EXPECT_THAT(problems_with("/cells/0/metrics/0/value", nullptr), IsEmpty());
}

TEST(ValidateResults, RefusesTwoCellsOrMetricsOfOneName) {
  EXPECT_THAT(
      problems_with("/cells/1/id", "recipe=oar,seed=0"),
      ElementsAre(
          "cells[1].id: found \"recipe=oar,seed=0\"; accepted: a name that no other cell has"));
  EXPECT_THAT(problems_with("/cells/0/metrics/1", fid(1)),
              ElementsAre("cells[0].metrics[1].name: found \"FID[efficientnet_lite0]\"; accepted: "
                          "a name that no other metric of the cell has"));
}

TEST(ValidateResults, WantsTheWeightsOfAnExtractor) {
  json file = complete();
  file["cells"][0]["metrics"][0].erase("weights_sha256");
  EXPECT_THAT(
      validate_results(file),
      ElementsAre(
          "cells[0].metrics[0]: extractor and weights_sha256 come together; found one of them"));
  EXPECT_THAT(
      problems_with("/cells/0/metrics/0/weights_sha256", "abc"),
      ElementsAre(
          "cells[0].metrics[0].weights_sha256: found \"abc\"; accepted: 64 lower-case hex digits"));
}

TEST(ValidateResults, ChecksHistogramsAndGrids) {
  EXPECT_THAT(
      problems_with("/cells/0/order_statistics/histogram/counts", json{0, 3, 1}),
      ElementsAre(
          R"(cells[0].order_statistics.histogram: found {"counts":[0,3,1],"edges":[0,1,2]}; accepted: rising edges, and one count fewer than edges)"));
  EXPECT_THAT(problems_with("/cells/0/order_statistics/histogram/edges", json{0, 2, 1}),
              ::testing::SizeIs(1));
  EXPECT_THAT(problems_with("/cells/0/order_statistics/mean_step_of", json{{0, 1}, {2}}),
              ElementsAre("cells[0].order_statistics.mean_step_of: found [[0,1],[2]]; accepted: "
                          "rows of equal length with finite numbers"));
}

TEST(ValidateResults, ChecksSignatures) {
  for (const char* field : {"/cells/0/order_statistics/signatures/0/name",
                            "/cells/0/order_statistics/signatures/0/present",
                            "/cells/0/order_statistics/signatures/0/sentence"}) {
    EXPECT_THAT(problems_with(field, 1),
                ElementsAre(::testing::EndsWith(
                    "accepted: objects with a name, present (true, false or null) and a sentence")))
        << field;
  }
}

TEST(ValidateResults, ChecksExhibitsWhichReportsOpen) {
  json file = complete();
  file["cells"][0]["samples"] = {{"grid", {1, 2}},
                                 {"images", {"exhibits/0123456789ab/000.png"}},
                                 {"position_at", {{0, 1}, {1, 0}}},
                                 {"conditions", {"shoe", nullptr}},
                                 {"draws_before_choosing", false}};
  file["cells"][0]["reconstructions"] = {{"originals", {"exhibits/a/original_000.png"}},
                                         {"reconstructed", {"exhibits/a/reconstructed_000.png"}}};
  EXPECT_THAT(validate_results(file), IsEmpty());
  file["cells"][0]["samples"]["images"] = {"exhibits/../../etc/shadow.png"};
  file["cells"][0]["samples"]["position_at"] = {{0, 0}};
  file["cells"][0]["reconstructions"]["originals"] = {"/etc/a.png"};
  EXPECT_THAT(validate_results(file),
              ElementsAre("cells[0].samples.images: found [\"exhibits/../../etc/shadow.png\"]; "
                          "accepted: paths such as \"exhibits/0123456789ab/000.png\"",
                          "cells[0].samples.position_at: found [[0,0]]; accepted: lists of every "
                          "patch once",
                          "cells[0].reconstructions.originals: found [\"/etc/a.png\"]; accepted: "
                          "paths such as \"exhibits/0123456789ab/000.png\""));
}

TEST(ValidateResults, TakesAnyJson) {
  EXPECT_THAT(validate_results(json::array()),
              ElementsAre("results: found []; accepted: an object"));
  EXPECT_FALSE(validate_results(json::object()).empty());
}

}  // namespace
}  // namespace oar
