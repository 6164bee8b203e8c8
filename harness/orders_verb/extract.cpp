#include "harness/orders_verb/extract.h"

#include <ATen/ops/cat.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <vector>

#include "datasets/dataset.h"
#include "harness/measure/byte_size.h"
#include "harness/measure/device.h"
#include "harness/run/finished_cell.h"
#include "harness/stages/artifacts.h"
#include "harness/stages/conditions.h"
#include "harness/stages/label_images.h"
#include "harness/stages/order_options.h"
#include "harness/store/interrupt.h"
#include "orders/order_comparison.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr int64_t kImagesTogether = 64;

/// What the search reads.
struct Material {
  std::string cell;
  DatasetIndex index;
  TokenGrids tokens;
  torch::Tensor conditions;  ///< of the whole index
  Transformer model{nullptr};
};

Material open_material(const ExtractOptions& options, torch::Device device) {
  const FinishedCell cell = open_finished_cell(options.run, options.cell, options.store);
  std::vector<std::string> models = cell.roles_of("any_order");
  for (const std::string& role : cell.roles_of("specialist")) models.push_back(role);
  if (std::find(models.begin(), models.end(), options.model) == models.end()) {
    throw std::invalid_argument(fmt::format("--model: cell {} has no model \"{}\"; it has: {}",
                                            cell.id(), options.model, fmt::join(models, ", ")));
  }
  Material material{cell.id(), read_index(cell.artifact("dataset")),
                    read_tokens(cell.artifact("tokens")), torch::Tensor(),
                    read_transformer(cell.artifact(options.model), device)};
  const bool reads_captions = material.model->config().caption.length > 0;
  material.conditions = conditions_of(material.model->config(), material.index,
                                      reads_captions ? cell.artifact("captions") : "");
  check_fit(material.model->config(), material.tokens.grid, material.tokens.codebook_size,
            cell.artifact(options.model).string());
  return material;
}

std::vector<int64_t> chosen_images(const ExtractOptions& options, const DatasetIndex& index) {
  const Split split = options.split == "train" ? Split::kTrain : Split::kHeldOut;
  std::vector<int64_t> images = images_of(index, split, options.max_images);
  if (images.empty()) {
    throw BadData(fmt::format("no image of the data set is in the split \"{}\"; use --split {}",
                              options.split, split == Split::kTrain ? "held_out" : "train"));
  }
  return images;
}

/// The orders of all images, and what finding them took.
struct Found {
  torch::Tensor position_at, log_likelihood;
  int64_t token_evaluations = 0;
  double seconds = 0;

  double nats_per_image() const {
    return -log_likelihood.sum(1, false, torch::kFloat64).mean().item<double>();
  }
};

Found search(const Labeller& labeller, const Material& material, const std::vector<int64_t>& images,
             int64_t together, Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  const auto total = static_cast<int64_t>(images.size());
  std::vector<torch::Tensor> orders, likelihoods;
  Found found;
  progress.begin("images", total);
  for (int64_t begin = 0; begin < total; begin += together) {
    const int64_t end = std::min(total, begin + together);
    const std::vector<int64_t> chunk(images.begin() + begin, images.begin() + end);
    const Rollout rollout =
        labeller.label(material.tokens.codes.index_select(0, indices(chunk)),
                       rows_of(material.conditions, indices(chunk)), indices(chunk));
    orders.push_back(rollout.position_at);
    likelihoods.push_back(rollout.log_likelihood);
    found.token_evaluations += rollout.token_evaluations;
    progress.update(end);
    if (interrupt_requested()) throw Interrupted();
  }
  progress.end();
  found.position_at = at::cat(orders);
  found.log_likelihood = at::cat(likelihoods);
  found.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return found;
}

json agreement_of(const Found& found, const Found& exact, const Grid& grid) {
  const OrderComparison comparison = compare_orders(found.position_at, exact.position_at, grid);
  return {{"images", comparison.num_orders},
          {"kendall_tau", comparison.mean_tau},
          {"identical_share", comparison.identical_share},
          {"nats_per_image", found.nats_per_image()},
          {"exact_nats_per_image", exact.nats_per_image()},
          {"token_evaluations_ratio", static_cast<double>(exact.token_evaluations) /
                                          static_cast<double>(found.token_evaluations)},
          {"speedup", exact.seconds / found.seconds}};
}

