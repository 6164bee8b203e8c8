#include <ATen/ops/arange.h>
#include <fmt/format.h>

#include <algorithm>

#include "harness/stages/artifacts.h"
#include "harness/stages/image_sampler.h"
#include "harness/stages/order_options.h"
#include "harness/stages/stages.h"
#include "models/any_order/trainer.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr int64_t kEvaluationBatch = 64;
constexpr int64_t kEvaluationImages = 1000;

/// What a training loop asks for: the images' codes, orders and labels, by sample number.
using BatchSource = std::function<TrainingBatch(int64_t first_sample, int64_t count)>;

struct Training {
  json curve;
  double location_loss = 0;
};

/// Trains until the last step, continuing from scratch/checkpoint.safetensors where there is one.
/// Returns the loss curve, [images seen, mean loss since the last point in nats per patch], and the
/// last loss of the places.
Training train(StageContext& context, AnyOrderTrainer& trainer, const TrainerSettings& settings,
               int64_t batch_size, const BatchSource& batches) {
  const auto file = context.scratch() / "checkpoint.safetensors";
  json curve = json::array();
  double sum = 0, location_loss = 0;
  int64_t count = 0;
  if (std::filesystem::exists(file)) {
    trainer.load_state(read_tensors(file), file.string());
    const json progress = json::parse(read_safetensors_metadata(file).at("progress"));
    curve = progress.at("curve");
    sum = progress.at("sum");
    count = progress.at("count");
    location_loss = progress.value("location_loss", 0.0);
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
    location_loss = trainer.location_loss();
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
          {{"progress",
            json{{"curve", curve}, {"sum", sum}, {"count", count}, {"location_loss", location_loss}}
                .dump()}});
    }
    context.stop_if_requested();
  }
  context.progress().end();
  return {curve, location_loss};
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

/// Held-out likelihood in nats per image under raster and random orders, which any model can be
/// asked for, and under the one it was trained in; null where nothing is held out.
json held_out_nats(const Transformer& model, const DatasetIndex& index, const TokenGrids& tokens,
                   const OrderPolicy* own_order = nullptr) {
  const std::vector<int64_t> images = images_of(index, Split::kHeldOut, kEvaluationImages);
  const torch::Tensor labels =
      model->config().num_classes > 0 ? labels_of(index, images) : torch::Tensor();
  const auto nats_under = [&](const OrderPolicy& order) -> json {
    if (images.empty()) return nullptr;
    const torch::Tensor position_at =
        order.position_at({at::arange(static_cast<int64_t>(images.size())), indices(images), 1.0});
    return nats_per_image(model, tokens.codes.index_select(0, indices(images)), position_at, labels,
                          kEvaluationBatch);
  };
  json nats = {{"images", images.size()}};
  for (const std::string name : {"raster", "random"}) {
    OrderConfig config;
    config.name = name;
    config.grid = tokens.grid;
    nats[name] = nats_under(*make_order(config));
  }
  if (own_order != nullptr && own_order->name() != "from_file") {
    nats["trained_order"] = nats_under(*own_order);
  }
  return nats;
}

/// The model before, with a location head in its middle that has yet to learn.
Transformer with_location_head(const Transformer& model, uint64_t seed) {
  TransformerConfig config = model->config();
  config.location_after = location_block(config.layers);
  Transformer headed(config);
  headed->initialise(seed);
  TensorMap state = state_of(*headed);
  for (auto& [name, tensor] : state_of(*model)) state[name] = tensor;
  load_state(*headed, state, "", "the model before");
  return headed;
}

}  // namespace

json run_any_order(StageContext& context, const std::string& order_file,
                   const Environment& environment) {
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
  OrderConfig order_config = order_config_from(training, tokens.grid, seed, order_file);
  order_config.stream = Stream::kTrainingOrder;
  const auto order = make_order(order_config);
  const std::vector<int64_t> train_images = images_of(index, Split::kTrain);
  // A file that lacks an image is found now, not in the middle of the first epoch.
  if (order->name() == "from_file") order->position_at(indices(train_images));
  ImageSampler sampler(train_images, seed);
  const double total = static_cast<double>(settings.total_steps * batch_size);
  AnyOrderTrainer trainer(model, settings);
  const json curve =
      train(context, trainer, settings, batch_size, [&](int64_t first, int64_t count) {
        const std::vector<int64_t> images = sampler.next(first, count);
        const torch::Tensor position_at =
            order->position_at({at::arange(first, first + count), indices(images),
                                static_cast<double>(first) / total});
        return TrainingBatch{
            tokens.codes.index_select(0, indices(images)).to(environment.device),
            position_at.to(environment.device),
            conditional ? labels_of(index, images).to(environment.device) : torch::Tensor()};
      }).curve;
  write_transformer(context.work(), model);
  order_config.stream = Stream::kGenerationOrder;
  return {{"order", training.at("order")},
          {"images_seen", settings.total_steps * batch_size},
          {"parameters", parameter_count(model)},
          {"network", to_json(model->config())},
          {"device", environment.device.str()},
          {"curve", curve},
          {"final_loss", curve.back()[1]},
          {"held_out_nats_per_image",
           held_out_nats(model, index, tokens, make_order(order_config).get())}};
}

