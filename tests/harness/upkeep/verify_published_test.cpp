// Records that were committed, and that nobody has to believe.
#include "harness/upkeep/verify_published.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "harness/measure/extractors.h"
#include "harness/orders/order_record.h"
#include "harness/stages/artifacts.h"
#include "harness/upkeep/published_record.h"
#include "harness/upkeep/rescore.h"
#include "orders/order_statistics.h"
#include "tests/harness/store/store_fixture.h"
#include "tests/reports/example_results.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kImages = 24;
const Grid kGrid{4, 4};
const char kSamples[] = "5a5a5a5a5a5a", kTokenizer[] = "70707070707070",
           kReference[] = "fefefefefefefe";

/// A tokenizer and codes that nobody trained, their orders and scores, as a record of one cell.
class VerifyPublishedTest : public StoreTest {
 protected:
  VerifyPublishedTest() : extractor_(load_extractor("efficientnet_lite0", "", torch::kCPU)) {}

  void SetUp() override {
    auto generator = at::detail::createCPUGenerator(7);
    const VqganConfig sizes = {.image_size = 16,
                               .ch = 32,
                               .ch_mult = {1, 1, 2},
                               .num_res_blocks = 1,
                               .attn_resolutions = {},
                               .z_channels = 16,
                               .embed_dim = 8,
                               .codebook_size = 32};
    DrawnCodes drawn{
        Vqgan(sizes), at::randint(32, {kImages, kGrid.size()}, generator, torch::kInt16), kGrid,
        at::empty({kImages, extractor_->feature_dim()}).uniform_(0, 1, generator), *extractor_};
    drawn.tokenizer->draw_weights(3);
    drawn.tokenizer->eval();
    for (int64_t i = 0; i < kImages; ++i) {
      orders_.push_back(at::tensor({3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14}).roll(i));
    }
    fs::create_directories(record() / "evidence");
    write_decoder(file("tokenizer", kTokenizer), drawn.tokenizer);
    write_safetensors(file("reference", kReference),
                      {{"features", drawn.reference.to(torch::kHalf)}});
    codes_ = drawn.codes;
    write_orders();
    write_results(scores_of_codes(drawn, kOptions));  // with all bits of its weights
    seal();
  }

  fs::path record() const { return root_ / "reference" / "study"; }
  fs::path file(const std::string& kind, const std::string& key) const {
    return record() / evidence_file(kind, key);
  }

  void write_orders() const {
    write_safetensors(file("samples", kSamples),
                      {{"position_at", at::stack(orders_).to(torch::kUInt8)}, {"codes", codes_}},
                      {{"rows", "4"}, {"cols", "4"}});
  }
  void write_results(const std::vector<json>& scores) {
    json statistics =
        order_record(order_statistics(at::stack(orders_).to(torch::kInt64), kGrid), {});
    statistics.update({{"peeks", false}, {"draws_before_choosing", false}});
    json cell = example::cell("oar", 0, scores);
    cell["metrics"].push_back(
        example::distance(statistics.at("mean_inter_patch_distance").get<double>()));
    cell["metrics"].push_back(example::metric("nats_per_image_raster", "nats", 10.0, false));
    cell["order_statistics"] = statistics;
    cell["recipe"]["evaluate"] = {{"kid_subsets", 5}, {"kid_subset_size", 12}, {"isc_splits", 2}};
    for (const auto& [role, key] : {std::pair("samples", kSamples),
                                    {"tokenizer", kTokenizer},
                                    {"reference_features", kReference}}) {
      cell["stages"].push_back(example::stage(role, key, 1));
    }
    results_ = example::results({cell});
  }
  /// Renders all that is rendered, and lists it: what is wrong afterwards no hash tells.
  void seal() const {
    write_json(record() / "results.json", results_);
    fs::create_directories(record() / "tables");
    for (const auto& [name, text] : rendered_files(results_, record())) {
      write(record() / name, text);
    }
    write_contents(record());
  }

