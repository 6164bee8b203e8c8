#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include <algorithm>

#include "harness/stages/artifacts.h"
#include "harness/stages/image_sampler.h"
#include "harness/stages/stages.h"
#include "models/any_order/cached_scorer.h"
#include "models/any_order/trainer.h"
#include "orders/order_statistics.h"
#include "orders/rollout.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr int64_t kEvaluationBatch = 64;
constexpr int64_t kEvaluationImages = 1000;
// Beside the weights; images are searched together only as far as this reaches.
constexpr int64_t kSearchBytes = int64_t{2} << 30;

/// A fixed order for images numbered `samples`: int64 [B, N].
torch::Tensor fixed_orders(const std::string& name, const Grid& grid, uint64_t seed, Stream stream,
                           const torch::Tensor& samples) {
  OrderConfig config;
  config.name = name;
  config.grid = grid;
  config.seed = seed;
  config.stream = stream;
  return make_order(config)->position_at(samples);
}

torch::Tensor labels_of(const DatasetIndex& index, const std::vector<int64_t>& images) {
  torch::Tensor labels = torch::empty({static_cast<int64_t>(images.size())}, torch::kInt64);
  for (size_t i = 0; i < images.size(); ++i) labels[i] = index.images[images[i]].label;
  return labels;
}

torch::Tensor indices(const std::vector<int64_t>& images) {
  return torch::tensor(images, torch::kInt64);
}

/// What a training loop asks for: the images' codes, orders and labels, by sample number.
using BatchSource = std::function<TrainingBatch(int64_t first_sample, int64_t count)>;

/// Trains until the last step, continuing from scratch/checkpoint.safetensors where there is one.
/// Returns the loss curve: [images seen, mean loss since the last point in nats per patch].
json train(StageContext& context, const Transformer& model, const TrainerSettings& settings,
           int64_t batch_size, const BatchSource& batches) {
  AnyOrderTrainer trainer(model, settings);
  const auto file = context.scratch() / "checkpoint.safetensors";
  json curve = json::array();
  double sum = 0;
  int64_t count = 0;
  if (std::filesystem::exists(file)) {
    trainer.load_state(read_tensors(file), file.string());
    const json progress = json::parse(read_safetensors_metadata(file).at("progress"));
    curve = progress.at("curve");
    sum = progress.at("sum");
    count = progress.at("count");
  }
  const int64_t total = settings.total_steps, every = std::max<int64_t>(1, total / 100);
  CheckpointClock clock;
  context.progress().begin("images", total * batch_size, trainer.steps_done() * batch_size);
  while (trainer.steps_done() < total) {
    const double loss = trainer.step(batches(trainer.steps_done() * batch_size, batch_size));
    if (std::isnan(loss)) {
      throw Diverged(fmt::format(
          "loss or gradient is not finite at step {} of {}; lower the learning rate ({})",
          trainer.steps_done(), total, settings.learning_rate));
    }
    sum += loss;
    ++count;
    const int64_t done = trainer.steps_done();
    if (done % every == 0 || done == total) {
      curve.push_back({done * batch_size, sum / static_cast<double>(count)});
      sum = 0;
      count = 0;
    }
    context.progress().update(done * batch_size, fmt::format("loss {:.3f}", loss));
    if (clock.due() || context.stop_requested()) {
      write_safetensors(
          file, trainer.state(),
          {{"progress", json{{"curve", curve}, {"sum", sum}, {"count", count}}.dump()}});
    }
    context.stop_if_requested();
  }
  context.progress().end();
  return curve;
}

/// `options` holds images_seen, batch_size and the options of AdamW; seeds are the caller's.
TrainerSettings trainer_settings(const json& options, double condition_dropout, uint64_t seed) {
  TrainerSettings settings;
  const int64_t images = options.at("images_seen"), batch_size = options.at("batch_size");
  settings.total_steps = (images + batch_size - 1) / batch_size;
  options.at("learning_rate").get_to(settings.learning_rate);
  options.at("warmup").get_to(settings.warmup);
  options.at("weight_decay").get_to(settings.weight_decay);
  options.at("gradient_clip").get_to(settings.gradient_clip);
  settings.condition_dropout = condition_dropout;
  settings.seed = seed;
  return settings;
}

int64_t parameter_count(const Transformer& model) {
  int64_t count = 0;
  for (const torch::Tensor& p : model->parameters()) count += p.numel();
  return count;
}

