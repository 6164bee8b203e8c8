#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <cmath>
#include <numeric>

#include "datasets/sha256.h"
#include "harness/measure/extractors.h"
#include "harness/stages/artifacts.h"
#include "harness/stages/image_sampler.h"
#include "harness/stages/stages.h"
#include "harness/store/interrupt.h"
#include "metrics/fid.h"
#include "models/memory/images_at_once.h"
#include "models/vqgan/code_damage.h"
#include "models/vqgan/quality.h"
#include "models/vqgan/trainer.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr int64_t kEncodeBatch = 32;
constexpr int64_t kQualityImages = 1000;  // held-out images that reconstruction is scored on

std::unique_ptr<Dataset> open_input(StageContext& context, const DatasetConfig& config) {
  return open_dataset(config, read_index(context.input("dataset")));
}

/// Trains until the last step, continuing from scratch/checkpoint.safetensors where there is one.
json train(StageContext& context, const Dataset& dataset, const Environment& environment,
           VqganTrainer& trainer) {
  const TrainerOptions& options = trainer.options();
  const int64_t total = options.total_steps();
  const auto file = context.scratch() / "checkpoint.safetensors";
  int64_t step = 0;
  json curve = json::array();  // [images seen, loss, reconstruction]
  if (const auto found = read_checkpoint(context, file)) {
    trainer.load_state(found->state, file.string());
    step = found->progress.at("next_step");
    curve = found->progress.at("curve");
    const int64_t micro_batch = found->progress.at("micro_batch");
    if (micro_batch > 0) trainer.set_micro_batch(micro_batch);
  }
  const auto checkpoint = [&] {
    write_checkpoint(
        file, trainer.state(),
        {{"next_step", step}, {"curve", curve}, {"micro_batch", trainer.micro_batch()}});
  };
  const auto note = [&](const VqganLosses& losses) {
    const int64_t seen = step * options.batch_size;
    if (step % std::max<int64_t>(1, total / 100) == 0 || step == total) {
      curve.push_back({seen, losses.total, losses.reconstruction});
      context.curve("loss", seen, losses.total);
      context.curve("reconstruction", seen, losses.reconstruction);
    }
    context.progress().update(seen, fmt::format("loss {:.3f}", losses.total));
  };
  ImageSampler sampler(images_of(dataset.index(), Split::kTrain), options.seed);
  CheckpointClock clock = context.checkpoint_clock();
  context.progress().begin("images", total * options.batch_size, step * options.batch_size);
  while (step < total) {
    const torch::Tensor images =
        dataset.load(sampler.next(step * options.batch_size, options.batch_size));
    const int64_t before = trainer.micro_batch();
    const VqganLosses losses = trainer.step(images.to(environment.device), step);
    if (trainer.micro_batch() != before) say_smaller(context, "gradients", trainer.micro_batch());
    if (!losses.finite) {
      throw Diverged(
          fmt::format("tokenizer: loss or gradient is not finite at step {}; lower "
                      "tokenizer.learning_rate ({})",
                      step, options.learning_rate));
    }
    ++step;
    note(losses);
    const bool stop = context.stop_requested();
    if (clock.due() || stop) checkpoint();
    if (stop) throw Interrupted();
    context.save_cost_if_due();
  }
  context.progress().end();
  return curve;
}

/// PSNR and reconstruction FID on held-out images; on training images where none is held out.
json reconstruction_quality(const Dataset& dataset, Vqgan& tokenizer,
                            const Environment& environment) {
  Split split = Split::kHeldOut;
  std::vector<int64_t> images = images_of(dataset.index(), split, kQualityImages);
  if (images.size() < 2) {
    split = Split::kTrain;
    images = images_of(dataset.index(), split, kQualityImages);
  }
  const auto extractor = load_extractor("efficientnet_lite0", "", environment.device);
  const c10::InferenceMode no_gradients;
  std::vector<torch::Tensor> decibels, real, decoded;
  ImagesAtOnce at_once(kEncodeBatch, kSmallerImages);
  at_once.for_each(0, static_cast<int64_t>(images.size()), [&](int64_t begin, int64_t end) {
    const torch::Tensor pixels = dataset.load({images.begin() + begin, images.begin() + end});
    const torch::Tensor z = tokenizer->embed(to_network_range(pixels.to(environment.device)));
    const torch::Tensor output =
        to_pixels(tokenizer->decode_codes(tokenizer->quantise(z).codes, z.size(2), z.size(3)))
            .cpu();
    const torch::Tensor of_part = psnr(pixels, output);
    const torch::Tensor real_part = extractor->extract(pixels).features;
    decoded.push_back(extractor->extract(output).features);
    real.push_back(real_part);
    decibels.push_back(of_part);
  });
  json quality = {{"images", images.size()},
                  {"split", split == Split::kTrain ? "train" : "held_out"},
                  {"psnr", at::cat(decibels).mean().item<double>()},
                  {"extractor", std::string(extractor->name())},
                  {"weights_sha256", extractor->weights_sha256()},
                  {"rfid", nullptr}};
  if (images.size() >= 2) quality["rfid"] = fid(at::cat(real), at::cat(decoded));
  return quality;
}