  PublishedReport verify(std::optional<int64_t> rescore = std::nullopt) const {
    Progress progress;
    return verify_published({record()}, rescore, progress);
  }
  /// The one problem, as a user meets it.
  std::string the_problem() const {
    const PublishedReport report = verify();
    if (report.problems.size() != 1) return std::to_string(report.problems.size()) + " problems";
    return report.problems[0].path.string() + ": " + report.problems[0].found + "; " +
           report.problems[0].next;
  }

  inline static const ScoreOptions kOptions = {.metrics = {"fid", "isc", "kid", "precision"},
                                               .kid_subsets = 5,
                                               .kid_subset_size = 12,
                                               .isc_splits = 2};
  std::unique_ptr<FeatureExtractor> extractor_;
  std::vector<torch::Tensor> orders_;
  torch::Tensor codes_;
  json results_;
};

TEST_F(VerifyPublishedTest, ARecordThatNobodyTouchedIsWhole) {
  const PublishedReport report = verify();
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.records, 1);
  EXPECT_EQ(report.files, static_cast<int64_t>(read_contents(record()).size()));
  EXPECT_EQ(report.ordered, 1);
  EXPECT_EQ(report.rescored, 1);
  ASSERT_EQ(report.scores.size(), 4u);
  EXPECT_NEAR(
      report.scores[0].at("found").get<double>() / report.scores[0].at("recorded").get<double>(),
      1.0, 0.01);
  EXPECT_NE(report.scores[0].at("found"), report.scores[0].at("recorded"));  // it was computed
  EXPECT_THAT(report.notes,
              ElementsAre(HasSubstr("simple_first and signatures are recorded"),
                          HasSubstr("as models are not kept: nats_per_image_raster")));
}

TEST_F(VerifyPublishedTest, AFlippedBitInATableIsFound) {
  const fs::path table = record() / "tables" / "results.csv";
  std::string text = read(table);
  text[text.size() / 2] ^= 1;
  write(table, text);
  EXPECT_THAT(the_problem(), AllOf(HasSubstr(table.string()), HasSubstr("the SHA-256"),
                                   HasSubstr("publish the run again")));
}

TEST_F(VerifyPublishedTest, ATableThatTheResultsDoNotGiveIsFound) {
  append(record() / "tables" / "results.csv", "oar,0\n");
  write_contents(record());
  EXPECT_THAT(the_problem(), AllOf(HasSubstr("tables/results.csv: not what results.json gives"),
                                   HasSubstr("from line "), HasSubstr("renders it again")));
}

TEST_F(VerifyPublishedTest, AMissingFileAndAStrangerAreFound) {
  fs::remove(record() / "tables" / "results.tex");
  EXPECT_THAT(the_problem(), HasSubstr("tables/results.tex: not there; "));
  seal();
  write(record() / "notes.txt", "mine");
  EXPECT_THAT(the_problem(), AllOf(HasSubstr((record() / "notes.txt").string()),
                                   HasSubstr("not listed in contents.json")));
  fs::remove(record() / "notes.txt");
  fs::create_symlink("/etc/hostname", record() / "link");
  EXPECT_THAT(the_problem(), HasSubstr("link: not a plain file"));
}

TEST_F(VerifyPublishedTest, AScoreThatTheCodesDoNotGiveIsFound) {
  json& score = results_["cells"][0]["metrics"][0];
  score["value"] = score.at("value").get<double>() * 0.97;
  seal();
  EXPECT_THAT(the_problem(),
              AllOf(HasSubstr((record() / "results.json").string()),
                    HasSubstr("cell recipe=oar,seed=0: fid is recorded as "),
                    HasSubstr("the codes in evidence/samples-5a5a5a5a5a5a.safetensors give ")));
}

TEST_F(VerifyPublishedTest, AStatisticThatTheOrdersDoNotGiveIsFound) {
  results_["cells"][0]["order_statistics"]["neighbour_share"] = 0.99;
  seal();
  EXPECT_THAT(the_problem(), HasSubstr("/order_statistics/neighbour_share: 0.99 is recorded, "
                                       "computed again it is "));
}