/// Held-out likelihood under each fixed order, in nats per image; null where nothing is held out.
json held_out_nats(const Transformer& model, const DatasetIndex& index, const TokenGrids& tokens) {
  const std::vector<int64_t> images = images_of(index, Split::kHeldOut, kEvaluationImages);
  json nats = {{"images", images.size()}};
  const torch::Tensor labels =
      model->config().num_classes > 0 ? labels_of(index, images) : torch::Tensor();
  for (const std::string order : {"raster", "random"}) {
    if (images.empty()) {
      nats[order] = nullptr;
      continue;
    }
    const torch::Tensor orders = fixed_orders(order, tokens.grid, 0, Stream::kGenerationOrder,
                                              at::arange(static_cast<int64_t>(images.size())));
    nats[order] = nats_per_image(model, tokens.codes.index_select(0, indices(images)), orders,
                                 labels, kEvaluationBatch);
  }
  return nats;
}

/// Images that may be searched at once.
int64_t images_per_chunk(const TransformerConfig& config, int64_t wanted, bool guided) {
  const int64_t one = CachedScorer::bytes_needed(config, 1, guided);
  return std::clamp<int64_t>(kSearchBytes / one, 1, wanted);
}

OrderConfig order_config_from(const json& config, const Grid& grid, uint64_t seed) {
  OrderConfig order;
  order.name = config.at("order");
  order.grid = grid;
  order.distance_penalty = config.at("distance_penalty");
  order.distance = distance_from_name(config.at("distance"));
  order.seed = seed;
  return order;
}

/// Labels of generated images: those of training images drawn by counter, so that classes come in
/// their training shares. Not defined for a model without a condition.
torch::Tensor generated_labels(const DatasetIndex& index, int64_t begin, int64_t end,
                               uint64_t seed) {
  const std::vector<int64_t> train = images_of(index, Split::kTrain);
  torch::Tensor labels = torch::empty({end - begin}, torch::kInt64);
  for (int64_t image = begin; image < end; ++image) {
    const uint64_t drawn =
        random_below(train.size(), seed, Stream::kGenerationLabel, {static_cast<uint64_t>(image)});
    labels[image - begin] = index.images[train[drawn]].label;
  }
  return labels;
}

json describe(const OrderStatistics& statistics) {
  json rows = json::array();
  const torch::Tensor steps = statistics.mean_step_of;
  for (int64_t r = 0; r < steps.size(0); ++r) {
    json row = json::array();
    for (int64_t c = 0; c < steps.size(1); ++c) row.push_back(steps[r][c].item<double>());
    rows.push_back(std::move(row));
  }
  return {{"num_orders", statistics.num_orders},
          {"mean_inter_patch_distance", statistics.mean_inter_patch_distance},
          {"stddev_inter_patch_distance", statistics.stddev_inter_patch_distance},
          {"neighbour_share", statistics.neighbour_share},
          {"histogram",
           {{"edges", statistics.histogram_edges}, {"counts", statistics.histogram_counts}}},
          {"mean_step_of", std::move(rows)}};
}

}  // namespace

json run_any_order(StageContext& context, const Environment& environment) {
  const json& config = context.config();
  const DatasetIndex index = read_index(context.input("dataset"));
  const TokenGrids tokens = read_tokens(context.input("tokens"));
  const bool conditional = config.at("condition") == "class";
  json network = config.at("network");
  network.update({{"rows", tokens.grid.rows},
                  {"cols", tokens.grid.cols},
                  {"codebook_size", tokens.codebook_size},
                  {"num_classes", conditional ? index.classes.size() : 0}});
  const uint64_t seed = config.at("seed").get<uint64_t>();
  Transformer model(transformer_config_from(network));
  model->initialise(random_bits(seed, Stream::kInitialisation, {}));
  model->move_to(environment.device);

  const json& training = config.at("train");
  const int64_t batch_size = training.at("batch_size");
  const TrainerSettings settings = trainer_settings(training, config.at("condition_dropout"), seed);

  const std::string order = training.at("order");
  ImageSampler sampler(images_of(index, Split::kTrain), seed);
  const json curve = train(context, model, settings, batch_size, [&](int64_t first, int64_t count) {
    const std::vector<int64_t> images = sampler.next(first, count);
    return TrainingBatch{
        tokens.codes.index_select(0, indices(images)).to(environment.device),
        fixed_orders(order, tokens.grid, seed, Stream::kTrainingOrder,
                     at::arange(first, first + count))
            .to(environment.device),
        conditional ? labels_of(index, images).to(environment.device) : torch::Tensor()};
  });
  write_transformer(context.work(), model);
  return {{"order", order},
          {"images_seen", settings.total_steps * batch_size},
          {"parameters", parameter_count(model)},
          {"network", to_json(model->config())},
          {"device", environment.device.str()},
          {"curve", curve},
          {"final_loss", curve.back()[1]},
          {"held_out_nats_per_image", held_out_nats(model, index, tokens)}};
}

