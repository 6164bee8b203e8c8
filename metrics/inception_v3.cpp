// Inception v3 as frozen on 2015-12-05: the network behind every published FID, IS and KID.
//
// It is not torchvision's: average pools leave the padding out of the mean, Mixed_7c pools by
// maximum, 1008 classes, no auxiliary head. The logits returned are those of the Inception Score:
// without fc.bias.
//
// Input   uint8 images, resized to 299x299 and scaled as the convention says (convention.h).
// Source  "Rethinking the Inception Architecture" (arXiv 1512.00567); layout of torch-fidelity
//         0.4.0 and pytorch-fid 0.3.0, whose weights file is one and the same.
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/max_pool2d.h>

#include <algorithm>
#include <unordered_map>

#include "metrics/convention.h"
#include "metrics/feature_extractor.h"
#include "metrics/folded_conv.h"

namespace oar {
namespace {

using torch::Tensor;

constexpr int64_t kFeatures = 2048;
constexpr int64_t kClasses = 1008;
constexpr int64_t kSpatialChannels = 7;  // of Mixed_6d.branch1x1, 17 x 17 each: ADM's sFID
constexpr int64_t kSpatial = kSpatialChannels * 17 * 17;
constexpr int64_t kSmallestSide = 75;  // below it the last grid has no cell
constexpr double kEpsilon = 1e-3;

Tensor max_pool_3x3_stride_2(const Tensor& x) { return at::max_pool2d(x, {3, 3}, {2, 2}); }

// TensorFlow's average leaves the padding out of the mean.
Tensor average_pool(const Tensor& x) {
  return at::avg_pool2d(x, {3, 3}, {1, 1}, {1, 1}, /*ceil_mode=*/false,
                        /*count_include_pad=*/false);
}

class InceptionV3 final : public FeatureExtractor {
 public:
  InceptionV3(const ExtractorWeights& weights, const std::string& sha256, torch::Device device,
              const ExtractorOptions& options)
      : FeatureExtractor(sha256, device, options),
        convention_(find_convention(options.convention)),
        type_(options.precision == "bfloat16" ? torch::kBFloat16 : torch::kFloat32) {
    WeightReader reader(
        weights, "inception_v3",
        "Use weights-inception-2015-12-05-6726825d.pth of torch-fidelity (the same file as "
        "pt_inception-2015-12-05-6726825d.pth of pytorch-fid): 472 tensors.");
    reader_ = &reader;
    read_all();
    fc_weight_ = reader.take("fc.weight", {kClasses, kFeatures}).to(device, type_);
    reader.take("fc.bias", {kClasses});  // part of the file, not of the Inception Score
    reader.finish();
    reader_ = nullptr;
  }

  std::string_view name() const override { return "inception_v3"; }
  int64_t feature_dim() const override { return kFeatures; }
  int64_t num_classes() const override { return kClasses; }
  int64_t spatial_dim() const override { return kSpatial; }
  bool has_activations() const override { return true; }

  Tensor prepare(const Tensor& images) const override { return convention_.input(images); }

  /// The two max pools (64 and 192 channels) and the output of Mixed_6e (768 channels).
  std::vector<Tensor> activations(const Tensor& images) const override {
    TORCH_CHECK(images.dim() == 4 && images.size(1) == 3 && images.is_floating_point(), name(),
                ": images must be float [B, 3, H, W], got ", images.scalar_type(), " ",
                images.sizes());
    TORCH_CHECK(std::min(images.size(2), images.size(3)) >= kSmallestSide, name(),
                ": activations need sides of at least ", kSmallestSide, " pixels, got ",
                images.sizes());
    const Tensor first = to_first_pool(normalised(images.to(device(), torch::kFloat32)));
    const Tensor second = to_second_pool(first);
    return {first, second, to_mixed_6e(second)};
  }

 protected:
  Features forward(const Tensor& prepared) const override {
    const Tensor x = prepared.to(type_).contiguous(at::MemoryFormat::ChannelsLast);
    Tensor spatial;
    const Tensor middle = to_mixed_6e(to_second_pool(to_first_pool(x)), &spatial);
    const Tensor features = to_mixed_7c(middle).mean({2, 3}, /*keepdim=*/false, torch::kFloat32);
    return {features, at::linear(features.to(type_), fc_weight_), spatial};
  }

 private:
  // ---- reading: one line per convolution, [out, in, rows, columns] of its kernel ----

