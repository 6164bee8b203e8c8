#include "models/vqgan/trainer.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <utility>

#include "models/vqgan/losses.h"

namespace oar {
namespace {

constexpr const char* kCodebook = "quantize.embedding.weight";

int64_t step_at(double share, const TrainerOptions& options) {
  return std::llround(share * static_cast<double>(options.total_steps()));
}

void require(bool holds, const char* field, double value, const char* accepted) {
  if (!holds) {
    throw std::invalid_argument(
        fmt::format("tokenizer.{} must be {}, got {}", field, accepted, value));
  }
}

void check_options(const TrainerOptions& options) {
  const auto positive = [](const char* field, double value) {
    require(value > 0 && std::isfinite(value), field, value, "above 0");
  };
  const auto weight = [](const char* field, double value) {
    require(value >= 0 && std::isfinite(value), field, value, "at least 0; use 0 to switch it off");
  };
  const auto share = [](const char* field, double value) {
    require(value >= 0 && value <= 1, field, value, "a share of the steps, 0 to 1");
  };
  positive("images_seen", static_cast<double>(options.images_seen));
  positive("batch_size", static_cast<double>(options.batch_size));
  positive("dead_after", static_cast<double>(options.dead_after));
  positive("learning_rate", options.learning_rate);
  positive("discriminator_learning_rate", options.discriminator_learning_rate);
  weight("gradient_clip", options.gradient_clip);
  weight("perceptual_weight", options.perceptual_weight);
  weight("commitment", options.commitment);
  weight("discriminator_weight", options.discriminator_weight);
  require(options.beta1 >= 0 && options.beta1 < 1, "beta1", options.beta1, "0 to below 1");
  require(options.beta2 >= 0 && options.beta2 < 1, "beta2", options.beta2, "0 to below 1");
  share("final_learning_rate", options.final_learning_rate);
  share("warmup", options.warmup);
  share("quantise_from", options.quantise_from);
  share("restart_until", options.restart_until);
  share("discriminator_start", options.discriminator_start);
  share("discriminator_warmup", options.discriminator_warmup);
}

const TrainerOptions& checked(const TrainerOptions& options) {
  check_options(options);
  return options;
}

UpkeepOptions upkeep_options(const TrainerOptions& options) {
  return {.dead_after = options.dead_after,
          .restart_until = step_at(options.restart_until, options),
          .seed = options.seed};
}

// [B, D, rows, cols] -> [B * rows * cols, D], without gradient.
torch::Tensor as_rows(const torch::Tensor& z) {
  return z.detach().permute({0, 2, 3, 1}).reshape({-1, z.size(1)});
}

torch::Tensor to_byte_range(const torch::Tensor& images) { return (images + 1.0) * 127.5; }

[[noreturn]] void refuse_parts(int64_t images) {
  throw OutOfMemory(fmt::format(
      "out of memory with a batch of {} images; the discriminator normalises over its batch, so "
      "the batch cannot be computed in parts: lower tokenizer.batch_size or dataset.image_size, "
      "or set tokenizer.discriminator_weight to 0",
      images));
}

double value_of(const torch::Tensor& loss) { return loss.defined() ? loss.item<double>() : 0.0; }

}  // namespace

TrainerOptions trainer_preset(const std::string& name) {
  if (name == "nano") return {.images_seen = 6000, .batch_size = 16, .learning_rate = 2e-3};
  if (name == "tiny") return {.images_seen = 12000, .batch_size = 16, .learning_rate = 2e-3};
  if (name == "small") return {.images_seen = 100000, .batch_size = 16, .learning_rate = 1e-3};
  if (name == "paper") {
    return {.images_seen = 2000000,
            .batch_size = 16,
            .learning_rate = 7.2e-5,  // taming-transformers: 4.5e-6 an image of the batch
            .beta1 = 0.5,
            .beta2 = 0.9,
            .discriminator_weight = 0.8,
            .discriminator_start = 0.2,
            .discriminator_warmup = 0.05,
            .discriminator_learning_rate = 7.2e-5};
  }
  throw std::invalid_argument(fmt::format(
      "tokenizer.preset: no preset is called \"{}\".\n  known: nano, paper, small, tiny", name));
}

// The graph of one step.
struct VqganTrainer::Forward {
  torch::Tensor real, reconstructed;  // float [B, 3, height, width], -1 .. 1
  torch::Tensor vectors;              // float [M, D], encoder outputs without gradient
  torch::Tensor codes;                // int64 [M]; undefined until quantising starts
  torch::Tensor reconstruction, perceptual, codebook, generator, adaptive_weight, total;
};

VqganTrainer::VqganTrainer(Vqgan model, const TrainerOptions& options, Activations activations)
    : model_(std::move(model)),
      options_(checked(options)),
      activations_(std::move(activations)),
      adam_(*model_, options.beta1, options.beta2),
      upkeep_(model_->config().codebook_size, model_->config().embed_dim, upkeep_options(options)),
      quantise_from_(step_at(options.quantise_from, options)),
      generator_from_(step_at(options.discriminator_start, options)),
      discriminator_from_(generator_from_ - step_at(options.discriminator_warmup, options)),
      at_once_(options.batch_size,
               "choose a smaller tokenizer (tokenizer.preset), a lower dataset.image_size or a "
               "device with more memory") {
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
    pass.codebook = codebook_loss(z, encoded.quantised, options_.commitment, options_.legacy_beta);
    pass.reconstructed = model_->decode(straight_through(z, encoded.quantised));
  }
  pass.reconstruction = (pass.real - pass.reconstructed).abs().mean();
  pass.total = pass.reconstruction;
  if (activations_ && options_.perceptual_weight > 0) {
    std::vector<torch::Tensor> wanted;
    {
      const torch::NoGradGuard no_grad;
      wanted = activations_(to_byte_range(pass.real));
    }
    pass.perceptual = perceptual_distance(wanted, activations_(to_byte_range(pass.reconstructed)));
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
  losses.codes_used = (pass.codes.bincount() > 0).sum().item<int64_t>();
  const torch::Tensor restarted =
      upkeep_.restart_dead(model_->quantizer()->codebook(), pass.vectors, pass.codes, step);
  losses.codes_restarted = restarted.numel();
  if (restarted.numel() > 0) adam_.forget_rows(kCodebook, restarted);
}

double VqganTrainer::train_discriminator(const Forward& pass, double learning_rate) {
  const torch::Tensor loss =
      hinge_loss(discriminator_(pass.real), discriminator_(pass.reconstructed.detach()));
  loss.backward();
  const double value = loss.item<double>();
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
  }
  last.vectors = at::cat(vectors);
  if (!codes.empty()) last.codes = at::cat(codes);
  return last;
}

VqganTrainer::Forward VqganTrainer::compute_gradients(const torch::Tensor& images, int64_t step,
                                                      VqganLosses& losses) {
  start_codebook(images, step);
  for (;;) {
    Forward pass;
    losses = {};
    const int64_t at_once =
        discriminator_ ? images.size(0) : std::min(at_once_.count(), images.size(0));
    if (fits_in_memory([&] { pass = compute_in_parts(images, step, at_once, losses); })) {
      return pass;
    }
    adam_.drop_gradients();
    if (discriminator_) refuse_parts(images.size(0));
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
