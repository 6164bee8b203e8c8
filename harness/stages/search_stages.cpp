#include <ATen/ops/arange.h>
#include <ATen/ops/stack.h>
#include <fmt/format.h>

#include <algorithm>

#include "harness/orders/order_file.h"
#include "harness/orders/order_record.h"
#include "harness/stages/artifacts.h"
#include "harness/stages/conditions.h"
#include "harness/stages/label_images.h"
#include "harness/stages/order_options.h"
#include "harness/stages/stages.h"
#include "models/any_order/cached_scorer.h"
#include "orders/choose_next.h"
#include "orders/failure_signatures.h"
#include "orders/order_comparison.h"
#include "orders/order_statistics.h"
#include "orders/patch_detail.h"
#include "orders/rollout.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr int64_t kSeamImages = 200;

/// The first generated images, where there are pixels, for the signatures that show in them.
SignatureEvidence evidence_of(const StageContext& context, const json& made,
                              const torch::Tensor& position_at) {
  SignatureEvidence evidence;
  evidence.is_learned = find_order(made.at("order").get<std::string>()).value().is_learned;
  const auto folder = context.input("samples") / "images";
  if (!std::filesystem::is_directory(folder)) return evidence;
  std::vector<torch::Tensor> images;
  for (int64_t i = 0; i < std::min(kSeamImages, position_at.size(0)); ++i) {
    images.push_back(read_png(folder / fmt::format("{:06}.png", i)));
  }
  evidence.images = at::stack(images);
  evidence.step_of = step_of(position_at.narrow(0, 0, evidence.images.size(0)));
  return evidence;
}

/// Whether orders of a file tell of the images that they are labels of: one for each image, unless
/// the file says that none was chosen by looking at codes not yet placed. One order for all tells
/// nothing, and neither do orders that are drawn.
bool looked_up_peeking(const OrderPolicy& policy, const std::string& file) {
  if (policy.name() != "from_file" || policy.config().given.size(0) == 1) return false;
  return read_orders(file, policy.config().grid).peeks.value_or(true);
}

}  // namespace

json run_orders(StageContext& context, const std::string& order_file,
                const Environment& environment) {
  const json& config = context.config();
  const DatasetIndex index = read_index(context.input("dataset"));
  const TokenGrids tokens = read_tokens(context.input("tokens"));
  Transformer model = read_transformer(context.input("model"), environment.device);
  check_fit(model->config(), tokens.grid, tokens.codebook_size, context.input("model").string());
  const auto policy = make_order(
      order_config_from(config, tokens.grid, config.value("seed", uint64_t{0}), order_file));
  const Labeller labeller{model, Transformer{nullptr}, *policy, rollout_options_from(config),
                          environment};
  const std::vector<int64_t> images = images_of(index, Split::kTrain, config.at("max_images"));
  const torch::Tensor conditions = conditions_of(model->config(), index, context);
  const TensorMap found = label_images(context, labeller, tokens, conditions, images);
  const bool peeked = peeks(*policy, labeller.options) || looked_up_peeking(*policy, order_file);
  write_safetensors(context.work() / "orders.safetensors", found,
                    {{"rows", std::to_string(tokens.grid.rows)},
                     {"cols", std::to_string(tokens.grid.cols)},
                     {"order", config.at("order")},
                     {"peeks", peeked ? "true" : "false"}});
  const OrderStatistics statistics = order_statistics(found.at("position_at").to(torch::kInt64),
                                                      tokens.grid, found.at("log_likelihood"));
  json record = order_record(statistics, failure_signatures(statistics, {}));
  record["images"] = images.size();
  record["order"] = config.at("order");
  record["confidence"] = config.at("confidence");
  record["peeks"] = peeked;
  record["device"] = environment.device.str();
  record["choice_path"] = choice_path(environment.device);
  record["nats_per_image"] = mean_nats(found.at("log_likelihood"));
  const json agreement = labeller.agreement(tokens.codes.index_select(0, indices(images)),
                                            rows_of(conditions, indices(images)), indices(images));
  if (!agreement.is_null()) record["agreement"] = agreement;
  return record;
}

