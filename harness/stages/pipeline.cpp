#include "harness/stages/pipeline.h"

#include <ATen/ops/arange.h>
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "datasets/dataset.h"
#include "datasets/dataset_info.h"
#include "datasets/square.h"
#include "harness/stages/missing_conditions.h"
#include "harness/stages/planner.h"
#include "harness/stages/recipe_parts.h"
#include "metrics/feature_extractor.h"
#include "models/any_order/next_encoding.h"
#include "orders/order_policy.h"

namespace oar {
namespace {

using nlohmann::json;

/// Whether a fixed order is one for all images, in any training and run.
bool is_path(const OrderInfo& order) {
  if (order.is_learned || order.reads_file) return false;
  OrderConfig config;
  config.name = order.name;
  config.grid = Grid{4, 4};
  const torch::Tensor first = make_order(config)->position_at({torch::arange(8), {}, 0.0});
  config.seed = 1;
  const torch::Tensor second = make_order(config)->position_at({torch::arange(8), {}, 0.0});
  return first.equal(second) && first.equal(first.slice(0, 0, 1).expand_as(first));
}

}  // namespace

SweepPlan plan_sweep(const std::vector<Cell>& cells, const Environment& environment) {
  Planner planner(environment);
  SweepPlan plan;
  plan.cells.reserve(cells.size());
  for (const Cell& cell : cells) {
    try {
      plan.cells.push_back(planner.add_cell(cell.recipe, cell.seed));
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(fmt::format("cell {}: {}", cell.id, error.what()));
    }
  }
  plan.stages = std::move(planner).stages();
  return plan;
}

std::vector<PlannedStage> plan_cell(const Recipe& recipe, int64_t seed,
                                    const Environment& environment) {
  Planner planner(environment);
  const Planner::Roles roles = planner.add_cell(recipe, seed);
  const std::vector<PlannedStage> stages = std::move(planner).stages();
  std::vector<PlannedStage> cell;
  for (const auto& [role, stage] : roles) {
    cell.push_back(stages[stage]);
    cell.back().role = role;
  }
  return cell;
}

void check_against_data(const Recipe& recipe, const json& record, bool allow_missing) {
  if (record.at("train") == 0) {
    throw BadData("no image is left for training; lower dataset.held_out or bring more images");
  }
  if (get<std::string>(recipe, "model.condition") == "class" && record.at("classes").empty()) {
    throw BadData(
        "model.condition is \"class\", but the data set has no classes; set dataset.class_column, "
        "or "
        "use condition \"none\"");
  }
  check_conditions(recipe, record, allow_missing);
  const json& metrics = value_of(recipe, "evaluate.metrics");
  const bool has_images = !is_token_dataset(get<std::string>(recipe, "dataset.name"));
  if (!has_images || metrics.empty()) return;  // no image is scored
  const auto reference = get<std::string>(recipe, "evaluate.reference");
  const auto limit = get<int64_t>(recipe, "evaluate.max_reference");
  int64_t images = record.at(reference).get<int64_t>();
  if (limit > 0) images = std::min(images, limit);
  if (images < 2) {
    throw BadData(
        fmt::format("the reference split \"{}\" has {} images, and scores need at least 2; change "
                    "evaluate.reference, evaluate.max_reference or dataset.held_out",
                    reference, images));
  }
  const auto subset = get<int64_t>(recipe, "evaluate.kid_subset_size");
  if (std::find(metrics.begin(), metrics.end(), "kid") != metrics.end() && subset > images) {
    throw BadData(
        fmt::format("evaluate.kid_subset_size is {}, but the reference split \"{}\" has {} images; "
                    "set it to {} "
                    "or less",
                    subset, reference, images, images));
  }
}

KnownNames known_names() {
  KnownNames known;
  for (const DatasetInfo& info : dataset_infos()) {
    known.datasets.push_back(info.name);
    if (info.generated) known.generated_datasets.push_back(info.name);
    if (!info.has_images) known.token_datasets.push_back(info.name);
    if (info.class_from_column) known.class_column_datasets.push_back(info.name);
    if (!info.has_classes) known.unlabelled_datasets.push_back(info.name);
    if (info.official_split) known.officially_split_datasets.push_back(info.name);
    if (!info.has_captions) known.uncaptioned_datasets.push_back(info.name);
    if (info.has_images && !info.mirrors_allowed) known.unmirrored_datasets.push_back(info.name);
  }
  for (const auto& [name, summary] : list_crops()) known.crops.push_back(name);
  for (const auto& [name, summary] : list_resizes()) known.resizes.push_back(name);
  known.tokenizers = {"vqgan"};
  for (const OrderInfo& order : list_orders()) {
    known.orders.push_back(order.name);
    if (order.is_learned || order.reads_file) known.labelling_orders.push_back(order.name);
    if (is_path(order)) known.paths.push_back(order.name);
  }
  for (const NextEncodingInfo& encoding : list_next_encodings()) {
    known.next_encodings.push_back(encoding.name);
  }
  for (const auto& [name, summary] : list_feature_extractors()) {
    known.features.push_back(name);
    if (name != "efficientnet_lite0") known.brought_features.push_back(name);
  }
  known.metrics = find_option("evaluate.metrics")->accepts.choices;
  known.undirected_metrics = {"mean_inter_patch_distance", "sun_before_clouds",
                              "background_first_index"};
  for (const char* metric :
       {"mean_inter_patch_distance", "excess_nats", "path_adjacent_share", "sun_before_clouds",
        "background_first_index", "nats_per_image_raster", "nats_per_image_random", "code_accuracy",
        "code_accuracy_lowest", "condition_accuracy", "tokenizer_psnr", "tokenizer_rfid",
        "tokenizer_rkid", "tokenizer_codes_used", "tokenizer_code_perplexity"}) {
    known.metrics.emplace_back(metric);
  }
  return known;
}

}  // namespace oar
