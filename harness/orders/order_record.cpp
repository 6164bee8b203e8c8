#include "harness/orders/order_record.h"

#include <cmath>

namespace oar {
namespace {

using nlohmann::json;

json number(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

json list(const torch::Tensor& values) {  // float64 [n]
  json numbers = json::array();
  for (int64_t i = 0; i < values.size(0); ++i) numbers.push_back(number(values[i].item<double>()));
  return numbers;
}

json grid(const torch::Tensor& values) {  // float64 [rows, cols]
  json rows = json::array();
  for (int64_t r = 0; r < values.size(0); ++r) rows.push_back(list(values[r]));
  return rows;
}

}  // namespace

json signature_record(const Signature& signature) {
  json record = {{"name", signature.name},
                 {"present", nullptr},
                 {"value", nullptr},
                 {"threshold", nullptr},
                 {"sentence", signature.sentence}};
  if (signature.present) record["present"] = *signature.present;
  if (signature.value) record["value"] = *signature.value;
  if (signature.threshold) record["threshold"] = *signature.threshold;
  return record;
}

json order_record(const OrderStatistics& statistics, const std::vector<Signature>& signatures) {
  json named = json::array();
  for (const Signature& signature : signatures) named.push_back(signature_record(signature));
  json record = {{"rows", statistics.grid.rows},
                 {"cols", statistics.grid.cols},
                 {"num_orders", statistics.num_orders},
                 {"mean_inter_patch_distance", number(statistics.mean_inter_patch_distance)},
                 {"stddev_inter_patch_distance", number(statistics.stddev_inter_patch_distance)},
                 {"neighbour_share", number(statistics.neighbour_share)},
                 {"touch_share", number(statistics.touch_share)},
                 {"long_jump_share", number(statistics.long_jump_share)},
                 {"mean_blobs", number(statistics.mean_blobs)},
                 {"centre_to_border", number(statistics.centre_to_border)},
                 {"raster_tau", number(statistics.raster_tau)},
                 {"stddev_raster_tau", number(statistics.stddev_raster_tau)},
                 {"raster_rho", number(statistics.raster_rho)},
                 {"stddev_raster_rho", number(statistics.stddev_raster_rho)},
                 {"between_tau", number(statistics.between_tau)},
                 {"between_rho", number(statistics.between_rho)},
                 {"orders_compared", statistics.orders_compared},
                 {"first_position_entropy", number(statistics.first_position_entropy)},
                 {"histogram",
                  {{"edges", statistics.histogram_edges}, {"counts", statistics.histogram_counts}}},
                 {"blobs", list(statistics.blobs)},
                 {"mean_step_of", grid(statistics.mean_step_of)},
                 {"stddev_step_of", grid(statistics.stddev_step_of)},
                 {"signatures", std::move(named)}};
  if (statistics.log_likelihood.defined()) {
    record["log_likelihood"] = list(statistics.log_likelihood);
    record["nats_per_image"] = number(statistics.nats_per_image);
  }
  return record;
}

json image_records(const OrderNumbers& each, const torch::Tensor& image) {
  json records = json::array();
  for (int64_t i = 0; i < each.mean_jump.size(0); ++i) {
    json record = {{"image", image.defined() ? image[i].item<int64_t>() : i}};
    const auto add = [&](const char* name, const torch::Tensor& values) {
      if (values.defined()) record[name] = number(values[i].item<double>());
    };
    add("mean_jump", each.mean_jump);
    add("neighbour_share", each.neighbour_share);
    add("touch_share", each.touch_share);
    add("long_jump_share", each.long_jump_share);
    add("mean_blobs", each.mean_blobs);
    add("centre_to_border", each.centre_to_border);
    add("raster_tau", each.raster_tau);
    add("raster_rho", each.raster_rho);
    add("nats", each.nats);
    records.push_back(std::move(record));
  }
  return records;
}

json comparison_record(const OrderComparison& comparison) {
  return {{"num_orders", comparison.num_orders},
          {"mean_tau", number(comparison.mean_tau)},
          {"stddev_tau", number(comparison.stddev_tau)},
          {"mean_rho", number(comparison.mean_rho)},
          {"stddev_rho", number(comparison.stddev_rho)},
          {"equal_share", number(comparison.equal_share)},
          {"identical_share", number(comparison.identical_share)},
          {"mean_jump_a", number(comparison.mean_jump_a)},
          {"mean_jump_b", number(comparison.mean_jump_b)}};
}

}  // namespace oar
