#include "models/vqgan/discriminator.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/relu.h>
#include <fmt/format.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>

#include <algorithm>
#include <stdexcept>

namespace oar {
namespace {

torch::nn::Conv2d conv4(int64_t in_channels, int64_t out_channels, int64_t stride, bool bias) {
  return torch::nn::Conv2d(
      torch::nn::Conv2dOptions(in_channels, out_channels, 4).stride(stride).padding(1).bias(bias));
}

torch::nn::LeakyReLU leaky_relu() {
  return torch::nn::LeakyReLU(torch::nn::LeakyReLUOptions().negative_slope(0.2));
}

void draw_normal(torch::Tensor parameter, double mean, torch::Generator generator) {
  parameter.copy_(at::empty(parameter.sizes()).normal_(mean, 0.02, generator));
}

void draw_module(torch::nn::Module& module, torch::Generator generator) {
  if (auto* conv = module.as<torch::nn::Conv2d>()) {
    draw_normal(conv->weight, 0.0, generator);
    if (conv->bias.defined()) conv->bias.zero_();
  } else if (auto* norm = module.as<torch::nn::BatchNorm2d>()) {
    draw_normal(norm->weight, 1.0, generator);
    norm->bias.zero_();
  }
}

}  // namespace

DiscriminatorConfig discriminator_for(int64_t image_size) {
  return {.n_layers = image_size >= 128 ? 3 : image_size >= 64 ? 2 : 1};
}

DiscriminatorImpl::DiscriminatorImpl(const DiscriminatorConfig& config) {
  if (config.ndf < 1 || config.n_layers < 1) {
    throw std::invalid_argument(
        fmt::format("discriminator: ndf and n_layers must be at least 1, got {} and {}", config.ndf,
                    config.n_layers));
  }
  main_->push_back(conv4(3, config.ndf, 2, true));
  main_->push_back(leaky_relu());
  int64_t channels = config.ndf;
  for (int64_t layer = 1; layer <= config.n_layers; ++layer) {
    const int64_t next = config.ndf * std::min<int64_t>(int64_t{1} << layer, 8);
    main_->push_back(conv4(channels, next, layer < config.n_layers ? 2 : 1, false));
    main_->push_back(torch::nn::BatchNorm2d(next));
    main_->push_back(leaky_relu());
    channels = next;
  }
  main_->push_back(conv4(channels, 1, 1, true));
  register_module("main", main_);
}

torch::Tensor DiscriminatorImpl::forward(const torch::Tensor& images) {
  return main_->forward(images);
}

void DiscriminatorImpl::draw_weights(int64_t seed) {
  const torch::NoGradGuard no_grad;
  torch::Generator generator = at::detail::createCPUGenerator(static_cast<uint64_t>(seed));
  apply([&](torch::nn::Module& module) { draw_module(module, generator); });
}

torch::Tensor hinge_loss(const torch::Tensor& real_scores, const torch::Tensor& fake_scores) {
  return 0.5 * (at::relu(1.0 - real_scores).mean() + at::relu(1.0 + fake_scores).mean());
}

torch::Tensor generator_loss(const torch::Tensor& fake_scores) { return -fake_scores.mean(); }

}  // namespace oar
