#include <ATen/ops/cat.h>
#include <ATen/ops/flip.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <cmath>

#include "datasets/sha256.h"
#include "harness/measure/extractors.h"
#include "harness/stages/artifacts.h"
#include "harness/stages/image_input.h"
#include "harness/stages/recipe_parts.h"
#include "harness/stages/reconstruction_quality.h"
#include "harness/stages/stages.h"
#include "harness/stages/tokenizer_curve.h"
#include "harness/store/interrupt.h"
#include "models/memory/images_at_once.h"
#include "models/vqgan/code_damage.h"
#include "models/vqgan/lpips.h"
#include "models/vqgan/quality.h"
#include "models/vqgan/trainer.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr int64_t kEncodeBatch = 32;

/// What says how unlike images look: LPIPS where its files are named, else the embedded network.
PerceptualLoss perceptual_loss(const TokenizerFiles& files, const Environment& environment) {
  if (!files.perceptual_weights.empty()) {
    const Lpips lpips =
        read_lpips(files.perceptual_weights, files.perceptual_linear, environment.device);
    return [lpips](const torch::Tensor& real, const torch::Tensor& reconstructed) {
      return lpips.distance(real, reconstructed).mean();
    };
  }
  const std::shared_ptr<FeatureExtractor> extractor =
      load_extractor("efficientnet_lite0", "", environment.device);
  return perceptual_loss_in(
      [extractor](const torch::Tensor& images) { return extractor->activations(images); });
}

/// Trains until the last step, continuing from scratch/checkpoint.safetensors where there is one.
TokenizerCurve train(StageContext& context, const Dataset& dataset,
                     const Augmentation& augmentation, const Environment& environment,
                     VqganTrainer& trainer) {
  const TrainerOptions& options = trainer.options();
  const int64_t total = options.total_steps();
  const auto file = context.scratch() / "checkpoint.safetensors";
  int64_t step = 0;
  TokenizerCurve curve(options, trainer.model()->config().codebook_size);
  if (const auto found = read_checkpoint(context, file)) {
    trainer.load_state(found->state, file.string());
    step = found->progress.at("next_step");
    curve.restore(found->progress.at("curve"));
    const int64_t micro_batch = found->progress.at("micro_batch");
    if (micro_batch > 0) trainer.set_micro_batch(micro_batch);
  }
  const auto checkpoint = [&] {
    write_checkpoint(
        file, trainer.state(),
        {{"next_step", step}, {"curve", curve.state()}, {"micro_batch", trainer.micro_batch()}});
  };
  const auto note = [&](const VqganLosses& losses) {
    const int64_t seen = step * options.batch_size;
    if (curve.note(losses, step)) {
      const json& point = curve.points().back();
      for (size_t i = 1; i < point.size(); ++i) {
        if (!point[i].is_null()) context.curve(curve.columns()[i], seen, point[i]);
      }
    }
    context.progress().update(seen, fmt::format("loss {:.3f}", losses.total));
  };
  TrainingImages batches(dataset, augmentation, static_cast<int64_t>(options.seed),
                         options.batch_size, total);
  CheckpointClock clock = context.checkpoint_clock();
  context.progress().begin("images", total * options.batch_size, step * options.batch_size);
  while (step < total) {
    const torch::Tensor images = batches.load(step);
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
  if (!options.contains("seed")) return nullptr;  // damage_identity() names no damage
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
    for (torch::Tensor* codes : {&tokens.codes, &tokens.mirrored}) {
      if (!codes->defined()) continue;
      *codes = stands_for.index_select(0, codes->flatten()).view(codes->sizes());
    }
  }
  if (damage.code_noise > 0) {
    tokens.codes = noisy_codes(tokens.codes, tokens.codebook_size, damage.code_noise, damage.seed);
    if (tokens.mirrored.defined()) {
      tokens.mirrored =
          noisy_codes(tokens.mirrored, tokens.codebook_size, damage.code_noise, damage.seed);
    }
  }
  return {{"merge_codes", damage.merge_codes},
          {"code_noise", damage.code_noise},
          {"changed", tokens.codes.ne(before).to(torch::kDouble).mean().item<double>()},
          {"psnr_after", psnr_of_codes(tokens, dataset, tokenizer, environment)}};
}