  // Padded so that stride 1 keeps the size, unless told to be `bare`.
  void read(const std::string& name, at::IntArrayRef shape, int64_t stride = 1, bool bare = false) {
    FoldedConv conv =
        read_folded_conv(*reader_, name + ".conv", name + ".bn", shape, kEpsilon, device());
    conv.stride = stride;
    if (!bare) conv.padding = {shape[2] / 2, shape[3] / 2};
    conv.weight = conv.weight.to(type_);
    conv.bias = conv.bias.to(type_);
    convs_.emplace(name, std::move(conv));
  }

  void read_all() {
    read("Conv2d_1a_3x3", {32, 3, 3, 3}, 2, true);
    read("Conv2d_2a_3x3", {32, 32, 3, 3}, 1, true);
    read("Conv2d_2b_3x3", {64, 32, 3, 3});
    read("Conv2d_3b_1x1", {80, 64, 1, 1});
    read("Conv2d_4a_3x3", {192, 80, 3, 3}, 1, true);
    read_a("Mixed_5b.", 192, 32);
    read_a("Mixed_5c.", 256, 64);
    read_a("Mixed_5d.", 288, 64);
    read_b("Mixed_6a.", 288);
    read_c("Mixed_6b.", 128);
    read_c("Mixed_6c.", 160);
    read_c("Mixed_6d.", 160);
    read_c("Mixed_6e.", 192);
    read_d("Mixed_7a.", 768);
    read_e("Mixed_7b.", 1280);
    read_e("Mixed_7c.", 2048);
  }

  void read_a(const std::string& block, int64_t in, int64_t pool) {
    read(block + "branch1x1", {64, in, 1, 1});
    read(block + "branch5x5_1", {48, in, 1, 1});
    read(block + "branch5x5_2", {64, 48, 5, 5});
    read(block + "branch3x3dbl_1", {64, in, 1, 1});
    read(block + "branch3x3dbl_2", {96, 64, 3, 3});
    read(block + "branch3x3dbl_3", {96, 96, 3, 3});
    read(block + "branch_pool", {pool, in, 1, 1});
  }

  void read_b(const std::string& block, int64_t in) {
    read(block + "branch3x3", {384, in, 3, 3}, 2, true);
    read(block + "branch3x3dbl_1", {64, in, 1, 1});
    read(block + "branch3x3dbl_2", {96, 64, 3, 3});
    read(block + "branch3x3dbl_3", {96, 96, 3, 3}, 2, true);
  }

  void read_c(const std::string& block, int64_t middle) {
    read(block + "branch1x1", {192, 768, 1, 1});
    read(block + "branch7x7_1", {middle, 768, 1, 1});
    read(block + "branch7x7_2", {middle, middle, 1, 7});
    read(block + "branch7x7_3", {192, middle, 7, 1});
    read(block + "branch7x7dbl_1", {middle, 768, 1, 1});
    read(block + "branch7x7dbl_2", {middle, middle, 7, 1});
    read(block + "branch7x7dbl_3", {middle, middle, 1, 7});
    read(block + "branch7x7dbl_4", {middle, middle, 7, 1});
    read(block + "branch7x7dbl_5", {192, middle, 1, 7});
    read(block + "branch_pool", {192, 768, 1, 1});
  }

  void read_d(const std::string& block, int64_t in) {
    read(block + "branch3x3_1", {192, in, 1, 1});
    read(block + "branch3x3_2", {320, 192, 3, 3}, 2, true);
    read(block + "branch7x7x3_1", {192, in, 1, 1});
    read(block + "branch7x7x3_2", {192, 192, 1, 7});
    read(block + "branch7x7x3_3", {192, 192, 7, 1});
    read(block + "branch7x7x3_4", {192, 192, 3, 3}, 2, true);
  }

  void read_e(const std::string& block, int64_t in) {
    read(block + "branch1x1", {320, in, 1, 1});
    read(block + "branch3x3_1", {384, in, 1, 1});
    read(block + "branch3x3_2a", {384, 384, 1, 3});
    read(block + "branch3x3_2b", {384, 384, 3, 1});
    read(block + "branch3x3dbl_1", {448, in, 1, 1});
    read(block + "branch3x3dbl_2", {384, 448, 3, 3});
    read(block + "branch3x3dbl_3a", {384, 384, 1, 3});
    read(block + "branch3x3dbl_3b", {384, 384, 3, 1});
    read(block + "branch_pool", {192, in, 1, 1});
  }

  // ---- running: the same blocks ----

