#pragma once

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/vqgan/vqgan_file.h"

/// What tests/golden/make_vqgan_golden.py found with PyTorch.
namespace oar::golden {

inline nlohmann::json networks() {
  return nlohmann::json::parse(std::ifstream(OAR_SOURCE_DIR "/tests/golden/vqgan.json"));
}

inline uint64_t fnv1a(const std::string& text) {
  uint64_t state = 0xCBF29CE484222325ULL;
  for (const char byte : text) state = (state ^ static_cast<uint8_t>(byte)) * 0x100000001B3ULL;
  return state;
}

/// Value i is in [-1, 1), from SplitMix64 of FNV-1a(name) + i: the rule of the script.
inline torch::Tensor unit_draws(const std::string& name, at::IntArrayRef shape) {
  torch::Tensor result = at::empty(shape);
  float* values = result.data_ptr<float>();
  const uint64_t first = fnv1a(name) + 0x9E3779B97F4A7C15ULL;
  for (int64_t i = 0; i < result.numel(); ++i) {
    uint64_t z = static_cast<uint64_t>(i) + first;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    values[i] = static_cast<float>(static_cast<double>((z ^ (z >> 31)) >> 40) / (1 << 23) - 1.0);
  }
  return result;
}

/// The weights of the script.
inline void draw(VqganImpl& model) {
  const torch::NoGradGuard no_grad;
  for (auto& item : model.named_parameters()) {
    torch::Tensor u = unit_draws(item.key(), item.value().sizes());
    if (item.key().ends_with(".bias")) {
      u = 0.1 * u;
    } else if (u.dim() == 1) {
      u = 1.0 + 0.2 * u;
    } else if (item.key() != "quantize.embedding.weight") {
      u = 1.5 / std::sqrt(static_cast<double>(u[0].numel())) * u;
    }
    item.value().copy_(u);
  }
}

/// The images of a case: float [B, 3, height, width].
inline torch::Tensor images(const nlohmann::json& item) {
  const int64_t height = item["height"], width = item["width"];
  return unit_draws("image " + std::to_string(height) + "x" + std::to_string(width),
                    {item["batch"], 3, height, width});
}

/// Between the pixels of a case, of which every 97th is known, and these.
inline double largest_difference(const torch::Tensor& pixels, const nlohmann::json& item) {
  const torch::Tensor some = pixels.contiguous().flatten().slice(0, 0, pixels.numel(), 97);
  const torch::Tensor expected = at::tensor(item["pixels"].get<std::vector<double>>());
  return (some - expected).abs().max().item<double>();
}

}  // namespace oar::golden