/// The mean PSNR of the images that these codes decode to: held-out ones, where there are any.
double psnr_of_codes(const TokenGrids& tokens, const Dataset& dataset, Vqgan& tokenizer,
                     const Environment& environment) {
  constexpr int64_t kImages = 256;
  std::vector<int64_t> images = images_of(dataset.index(), Split::kHeldOut, kImages);
  if (images.empty()) images = images_of(dataset.index(), Split::kTrain, kImages);
  const c10::InferenceMode no_gradients;
  std::vector<torch::Tensor> decibels;
  ImagesAtOnce at_once(kEncodeBatch, kSmallerImages);
  at_once.for_each(0, static_cast<int64_t>(images.size()), [&](int64_t begin, int64_t end) {
    const std::vector<int64_t> part(images.begin() + begin, images.begin() + end);
    const torch::Tensor codes = tokens.codes.index_select(0, at::tensor(part));
    const torch::Tensor decoded =
        tokenizer->decode_codes(codes.to(environment.device), tokens.grid.rows, tokens.grid.cols);
    decibels.push_back(psnr(dataset.load(part), to_pixels(decoded).cpu()));
  });
  return at::cat(decibels).mean().item<double>();
}

/// Damages the codes as the stage's options say, and says what it did; null where they say nothing.
json damage_to(TokenGrids& tokens, const json& options, const Dataset& dataset, Vqgan& tokenizer,
               const Environment& environment) {
  if (options.empty()) return nullptr;
  const CodeDamage damage{options.value("merge_codes", int64_t{0}),
                          options.value("code_noise", 0.0), options.at("seed")};
  constexpr int64_t kMostSampled = 32768;  // patches that clusters are found in
  const torch::Tensor before = tokens.codes;
  if (damage.merge_codes > 0) {
    const torch::Tensor training =
        tokens.codes.index_select(0, at::tensor(images_of(dataset.index(), Split::kTrain)));
    const int64_t stride = std::max<int64_t>(1, training.numel() / kMostSampled);
    const torch::Tensor stands_for = merged_codes(
        tokenizer->quantizer()->codebook(),
        training.flatten().slice(0, 0, training.numel(), stride), damage.merge_codes, damage.seed);
    tokens.codes = stands_for.index_select(0, tokens.codes.flatten()).view(tokens.codes.sizes());
  }
  if (damage.code_noise > 0) {
    tokens.codes = noisy_codes(tokens.codes, tokens.codebook_size, damage.code_noise, damage.seed);
  }
  return {{"merge_codes", damage.merge_codes},
          {"code_noise", damage.code_noise},
          {"changed", tokens.codes.ne(before).to(torch::kDouble).mean().item<double>()},
          {"psnr_after", psnr_of_codes(tokens, dataset, tokenizer, environment)}};
}

/// What a record says of a data set.
json describe(const std::string& name, const DatasetIndex& index) {
  const DatasetCounts counts = count_images(index);
  std::string hashes;  // of the images, one a line, in the order of the index
  for (const ImageRecord& image : index.images) hashes += image.sha256 + "\n";
  json rejected = json::array();
  for (const RejectedFile& file : index.rejected) {
    rejected.push_back({{"file", file.file}, {"reason", file.reason}});
  }
  return {{"name", name},
          {"sha256", sha256_hex(hashes)},
          {"images", counts.images},
          {"train", counts.train},
          {"held_out", counts.held_out},
          {"classes", index.classes},
          {"per_class", counts.per_class},
          {"without_label", counts.without_label},
          {"without_caption", counts.without_caption},
          {"rejected_count", counts.rejected},
          {"rejected", std::move(rejected)}};
}

}  // namespace

json run_dataset(StageContext& context, const DatasetConfig& config) {
  bool started = false;
  const auto dataset = make_dataset(config, [&](int64_t done, int64_t total) {
    if (!started) context.progress().begin("images", total);
    started = true;
    context.progress().update(done);
    context.stop_if_requested();
  });
  context.progress().end();
  write_index(context.work(), dataset->index());
  return describe(config.name, dataset->index());
}

json run_planted_dataset(StageContext& context, const PlantedPathConfig& config) {
  const PlantedPath dataset(config);
  const DatasetIndex index = dataset.index();
  write_index(context.work(), index);
  json record = describe("planted_path", index);
  record["entropy_nats"] = dataset.entropy();
  return record;
}

