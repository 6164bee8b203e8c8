// DINOv2: the vision transformer behind FD-DINOv2, the Fréchet distance that agrees with people
// better than the Inception's does.
//
// Width, depth and heads (64 numbers each) are read from the weights, so ViT-S/14, B/14 and L/14
// all run; the published numbers are L/14's, whose features are the 1024 numbers of the class token
// after the last normalisation. No classes.
//
// Input   uint8 images, Pillow's bicubic on bytes to 224x224, then ImageNet's mean and deviation:
//         dgm-eval's default and its leaderboard's. Its --clean_resize would not round the pixels.
// Source  "DINOv2: Learning Robust Visual Features without Supervision" (arXiv 2304.07193); for
//         FD-DINOv2 "Exposing flaws of generative model evaluation metrics and their unfair
//         treatment of diffusion models" (arXiv 2306.04675) and its code, dgm-eval. Names of the
//         tensors as in dinov2_vitl14_pretrain.pth.
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/upsample_bicubic2d.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "metrics/feature_extractor.h"
#include "metrics/folded_conv.h"
#include "metrics/resize.h"

namespace oar {
namespace {

using torch::Tensor;

constexpr int64_t kSide = 224;
constexpr int64_t kPatch = 14;
constexpr int64_t kGrid = kSide / kPatch;
constexpr int64_t kHeadWidth = 64;
constexpr int64_t kMlpRatio = 4;
constexpr std::array<float, 3> kMean{0.485F, 0.456F, 0.406F};  // ImageNet's, of 0 .. 1
constexpr std::array<float, 3> kDeviation{0.229F, 0.224F, 0.225F};
constexpr double kEpsilon = 1e-6;
constexpr double kPositionOffset = 0.1;  // see positions_of()
constexpr const char* kOrigin =
    "Use dinov2_vitl14_pretrain.pth of https://github.com/facebookresearch/dinov2 (or its vits14, "
    "vitb14).";

struct Affine {
  Tensor weight, bias;
};

// x + attention(norm(x)), then the same with the perceptron. The published layer scale behind
// either part is folded into its last matrix.
struct Block {
  Affine norm1, qkv, proj, norm2, fc1, fc2;
};

// ---- reading ----

int64_t width_of(const ExtractorWeights& weights) {
  const auto found = weights.find("cls_token");
  if (found == weights.end() || found->second.dim() == 0) return 1024;  // take() will complain
  const int64_t width = found->second.size(-1);
  if (width == 0 || width % kHeadWidth != 0) {
    throw BadExtractorWeights(
        fmt::format("dinov2 weights: \"cls_token\" has {} numbers, needed is a multiple of {}. {}",
                    width, kHeadWidth, kOrigin));
  }
  return width;
}

// One more than the largest N of the tensors blocks.N.
int64_t depth_of(const ExtractorWeights& weights) {
  constexpr std::string_view kPrefix = "blocks.";
  int64_t depth = 1;
  for (const auto& [name, tensor] : weights) {
    if (!name.starts_with(kPrefix)) continue;
    int64_t number = 0;
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), number);
    depth = std::max(depth, number + 1);
  }
  return depth;
}

void refuse_other_architectures(const ExtractorWeights& weights) {
  const auto refuse = [&](const std::string& name, const char* what) {
    if (!weights.contains(name)) return;
    throw BadExtractorWeights(
        fmt::format("dinov2 weights: tensor \"{}\" is that of {}, which is not supported: "
                    "FD-DINOv2 is defined by ViT-L/14. {}",
                    name, what, kOrigin));
  };
  refuse("register_tokens", "a network with register tokens");
  refuse("blocks.0.mlp.w12.weight", "ViT-g/14 with its SwiGLU");
}

// The learned positions on a grid of another size. The original scales by (16 + 0.1) / 37 and not
// by 16 / 37, once a guard against rounding; weights and published numbers contain it. Bicubic, a =
// -0.75, no antialias.
Tensor positions_of(const Tensor& patches, int64_t trained) {
  if (trained == kGrid) return patches;
  const double scale =
      (static_cast<double>(kGrid) + kPositionOffset) / static_cast<double>(trained);
  const Tensor grid = patches.view({1, trained, trained, -1}).permute({0, 3, 1, 2}).contiguous();
  return at::upsample_bicubic2d(grid, {kGrid, kGrid}, /*align_corners=*/false, scale, scale)
      .flatten(2)
      .transpose(1, 2);
}

class Dinov2 final : public FeatureExtractor {
 public:
  Dinov2(const ExtractorWeights& weights, const std::string& sha256, torch::Device device,
         const ExtractorOptions& options)
      : FeatureExtractor(sha256, device, options), width_(width_of(weights)) {
    refuse_other_architectures(weights);
    WeightReader reader(weights, "dinov2", kOrigin);
    read_embedding(reader, weights);
    const int64_t depth = depth_of(weights);
    for (int64_t i = 0; i < depth; ++i) {
      blocks_.push_back(read_block(reader, fmt::format("blocks.{}.", i)));
    }
    norm_ = read_norm(reader, "norm");
    reader.take("mask_token", {1, width_});  // part of the file, for training
    reader.finish();
  }

