// `oar-bench orders` as a user runs it.
#include <ATen/ops/arange.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "harness/orders/order_file.h"
#include "orders/order_policy.h"
#include "tests/harness/program.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

class OrdersVerb : public ProgramTest {
 protected:
  Outcome orders(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "orders");
    return run(arguments);
  }
  json report(std::vector<std::string> arguments) {
    arguments.emplace_back("--json");
    const Outcome outcome = orders(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.text;
    return json::parse(outcome.text);
  }
  void make(const std::string& order, const std::string& file,
            const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"make", order, file, "--grid", "4x4"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = orders(arguments);
    ASSERT_EQ(outcome.code, 0) << outcome.text;
  }
};

TEST_F(OrdersVerb, MakesTheOrdersOfAFixedPolicy) {
  make("alternate", "one.jsonl");
  const OrderSet one = read_orders(folder_ / "one.jsonl");
  EXPECT_EQ(one.grid, (Grid{4, 4}));
  EXPECT_FALSE(one.image.defined());  // it stands for all images
  EXPECT_EQ(one.order, "alternate");
  make("random", "five.safetensors", {"--images", "5", "--seed", "7"});
  make("random", "same.safetensors", {"--images", "5", "--seed", "7"});
  const OrderSet five = read_orders(folder_ / "five.safetensors");
  EXPECT_EQ(five.position_at.size(0), 5);
  EXPECT_TRUE(five.position_at.equal(read_orders(folder_ / "same.safetensors").position_at));
}

TEST_F(OrdersVerb, MakesOrdersOfTheDistanceThatIsAskedFor) {
  make("random", "made.jsonl",
       {"--images", "5", "--distance-penalty", "1", "--distance", "chebyshev"});
  OrderConfig config;
  config.name = "random";
  config.grid = {4, 4};
  config.distance_penalty = 1;
  const torch::Tensor euclidean = make_order(config)->position_at(at::arange(5));
  config.distance = Distance::kChebyshev;
  const torch::Tensor chebyshev = make_order(config)->position_at(at::arange(5));
  ASSERT_FALSE(chebyshev.equal(euclidean));
  EXPECT_TRUE(read_orders(folder_ / "made.jsonl").position_at.equal(chebyshev));
}