json run_orders(StageContext& context, const Environment& environment) {
  const json& config = context.config();
  const DatasetIndex index = read_index(context.input("dataset"));
  const TokenGrids tokens = read_tokens(context.input("tokens"));
  Transformer model = read_transformer(context.input("model"), environment.device);
  check_fit(model->config(), tokens.grid, tokens.codebook_size, context.input("model").string());
  const auto policy = make_order(order_config_from(config, tokens.grid, 0));
  const Confidence confidence = confidence_from_name(config.at("confidence"));
  const std::vector<int64_t> images = images_of(index, Split::kTrain, config.at("max_images"));

  const TensorMap found =
      in_chunks(context, "images", static_cast<int64_t>(images.size()),
                images_per_chunk(model->config(), 64, false), [&](int64_t begin, int64_t end) {
                  const std::vector<int64_t> chunk(images.begin() + begin, images.begin() + end);
                  const torch::Tensor labels = model->config().num_classes > 0
                                                   ? labels_of(index, chunk).to(environment.device)
                                                   : torch::Tensor();
                  CachedScorer scorer(model, end - begin, labels);
                  const Rollout rollout = roll_out(
                      scorer, *policy, confidence,
                      given_codes(tokens.codes.index_select(0, indices(chunk))), indices(chunk));
                  return TensorMap{{"image", indices(chunk)},
                                   {"log_likelihood", rollout.log_likelihood},
                                   {"position_at", rollout.position_at.to(torch::kInt16)}};
                });
  write_safetensors(context.work() / "orders.safetensors", found);
  json record = describe(order_statistics(found.at("position_at").to(torch::kInt64), tokens.grid));
  record["images"] = images.size();
  record["order"] = config.at("order");
  record["confidence"] = config.at("confidence");
  record["peeks"] = confidence == Confidence::kLikelihood && policy->is_learned();
  record["nats_per_image"] =
      -found.at("log_likelihood").sum(1, false, torch::kFloat64).mean().item<double>();
  return record;
}

json run_specialist(StageContext& context, const Environment& environment) {
  const json& config = context.config();
  const DatasetIndex index = read_index(context.input("dataset"));
  const TokenGrids tokens = read_tokens(context.input("tokens"));
  Transformer model = read_transformer(context.input("model"), environment.device);
  check_fit(model->config(), tokens.grid, tokens.codebook_size, context.input("model").string());
  const TensorMap orders = read_tensors(context.input("orders") / "orders.safetensors");
  const torch::Tensor image_at = orders.at("image");
  const torch::Tensor position_at = orders.at("position_at").to(torch::kInt64);

  const uint64_t seed = config.at("seed").get<uint64_t>();
  const int64_t batch_size = config.at("batch_size");
  const double random_share = config.at("random_share");
  // Its dropout and batches must not repeat those of the training before it.
  const TrainerSettings settings = trainer_settings(
      config, config.at("condition_dropout"), random_bits(seed, Stream::kInitialisation, {1}));

  std::vector<int64_t> rows(image_at.size(0));
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int64_t>(i);
  ImageSampler sampler(rows, settings.seed);
  const bool conditional = model->config().num_classes > 0;
  const json curve = train(context, model, settings, batch_size, [&](int64_t first, int64_t count) {
    const torch::Tensor row = indices(sampler.next(first, count));
    const torch::Tensor images = image_at.index_select(0, row);
    torch::Tensor batch_orders = position_at.index_select(0, row).clone();
    if (random_share > 0) {
      const torch::Tensor random =
          fixed_orders("random", tokens.grid, settings.seed, Stream::kTrainingOrder,
                       at::arange(first, first + count));
      for (int64_t b = 0; b < count; ++b) {
        if (random_uniform(settings.seed, Stream::kOrderMixture,
                           {static_cast<uint64_t>(first + b)}) < random_share) {
          batch_orders[b].copy_(random[b]);
        }
      }
    }
    const std::vector<int64_t> batch_images(images.const_data_ptr<int64_t>(),
                                            images.const_data_ptr<int64_t>() + count);
    return TrainingBatch{
        tokens.codes.index_select(0, images).to(environment.device),
        batch_orders.to(environment.device),
        conditional ? labels_of(index, batch_images).to(environment.device) : torch::Tensor()};
  });
  write_transformer(context.work(), model);
  return {{"images_seen", settings.total_steps * batch_size},
          {"random_share", random_share},
          {"device", environment.device.str()},
          {"curve", curve},
          {"final_loss", curve.back()[1]},
          {"held_out_nats_per_image", held_out_nats(model, index, tokens)}};
}