/// The codes of every image, and those of every mirrored image where the stage asks for them:
/// int16 [images, N], "codes" and "mirrored".
TensorMap encode(StageContext& context, const Dataset& dataset, Vqgan& tokenizer,
                 const Environment& environment) {
  const auto total = static_cast<int64_t>(dataset.index().images.size());
  const bool mirror = context.config().value("mirrored", false);
  ConsecutiveImages images(dataset, total, kEncodeBatch);
  return in_chunks(context, "images", total, 8 * kEncodeBatch, [&](int64_t begin, int64_t end) {
    const c10::InferenceMode no_gradients;
    const auto codes_of = [&](const torch::Tensor& pixels) {
      return tokenizer->encode(to_network_range(pixels)).codes.to(torch::kInt16).cpu();
    };
    std::vector<torch::Tensor> codes, mirrored_codes;
    for (int64_t first = begin; first < end; first += kEncodeBatch) {
      const torch::Tensor pixels =
          images.load(first, std::min(first + kEncodeBatch, end)).to(environment.device);
      codes.push_back(codes_of(pixels));
      if (mirror) mirrored_codes.push_back(codes_of(at::flip(pixels, {3})));
    }
    TensorMap made = {{"codes", at::cat(codes)}};
    if (mirror) made.emplace("mirrored", at::cat(mirrored_codes));
    return made;
  });
}

/// How many held-out images lack something.
template <typename Lacks>
int64_t count_held_out(const DatasetIndex& index, const Lacks& lacks) {
  return std::count_if(index.images.begin(), index.images.end(), [&](const ImageRecord& image) {
    return image.split == Split::kHeldOut && lacks(image);
  });
}

/// Names of the first images that `lacks` something.
template <typename Lacks>
json first_of(const DatasetIndex& index, const Lacks& lacks) {
  constexpr size_t kNamed = 20;
  json names = json::array();
  for (const ImageRecord& image : index.images) {
    if (names.size() == kNamed) break;
    if (lacks(image)) names.push_back(image.file);
  }
  return names;
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
          {"held_out_without_label",
           count_held_out(index, [](const ImageRecord& image) { return image.label < 0; })},
          {"held_out_without_caption",
           count_held_out(index, [](const ImageRecord& image) { return image.caption.empty(); })},
          {"without_label_first",
           first_of(index, [](const ImageRecord& image) { return image.label < 0; })},
          {"without_caption_first",
           first_of(index, [](const ImageRecord& image) { return image.caption.empty(); })},
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
  json record = describe(config.name, dataset->index());
  if (!is_generated(config.name)) {
    record["crop"] = config.crop;
    record["resize"] = config.resize;
  }
  return record;
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
                   const TokenizerFiles& files, const Environment& environment) {
  const json& config = context.config();
  const auto dataset = open_images(context, dataset_config);
  const VqganConfig network = vqgan_config_from(config.at("network"));
  Vqgan tokenizer =
      files.weights.empty() ? Vqgan(network) : read_vqgan_file(files.weights, network);
  tokenizer->to(environment.device);
  json record;
  if (!files.weights.empty()) {
    record["imported"] = true;
    record["weights_sha256"] = config.at("weights_sha256");
  } else {
    const json& training = config.at("training");
    TrainerOptions options = trainer_options_from(training, config.at("preset"));
    options.discriminator = discriminator_for(dataset_config.image_size);
    const PerceptualLoss perceptual =
        options.perceptual_weight > 0 ? perceptual_loss(files, environment) : PerceptualLoss{};
    VqganTrainer trainer(tokenizer, options, perceptual);
    record["imported"] = false;
    record["images_seen"] = options.total_steps() * options.batch_size;
    const TokenizerCurve curve =
        train(context, *dataset, augmentation_from(training), environment, trainer);
    if (training.contains("augmentation")) record["augmentation"] = training.at("augmentation");
    record["curve_columns"] = curve.columns();
    record["curve"] = curve.points();
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
  const auto dataset = open_images(context, dataset_config);
  Vqgan tokenizer = read_tokenizer(context.input("tokenizer"), environment.device);
  const int64_t side = dataset_config.image_size / tokenizer->config().downsample();
  TokenGrids tokens{{side, side}, tokenizer->config().codebook_size, {}, {}};
  const TensorMap codes = encode(context, *dataset, tokenizer, environment);
  tokens.codes = codes.at("codes").to(torch::kInt64);
  if (codes.contains("mirrored")) tokens.mirrored = codes.at("mirrored").to(torch::kInt64);
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
  if (tokens.mirrored.defined()) record["mirrored"] = true;
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
