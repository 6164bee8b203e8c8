#include <ATen/ops/arange.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <memory>
#include <numeric>
#include <system_error>

#include "harness/exit_code.h"
#include "harness/stages/artifacts.h"
#include "harness/stages/conditions.h"
#include "harness/stages/image_input.h"
#include "harness/stages/image_sampler.h"
#include "harness/stages/order_options.h"
#include "harness/stages/stages.h"
#include "harness/store/interrupt.h"
#include "models/any_order/trainer.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr int64_t kEvaluationBatch = 64;
constexpr int64_t kEvaluationImages = 1000;

/// The whole batch that begins with this sample: codes, orders and labels.
using BatchSource = std::function<TrainingBatch(int64_t first_sample, int64_t count)>;

/// All that a training needs; the same on every rank.
struct Prepared {
  DatasetIndex index;
  TokenGrids tokens;
  torch::Tensor conditions;  ///< of all images (conditions_of())
  Transformer model{nullptr};
  TrainerSettings settings;
  int64_t batch_size = 0;
  BatchSource batches;
};

struct Training {
  json curve;  ///< [images seen, mean loss since the last point in nats per patch]
  double location_loss = 0;
  int64_t micro_batch = 0;  ///< images computed at once; 0: the whole batch, or this rank's share
};

bool leads(const Environment& environment) {
  return !environment.ranks || environment.ranks->rank() == 0;
}

/// What `prepare` makes, once all ranks have made theirs: from here on they wait for each other.
///
/// Errors  What `prepare` throws; std::runtime_error where it is another rank's that has.
template <typename Prepare>
Prepared prepare_together(const Environment& environment, const Prepare& prepare) {
  if (!environment.ranks) return prepare();
  std::exception_ptr failure;
  Prepared prepared;
  try {
    prepared = prepare();
  } catch (...) {
    failure = std::current_exception();
  }
  const torch::Tensor failures = torch::full({1}, failure ? 1.0 : 0.0);
  environment.ranks->sum({failures});
  if (failure) std::rethrow_exception(failure);
  if (failures.item<double>() > 0) {
    throw std::runtime_error("another rank cannot prepare this training; its message says why");
  }
  return prepared;
}

/// Trains until the last step, continuing from scratch/checkpoint.safetensors where there is one.
/// Of several ranks the first alone reads and writes.
class TrainingLoop {
 public:
  TrainingLoop(StageContext& context, const Prepared& prepared, const Environment& environment)
      : context_(context),
        settings_(prepared.settings),
        batch_size_(prepared.batch_size),
        ranks_(environment.ranks),
        leads_(leads(environment)),
        file_(context.scratch() / "checkpoint.safetensors"),
        trainer_(prepared.model, prepared.settings, environment.ranks) {}

  Training run(const BatchSource& batches) {
    if (leads_) resume();
    trainer_.share_state();
    const int64_t total = settings_.total_steps;
    CheckpointClock clock = context_.checkpoint_clock();
    if (leads_) {
      context_.progress().begin("images", total * batch_size_, trainer_.steps_done() * batch_size_);
    }
    while (trainer_.steps_done() < total) {
      const int64_t before = trainer_.micro_batch();
      const double loss = trainer_.step(batches(trainer_.steps_done() * batch_size_, batch_size_),
                                        context_.stop_requested());
      if (trainer_.micro_batch() != before) {
        say_smaller(context_, "gradients", trainer_.micro_batch());
      }
      if (std::isnan(loss)) {
        throw Diverged(fmt::format(
            "loss or gradient is not finite at step {} of {}; lower the learning rate ({})",
            trainer_.steps_done(), total, settings_.learning_rate));
      }
      note(loss);
      // Ranks stop where all of them know of it; alone, a signal during the step counts too.
      const bool stop = ranks_ ? trainer_.stop_agreed() : context_.stop_requested();
      if (leads_ && (clock.due() || stop)) checkpoint();
      if (stop) throw Interrupted();
      context_.save_cost_if_due();
    }
    if (leads_) context_.progress().end();
    return {curve_, location_loss_, trainer_.micro_batch()};
  }

 private:
  void note(double loss) {
    sum_ += loss;
    ++count_;
    location_loss_ = trainer_.location_loss();
    if (!leads_) return;
    const int64_t done = trainer_.steps_done(), total = settings_.total_steps;
    if (done % std::max<int64_t>(1, total / 100) == 0 || done == total) {
      curve_.push_back({done * batch_size_, sum_ / static_cast<double>(count_)});
      context_.curve("loss", done * batch_size_, curve_.back()[1]);
      sum_ = 0;
      count_ = 0;
    }
    context_.progress().update(done * batch_size_, fmt::format("loss {:.3f}", loss));
  }

  void checkpoint() {
    write_checkpoint(file_, trainer_.state(),
                     {{"curve", curve_},
                      {"sum", sum_},
                      {"count", count_},
                      {"location_loss", location_loss_},
                      {"micro_batch", trainer_.micro_batch()}});
  }

