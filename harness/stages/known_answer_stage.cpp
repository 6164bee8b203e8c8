#include <cmath>

#include "datasets/sunset_scene.h"
#include "harness/orders/order_record.h"
#include "harness/stages/artifacts.h"
#include "harness/stages/conditions.h"
#include "harness/stages/known_answer.h"
#include "harness/stages/label_images.h"
#include "harness/stages/measured_images.h"
#include "harness/stages/order_options.h"
#include "harness/stages/stages.h"
#include "orders/failure_signatures.h"
#include "orders/order_statistics.h"
#include "orders/rank_correlation.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr int64_t kImagesLookedAt = 200;  // whose pixels and masks tell of failures

/// Images, and the orders that the cell gives them.
struct Labelled {
  std::vector<int64_t> images;  ///< positions in the index
  std::string split;
  torch::Tensor codes;        ///< int64 [images, N]
  torch::Tensor position_at;  ///< int64 [images, N]
  torch::Tensor nats;         ///< float64 [images], -log P under the model, in that order
  Grid grid;
  bool is_learned = false;
  bool peeks = false;  ///< the order was chosen by looking at codes not yet placed
};

Labelled label(StageContext& context, const std::string& order_file,
               const Environment& environment) {
  const json& config = context.config();
  const DatasetIndex index = read_index(context.input("dataset"));
  const TokenGrids tokens = read_tokens(context.input("tokens"));
  Transformer model = read_transformer(context.input("model"), environment.device), placer{nullptr};
  check_fit(model->config(), tokens.grid, tokens.codebook_size, context.input("model").string());
  if (context.has_input("placer")) {
    placer = read_transformer(context.input("placer"), environment.device);
  }
  const auto policy =
      make_order(order_config_from(config, tokens.grid, config.at("seed"), order_file));
  const RolloutOptions options = rollout_options_from(config);

  Labelled labelled;
  labelled.grid = tokens.grid;
  labelled.is_learned = policy->is_learned();
  labelled.peeks = peeks(*policy, options);
  MeasuredImages measured = measured_images(index, config.at("images"));
  labelled.images = std::move(measured.images);
  labelled.split = std::move(measured.split);
  labelled.codes = tokens.codes.index_select(0, indices(labelled.images));
  const TensorMap found =
      label_images(context, {model, placer, *policy, options, environment}, tokens,
                   conditions_of(model->config(), index, context), labelled.images);
  write_safetensors(
      context.work() / "orders.safetensors", found,
      {{"rows", std::to_string(tokens.grid.rows)}, {"cols", std::to_string(tokens.grid.cols)}});
  labelled.position_at = found.at("position_at").to(torch::kInt64);
  labelled.nats = -found.at("log_likelihood").sum(1, false, torch::kFloat64);
  return labelled;
}

json describe(const Labelled& labelled, const json& config) {
  return {{"order", config.at("order")},
          {"images", labelled.images.size()},
          {"split", labelled.split},
          {"peeks", labelled.peeks},
          {"nats_per_image", labelled.nats.mean().item<double>()}};
}

/// Standard error of the mean; null for a single value.
json standard_error(const torch::Tensor& values) {
  if (values.numel() < 2) return nullptr;
  return values.std().item<double>() / std::sqrt(static_cast<double>(values.numel()));
}

json number_or_null(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

}  // namespace

json run_planted_answer(StageContext& context, const PlantedPathConfig& config,
                        const std::string& order_file, const Environment& environment) {
  const PlantedPath truth(config);
  const Labelled labelled = label(context, order_file, environment);
  const torch::Tensor true_nats = -truth.log_likelihood(labelled.codes);
  const torch::Tensor excess = labelled.nats - true_nats;
  const torch::Tensor tau = kendall_tau(labelled.position_at, config.path.unsqueeze(0));
  const int64_t n = config.path.numel();
  const auto patches = static_cast<double>(n);

  json record = describe(labelled, context.config());
  record.update({
      {"entropy_nats", truth.entropy()},
      {"true_nats_per_image", true_nats.mean().item<double>()},
      // Both models on the same images, so that how likely the images are cancels.
      {"excess_nats", excess.mean().item<double>()},
      {"excess_nats_error", standard_error(excess)},
      {"excess_over_entropy_nats", labelled.nats.mean().item<double>() - truth.entropy()},
      {"excess_over_entropy_nats_error", standard_error(labelled.nats)},
      {"path_adjacent_share",
       number_or_null(
           path_adjacent_share(labelled.position_at, config.path).mean().item<double>())},
      {"random_path_adjacent_share", number_or_null(random_path_adjacent_share(n))},
      {"tau_to_path", number_or_null(tau.mean().item<double>())},
      // A path walked backwards is the same path.
      {"absolute_tau_to_path", number_or_null(tau.abs().mean().item<double>())},
      // Kendall's closed form for the τ of two independent orders.
      {"random_tau_stddev",
       number_or_null(std::sqrt(2 * (2 * patches + 5) / (9 * patches * (patches - 1))))},
  });
  return record;
}

json run_sunset_answer(StageContext& context, const DatasetConfig& dataset_config,
                       const std::string& order_file, const Environment& environment) {
  const Labelled labelled = label(context, order_file, environment);
  const auto dataset = open_dataset(dataset_config, read_index(context.input("dataset")));
  const torch::Tensor parts =
      patch_parts(dataset->masks(labelled.images).value(), labelled.grid, 3);
  const auto shows = [&](SunsetPart part) { return parts == static_cast<int64_t>(part); };
  const torch::Tensor steps = step_of(labelled.position_at);
  const Precedence sun = precedence_of(steps, shows(SunsetPart::kSun), shows(SunsetPart::kCloud));
  const torch::Tensor index = background_first_index(steps, shows(SunsetPart::kBackground));
  const torch::Tensor known = index.masked_select(index.isfinite());

  // The failures that masks and pixels show, for the images that are labelled.
  SignatureEvidence evidence;
  evidence.is_learned = labelled.is_learned;
  const int64_t looked_at = std::min<int64_t>(kImagesLookedAt, steps.size(0));
  evidence.step_of = steps.narrow(0, 0, looked_at);
  evidence.background = shows(SunsetPart::kBackground).narrow(0, 0, looked_at);
  evidence.images = dataset->load({labelled.images.begin(), labelled.images.begin() + looked_at});
  const OrderStatistics statistics = order_statistics(labelled.position_at, labelled.grid);

  json record = describe(labelled, context.config());
  record["order_statistics"] = order_record(statistics, failure_signatures(statistics, evidence));
  record.update({
      {"images_with_sun_and_clouds", sun.images},
      {"sun_before_clouds", number_or_null(sun.mean_share)},
      {"random_sun_before_clouds", 0.5},
      {"sun_starts_before_clouds", number_or_null(sun.first_share)},
      {"random_sun_starts_before_clouds", number_or_null(sun.random_first_share)},
      {"images_with_background", known.numel()},
      {"background_first_index",
       number_or_null(known.numel() > 0 ? known.mean().item<double>() : std::nan(""))},
      {"background_first_index_error", standard_error(known)},
  });
  return record;
}

}  // namespace oar