json run_samples(StageContext& context, int64_t batch_size, const std::string& order_file,
                 const Environment& environment) {
  const json& config = context.config();
  const DatasetIndex index = read_index(context.input("dataset"));
  Transformer model = read_transformer(context.input("model"), environment.device);
  const Grid grid = model->config().grid;
  Vqgan tokenizer{nullptr};
  if (context.has_input("tokenizer")) {
    tokenizer = read_tokenizer(context.input("tokenizer"), environment.device);
    check_fit(model->config(), grid, tokenizer->config().codebook_size,
              context.input("model").string());
  }
  Transformer placer{nullptr};
  if (context.has_input("placer")) {
    placer = read_transformer(context.input("placer"), environment.device);
  }

  const uint64_t seed = config.at("seed").get<uint64_t>();
  const auto policy = make_order(order_config_from(config, grid, seed, order_file));
  const Labeller labeller{model, placer, *policy, rollout_options_from(config), environment};
  SamplingOptions sampling;
  config.at("temperature").get_to(sampling.temperature);
  config.at("top_k").get_to(sampling.top_k);
  config.at("top_p").get_to(sampling.top_p);
  sampling.seed = seed;
  const torch::Tensor conditions = conditions_of(model->config(), index, context);
  const auto folder = context.work() / "images";
  if (tokenizer) std::filesystem::create_directories(folder);

  ScorerOptions scoring = labeller.scorer_options();
  config.at("guidance_scale").get_to(scoring.guidance_scale);
  if (conditions.defined()) scoring.condition = conditions.narrow(0, 0, 1);  // for the plan
  const int64_t together = CachedScorer::plan(model->config(), batch_size, scoring).batch;
  const std::vector<int64_t> train = images_of(index, Split::kTrain);
  const auto draw = [&](int64_t begin, int64_t end) {
    const torch::Tensor images = at::arange(begin, end, torch::kInt64);
    ScorerOptions chunk = scoring;
    torch::Tensor sources;
    if (conditions.defined()) {
      sources = drawn_sources(train, begin, end, seed);
      chunk.condition = rows_of(conditions, sources).to(environment.device);
    }
    CachedScorer scorer(model, end - begin, chunk);
    std::optional<CachedScorer> places;
    RolloutOptions chunk_options = labeller.options;
    if (placer) chunk_options.placer = &places.emplace(placer, end - begin, chunk);
    const Rollout rollout =
        roll_out(scorer, *policy, drawn_codes(sampling, images), images, chunk_options);
    if (tokenizer) {
      const c10::InferenceMode no_gradients;
      const torch::Tensor pixels =
          to_pixels(
              tokenizer->decode_codes(rollout.codes.to(environment.device), grid.rows, grid.cols))
              .cpu();
      for (int64_t i = begin; i < end; ++i) {
        write_png(folder / fmt::format("{:06}.png", i), pixels[i - begin]);
      }
    }
    TensorMap made{{"codes", rollout.codes.to(torch::kInt16)},
                   {"log_likelihood", rollout.log_likelihood},
                   {"position_at", rollout.position_at.to(torch::kInt16)}};
    if (conditions.defined()) made["condition_of"] = sources;
    if (model->config().num_classes > 0) made["label"] = rows_of(conditions, sources);
    return made;
  };
  const TensorMap drawn = in_chunks(context, "images", config.at("num_samples"), together, draw);
  write_safetensors(context.work() / "samples.safetensors", drawn,
                    {{"rows", std::to_string(grid.rows)}, {"cols", std::to_string(grid.cols)}});
  write_json(
      context.work() / "config.json",
      {{"rows", grid.rows}, {"cols", grid.cols}, {"codebook_size", model->config().codebook_size}});
  // The search is judged on what it drew: the orders that both find for those codes.
  const json agreement = labeller.agreement(
      drawn.at("codes").to(torch::kInt64),
      conditions.defined() ? rows_of(conditions, drawn.at("condition_of")) : torch::Tensor(),
      at::arange(drawn.at("codes").size(0), torch::kInt64));
  json record = {{"images", drawn.at("codes").size(0)},
                 {"order", config.at("order")},
                 {"placed_by", placer ? "any_order" : "model"},
                 {"draws_before_choosing", peeks(*policy, labeller.options)},
                 {"device", environment.device.str()},
                 {"choice_path", choice_path(environment.device)},
                 {"nats_per_image", mean_nats(drawn.at("log_likelihood"))}};
  if (!agreement.is_null()) record["agreement"] = agreement;
  return record;
}

json run_order_statistics(StageContext& context) {
  const json config = read_json(context.input("samples") / "config.json");
  const TensorMap samples = read_tensors(context.input("samples") / "samples.safetensors");
  const Grid grid{config.at("rows"), config.at("cols")};
  const torch::Tensor position_at = samples.at("position_at").to(torch::kInt64);
  const OrderStatistics statistics =
      order_statistics(position_at, grid, samples.at("log_likelihood"));
  const json made = context.input_record("samples");
  const SignatureEvidence evidence = evidence_of(context, made, position_at);
  json record = order_record(statistics, failure_signatures(statistics, evidence));
  if (evidence.images.defined()) {
    const torch::Tensor simple =
        simple_first(evidence.step_of, patch_detail(evidence.images, grid));
    const torch::Tensor known = simple.masked_select(simple.isfinite());
    if (known.numel() > 0) record["simple_first"] = known.mean().item<double>();
  }
  record["peeks"] = false;  // a generated order looks at placed and drawn codes only
  record["draws_before_choosing"] = made.at("draws_before_choosing");
  if (made.contains("agreement")) record["agreement"] = made.at("agreement");
  write_json(context.work() / "order_statistics.json", record);
  return record;
}

}  // namespace oar
