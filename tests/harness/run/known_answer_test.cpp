// Data with a known answer, from the sweep file to the report, as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "reports/report.h"
#include "tests/harness/program.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPlanted[] = R"({
  "version": 1,
  "name": "planted",
  "defaults": {
    "dataset": {"name": "planted_path", "rows": 2, "cols": 3, "codes": 4, "path": "column",
                "max_images": 60, "held_out": 0.2},
    "model": {"layers": 1, "width": 32, "heads": 2},
    "train": {"images_seen": 64, "batch_size": 16},
    "relabel": {"max_images": 8, "images_seen": 32, "batch_size": 16},
    "generate": {"num_samples": 12, "batch_size": 5}
  },
  "recipes": {
    "path": {"train.order": "column", "relabel": null, "generate.order": "column"},
    "peeking": {"relabel": null, "generate.confidence": "likelihood"},
    "oar_finetuned": {"relabel.confidence": "max_probability",
                      "generate.confidence": "max_probability"}
  }
})";

class KnownAnswer : public ProgramTest {
 protected:
  Outcome run_sweep(const std::string& sweep) {
    std::ofstream(folder_ / "sweep.json") << sweep;
    return run({"run", "sweep.json", "--store", "store", "--out", "out", "--device", "cpu"});
  }

  json results() {
    std::ifstream in(folder_ / "out" / "results.json");
    return json::parse(in);
  }

  std::string report() {
    std::ifstream in(folder_ / "out" / "report.md");
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }

  static json record_of(const json& cell, const std::string& role) {
    for (const json& stage : cell.at("stages")) {
      if (stage.at("role") == role) return stage.at("record");
    }
    return nullptr;
  }

  static json metric_of(const json& cell, const std::string& id) {
    for (const json& metric : cell.at("metrics")) {
      if (metric.at("metric") == id) return metric;
    }
    return nullptr;
  }
};

TEST_F(KnownAnswer, TrainsAndLabelsCodesFromTheStartAndScoresNoImages) {
  const Outcome outcome = run_sweep(kPlanted);
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  const json made = results();
  EXPECT_THAT(validate_results(made), ::testing::IsEmpty());
  for (const json& cell : made.at("cells")) {
    EXPECT_EQ(cell.at("status"), "done");
    EXPECT_TRUE(record_of(cell, "tokenizer").is_null());
    EXPECT_TRUE(metric_of(cell, "fid").is_null());
    const json answer = record_of(cell, "known_answer");
    EXPECT_EQ(answer.at("images"), 12);
    EXPECT_EQ(answer.at("split"), "held_out");
    EXPECT_EQ(metric_of(cell, "excess_nats").at("value"), answer.at("excess_nats"));
    EXPECT_EQ(metric_of(cell, "excess_nats").at("num_reference"), 12);
    // Both estimates of the same excess: they differ by how likely the images are.
    EXPECT_NEAR(
        answer.at("excess_over_entropy_nats").get<double>() -
            answer.at("excess_nats").get<double>(),
        answer.at("true_nats_per_image").get<double>() - answer.at("entropy_nats").get<double>(),
        1e-9);
  }
  EXPECT_FALSE(fs::exists(folder_ / "store" / "tokenizer"));
  EXPECT_FALSE(fs::exists(folder_ / "store" / "features"));
}

TEST_F(KnownAnswer, TrainsAlongThePathAndSaysSo) {
  ASSERT_EQ(run_sweep(kPlanted).code, 0);
  const json made = results(), &path = made.at("cells").at(0), &peeking = made.at("cells").at(1);
  EXPECT_EQ(record_of(path, "known_answer").at("path_adjacent_share"), 1.0);
  EXPECT_EQ(record_of(path, "known_answer").at("tau_to_path"), 1.0);
  EXPECT_FALSE(metric_of(path, "excess_nats").at("peeks"));
  EXPECT_TRUE(metric_of(peeking, "excess_nats").at("peeks"));
  EXPECT_THAT(report(), HasSubstr("### The hidden path"));
  EXPECT_THAT(report(), HasSubstr("† under an order that peeks"));
  EXPECT_THAT(report(), HasSubstr("planted_path 2×3, 4 codes, noise 0.15, path column"));
  EXPECT_THAT(report(), Not(HasSubstr("## Tokenizer")));
}

TEST_F(KnownAnswer, TrainsOnSunsetsAndAsksTheMasks) {
  ASSERT_EQ(run_sweep(R"({
    "version": 1, "name": "sunset",
    "defaults": {
      "dataset": {"name": "sunset", "image_size": 32, "max_images": 60, "held_out": 0},
      "tokenizer": {"preset": "nano", "images_seen": 32, "batch_size": 8, "codebook_size": 16,
                    "perceptual_weight": 0},
      "model": {"layers": 1, "width": 32, "heads": 2}, "train": {"images_seen": 16},
      "generate": {"num_samples": 12},
      "evaluate": {"kid_subset_size": 6, "isc_splits": 2, "known_answer_images": 40}},
    "recipes": {"raster": {"generate.order": "raster"},
                "inwards": {"generate.order": "spiral_in"}}})")
                .code,
            0);
  const json made = results(), &raster = made.at("cells").at(0), &inwards = made.at("cells").at(1);
  const json answer = record_of(raster, "known_answer");
  EXPECT_EQ(answer.at("images"), 40);
  EXPECT_EQ(answer.at("split"), "train");          // none is held out
  EXPECT_LT(answer.at("sun_before_clouds"), 0.5);  // most clouds hang above the sun
  EXPECT_EQ(metric_of(raster, "sun_before_clouds").at("value"), answer.at("sun_before_clouds"));
  EXPECT_TRUE(metric_of(raster, "sun_before_clouds").at("higher_is_better").is_null());
  const json signatures =
      record_of(inwards, "known_answer").at("order_statistics").at("signatures");
  const auto background =
      std::find_if(signatures.begin(), signatures.end(),
                   [](const json& signature) { return signature.at("name") == "background_bias"; });
  ASSERT_NE(background, signatures.end());
  EXPECT_TRUE(background->at("present").is_boolean());  // the masks decide
  EXPECT_GT(background->at("value"), 0.1);
  // The border of a sunset is sky and hills.
  EXPECT_GT(metric_of(inwards, "background_first_index").at("value"), 0.1);
  EXPECT_THAT(report(), HasSubstr("### Sun, clouds and background"));
}

}  // namespace
}  // namespace oar