json run_tokenizer(StageContext& context, const DatasetConfig& dataset_config,
                   const std::string& weights, const Environment& environment) {
  const json& config = context.config();
  const auto dataset = open_input(context, dataset_config);
  const VqganConfig network = vqgan_config_from(config.at("network"));
  Vqgan tokenizer = weights.empty() ? Vqgan(network) : read_vqgan_file(weights, network);
  tokenizer->to(environment.device);
  json record;
  if (!weights.empty()) {
    record["imported"] = true;
    record["weights_sha256"] = config.at("weights_sha256");
  } else {
    const json& training = config.at("training");
    TrainerOptions options = trainer_preset(config.at("preset"));
    training.at("images_seen").get_to(options.images_seen);
    training.at("batch_size").get_to(options.batch_size);
    training.at("learning_rate").get_to(options.learning_rate);
    training.at("perceptual_weight").get_to(options.perceptual_weight);
    training.at("discriminator_weight").get_to(options.discriminator_weight);
    training.at("discriminator_start").get_to(options.discriminator_start);
    training.at("seed").get_to(options.seed);
    options.commitment = training.value("commitment", options.commitment);
    options.legacy_beta = training.value("legacy_beta", false);
    options.discriminator = discriminator_for(dataset_config.image_size);
    VqganTrainer::Activations activations;
    std::shared_ptr<FeatureExtractor> extractor;
    if (options.perceptual_weight > 0) {
      extractor = load_extractor("efficientnet_lite0", "", environment.device);
      activations = [extractor](const torch::Tensor& images) {
        return extractor->activations(images);
      };
    }
    VqganTrainer trainer(tokenizer, options, activations);
    record["imported"] = false;
    record["images_seen"] = options.total_steps() * options.batch_size;
    record["curve"] = train(context, *dataset, environment, trainer);
    record["final_loss"] = record["curve"].back()[1];
    if (trainer.micro_batch() > 0) record["micro_batch"] = trainer.micro_batch();
  }
  tokenizer->eval();
  write_tokenizer(context.work(), tokenizer);
  record["network"] = config.at("network");
  record["device"] = environment.device.str();
  record["reconstruction"] = reconstruction_quality(*dataset, tokenizer, environment);
  return record;
}

json run_tokens(StageContext& context, const DatasetConfig& dataset_config,
                const Environment& environment) {
  const auto dataset = open_input(context, dataset_config);
  Vqgan tokenizer = read_tokenizer(context.input("tokenizer"), environment.device);
  const int64_t side = dataset_config.image_size / tokenizer->config().downsample();
  TokenGrids tokens{{side, side}, tokenizer->config().codebook_size, {}};
  tokens.codes =
      in_chunks(context, "images", static_cast<int64_t>(dataset->index().images.size()),
                8 * kEncodeBatch,
                [&](int64_t begin, int64_t end) {
                  const c10::InferenceMode no_gradients;
                  std::vector<torch::Tensor> codes;
                  for (int64_t first = begin; first < end; first += kEncodeBatch) {
                    std::vector<int64_t> batch(std::min(kEncodeBatch, end - first));
                    std::iota(batch.begin(), batch.end(), first);
                    const torch::Tensor pixels = dataset->load(batch).to(environment.device);
                    codes.push_back(
                        tokenizer->encode(to_network_range(pixels)).codes.to(torch::kInt16).cpu());
                  }
                  return TensorMap{{"codes", at::cat(codes)}};
                })
          .at("codes")
          .to(torch::kInt64);
  const json damage = damage_to(tokens, context.config(), *dataset, tokenizer, environment);
  write_tokens(context.work(), tokens);
  const CodebookUsage usage = codebook_usage(tokens.codes, tokens.codebook_size);
  json record = {{"rows", tokens.grid.rows},
                 {"cols", tokens.grid.cols},
                 {"codebook_size", tokens.codebook_size},
                 {"images", tokens.codes.size(0)},
                 {"codebook_used", usage.used},
                 {"codebook_usage", usage.share_used},
                 {"perplexity", usage.perplexity}};
  if (!damage.is_null()) record["damage"] = damage;
  return record;
}

json run_planted_tokens(StageContext& context, const PlantedPathConfig& config, const Grid& grid) {
  const PlantedPath dataset(config);
  const int64_t images = dataset.config().images;
  write_tokens(context.work(), {grid, config.codes, dataset.codes(0, images)});
  return {{"rows", grid.rows},
          {"cols", grid.cols},
          {"codebook_size", config.codes},
          {"images", images}};
}

}  // namespace oar
