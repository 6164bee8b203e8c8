#include "models/vqgan/trainer.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace oar {
namespace {

constexpr const char* kCodebook = "quantize.embedding.weight";

int64_t step_at(double share, const TrainerOptions& options) {
  return std::llround(share * static_cast<double>(options.total_steps()));
}

const TrainerOptions& checked(const TrainerOptions& options) {
  check_options(options);
  return options;
}

UpkeepOptions upkeep_options(const TrainerOptions& options) {
  return {.start = options.codebook_start,
          .dead_after = options.dead_after,
          .restart_until = step_at(options.restart_until, options),
          .seed = options.seed};
}

// [B, D, rows, cols] -> [B * rows * cols, D], without gradient.
torch::Tensor as_rows(const torch::Tensor& z) {
  return z.detach().permute({0, 2, 3, 1}).reshape({-1, z.size(1)});
}

[[noreturn]] void refuse_parts(int64_t images) {
  throw OutOfMemory(fmt::format(
      "out of memory with a batch of {} images; the discriminator normalises over its batch, so "
      "the batch is computed in parts only where tokenizer.micro_batch says so: set that, lower "
      "tokenizer.batch_size or dataset.image_size, or set tokenizer.discriminator_weight to 0",
      images));
}

double value_of(const torch::Tensor& loss) { return loss.defined() ? loss.item<double>() : 0.0; }

}  // namespace

// The graph of one step.
struct VqganTrainer::Forward {
  torch::Tensor real, reconstructed;  // float [B, 3, height, width], -1 .. 1
  std::vector<std::pair<torch::Tensor, torch::Tensor>> seen;  // both of each part, without gradient
  torch::Tensor vectors;  // float [M, D], encoder outputs without gradient
  torch::Tensor codes;    // int64 [M]; undefined until quantising starts
  torch::Tensor reconstruction, perceptual, codebook, generator, adaptive_weight, total;
};

VqganTrainer::VqganTrainer(Vqgan model, const TrainerOptions& options, PerceptualLoss perceptual)
    : model_(std::move(model)),
      options_(checked(options)),
      perceptual_(std::move(perceptual)),
      adam_(*model_, options.beta1, options.beta2),
      upkeep_(model_->config().codebook_size, model_->config().embed_dim, upkeep_options(options)),
      averages_(model_->quantizer()->codebook(), options.codebook_decay),
      quantise_from_(options.codebook_start == CodebookStart::kRandom
                         ? 0
                         : step_at(options.quantise_from, options)),
      generator_from_(step_at(options.discriminator_start, options)),
      discriminator_from_(generator_from_ - step_at(options.discriminator_warmup, options)),
      at_once_(options.batch_size,
               "choose a smaller tokenizer (tokenizer.preset), a lower dataset.image_size or a "
               "device with more memory") {
  if (options.micro_batch > 0) at_once_.at_most(options.micro_batch);
  model_->draw_weights(options.seed);
  model_->train();
  if (options.discriminator_weight == 0.0) return;
  discriminator_ = Discriminator(options.discriminator);
  discriminator_->draw_weights(options.seed);
  discriminator_->to(model_->quantizer()->codebook().device());
  discriminator_adam_ = std::make_unique<Adam>(*discriminator_, 0.5, 0.9);
}

double VqganTrainer::learning_rate_at(int64_t step) const {
  const double total = static_cast<double>(options_.total_steps());
  const double warmup = options_.warmup * total;
  const double now = static_cast<double>(step) + 1.0;
  if (now < warmup) return options_.learning_rate * now / warmup;
  const double done = std::min(1.0, (now - warmup) / std::max(1.0, total - warmup));
  const double cosine = 0.5 * (1.0 + std::cos(std::numbers::pi * done));
  const double last = options_.final_learning_rate;
  return options_.learning_rate * (last + (1.0 - last) * cosine);
}

void VqganTrainer::start_codebook(const torch::Tensor& images, int64_t step) {
  if (step < quantise_from_ || upkeep_.is_started()) return;
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> vectors;
  at_once_.for_each(0, images.size(0), [&](int64_t begin, int64_t end) {
    vectors.push_back(as_rows(model_->embed(to_network_range(images.slice(0, begin, end)))));
  });
  upkeep_.start(model_->quantizer()->codebook(), at::cat(vectors), step);
  averages_.start(model_->quantizer()->codebook());
}