  Tensor normalised(const Tensor& images) const {
    return ((images - 128) / 128).to(type_).contiguous(at::MemoryFormat::ChannelsLast);
  }

  Tensor conv(const std::string& name, const Tensor& x) const { return convs_.at(name)(x).relu_(); }

  // conv(names[n-1], ... conv(names[0], x))
  Tensor chain(const std::string& block, std::initializer_list<const char*> names, Tensor x) const {
    for (const char* name : names) x = conv(block + name, x);
    return x;
  }

  Tensor to_first_pool(const Tensor& x) const {
    return max_pool_3x3_stride_2(chain("", {"Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3"}, x));
  }

  Tensor to_second_pool(const Tensor& x) const {
    return max_pool_3x3_stride_2(chain("", {"Conv2d_3b_1x1", "Conv2d_4a_3x3"}, x));
  }

  // `spatial`, where it is asked for, gets the first channels of Mixed_6d's first branch.
  Tensor to_mixed_6e(Tensor x, Tensor* spatial = nullptr) const {
    for (const char* block : {"Mixed_5b.", "Mixed_5c.", "Mixed_5d."}) x = block_a(block, x);
    x = block_b("Mixed_6a.", x);
    for (const char* block : {"Mixed_6b.", "Mixed_6c.", "Mixed_6d."}) x = block_c(block, x);
    // The first 192 channels of a block are its branch1x1, after the rectifier.
    if (spatial != nullptr) *spatial = x.slice(1, 0, kSpatialChannels).flatten(1);
    return block_c("Mixed_6e.", x);
  }

  Tensor to_mixed_7c(Tensor x) const {
    x = block_d("Mixed_7a.", x);
    x = block_e("Mixed_7b.", x, average_pool(x));
    return block_e("Mixed_7c.", x, at::max_pool2d(x, {3, 3}, {1, 1}, {1, 1}));
  }

  Tensor block_a(const std::string& block, const Tensor& x) const {
    return at::cat({conv(block + "branch1x1", x), chain(block, {"branch5x5_1", "branch5x5_2"}, x),
                    chain(block, {"branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"}, x),
                    conv(block + "branch_pool", average_pool(x))},
                   1);
  }

  Tensor block_b(const std::string& block, const Tensor& x) const {
    return at::cat({conv(block + "branch3x3", x),
                    chain(block, {"branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"}, x),
                    max_pool_3x3_stride_2(x)},
                   1);
  }

  Tensor block_c(const std::string& block, const Tensor& x) const {
    return at::cat({conv(block + "branch1x1", x),
                    chain(block, {"branch7x7_1", "branch7x7_2", "branch7x7_3"}, x),
                    chain(block,
                          {"branch7x7dbl_1", "branch7x7dbl_2", "branch7x7dbl_3", "branch7x7dbl_4",
                           "branch7x7dbl_5"},
                          x),
                    conv(block + "branch_pool", average_pool(x))},
                   1);
  }

  Tensor block_d(const std::string& block, const Tensor& x) const {
    return at::cat(
        {chain(block, {"branch3x3_1", "branch3x3_2"}, x),
         chain(block, {"branch7x7x3_1", "branch7x7x3_2", "branch7x7x3_3", "branch7x7x3_4"}, x),
         max_pool_3x3_stride_2(x)},
        1);
  }

  Tensor block_e(const std::string& block, const Tensor& x, const Tensor& pooled) const {
    const Tensor single = conv(block + "branch3x3_1", x);
    const Tensor twice = chain(block, {"branch3x3dbl_1", "branch3x3dbl_2"}, x);
    return at::cat({conv(block + "branch1x1", x), conv(block + "branch3x3_2a", single),
                    conv(block + "branch3x3_2b", single), conv(block + "branch3x3dbl_3a", twice),
                    conv(block + "branch3x3dbl_3b", twice), conv(block + "branch_pool", pooled)},
                   1);
  }

  const Convention& convention_;
  at::ScalarType type_;             // of weights and activations
  WeightReader* reader_ = nullptr;  // while the constructor runs
  std::unordered_map<std::string, FoldedConv> convs_;
  Tensor fc_weight_;
};

}  // namespace

std::unique_ptr<FeatureExtractor> make_inception_v3(const ExtractorWeights& weights,
                                                    const std::string& weights_sha256,
                                                    torch::Device device,
                                                    const ExtractorOptions& options) {
  return std::make_unique<InceptionV3>(weights, weights_sha256, device, options);
}

}  // namespace oar
