// What the program writes follows the schema that is shipped with it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "reports/report.h"
#include "tests/harness/program.h"
#include "tests/python_with.h"
#include "tests/reports/json_schema.h"

namespace oar {
namespace {

using nlohmann::json;
using ::testing::IsEmpty;

// Images with every stage and metric; codes with a known answer.
constexpr char kImages[] = R"({
  "version": 1, "name": "images",
  "defaults": {
    "dataset": {"name": "sunset", "image_size": 32, "max_images": 40, "held_out": 0.2},
    "tokenizer": {"preset": "nano", "images_seen": 32, "batch_size": 8, "codebook_size": 16, "perceptual_weight": 0},
    "model": {"layers": 1, "width": 32, "heads": 2},
    "train": {"images_seen": 64, "batch_size": 16},
    "relabel": {"max_images": 8, "images_seen": 32, "batch_size": 16},
    "generate": {"num_samples": 12, "batch_size": 5},
    "evaluate": {"max_reference": 12, "kid_subset_size": 6, "kid_subsets": 5, "isc_splits": 2}
  },
  "recipes": {"raster": {"train.order": "raster", "relabel": null, "generate.order": "raster"}, "oar_finetuned": {}},
  "baseline": {"recipe": "raster"},
  "gates": [{"metric": "fid", "max_regression": "3%"}]
})";
constexpr char kCodes[] = R"({
  "version": 1, "name": "codes",
  "defaults": {
    "dataset": {"name": "planted_path", "rows": 3, "cols": 3, "codes": 4, "noise": 0.2, "max_images": 60},
    "model": {"layers": 1, "width": 32, "heads": 2},
    "train": {"images_seen": 64, "batch_size": 16},
    "relabel": null,
    "generate": {"num_samples": 8, "batch_size": 8}
  }
})";

class ProgramsResults : public ProgramTest {};

TEST_F(ProgramsResults, FollowTheShippedSchemaTrains) {
  if (python_with("jsonschema").empty()) {
    GTEST_SKIP() << "OAR_TEST_PYTHON names no Python with the package jsonschema";
  }
  json records = json::array();
  for (const auto& [name, sweep] : {std::pair{"images", kImages}, std::pair{"codes", kCodes}}) {
    std::ofstream(folder_ / (std::string(name) + ".json")) << sweep;
    const Outcome outcome = run(
        {"run", std::string(name) + ".json", "--store", "store", "--out", name, "--device", "cpu"});
    ASSERT_EQ(outcome.code, 0) << outcome.text;
    std::ifstream in(folder_ / name / "results.json");
    records.push_back(json::parse(in));
    EXPECT_THAT(validate_results(records.back()), IsEmpty());
  }
  for (const auto& errors : example::schema_errors(records)) EXPECT_THAT(errors, IsEmpty());
}

}  // namespace
}  // namespace oar
