#include "harness/orders/order_record.h"

#include <ATen/ops/arange.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace oar {
namespace {

using nlohmann::json;

TEST(OrderRecord, StatesEveryStatisticUnderItsName) {
  const OrderStatistics statistics =
      order_statistics(torch::tensor({{0, 1, 3, 2}, {3, 1, 2, 0}}), Grid{2, 2},
                       torch::tensor({{-1.0f, -1.0f, -0.5f, -0.5f}, {-2.0f, -1.0f, -0.5f, 0.0f}}));
  const json record = order_record(statistics, {});
  EXPECT_EQ(record.at("rows"), 2);
  EXPECT_EQ(record.at("cols"), 2);
  EXPECT_EQ(record.at("num_orders"), 2);
  const double diagonal = std::sqrt(2.0);  // jumps 1, 1, 1 and 1, √2, 1
  EXPECT_NEAR(record.at("mean_inter_patch_distance"), (5 + diagonal) / 6, 1e-15);
  EXPECT_NEAR(record.at("stddev_inter_patch_distance"), (diagonal - 1) / 6, 1e-15);
  EXPECT_NEAR(record.at("neighbour_share"), 5.0 / 6, 1e-15);
  EXPECT_EQ(record.at("touch_share"), 1.0);
  EXPECT_EQ(record.at("long_jump_share"), 1.0);  // all are over √2 / 2
  EXPECT_EQ(record.at("mean_blobs"), 1.0);
  EXPECT_EQ(record.at("blobs"), json({1.0, 1.0, 1.0, 1.0}));
  EXPECT_EQ(record.at("centre_to_border"), nullptr);  // four corners are as far as each other
  EXPECT_EQ(record.at("orders_compared"), 2);
  EXPECT_NEAR(record.at("first_position_entropy"), std::log(2), 1e-15);
  EXPECT_EQ(record.at("histogram"), json({{"edges", {0.0, 1.0, 2.0}}, {"counts", {0, 6}}}));
  EXPECT_EQ(record.at("mean_step_of"), json({{1.5, 1.0}, {2.5, 1.0}}));
  EXPECT_EQ(record.at("stddev_step_of"), json({{1.5, 0.0}, {0.5, 1.0}}));
  EXPECT_EQ(record.at("log_likelihood"), json({-1.5, -1.0, -0.5, -0.25}));
  EXPECT_EQ(record.at("nats_per_image"), 3.25);
  for (const char* key : {"raster_tau", "stddev_raster_tau", "raster_rho", "stddev_raster_rho",
                          "between_tau", "between_rho"}) {
    EXPECT_TRUE(record.at(key).is_number()) << key;
  }
}

TEST(OrderRecord, HoldsNoNumberThatJsonCannotWrite) {
  const json record =
      order_record(order_statistics(torch::zeros({1, 1}, torch::kInt64), Grid{1, 1}), {});
  EXPECT_EQ(record, json::parse(record.dump()));
  EXPECT_EQ(record.at("mean_inter_patch_distance"), nullptr);
  EXPECT_EQ(record.at("between_tau"), nullptr);
  EXPECT_FALSE(record.contains("log_likelihood"));
}

TEST(OrderRecord, ListsSignaturesByName) {
  const OrderStatistics statistics =
      order_statistics(at::arange(4, torch::kInt64).unsqueeze(0), Grid{1, 4});
  const json record = order_record(
      statistics, {{"jumping", true, 0.5, 0.25, "It jumps."}, {"seams", {}, {}, {}, "No images."}});
  EXPECT_EQ(record.at("signatures"), json({{{"name", "jumping"},
                                            {"present", true},
                                            {"value", 0.5},
                                            {"threshold", 0.25},
                                            {"sentence", "It jumps."}},
                                           {{"name", "seams"},
                                            {"present", nullptr},
                                            {"value", nullptr},
                                            {"threshold", nullptr},
                                            {"sentence", "No images."}}}));
}

TEST(ImageRecords, HaveANumberAndTheStatisticsOfEachOrder) {
  const OrderStatistics statistics =
      order_statistics(torch::tensor({{0, 1, 2}, {0, 2, 1}}), Grid{1, 3});
  const json records = image_records(statistics.each, torch::tensor({8, 5}));
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[1].at("image"), 5);
  EXPECT_EQ(records[1].at("mean_jump"), 1.5);
  EXPECT_EQ(records[1].at("neighbour_share"), 0.5);
  EXPECT_EQ(records[1].at("long_jump_share"), 0.5);
  EXPECT_EQ(records[1].at("raster_rho"), 0.5);
  EXPECT_FALSE(records[1].contains("nats"));
  EXPECT_EQ(image_records(statistics.each, {})[1].at("image"), 1);
}

TEST(ComparisonRecord, StatesEveryNumberUnderItsName) {
  const json record = comparison_record(
      compare_orders(torch::tensor({{0, 1, 2}}), torch::tensor({{0, 2, 1}}), Grid{1, 3}));
  EXPECT_EQ(record, json({{"num_orders", 1},
                          {"mean_tau", 1.0 - 2.0 / 3},
                          {"stddev_tau", 0.0},
                          {"mean_rho", 0.5},
                          {"stddev_rho", 0.0},
                          {"equal_share", 1.0 / 3},
                          {"identical_share", 0.0},
                          {"mean_jump_a", 1.0},
                          {"mean_jump_b", 1.5}}));
}

}  // namespace
}  // namespace oar