json run_specialist(StageContext& context, const Environment& environment) {
  const json& config = context.config();
  const DatasetIndex index = read_index(context.input("dataset"));
  const TokenGrids tokens = read_tokens(context.input("tokens"));
  Transformer model = read_transformer(context.input("model"), environment.device);
  check_fit(model->config(), tokens.grid, tokens.codebook_size, context.input("model").string());
  const int64_t round = config.value("round", int64_t{1});
  const TensorMap orders = read_tensors(context.input("orders") / "orders.safetensors");
  const torch::Tensor image_at = orders.at("image");
  const torch::Tensor position_at = orders.at("position_at").to(torch::kInt64);

  const uint64_t seed = config.at("seed").get<uint64_t>();
  const int64_t batch_size = config.at("batch_size");
  const double random_share = config.at("random_share");
  // Its dropout and batches must not repeat those of the trainings before it.
  TrainerSettings settings =
      trainer_settings(config, config.at("condition_dropout"),
                       random_bits(seed, Stream::kInitialisation, {static_cast<uint64_t>(round)}));
  if (config.contains("location")) {
    config.at("location").at("weight").get_to(settings.location_weight);
    config.at("location").at("distance_penalty").get_to(settings.location_distance_penalty);
    settings.location_distance =
        distance_from_name(config.at("location").value("distance", "euclidean"));
    if (model->config().location_after == 0) model = with_location_head(model, settings.seed);
    model->move_to(environment.device);
  }

  std::vector<int64_t> rows(image_at.size(0));
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int64_t>(i);
  ImageSampler sampler(rows, settings.seed);
  const bool conditional = model->config().num_classes > 0;
  OrderConfig random_config;
  random_config.name = "random";
  random_config.grid = tokens.grid;
  random_config.seed = settings.seed;
  random_config.stream = Stream::kTrainingOrder;
  const auto random_order = make_order(random_config);
  AnyOrderTrainer trainer(model, settings);
  const Training trained =
      train(context, trainer, settings, batch_size, [&](int64_t first, int64_t count) {
        const torch::Tensor row = indices(sampler.next(first, count));
        const torch::Tensor images = image_at.index_select(0, row);
        torch::Tensor teaches = torch::ones({count}, torch::kBool);
        torch::Tensor batch_orders = position_at.index_select(0, row).clone();
        if (random_share > 0) {
          const torch::Tensor random = random_order->position_at(at::arange(first, first + count));
          for (int64_t b = 0; b < count; ++b) {
            if (random_uniform(settings.seed, Stream::kOrderMixture,
                               {static_cast<uint64_t>(first + b)}) < random_share) {
              batch_orders[b].copy_(random[b]);
              teaches[b] = false;
            }
          }
        }
        const std::vector<int64_t> batch_images(images.const_data_ptr<int64_t>(),
                                                images.const_data_ptr<int64_t>() + count);
        return TrainingBatch{
            tokens.codes.index_select(0, images).to(environment.device),
            batch_orders.to(environment.device),
            conditional ? labels_of(index, batch_images).to(environment.device) : torch::Tensor(),
            teaches.to(environment.device)};
      });
  write_transformer(context.work(), model);
  json record = {{"images_seen", settings.total_steps * batch_size},
                 {"random_share", random_share},
                 {"device", environment.device.str()},
                 {"curve", trained.curve},
                 {"final_loss", trained.curve.back()[1]},
                 {"held_out_nats_per_image", held_out_nats(model, index, tokens)}};
  record["round"] = round;
  if (config.contains("location")) record["final_location_loss"] = trained.location_loss;
  return record;
}

}  // namespace oar