VqganTrainer::Forward VqganTrainer::forward(const torch::Tensor& images, int64_t step) {
  Forward pass;
  pass.real = to_network_range(images);
  const torch::Tensor z = model_->embed(pass.real);
  pass.vectors = as_rows(z);
  if (step < quantise_from_) {
    pass.reconstructed = model_->decode(z);
  } else {
    const Encoded encoded = model_->quantise(z);
    pass.codes = encoded.codes.flatten();
    pass.codebook =
        options_.codebook_update == CodebookUpdate::kAverages
            ? commitment_loss(z, encoded.quantised, options_.commitment, options_.legacy_beta)
            : codebook_loss(z, encoded.quantised, options_.commitment, options_.legacy_beta);
    pass.reconstructed = model_->decode(straight_through(z, encoded.quantised));
  }
  pass.reconstruction = (pass.real - pass.reconstructed).abs().mean();
  pass.total = pass.reconstruction;
  if (perceptual_ && options_.perceptual_weight > 0) {
    pass.perceptual = perceptual_(pass.real, pass.reconstructed);
    pass.total = pass.total + options_.perceptual_weight * pass.perceptual;
  }
  return pass;
}

void VqganTrainer::add_generator_loss(Forward& pass, int64_t step) {
  if (discriminator_ && step >= generator_from_) {
    for (torch::Tensor parameter : discriminator_->parameters()) parameter.requires_grad_(false);
    pass.generator = generator_loss(discriminator_(pass.reconstructed));
    for (torch::Tensor parameter : discriminator_->parameters()) parameter.requires_grad_(true);
    pass.adaptive_weight =
        options_.discriminator_weight *
        adaptive_weight(pass.total, pass.generator, model_->decoder()->last_weight());
    pass.total = pass.total + pass.adaptive_weight * pass.generator;
  }
  if (pass.codebook.defined()) pass.total = pass.total + pass.codebook;
}

void VqganTrainer::update_codebook(const Forward& pass, int64_t step, VqganLosses& losses) {
  if (!pass.codes.defined()) return upkeep_.collect(pass.vectors);
  losses.codes = pass.codes;
  losses.codes_used = (pass.codes.bincount() > 0).sum().item<int64_t>();
  const torch::Tensor codebook = model_->quantizer()->codebook();
  const bool averaged = options_.codebook_update == CodebookUpdate::kAverages;
  if (averaged) averages_.update(codebook, pass.vectors, pass.codes);
  const torch::Tensor restarted = upkeep_.restart_dead(codebook, pass.vectors, pass.codes, step);
  losses.codes_restarted = restarted.numel();
  if (restarted.numel() == 0) return;
  adam_.forget_rows(kCodebook, restarted);
  if (averaged) averages_.restart(codebook, restarted);
}

double VqganTrainer::train_discriminator(const Forward& pass, double learning_rate) {
  int64_t whole = 0;
  for (const auto& [real, reconstructed] : pass.seen) whole += real.size(0);
  double value = 0.0;
  for (const auto& [real, reconstructed] : pass.seen) {
    const double share = static_cast<double>(real.size(0)) / static_cast<double>(whole);
    const torch::Tensor loss = hinge_loss(discriminator_(real), discriminator_(reconstructed));
    (share < 1.0 ? loss * share : loss).backward();
    value += share * loss.item<double>();
  }
  if (std::isfinite(value)) {
    discriminator_adam_->step(learning_rate);
  } else {
    discriminator_adam_->drop_gradients();
  }
  return value;
}

VqganTrainer::Forward VqganTrainer::compute_in_parts(const torch::Tensor& images, int64_t step,
                                                     int64_t at_once, VqganLosses& losses) {
  const int64_t whole = images.size(0);
  std::vector<torch::Tensor> vectors, codes;
  std::vector<std::pair<torch::Tensor, torch::Tensor>> seen;
  Forward last;
  for (int64_t begin = 0; begin < whole; begin += at_once) {
    last = {};  // its graph goes before the next one comes
    last = forward(images.slice(0, begin, begin + at_once), step);
    add_generator_loss(last, step);
    // Every loss is a mean over this part's images: weighted so, they add up to that over all.
    const double share = static_cast<double>(last.real.size(0)) / static_cast<double>(whole);
    losses.reconstruction += share * value_of(last.reconstruction);
    losses.perceptual += share * value_of(last.perceptual);
    losses.codebook += share * value_of(last.codebook);
    losses.generator += share * value_of(last.generator);
    losses.adaptive_weight += share * value_of(last.adaptive_weight);
    losses.total += share * value_of(last.total);
    losses.finite = std::isfinite(losses.total);
    if (!losses.finite) return last;
    (share < 1.0 ? last.total * share : last.total).backward();
    vectors.push_back(last.vectors);
    if (last.codes.defined()) codes.push_back(last.codes);
    if (discriminator_) seen.emplace_back(last.real, last.reconstructed.detach());
  }
  last.vectors = at::cat(vectors);
  if (!codes.empty()) last.codes = at::cat(codes);
  last.seen = std::move(seen);
  return last;
}