json run_samples(StageContext& context, int64_t batch_size, const Environment& environment) {
  const json& config = context.config();
  const DatasetIndex index = read_index(context.input("dataset"));
  Transformer model = read_transformer(context.input("model"), environment.device);
  Vqgan tokenizer = read_tokenizer(context.input("tokenizer"), environment.device);
  const Grid grid = model->config().grid;
  check_fit(model->config(), grid, tokenizer->config().codebook_size,
            context.input("model").string());

  const uint64_t seed = config.at("seed").get<uint64_t>();
  const auto policy = make_order(order_config_from(config, grid, seed));
  const Confidence confidence = confidence_from_name(config.at("confidence"));
  const double guidance_scale = config.at("guidance_scale");
  SamplingOptions options;
  config.at("temperature").get_to(options.temperature);
  config.at("top_k").get_to(options.top_k);
  config.at("top_p").get_to(options.top_p);
  options.seed = seed;
  const bool conditional = model->config().num_classes > 0;
  const auto folder = context.work() / "images";
  std::filesystem::create_directories(folder);

  const TensorMap drawn = in_chunks(
      context, "images", config.at("num_samples"),
      images_per_chunk(model->config(), batch_size, conditional && guidance_scale != 1.0),
      [&](int64_t begin, int64_t end) {
        const torch::Tensor images = at::arange(begin, end, torch::kInt64);
        const torch::Tensor labels =
            conditional ? generated_labels(index, begin, end, seed) : torch::Tensor();
        CachedScorer scorer(model, end - begin,
                            conditional ? labels.to(environment.device) : labels, guidance_scale);
        const Rollout rollout =
            roll_out(scorer, *policy, confidence, drawn_codes(options, images), images);
        {
          const c10::InferenceMode no_gradients;
          const torch::Tensor pixels =
              to_pixels(tokenizer->decode_codes(rollout.codes.to(environment.device), grid.rows,
                                                grid.cols))
                  .cpu();
          for (int64_t i = begin; i < end; ++i) {
            write_png(folder / fmt::format("{:06}.png", i), pixels[i - begin]);
          }
        }
        TensorMap chunk{{"codes", rollout.codes.to(torch::kInt16)},
                        {"log_likelihood", rollout.log_likelihood},
                        {"position_at", rollout.position_at.to(torch::kInt16)}};
        if (conditional) chunk["label"] = labels;
        return chunk;
      });
  write_safetensors(context.work() / "samples.safetensors", drawn);
  write_json(
      context.work() / "config.json",
      {{"rows", grid.rows}, {"cols", grid.cols}, {"codebook_size", model->config().codebook_size}});
  return {{"images", drawn.at("codes").size(0)},
          {"order", config.at("order")},
          {"draws_before_choosing", policy->is_learned() && confidence == Confidence::kLikelihood},
          {"device", environment.device.str()},
          {"nats_per_image",
           -drawn.at("log_likelihood").sum(1, false, torch::kFloat64).mean().item<double>()}};
}

json run_order_statistics(StageContext& context) {
  const json config = read_json(context.input("samples") / "config.json");
  const TensorMap samples = read_tensors(context.input("samples") / "samples.safetensors");
  const Grid grid{config.at("rows"), config.at("cols")};
  json record = describe(order_statistics(samples.at("position_at").to(torch::kInt64), grid));
  const json made = context.input_record("samples");
  record["peeks"] = false;  // a generated order looks at placed and drawn codes only
  record["draws_before_choosing"] = made.at("draws_before_choosing");
  write_json(context.work() / "order_statistics.json", record);
  return record;
}

}  // namespace oar