TEST_F(OrdersVerb, ShowsTheStatisticsOfAFileAndTheOrderOfAnImage) {
  make("alternate", "one.jsonl");
  const Outcome outcome = orders({"show", "one.jsonl", "--image", "0"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.text,
              AllOf(HasSubstr("one.jsonl, order alternate (does not peek)\n"),
                    HasSubstr("mean inter-patch distance          1 ± 0 patches\n"),
                    HasSubstr("image 0: the step of each patch\n   0  1  2  3\n   7  6  5  4\n")));
  const json found = report({"show", "one.jsonl", "--image", "0", "--each"});
  EXPECT_EQ(found.at("statistics").at("neighbour_share"), 1.0);
  EXPECT_EQ(found.at("images").at(0).at("mean_jump"), 1.0);
  EXPECT_EQ(found.at("image").at("step_of").at(4), 7);
}

TEST_F(OrdersVerb, ShowsOrdersThatSomebodyWroteByHand) {
  std::ofstream(folder_ / "mine.json") << "[0, 1, 3, 2]\n";
  EXPECT_EQ(report({"show", "mine.json", "--grid", "2x2"}).at("statistics").at("num_orders"), 1);
  const Outcome without = orders({"show", "mine.json"});
  EXPECT_EQ(without.code, 65);
  EXPECT_THAT(without.text, HasSubstr("--grid RxC"));
}

TEST_F(OrdersVerb, ComparesTwoFilesImageByImage) {
  make("raster", "raster.jsonl");
  make("random", "random.jsonl", {"--images", "20"});
  EXPECT_EQ(report({"compare", "random.jsonl", "random.jsonl"}).at("identical_share"), 1.0);
  const json found = report({"compare", "raster.jsonl", "random.jsonl"});
  EXPECT_EQ(found.at("num_orders"), 20);
  EXPECT_NEAR(found.at("mean_tau").get<double>(), 0, 0.2);  // σ 0.185 an order, 0.04 for the mean
  EXPECT_THAT(orders({"compare", "raster.jsonl", "random.jsonl"}).text,
              HasSubstr("images with an order in both       20\n"));
}

TEST_F(OrdersVerb, ExportsAFileAsTheOtherFormat) {
  make("random", "a.jsonl", {"--images", "3"});
  EXPECT_EQ(orders({"export", "a.jsonl", "b.safetensors"}).code, 0);
  EXPECT_EQ(orders({"export", "b.safetensors", "c.jsonl"}).code, 0);
  const auto text = [&](const char* file) {
    std::ifstream in(folder_ / file);
    return std::string{std::istreambuf_iterator<char>(in), {}};
  };
  EXPECT_EQ(text("a.jsonl"), text("c.jsonl"));
}

TEST_F(OrdersVerb, SaysWhatIsWrongWithItsCode) {
  make("raster", "raster.jsonl");
  std::ofstream(folder_ / "bad.jsonl") << "[0, 1, 1, 2]\n";
  const auto expect = [&](int code, const char* words, const std::vector<std::string>& arguments) {
    const Outcome outcome = orders(arguments);
    EXPECT_EQ(outcome.code, code) << outcome.text;
    EXPECT_THAT(outcome.text, HasSubstr(words));
  };
  expect(65, "bad.jsonl:1: patch 1 is placed at step 1 and again",
         {"show", "bad.jsonl", "--grid", "2x2"});
  expect(74, "absent.jsonl", {"show", "absent.jsonl"});
  expect(74, "nowhere/results.json", {"extract", "--run", "nowhere"});
  expect(2, "orders of a 4x4 grid, not of 2x8", {"show", "raster.jsonl", "--grid", "2x8"});
  expect(2, "as in 8x8", {"show", "raster.jsonl", "--grid", "4"});
  expect(2, "--image 3: raster.jsonl has 1 orders, of images from 0 to 0",
         {"show", "raster.jsonl", "--image", "3"});
  expect(2, "order \"oar\" is learned", {"make", "oar", "x.jsonl", "--grid", "4x4"});
  expect(2, "no order policy is called \"rastr\"", {"make", "rastr", "x.jsonl", "--grid", "4x4"});
  expect(2, "\"from_file\" is in a file already",
         {"make", "from_file", "x.jsonl", "--grid", "4x4"});
  expect(2, "end in .jsonl or .safetensors", {"make", "raster", "x.txt", "--grid", "4x4"});
  expect(2, "end in .jsonl or .safetensors", {"export", "raster.jsonl", "x.npz"});
  expect(2, "--grid is required", {"make", "raster", "x.jsonl"});
  expect(2, "", {"show"});
  expect(2, "", {});
}

// A planted path of 16 patches, a model of one small layer: a second or two.
constexpr char kSweep[] = R"({
  "version": 1, "name": "planted",
  "defaults": {
    "dataset": {"name": "planted_path", "rows": 4, "cols": 4, "codes": 4, "max_images": 60,
                "held_out": 0.2},
    "model": {"layers": 1, "width": 32, "heads": 2},
    "train": {"images_seen": 320, "batch_size": 32},
    "generate": {"num_samples": 4, "order": "raster"},
    "evaluate": {"known_answer_images": 4}
  },
  "recipes": {"any": {"relabel": null}}
})";

