#pragma once

#include <ATen/ATen.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "metrics/embedded_weights.h"
#include "metrics/feature_extractor.h"
#include "models/weights/tensor_file.h"
#include "tests/metrics/hashed_data.h"

namespace oar {

/// The published layout of the 2015-12-05 Inception: 94 convolutions with their normalisation, and
/// fc.
inline std::map<std::string, std::vector<int64_t>> inception_layout() {
  std::map<std::string, std::vector<int64_t>> layout;
  const auto conv = [&](const std::string& name, std::vector<int64_t> shape) {
    for (const char* part : {"weight", "bias", "running_mean", "running_var"}) {
      layout[name + ".bn." + part] = {shape[0]};
    }
    layout[name + ".conv.weight"] = std::move(shape);
  };
  conv("Conv2d_1a_3x3", {32, 3, 3, 3});
  conv("Conv2d_2a_3x3", {32, 32, 3, 3});
  conv("Conv2d_2b_3x3", {64, 32, 3, 3});
  conv("Conv2d_3b_1x1", {80, 64, 1, 1});
  conv("Conv2d_4a_3x3", {192, 80, 3, 3});
  const std::map<std::string, std::vector<int64_t>> block_a{
      {"Mixed_5b.", {192, 32}}, {"Mixed_5c.", {256, 64}}, {"Mixed_5d.", {288, 64}}};
  for (const auto& [block, sizes] : block_a) {
    conv(block + "branch1x1", {64, sizes[0], 1, 1});
    conv(block + "branch5x5_1", {48, sizes[0], 1, 1});
    conv(block + "branch5x5_2", {64, 48, 5, 5});
    conv(block + "branch3x3dbl_1", {64, sizes[0], 1, 1});
    conv(block + "branch3x3dbl_2", {96, 64, 3, 3});
    conv(block + "branch3x3dbl_3", {96, 96, 3, 3});
    conv(block + "branch_pool", {sizes[1], sizes[0], 1, 1});
  }
  conv("Mixed_6a.branch3x3", {384, 288, 3, 3});
  conv("Mixed_6a.branch3x3dbl_1", {64, 288, 1, 1});
  conv("Mixed_6a.branch3x3dbl_2", {96, 64, 3, 3});
  conv("Mixed_6a.branch3x3dbl_3", {96, 96, 3, 3});
  const std::map<std::string, int64_t> block_c{
      {"Mixed_6b.", 128}, {"Mixed_6c.", 160}, {"Mixed_6d.", 160}, {"Mixed_6e.", 192}};
  for (const auto& [block, middle] : block_c) {
    conv(block + "branch1x1", {192, 768, 1, 1});
    conv(block + "branch7x7_1", {middle, 768, 1, 1});
    conv(block + "branch7x7_2", {middle, middle, 1, 7});
    conv(block + "branch7x7_3", {192, middle, 7, 1});
    conv(block + "branch7x7dbl_1", {middle, 768, 1, 1});
    conv(block + "branch7x7dbl_2", {middle, middle, 7, 1});
    conv(block + "branch7x7dbl_3", {middle, middle, 1, 7});
    conv(block + "branch7x7dbl_4", {middle, middle, 7, 1});
    conv(block + "branch7x7dbl_5", {192, middle, 1, 7});
    conv(block + "branch_pool", {192, 768, 1, 1});
  }
  conv("Mixed_7a.branch3x3_1", {192, 768, 1, 1});
  conv("Mixed_7a.branch3x3_2", {320, 192, 3, 3});
  conv("Mixed_7a.branch7x7x3_1", {192, 768, 1, 1});
  conv("Mixed_7a.branch7x7x3_2", {192, 192, 1, 7});
  conv("Mixed_7a.branch7x7x3_3", {192, 192, 7, 1});
  conv("Mixed_7a.branch7x7x3_4", {192, 192, 3, 3});
  for (const auto& [block, in] :
       std::map<std::string, int64_t>{{"Mixed_7b.", 1280}, {"Mixed_7c.", 2048}}) {
    conv(block + "branch1x1", {320, in, 1, 1});
    conv(block + "branch3x3_1", {384, in, 1, 1});
    conv(block + "branch3x3_2a", {384, 384, 1, 3});
    conv(block + "branch3x3_2b", {384, 384, 3, 1});
    conv(block + "branch3x3dbl_1", {448, in, 1, 1});
    conv(block + "branch3x3dbl_2", {384, 448, 3, 3});
    conv(block + "branch3x3dbl_3a", {384, 384, 1, 3});
    conv(block + "branch3x3dbl_3b", {384, 384, 3, 1});
    conv(block + "branch_pool", {192, in, 1, 1});
  }
  layout["fc.weight"] = {1008, 2048};
  layout["fc.bias"] = {1008};
  return layout;
}

/// The layout of DINOv2's files, of the grid that all published ones have.
inline std::map<std::string, std::vector<int64_t>> dinov2_layout(int64_t width, int64_t depth,
                                                                 int64_t grid = 37) {
  std::map<std::string, std::vector<int64_t>> layout{
      {"cls_token", {1, 1, width}},
      {"mask_token", {1, width}},
      {"pos_embed", {1, 1 + grid * grid, width}},
      {"patch_embed.proj.weight", {width, 3, 14, 14}},
      {"patch_embed.proj.bias", {width}},
      {"norm.weight", {width}},
      {"norm.bias", {width}}};
  const auto linear = [&](const std::string& name, int64_t out, int64_t in) {
    layout[name + ".weight"] = {out, in};
    layout[name + ".bias"] = {out};
  };
  for (int64_t i = 0; i < depth; ++i) {
    const std::string block = "blocks." + std::to_string(i) + ".";
    for (const char* norm : {"norm1", "norm2"}) {
      layout[block + norm + ".weight"] = {width};
      layout[block + norm + ".bias"] = {width};
    }
    linear(block + "attn.qkv", 3 * width, width);
    linear(block + "attn.proj", width, width);
    linear(block + "mlp.fc1", 4 * width, width);
    linear(block + "mlp.fc2", width, 4 * width);
    layout[block + "ls1.gamma"] = {width};
    layout[block + "ls2.gamma"] = {width};
  }
  return layout;
}

/// Weights that any machine has: the embedded ones, or drawn ones for the networks whose file is
/// the user's (of DINOv2 a tiny one).
inline ExtractorWeights test_weights(const std::string& name) {
  if (name == "inception_v3") return hashed_weights(inception_layout());
  if (name == "dinov2") return hashed_weights(dinov2_layout(128, 2));
  return read_tensors(embedded_efficientnet_lite0(), "embedded efficientnet_lite0");
}

inline std::string test_sha256(const std::string& name) {
  return name == "efficientnet_lite0" ? embedded_efficientnet_lite0_sha256() : std::string(64, 'a');
}

inline std::unique_ptr<FeatureExtractor> test_extractor(const std::string& name,
                                                        at::Device device = at::kCPU,
                                                        const ExtractorOptions& options = {}) {
  return make_feature_extractor(name, test_weights(name), test_sha256(name), device, options);
}

/// max |a - b| / max |b|: how far off, against the largest number there.
inline double relative_difference(const at::Tensor& a, const at::Tensor& b) {
  return ((a.to(at::kDouble) - b.to(at::kDouble)).abs().max() / b.to(at::kDouble).abs().max())
      .item<double>();
}

}  // namespace oar