int64_t VqganTrainer::images_at_once(const torch::Tensor& images) const {
  if (discriminator_ && options_.micro_batch == 0) return images.size(0);
  return std::min(at_once_.count(), images.size(0));
}

VqganTrainer::Forward VqganTrainer::compute_gradients(const torch::Tensor& images, int64_t step,
                                                      VqganLosses& losses) {
  start_codebook(images, step);
  for (;;) {
    Forward pass;
    losses = {};
    const int64_t at_once = images_at_once(images);
    if (fits_in_memory([&] { pass = compute_in_parts(images, step, at_once, losses); })) {
      return pass;
    }
    adam_.drop_gradients();
    if (discriminator_ && options_.micro_batch == 0) refuse_parts(images.size(0));
    at_once_.halve(at_once);
  }
}

VqganLosses VqganTrainer::step(const torch::Tensor& images, int64_t step) {
  VqganLosses losses;
  const Forward pass =
      compute_gradients(images.to(model_->quantizer()->codebook().device()), step, losses);
  if (!losses.finite) {
    adam_.drop_gradients();
    return losses;
  }
  if (options_.gradient_clip > 0) adam_.clip_gradients(options_.gradient_clip);
  const double learning_rate = learning_rate_at(step);
  adam_.step(learning_rate);
  update_codebook(pass, step, losses);
  if (discriminator_ && step >= discriminator_from_) {
    const double share = learning_rate / options_.learning_rate;
    const bool fits = fits_in_memory([&] {
      losses.discriminator =
          train_discriminator(pass, share * options_.discriminator_learning_rate);
    });
    if (!fits) refuse_parts(images.size(0));
    losses.finite = std::isfinite(losses.discriminator);
  }
  return losses;
}

TensorMap VqganTrainer::slots() const {
  TensorMap slots;
  const auto add = [&slots](const std::string& prefix, const auto& tensors) {
    for (const auto& [name, tensor] : tensors) slots[prefix + name] = tensor.detach();
  };
  const auto add_module = [&slots](const std::string& prefix, const torch::nn::Module& module) {
    for (const auto& item : module.named_parameters())
      slots[prefix + item.key()] = item.value().detach();
    for (const auto& item : module.named_buffers())
      slots[prefix + item.key()] = item.value().detach();
  };
  add_module("model.", *model_);
  add("adam.", adam_.state());
  add("codebook.", upkeep_.state());
  if (options_.codebook_update == CodebookUpdate::kAverages) add("averages.", averages_.state());
  if (discriminator_) {
    add_module("discriminator.", *discriminator_);
    add("discriminator_adam.", discriminator_adam_->state());
  }
  return slots;
}

TensorMap VqganTrainer::state() const {
  TensorMap state = slots();
  for (auto& [name, tensor] : state) tensor = tensor.clone();
  return state;
}

void VqganTrainer::load_state(const TensorMap& state, const std::string& source) {
  const TensorMap slots = this->slots();
  for (const auto& [name, slot] : slots) {
    const auto found = state.find(name);
    if (found == state.end()) {
      throw BadWeights(
          fmt::format("{}: tensor \"{}\" is missing; start the training anew", source, name));
    }
    if (found->second.sizes() != slot.sizes()) {
      throw BadWeights(fmt::format(
          "{}: tensor \"{}\" has shape {}, this training needs {}; start the training anew", source,
          name, c10::str(found->second.sizes()), c10::str(slot.sizes())));
    }
  }
  for (const auto& [name, slot] : slots) slot.copy_(state.at(name));
}

}  // namespace oar
