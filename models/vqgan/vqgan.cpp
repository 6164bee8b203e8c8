#include "models/vqgan/vqgan.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

namespace oar {
namespace {

const VqganConfig& checked(const VqganConfig& config) {
  check_config(config);
  return config;
}

// Uniform in +-1 / sqrt(fan-in), as libtorch's convolutions start, weight and bias alike.
void draw_module(torch::nn::Module& module, torch::Generator generator) {
  auto* conv = module.as<torch::nn::Conv2d>();
  if (conv == nullptr) return;
  const double bound = 1.0 / std::sqrt(static_cast<double>(conv->weight[0].numel()));
  for (torch::Tensor parameter : {conv->weight, conv->bias}) {
    parameter.copy_(at::empty(parameter.sizes()).uniform_(-bound, bound, generator));
  }
}

}  // namespace

VqganImpl::VqganImpl(const VqganConfig& config)
    : config_(checked(config)),
      encoder_(register_module("encoder", Encoder(config))),
      decoder_(register_module("decoder", Decoder(config))),
      quantize_(register_module(
          "quantize", Quantizer(config.codebook_size, config.embed_dim, config.normalised_codes))),
      quant_conv_(register_module("quant_conv", same_conv(config.z_channels, config.embed_dim, 1))),
      post_quant_conv_(
          register_module("post_quant_conv", same_conv(config.embed_dim, config.z_channels, 1))) {}

torch::Tensor VqganImpl::embed(const torch::Tensor& images) {
  const int64_t patch = config_.downsample();
  if (images.dim() != 4 || images.size(1) != 3 || images.size(2) % patch != 0 ||
      images.size(3) % patch != 0 || images.numel() == 0) {
    throw std::invalid_argument(
        fmt::format("vqgan: images of shape {} cannot be cut into patches; accepted: [B, 3, "
                    "height, width] with height and width "
                    "multiples of {}",
                    c10::str(images.sizes()), patch));
  }
  const torch::Tensor z =
      quant_conv_(encoder_(images.contiguous(torch::MemoryFormat::ChannelsLast)));
  return config_.normalised_codes ? at_length_one(z, 1) : z;
}

Encoded VqganImpl::quantise(const torch::Tensor& z) {
  const torch::Tensor last = z.permute({0, 2, 3, 1});  // [B, rows, cols, embed_dim]
  const torch::Tensor codes = quantize_->nearest(last.reshape({-1, last.size(3)}));
  return {.z = z,
          .quantised = quantize_->look_up(codes).view(last.sizes()).permute({0, 3, 1, 2}),
          .codes = codes.view({z.size(0), -1})};
}

Encoded VqganImpl::encode(const torch::Tensor& images) { return quantise(embed(images)); }

torch::Tensor VqganImpl::decode(const torch::Tensor& vectors) {
  return decoder_(post_quant_conv_(vectors.contiguous(torch::MemoryFormat::ChannelsLast)));
}

torch::Tensor VqganImpl::decode_codes(const torch::Tensor& codes, int64_t rows, int64_t cols) {
  if (codes.dim() != 2 || codes.size(1) != rows * cols) {
    throw std::invalid_argument(
        fmt::format("vqgan: codes of shape {} do not fill a grid of {} x {}; accepted: [B, {}]",
                    c10::str(codes.sizes()), rows, cols, rows * cols));
  }
  const torch::Tensor vectors = quantize_->look_up(codes);
  return decode(vectors.view({codes.size(0), rows, cols, config_.embed_dim}).permute({0, 3, 1, 2}));
}

void VqganImpl::draw_weights(int64_t seed) {
  const torch::NoGradGuard no_grad;
  torch::Generator generator = at::detail::createCPUGenerator(static_cast<uint64_t>(seed));
  apply([&](torch::nn::Module& module) { draw_module(module, generator); });
  torch::Tensor codebook = quantize_->codebook();
  const double bound = 1.0 / static_cast<double>(config_.codebook_size);
  codebook.copy_(at::empty(codebook.sizes()).uniform_(-bound, bound, generator));
}

torch::Tensor to_network_range(const torch::Tensor& pixels) {
  return pixels.to(torch::kFloat)
      .contiguous(torch::MemoryFormat::ChannelsLast)
      .div_(127.5)
      .sub_(1.0);
}

torch::Tensor to_pixels(const torch::Tensor& images) {
  return ((images + 1.0) * 127.5).round_().clamp_(0, 255).to(torch::kByte);
}

}  // namespace oar
