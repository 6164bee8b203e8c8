// results.schema.json, read by the PyPI package jsonschema, against our own validate_results().
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "reports/report.h"
#include "tests/python_with.h"
#include "tests/reports/example_results.h"
#include "tests/reports/json_schema.h"

namespace oar {
namespace {

using example::cell;
using example::schema_errors;
using nlohmann::json;
using ::testing::IsEmpty;
using ::testing::Not;

/// Results in which every described field is there.
json complete() {
  json oar = cell("oar", 0, {example::fid(12.8), example::distance(4.3)});
  oar["stages"] = {example::stage("any_order", "m", 12.3)};
  oar["order_statistics"] = {
      {"peeks", false},
      {"draws_before_choosing", true},
      {"histogram", {{"edges", {0, 1, 2}}, {"counts", {0, 3}}}},
      {"mean_step_of", {{0, 1}, {2, 3}}},
      {"stddev_step_of", {{0, 1}, {0, 1}}},
      {"blobs", {1, 1.5, 2, 1}},
      {"log_likelihood", {-2.5, -1.5, nullptr, -1}},
      {"signatures",
       json::array({{{"name", "seams"}, {"present", nullptr}, {"sentence", "No images."}}})}};
  oar["samples"] = {{"grid", {2, 2}},
                    {"images", {"exhibits/0123456789ab/000.png"}},
                    {"position_at", {{3, 2, 1, 0}}},
                    {"conditions", {nullptr}},
                    {"draws_before_choosing", false}};
  oar["reconstructions"] = {{"originals", {"exhibits/0123456789ab/000.png"}},
                            {"reconstructed", {"exhibits/0123456789ab/001.png"}}};
  json file = example::results(
      {oar, example::failed(cell("raster", 0, json::array()), "failed", "out of memory")});
  file["gates"] = json::array({{{"metric", "fid"}, {"max_regression", 0.03}, {"relative", true}}});
  file["baseline"] = {{"recipe", "raster"}};
  return file;
}

/// A value that replaces another, at a JSON pointer.
struct Wrong {
  const char* pointer;
  json value;
};

json with(const Wrong& wrong) {
  json file = complete();
  file[json::json_pointer(wrong.pointer)] = wrong.value;
  return file;
}

/// What both must refuse.
std::vector<Wrong> wrong_values() {
  std::vector<Wrong> wrong = {
      {"/cells/0/status", "finished"},
      {"/schema_version", 2},
      {"/schema_version", "1"},
      {"/name", ""},
      {"/created", "yesterday"},
      {"/cells", json::object()},
      {"/cells/0", 1},
      {"/cells/0/id", ""},
      {"/cells/0/seed", "0"},
      {"/cells/0/labels", nullptr},
      {"/cells/0/recipe", json::array()},
      {"/cells/0/stages", nullptr},
      {"/cells/0/stages/0/seconds", -1},
      {"/cells/0/stages/0/cached", 0},
      {"/cells/0/stages/0/record", nullptr},
      {"/cells/0/stages/0/role", ""},
      {"/cells/1/error", ""},
      {"/cells/1/error", nullptr},
      {"/context", nullptr},
      {"/context/versions", 3},
      {"/context/versions/libtorch", nullptr},
      {"/context/threads", -1},
      {"/context/tree_clean", "yes"},
      {"/context/instruction_sets", "avx2"},
      {"/report/rows", nullptr},
      {"/report/columns", ""},
      {"/cells/0/metrics/0", json::array()},
      {"/cells/0/metrics/0/metric", ""},
      {"/cells/0/metrics/0/value", "12.8"},
      {"/cells/0/metrics/0/stddev", "0.1"},
      {"/cells/0/metrics/0/version", -1},
      {"/cells/0/metrics/0/num_generated", -5},
      {"/cells/0/metrics/0/peeks", 1},
      {"/cells/0/metrics/0/higher_is_better", "lower"},
      {"/cells/0/metrics/0/weights_sha256", "abc"},
      {"/cells/0/metrics/0/weights_sha256", nullptr},  // comes with its extractor
      {"/cells/0/metrics/0/extractor", nullptr},
      {"/cells/0/order_statistics", json::array({1})},
      {"/cells/0/order_statistics/peeks", nullptr},
      {"/cells/0/order_statistics/draws_before_choosing", 1},
      {"/cells/0/order_statistics/histogram/counts", {0, -3}},
      {"/cells/0/order_statistics/histogram/counts", json::array()},
      {"/cells/0/order_statistics/histogram/edges", {0, "1", 2}},
      {"/cells/0/order_statistics/mean_step_of", json::array()},
      {"/cells/0/order_statistics/mean_step_of", {{0, 1}, {2, nullptr}}},
      {"/cells/0/order_statistics/signatures/0/name", 1},
      {"/cells/0/order_statistics/signatures/0/present", 1},
      {"/cells/0/order_statistics/signatures/0/sentence", 1},
  };
  for (const char* name : {"../../evil", "/etc", "a/b", "..", "", "a\n"}) {
    wrong.push_back({"/cells/0/stages/0/stage", name});
    wrong.push_back({"/cells/0/stages/0/key", name});
  }
  return wrong;
}

class ResultsSchema : public ::testing::Test {
 protected:
  void SetUp() override {
    if (python_with("jsonschema").empty()) {
      GTEST_SKIP() << "OAR_TEST_PYTHON names no Python with the package jsonschema";
    }
  }
};

TEST_F(ResultsSchema, AcceptsWhatFollowsItAndFieldsOfALaterHarness) {
  json later = complete();
  later["x"] = 1;
  later["cells"][0]["x"] = 1;
  later["cells"][0]["metrics"][0]["x"] = 1;
  json bare = complete();
  for (const char* field : {"order_statistics", "samples", "reconstructions"}) {
    bare["cells"][0].erase(field);
  }
  bare["cells"][0]["metrics"][0]["value"] = nullptr;  // it was not finite
  const json records = {complete(), later, bare};
  for (const json& record : records) EXPECT_THAT(validate_results(record), IsEmpty());
  EXPECT_THAT(schema_errors(records), ::testing::ElementsAre(IsEmpty(), IsEmpty(), IsEmpty()));
}

TEST_F(ResultsSchema, RefusesWhatOurValidatorRefuses) {
  const std::vector<Wrong> wrong = wrong_values();
  json records = json::array();
  for (const Wrong& value : wrong) records.push_back(with(value));
  const auto errors = schema_errors(records);
  ASSERT_EQ(errors.size(), wrong.size());
  for (size_t i = 0; i < wrong.size(); ++i) {
    EXPECT_THAT(errors[i], Not(IsEmpty())) << wrong[i].pointer << " = " << wrong[i].value;
    EXPECT_THAT(validate_results(records[i]), Not(IsEmpty())) << wrong[i].pointer;
  }
}

TEST_F(ResultsSchema, RefusesAMissingFieldWhereOurValidatorDoes) {
  const json flat = complete();
  json records = json::array();
  std::vector<std::string> removed;
  const auto remove_each = [&](const std::string& parent) {
    for (const auto& [key, value] : flat[json::json_pointer(parent)].items()) {
      json record = flat;
      record[json::json_pointer(parent)].erase(key);
      records.push_back(std::move(record));
      removed.push_back(parent + "/" + key);
    }
  };
  for (const char* parent :
       {"", "/context", "/context/versions", "/report", "/cells/0", "/cells/1", "/cells/0/stages/0",
        "/cells/0/metrics/0", "/cells/0/metrics/1", "/cells/0/order_statistics",
        "/cells/0/order_statistics/histogram", "/cells/0/order_statistics/signatures/0"}) {
    remove_each(parent);
  }
  const auto errors = schema_errors(records);
  ASSERT_EQ(errors.size(), removed.size());
  for (size_t i = 0; i < removed.size(); ++i) {
    EXPECT_EQ(errors[i].empty(), validate_results(records[i]).empty()) << removed[i];
  }
}

// JSON Schema compares no two values, so these are left to validate_results: ids and names that
// repeat, edges that do not rise, counts and edges that do not match, rows of unequal length. NaN
// is no JSON: a file has null in its place.
TEST_F(ResultsSchema, SaysNothingOfWhatTakesTwoValuesToSee) {
  const std::vector<Wrong> wrong = {
      {"/cells/1/id", "recipe=oar,seed=0"},
      {"/cells/0/metrics/1", example::fid(1)},
      {"/cells/0/order_statistics/histogram/edges", {0, 2, 1}},
      {"/cells/0/order_statistics/histogram/counts", {0, 3, 1}},
      {"/cells/0/order_statistics/mean_step_of", {{0, 1}, {2}}},
  };
  json records = json::array();
  for (const Wrong& value : wrong) records.push_back(with(value));
  for (const json& record : records) EXPECT_THAT(validate_results(record), Not(IsEmpty()));
  for (const auto& errors : schema_errors(records)) EXPECT_THAT(errors, IsEmpty());
}

TEST_F(ResultsSchema, RefusesPathsOfImagesThatLeaveTheFolder) {
  json records = json::array();
  const std::vector<std::string> names = {"/etc/passwd", "../x.png", "a/../b.png", "a/..", ""};
  for (const std::string& name : names) {
    records.push_back(with({"/cells/0/samples/images/0", name}));
    records.push_back(with({"/cells/0/reconstructions/originals/0", name}));
  }
  const auto errors = schema_errors(records);
  ASSERT_EQ(errors.size(), 2 * names.size());
  for (const auto& found : errors) EXPECT_THAT(found, Not(IsEmpty()));
}

}  // namespace
}  // namespace oar