class ExtractedOrders : public OrdersVerb {
 protected:
  void SetUp() override {
    OrdersVerb::SetUp();
    std::ofstream(folder_ / "planted.json") << kSweep;
    const Outcome outcome =
        run({"run", "planted.json", "--out", "run", "--device", "cpu", "--quiet"});
    ASSERT_EQ(outcome.code, 0) << outcome.text;
  }
  std::vector<std::string> extract(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"extract", "--run", "run", "--device", "cpu", "--quiet"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
};

TEST_F(ExtractedOrders, OfATrainsModelAreThoseOfTheHeldOutImages) {
  const json found = report(extract({"--max-images", "5", "--out", "found.jsonl"}));
  const OrderSet orders = read_orders(folder_ / "found.jsonl");
  EXPECT_EQ(orders.position_at.sizes(), at::IntArrayRef({5, 16}));
  EXPECT_EQ(orders.log_likelihood.sizes(), at::IntArrayRef({5, 16}));
  EXPECT_EQ(orders.order, "oar");
  EXPECT_EQ(orders.peeks, false);
  EXPECT_EQ(found.at("search").at("confidence"), "max_probability");
  EXPECT_EQ(found.at("search").at("token_evaluations"), 5 * 16 * 17 / 2);  // 16 + 15 + ... + 1 each
  const double nats = -orders.log_likelihood.sum(1, false, torch::kFloat64).mean().item<double>();
  EXPECT_NEAR(found.at("statistics").at("nats_per_image"), nats, 1e-9);
  EXPECT_EQ(found.at("agreement"), nullptr);
}

TEST_F(ExtractedOrders, TrainsThenRecordsWhatTheOrderReadsAndNothingElse) {
  const std::vector<std::string> all = {"--max-images",
                                        "1",
                                        "--seed",
                                        "3",
                                        "--distance-penalty",
                                        "1",
                                        "--distance",
                                        "manhattan",
                                        "--order-temperature",
                                        "2",
                                        "--future-candidates",
                                        "4"};
  const auto record = [&](const std::string& order) {
    std::vector<std::string> more = {"--order", order};
    more.insert(more.end(), all.begin(), all.end());
    return report(extract(more)).at("search");
  };
  const auto expect = [&](const std::string& order, json read) {
    const json found = record(order);
    for (const char* option : {"seed", "distance_penalty", "distance", "order_temperature",
                               "confidence", "future_candidates"}) {
      EXPECT_EQ(found.value(option, json()), read.value(option, json())) << order << ", " << option;
    }
  };
  expect("raster", json::object());
  expect("locality_groups", {{"seed", 3}});
  json read = {{"distance_penalty", 1}, {"distance", "manhattan"}, {"seed", 3}};
  expect("random", read);
  read.update({{"confidence", "max_probability"}, {"order_temperature", 2}});
  expect("sampled", read);
  read.erase("seed");
  read.erase("order_temperature");
  expect("oar", read);
  read.update({{"confidence", "future_context"}, {"future_candidates", 4}});
  expect("future_context", read);
}

TEST_F(ExtractedOrders, TrainsThenComparesWithTheExactSearch) {
  const json same = report(extract({"--frontier-radius", "4", "--compare-exact"})).at("agreement");
  EXPECT_EQ(same.at("kendall_tau"), 1.0);  // every patch lies within four of any other
  EXPECT_EQ(same.at("token_evaluations_ratio"), 1.0);
  const json less = report(extract({"--rescore-every", "4", "--compare-exact"})).at("agreement");
  EXPECT_GT(less.at("token_evaluations_ratio"), 2.0);
  EXPECT_LT(less.at("kendall_tau"), 1.0);
}

TEST_F(ExtractedOrders, TrainsThenSaysWhatItCannotSearch) {
  const auto expect = [&](int code, const char* words, const std::vector<std::string>& more) {
    const Outcome outcome = orders(extract(more));
    EXPECT_EQ(outcome.code, code) << outcome.text;
    EXPECT_THAT(outcome.text, HasSubstr(words));
  };
  expect(2, "--compare-exact compares an approximate search", {"--compare-exact"});
  expect(2, "has no model \"specialist\"; it has: any_order", {"--model", "specialist"});
  expect(2, "--order from_file: there is nothing to search", {"--order", "from_file"});
  expect(2, "\"oar\" names 0 cells", {"--cell", "oar"});
  expect(2, "allow more memory (--memory ", {"--memory", "1KiB"});
  expect(2, "there is no folder", {"--store", "elsewhere"});
  expect(2, "there is no folder \"no\"", {"--out", "no/such.jsonl"});
  expect(2, "--split", {"--split", "test"});
  fs::rename(folder_ / "store" / "any_order", folder_ / "elsewhere");
  expect(65, "the any_order of cell ", {});
}

}  // namespace
}  // namespace oar