/// The options that decide the orders: those that this order reads.
json order_options_record(const ExtractOptions& options, const Labeller& labeller) {
  const OrderPolicy& policy = labeller.policy;
  json record = {{"order", options.order}};
  if (options.order == "sampled") record["order_temperature"] = options.order_temperature;
  for (const char* name : {"sampled", "random", "locality_groups"}) {
    if (options.order == name) record["seed"] = options.seed;
  }
  if (policy.is_learned() || options.order == "random") {
    record["distance_penalty"] = options.distance_penalty;
    record["distance"] = options.distance;
  }
  if (!policy.is_learned()) return record;
  const Confidence confidence = policy.own_confidence().value_or(labeller.options.confidence);
  record["confidence"] = name_of(confidence);
  record["frontier_radius"] = options.search.frontier_radius;
  record["rescore_every"] = options.search.rescore_every;
  record["patches_per_step"] = options.search.patches_per_step;
  record["search_first"] = options.search.search_first;
  if (confidence == Confidence::kFutureContext) {
    record["future_candidates"] = options.search.future_candidates;
  }
  return record;
}

json search_record(const ExtractOptions& options, const Labeller& labeller,
                   const Material& material, const Found& found, int64_t together) {
  json record = {{"cell", material.cell},
                 {"model", options.model},
                 {"split", options.split},
                 {"images", found.position_at.size(0)},
                 {"peeks", peeks(labeller.policy, labeller.options)},
                 {"token_evaluations", found.token_evaluations},
                 {"seconds", found.seconds},
                 {"images_together", together},
                 {"device", labeller.environment.device.str()}};
  record.update(order_options_record(options, labeller));
  return record;
}

OrderConfig order_config(const ExtractOptions& options, const Grid& grid) {
  OrderConfig config;
  config.name = options.order;
  config.grid = grid;
  config.distance_penalty = options.distance_penalty;
  config.distance = distance_from_name(options.distance);
  config.order_temperature = options.order_temperature;
  config.seed = options.seed;
  return config;
}

}  // namespace

Extraction extract_orders(const ExtractOptions& options, Progress& progress) {
  if (const auto info = find_order(options.order); info && info->reads_file) {
    throw std::invalid_argument(
        fmt::format("--order {}: there is nothing to search where a file says the orders; name "
                    "another order, or read the file with `oar-bench orders show`",
                    options.order));
  }
  RolloutOptions rolling;
  rolling.confidence = confidence_from_name(options.confidence);
  rolling.search = options.search;
  if (options.compare_exact && options.search == options.search.exact()) {
    throw std::invalid_argument(
        "--compare-exact compares an approximate search with the exact one, and this is the exact "
        "one; add --frontier-radius, --rescore-every, --patches-per-step or --search-first");
  }
  const Environment environment{device_from_name(options.device), bytes_from_text(options.memory)};
  const Material material = open_material(options, environment.device);
  const auto policy = make_order(order_config(options, material.tokens.grid));
  Labeller labeller{material.model, Transformer{nullptr}, *policy, rolling, environment};
  const std::vector<int64_t> images = chosen_images(options, material.index);
  const int64_t together = labeller.images_together(kImagesTogether);

  progress.stage("search");
  const Found found = search(labeller, material, images, together, progress);
  Extraction result;
  result.orders = {material.tokens.grid, indices(images), found.position_at, found.log_likelihood};
  result.orders.order = options.order;
  result.orders.peeks = peeks(*policy, rolling);
  if (material.model->config().num_classes > 0) {
    result.orders.label = labels_of(material.index, images);
  }
  result.search = search_record(options, labeller, material, found, together);
  if (options.compare_exact) {
    labeller.options.search = options.search.exact();
    progress.stage("exact search");
    result.agreement = agreement_of(found, search(labeller, material, images, together, progress),
                                    material.tokens.grid);
  }
  return result;
}

}  // namespace oar
