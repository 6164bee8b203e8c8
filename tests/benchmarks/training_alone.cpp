// The training of a finished any_order stage once more, with nothing around it: no store, records,
// log, progress or checkpoints. sweeps.py sets a stage's time beside it.
//
//     training_alone STORE STORE/any_order/KEY
//
// Prints `same weights` or `other weights`, compared with the artifact's, and the seconds of
// reading, training and nothing else. For unconditional models, fixed orders of a file apart.
#include <ATen/ops/arange.h>
#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "harness/stages/artifacts.h"
#include "harness/stages/image_sampler.h"
#include "harness/stages/order_options.h"
#include "models/any_order/trainer.h"
#include "orders/order_policy.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Run {
  Transformer model{nullptr};
  double seconds = 0, cpu_seconds = 0;
};

Run train(const json& manifest, const fs::path& store) {
  const json& config = manifest.at("config");
  const auto input = [&](const char* role) {
    const json& found = manifest.at("inputs").at(role);
    return store / found.at("stage").get<std::string>() /
           found.at("key").get<std::string>().substr(0, 32);
  };
  const std::clock_t cpu_start = std::clock();
  const auto start = std::chrono::steady_clock::now();
  const TokenGrids tokens = read_tokens(input("tokens"));
  const uint64_t seed = config.at("seed").get<uint64_t>();
  json network = config.at("network");
  network.update({{"rows", tokens.grid.rows},
                  {"cols", tokens.grid.cols},
                  {"codebook_size", tokens.codebook_size},
                  {"num_classes", 0}});
  Run run;
  run.model = Transformer(transformer_config_from(network));
  run.model->initialise(random_bits(seed, Stream::kInitialisation, {}));
  const json& options = config.at("train");
  const int64_t batch_size = options.at("batch_size");
  TrainerSettings settings;
  settings.total_steps = (options.at("images_seen").get<int64_t>() + batch_size - 1) / batch_size;
  options.at("learning_rate").get_to(settings.learning_rate);
  options.at("warmup").get_to(settings.warmup);
  options.at("weight_decay").get_to(settings.weight_decay);
  options.at("gradient_clip").get_to(settings.gradient_clip);
  settings.condition_dropout = config.at("condition_dropout");
  settings.seed = seed;
  OrderConfig order_config = order_config_from(options, tokens.grid, seed, "");
  order_config.stream = Stream::kTrainingOrder;
  const auto order = make_order(order_config);
  ImageSampler sampler(images_of(read_index(input("dataset")), Split::kTrain), seed);
  AnyOrderTrainer trainer(run.model, settings);
  const double total = static_cast<double>(settings.total_steps * batch_size);
  while (trainer.steps_done() < settings.total_steps) {
    const int64_t first = trainer.steps_done() * batch_size;
    const torch::Tensor images = indices(sampler.next(first, batch_size));
    trainer.step({tokens.codes.index_select(0, images),
                  order->position_at({at::arange(first, first + batch_size), images,
                                      static_cast<double>(first) / total})});
  }
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  run.cpu_seconds = static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC;
  return run;
}

}  // namespace
}  // namespace oar

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: training_alone STORE STORE/any_order/KEY\n");
    return 2;
  }
  const std::filesystem::path artifact = argv[2];
  const oar::Run run = oar::train(oar::read_json(artifact / "manifest.json"), argv[1]);
  oar::TensorMap here = oar::state_of(*run.model),
                 there = oar::read_tensors(artifact / "weights.safetensors");
  bool same = here.size() == there.size();
  for (const auto& [name, tensor] : here) {
    same = same && there.count(name) == 1 && there.at(name).equal(tensor);
  }
  fmt::print("{} weights\n{:.4f} {:.4f}\n", same ? "same" : "other", run.seconds, run.cpu_seconds);
  return same ? 0 : 1;
}