  std::string_view name() const override { return "dinov2"; }
  int64_t feature_dim() const override { return width_; }
  int64_t num_classes() const override { return 0; }
  int64_t spatial_dim() const override { return 0; }

  Tensor prepare(const Tensor& images) const override {
    const Tensor x = resize_bicubic_rounded(images, kSide).to(torch::kFloat32) / 255;
    const auto per_channel = [&](const std::array<float, 3>& values) {
      return torch::tensor(at::ArrayRef<float>(values)).view({3, 1, 1}).to(x.device());
    };
    return (x - per_channel(kMean)) / per_channel(kDeviation);
  }

 protected:
  Features forward(const Tensor& prepared) const override {
    const Tensor patches = at::conv2d(prepared, patch_.weight, patch_.bias, kPatch);
    Tensor x = at::cat({class_token_.expand({prepared.size(0), 1, width_}),
                        patches.flatten(2).transpose(1, 2) + positions_},
                       1);
    for (const Block& block : blocks_) {
      x = x + attention(block, normalised(x, block.norm1));
      const Tensor hidden =
          at::linear(normalised(x, block.norm2), block.fc1.weight, block.fc1.bias);
      x = x + at::linear(at::gelu(hidden), block.fc2.weight, block.fc2.bias);
    }
    return {normalised(x.select(1, 0), norm_), {}, {}};
  }

 private:
  Affine read_affine(WeightReader& reader, const std::string& name, int64_t out, int64_t in) {
    return {reader.take(name + ".weight", {out, in}).to(device()),
            reader.take(name + ".bias", {out}).to(device())};
  }

  Affine read_norm(WeightReader& reader, const std::string& name) {
    return {reader.take(name + ".weight", {width_}).to(device()),
            reader.take(name + ".bias", {width_}).to(device())};
  }

  // γ (W x + b) as one matrix.
  Affine read_scaled(WeightReader& reader, const std::string& name, const std::string& scale,
                     int64_t in) {
    const Tensor gamma = reader.take(scale + ".gamma", {width_});
    return {(reader.take(name + ".weight", {width_, in}) * gamma.unsqueeze(1)).to(device()),
            (reader.take(name + ".bias", {width_}) * gamma).to(device())};
  }

  Block read_block(WeightReader& reader, const std::string& block) {
    return {read_norm(reader, block + "norm1"),
            read_affine(reader, block + "attn.qkv", 3 * width_, width_),
            read_scaled(reader, block + "attn.proj", block + "ls1", width_),
            read_norm(reader, block + "norm2"),
            read_affine(reader, block + "mlp.fc1", kMlpRatio * width_, width_),
            read_scaled(reader, block + "mlp.fc2", block + "ls2", kMlpRatio * width_)};
  }

  void read_embedding(WeightReader& reader, const ExtractorWeights& weights) {
    const auto found = weights.find("pos_embed");
    const int64_t tokens =
        found != weights.end() && found->second.dim() == 3 ? found->second.size(1) : 0;
    const int64_t trained =
        std::llround(std::sqrt(static_cast<double>(std::max<int64_t>(tokens - 1, 1))));
    const Tensor positions = reader.take("pos_embed", {1, 1 + trained * trained, width_});
    positions_ = positions_of(positions.slice(1, 1), trained).to(device());
    class_token_ =
        (reader.take("cls_token", {1, 1, width_}) + positions.slice(1, 0, 1)).to(device());
    patch_ = {reader.take("patch_embed.proj.weight", {width_, 3, kPatch, kPatch}).to(device()),
              reader.take("patch_embed.proj.bias", {width_}).to(device())};
  }

  Tensor normalised(const Tensor& x, const Affine& norm) const {
    return at::layer_norm(x, {width_}, norm.weight, norm.bias, kEpsilon);
  }

  Tensor attention(const Block& block, const Tensor& x) const {
    const int64_t images = x.size(0), tokens = x.size(1);
    const Tensor qkv = at::linear(x, block.qkv.weight, block.qkv.bias)
                           .view({images, tokens, 3, width_ / kHeadWidth, kHeadWidth})
                           .permute({2, 0, 3, 1, 4});
    const Tensor seen = at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2]);
    return at::linear(seen.transpose(1, 2).reshape({images, tokens, width_}), block.proj.weight,
                      block.proj.bias);
  }

  int64_t width_;
  Tensor class_token_;  ///< [1, 1, width], with its position
  Tensor positions_;    ///< [1, patches, width]
  Affine patch_, norm_;
  std::vector<Block> blocks_;
};

}  // namespace

std::unique_ptr<FeatureExtractor> make_dinov2(const ExtractorWeights& weights,
                                              const std::string& weights_sha256,
                                              torch::Device device,
                                              const ExtractorOptions& options) {
  return std::make_unique<Dinov2>(weights, weights_sha256, device, options);
}

}  // namespace oar