  void resume() {
    const auto found = read_checkpoint(context_, file_);
    if (!found) return;
    trainer_.load_state(found->state, file_.string());
    const json& progress = found->progress;
    curve_ = progress.at("curve");
    sum_ = progress.at("sum");
    count_ = progress.at("count");
    location_loss_ = progress.value("location_loss", 0.0);
    const int64_t micro_batch = progress.value("micro_batch", int64_t{0});
    if (micro_batch > 0) trainer_.set_micro_batch(micro_batch);
  }

  StageContext& context_;
  TrainerSettings settings_;
  int64_t batch_size_;
  std::shared_ptr<Communicator> ranks_;
  bool leads_;
  std::filesystem::path file_;
  AnyOrderTrainer trainer_;
  json curve_ = json::array();
  double sum_ = 0, location_loss_ = 0;
  int64_t count_ = 0;
};

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
json held_out_nats(const Prepared& prepared, const OrderPolicy* own_order = nullptr) {
  const auto& [index, tokens, conditions, model, settings, batch_size, batches] = prepared;
  const std::vector<int64_t> images = images_of(index, Split::kHeldOut, kEvaluationImages);
  const torch::Tensor condition = rows_of(conditions, indices(images));
  const auto nats_under = [&](const OrderPolicy& order) -> json {
    if (images.empty()) return nullptr;
    const torch::Tensor position_at =
        order.position_at({at::arange(static_cast<int64_t>(images.size())), indices(images), 1.0});
    return nats_per_image(model, tokens.codes.index_select(0, indices(images)), position_at,
                          condition, kEvaluationBatch);
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

/// Trains what was prepared. What one rank alone meets ends them all: the others wait for it.
///
/// Errors  Diverged, Interrupted, OutOfMemory and RankLost, each on all ranks; alone, and from a
///         disk, whatever it is.
Training train(StageContext& context, const Prepared& prepared, const Environment& environment) {
  const auto run = [&] {
    TrainingLoop loop(context, prepared, environment);
    return loop.run(prepared.batches);
  };
  if (!environment.ranks) return run();
  try {
    return run();
  } catch (const Diverged&) {
    throw;
  } catch (const Interrupted&) {
    throw;
  } catch (const OutOfMemory&) {
    throw;
  } catch (const RankLost&) {
    throw;
  } catch (const std::system_error&) {
    throw;
  } catch (const std::exception& error) {
    fmt::print(stderr, "rank {}: {}\n", environment.ranks->rank(), error.what());
    environment.ranks->abort(kSomeFailed);
  }
}

torch::Tensor on_device(const torch::Tensor& x, torch::Device device) {
  return x.defined() ? x.to(device) : x;
}

/// A model that starts from nothing, and batches in the order of `train`.
Prepared prepare_any_order(StageContext& context, const std::string& order_file,
                           const Environment& environment) {
  const json& config = context.config();
  Prepared prepared;
  prepared.index = read_index(context.input("dataset"));
  prepared.tokens = read_tokens(context.input("tokens"));
  const DatasetIndex& index = prepared.index;
  const TokenGrids& tokens = prepared.tokens;
  json network = config.at("network");
  network.update({{"rows", tokens.grid.rows},
                  {"cols", tokens.grid.cols},
                  {"codebook_size", tokens.codebook_size},
                  {"num_classes", config.at("condition") == "class" ? index.classes.size() : 0}});
  const uint64_t seed = config.at("seed").get<uint64_t>();
  prepared.model = Transformer(transformer_config_from(network));
  prepared.model->initialise(random_bits(seed, Stream::kInitialisation, {}));
  prepared.model->move_to(environment.device);
  prepared.conditions = conditions_of(prepared.model->config(), index, context);

  const json& training = config.at("train");
  prepared.batch_size = training.at("batch_size");
  prepared.settings = trainer_settings(training, config.at("condition_dropout"), seed);
  OrderConfig order_config = order_config_from(training, tokens.grid, seed, order_file);
  order_config.stream = Stream::kTrainingOrder;
  const std::shared_ptr<OrderPolicy> order = make_order(order_config);
  const std::vector<int64_t> train_images = images_of(index, Split::kTrain);
  // A file that lacks an image is found now, not in the middle of the first epoch.
  if (order->name() == "from_file") order->position_at(indices(train_images));
  const auto sampler = std::make_shared<ImageSampler>(train_images, seed);
  const double total = static_cast<double>(prepared.settings.total_steps * prepared.batch_size);
  prepared.batches = [=, tokens = prepared.tokens, device = environment.device,
                      conditions = prepared.conditions](int64_t first, int64_t count) {
    const torch::Tensor images = indices(sampler->next(first, count));
    const torch::Tensor position_at = order->position_at(
        {at::arange(first, first + count), images, static_cast<double>(first) / total});
    return TrainingBatch{codes_seen(tokens, images, seed, first).to(device), position_at.to(device),
                         on_device(rows_of(conditions, images), device)};
  };
  return prepared;
}

/// The model before, and batches in the orders found for its images, mixed with random ones.
Prepared prepare_specialist(StageContext& context, const Environment& environment) {
  const json& config = context.config();
  Prepared prepared;
  prepared.index = read_index(context.input("dataset"));
  prepared.tokens = read_tokens(context.input("tokens"));
  const TokenGrids& tokens = prepared.tokens;
  Transformer model = read_transformer(context.input("model"), environment.device);
  check_fit(model->config(), tokens.grid, tokens.codebook_size, context.input("model").string());
  const TensorMap orders = read_tensors(context.input("orders") / "orders.safetensors");
  const torch::Tensor image_at = orders.at("image");
  const torch::Tensor found_order = orders.at("position_at").to(torch::kInt64);

  const uint64_t seed = config.at("seed").get<uint64_t>();
  prepared.batch_size = config.at("batch_size");
  // Its dropout and batches must not repeat those of the trainings before it.
  const auto round = static_cast<uint64_t>(config.value("round", int64_t{1}));
  TrainerSettings& settings = prepared.settings = trainer_settings(
      config, config.at("condition_dropout"), random_bits(seed, Stream::kInitialisation, {round}));
  if (config.contains("location")) {
    const json& location = config.at("location");
    location.at("weight").get_to(settings.location_weight);
    location.at("distance_penalty").get_to(settings.location_distance_penalty);
    settings.location_distance = distance_from_name(location.value("distance", "euclidean"));
    if (model->config().location_after == 0) model = with_location_head(model, settings.seed);
    model->move_to(environment.device);
  }
  prepared.model = model;

  std::vector<int64_t> rows(static_cast<size_t>(image_at.size(0)));
  std::iota(rows.begin(), rows.end(), 0);
  const auto sampler = std::make_shared<ImageSampler>(rows, settings.seed);
  prepared.conditions = conditions_of(model->config(), prepared.index, context);
  OrderConfig random_config;
  random_config.name = "random";
  random_config.grid = tokens.grid;
  random_config.seed = settings.seed;
  random_config.stream = Stream::kTrainingOrder;
  const std::shared_ptr<OrderPolicy> random_order = make_order(random_config);
  const double random_share = config.at("random_share");
  prepared.batches = [=, codes = tokens.codes, device = environment.device,
                      conditions = prepared.conditions,
                      mixture_seed = settings.seed](int64_t first, int64_t count) {
    const torch::Tensor row = indices(sampler->next(first, count));
    const torch::Tensor images = image_at.index_select(0, row);
    torch::Tensor teaches = torch::ones({count}, torch::kBool);
    torch::Tensor position_at = found_order.index_select(0, row).clone();
    if (random_share > 0) {
      const torch::Tensor random = random_order->position_at(at::arange(first, first + count));
      for (int64_t b = 0; b < count; ++b) {
        if (random_uniform(mixture_seed, Stream::kOrderMixture,
                           {static_cast<uint64_t>(first + b)}) < random_share) {
          position_at[b].copy_(random[b]);
          teaches[b] = false;
        }
      }
    }
    return TrainingBatch{codes.index_select(0, images).to(device), position_at.to(device),
                         on_device(rows_of(conditions, images), device), teaches.to(device)};
  };
  return prepared;
}

/// What both trainings say of themselves.
json training_record(const Prepared& prepared, const Training& trained,
                     const Environment& environment) {
  json record = {{"images_seen", prepared.settings.total_steps * prepared.batch_size},
                 {"device", environment.device.str()},
                 {"curve", trained.curve},
                 {"final_loss", trained.curve.back()[1]}};
  if (trained.micro_batch > 0) record["micro_batch"] = trained.micro_batch;
  if (environment.ranks) record["ranks"] = environment.ranks->size();
  return record;
}

}  // namespace

json run_any_order(StageContext& context, const std::string& order_file,
                   const Environment& environment) {
  const Prepared prepared = prepare_together(
      environment, [&] { return prepare_any_order(context, order_file, environment); });
  const Training trained = train(context, prepared, environment);
  if (!leads(environment)) return nullptr;
  write_transformer(context.work(), prepared.model);
  const json& config = context.config();
  OrderConfig order_config = order_config_from(config.at("train"), prepared.tokens.grid,
                                               config.at("seed").get<uint64_t>(), order_file);
  order_config.stream = Stream::kGenerationOrder;
  json record = training_record(prepared, trained, environment);
  record["order"] = config.at("train").at("order");
  record["parameters"] = parameter_count(prepared.model);
  record["network"] = to_json(prepared.model->config());
  record["held_out_nats_per_image"] = held_out_nats(prepared, make_order(order_config).get());
  return record;
}

json run_specialist(StageContext& context, const Environment& environment) {
  const Prepared prepared =
      prepare_together(environment, [&] { return prepare_specialist(context, environment); });
  const Training trained = train(context, prepared, environment);
  if (!leads(environment)) return nullptr;
  write_transformer(context.work(), prepared.model);
  const json& config = context.config();
  json record = training_record(prepared, trained, environment);
  record["random_share"] = config.at("random_share");
  record["held_out_nats_per_image"] = held_out_nats(prepared);
  record["round"] = config.value("round", int64_t{1});
  if (config.contains("location")) record["final_location_loss"] = trained.location_loss;
  return record;
}

}  // namespace oar