TEST_F(VerifyPublishedTest, WhatWasTakenOutOfTheRecordIsMissed) {
  const json whole = results_;
  const auto found_without = [&](const std::function<void(json & cell)>& take_out) {
    results_ = whole;
    take_out(results_["cells"][0]);
    fs::remove_all(record() / "tables");
    seal();
    std::string found;
    for (const VerifyProblem& problem : verify().problems) found += problem.found + "\n";
    return found;
  };
  EXPECT_THAT(found_without([](json& cell) { cell["order_statistics"].erase("mean_blobs"); }),
              HasSubstr("/order_statistics/mean_blobs is not recorded"));
  EXPECT_THAT(found_without([](json& cell) { cell.erase("order_statistics"); }),
              HasSubstr("it is done, and has no order_statistics"));
  EXPECT_THAT(found_without([](json& cell) { cell["stages"] = json::array(); }),
              HasSubstr("it is done, and lists no samples"));
  EXPECT_NE(found_without([](json& cell) { cell["metrics"][0].erase("extractor"); }), "");
}

TEST_F(VerifyPublishedTest, AChangedPositionIsFound) {
  orders_[5] = at::tensor({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
  write_orders();
  seal();
  const PublishedReport report = verify();  // the statistics, and the distance among the metrics
  ASSERT_EQ(report.problems.size(), 2u);
  EXPECT_THAT(report.problems[1].found, HasSubstr("mean_inter_patch_distance: "));

  orders_[5][0] = 1;  // not an order at all
  write_orders();
  seal();
  EXPECT_THAT(the_problem(), AllOf(HasSubstr("samples-5a5a5a5a5a5a.safetensors: cell "),
                                   HasSubstr("order 5 is not a permutation")));
}

TEST_F(VerifyPublishedTest, EvidenceThatIsNoneIsFound) {
  write(file("tokenizer", kTokenizer), "nothing");
  write_contents(record());
  EXPECT_THAT(the_problem(), AllOf(HasSubstr("cell recipe=oar,seed=0"), HasSubstr("tokenizer-")));
  fs::remove(file("samples", kSamples));
  write_contents(record());
  EXPECT_THAT(the_problem(), HasSubstr("its orders are not kept"));
}

TEST_F(VerifyPublishedTest, WhatCannotBeScoredAgainIsCounted) {
  EXPECT_THAT(verify(0).notes,
              testing::Contains(HasSubstr("scores of 1 cells are recorded and not computed again: "
                                          "--rescore leaves them out")));
  fs::remove(file("tokenizer", kTokenizer));
  write_contents(record());
  EXPECT_THAT(verify().notes, testing::Contains(HasSubstr("their codes are not kept")));
}

TEST_F(VerifyPublishedTest, WeightsThatTheProgramDoesNotHaveAreNoted) {
  for (json& metric : results_["cells"][0]["metrics"]) {
    if (metric.contains("extractor")) metric["extractor"] = "inception_v3";
  }
  seal();
  const PublishedReport report = verify();
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.rescored, 0);
  EXPECT_THAT(report.notes, testing::Contains(HasSubstr("inception_v3, whose weights are not")));
}

TEST_F(VerifyPublishedTest, AFolderOfRecordsIsVerifiedWholeAndNoneOfThemCanHide) {
  const fs::path folder = root_ / "reference";
  EXPECT_THAT(published_records(folder), ElementsAre(record()));
  EXPECT_THAT(published_records(record()), ElementsAre(record()));
  EXPECT_THAT(published_records(root_), IsEmpty());
  EXPECT_THAT(published_records(root_ / "nowhere"), IsEmpty());

  fs::copy(record(), folder / "other", fs::copy_options::recursive);
  fs::remove(folder / "other" / kContents);
  Progress progress;
  const PublishedReport report = verify_published(published_records(folder), 0, progress);
  EXPECT_EQ(report.records, 2);
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_EQ(report.problems[0].path, folder / "other" / kContents);
}

}  // namespace
}  // namespace oar
