#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace oar {

/// Tensors of a weights file by their name in that file.
using ExtractorWeights = std::map<std::string, torch::Tensor>;

/// A weights file that is not the network it should be: a tensor is missing, unknown or has another
/// shape. The message names it.
struct BadExtractorWeights : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What a network says about B images, on the CPU; row i belongs to image i. What a network does
/// not have, it leaves with no columns.
struct Features {
  torch::Tensor features;  ///< float32 [B, F], the last layer's mean over space: FID, KID, P/R
  torch::Tensor logits;    ///< float32 [B, C], class scores before the softmax: IS
  torch::Tensor spatial;   ///< float32 [B, S], part of a middle layer with its space left in: sFID
};

/// How an extractor is to work. Both change the numbers, so every record carries both.
struct ExtractorOptions {
  /// A name of conventions.def. Only inception_v3 has more than the first.
  std::string convention = "torch_fidelity";

  /// `float32`, or `bfloat16` for weights and activations: about twice as fast on processors with
  /// instructions for it, and refused on others, where it is many times slower.
  std::string precision = "float32";
};

/// What makes two extractors the same: equal images then give equal features, but for the rounding
/// of another device.
struct ExtractorIdentity {
  std::string name;            ///< registry name
  std::string weights_sha256;  ///< of the file the weights came from
  ExtractorOptions options;
};

/// Turns images into the numbers that FID, KID and IS are computed from.
///
/// One frozen network behind one interface. Batch normalisation is folded into the convolutions
/// when the weights are loaded. Images pass in small groups, so memory does not grow with the batch
/// and a batch of one gives the numbers (to float rounding) that a batch of a thousand gives. Full
/// float32 on every device, no TF32, unless the options ask for bfloat16. All functions may be
/// called by several threads at once.
///
/// Shapes  B images of any height and width, F features, C classes, S spatial features.
/// Units   pixels 0 .. 255, RGB.
/// Errors  BadExtractorWeights from the makers, std::invalid_argument for options that an extractor
///         does not have; c10::Error when a tensor is not what the signature says.
class FeatureExtractor {
 public:
  virtual ~FeatureExtractor() = default;

  virtual std::string_view name() const = 0;  ///< registry name
  virtual int64_t feature_dim() const = 0;    ///< F
  virtual int64_t num_classes() const = 0;    ///< C; 0: a network without classes
  virtual int64_t spatial_dim() const = 0;    ///< S; 0: no sFID

  /// SHA-256 of the file the weights came from. Every number that is compared carries it.
  const std::string& weights_sha256() const { return weights_sha256_; }
  torch::Device device() const { return device_; }
  const ExtractorOptions& options() const { return options_; }
  ExtractorIdentity identity() const { return {std::string(name()), weights_sha256_, options_}; }

  /// Images in one pass through the network: what extract() cuts a batch into.
  int64_t group_size() const;

  /// The network's input: resized and scaled as the convention says, on the images' device.
  /// `images` is uint8 [B, 3, H, W]; the result float32 [B, 3, side, side].
  virtual torch::Tensor prepare(const torch::Tensor& images) const = 0;

  /// Runs the network, without a gradient, on a group that prepare() made.
  Features run(const torch::Tensor& prepared) const;

  /// prepare() and run() in groups, for images of one size. `images` is uint8 [B, 3, H, W] on any
  /// device.
  Features extract(const torch::Tensor& images) const;

  /// Intermediate stages, shallow to deep, of images that are *not* resized: each [B, channels,
  /// height, width] on device(). Differentiable with respect to `images`, float32 [B, 3, H, W] of
  /// 0 .. 255; the weights stay frozen. A perceptual loss compares these.
  ///
  /// Errors  std::invalid_argument where there are no such stages: has_activations() is false.
  virtual std::vector<torch::Tensor> activations(const torch::Tensor& images) const;

  /// Whether activations() answers: not for a network whose images must have one size.
  virtual bool has_activations() const { return false; }

 protected:
  FeatureExtractor(std::string weights_sha256, torch::Device device, ExtractorOptions options)
      : weights_sha256_(std::move(weights_sha256)), device_(device), options_(std::move(options)) {}

  /// A prepared group on device(); called without a gradient. Any device and float type may come
  /// back.
  virtual Features forward(const torch::Tensor& prepared) const = 0;

 private:
  std::string weights_sha256_;
  torch::Device device_;
  ExtractorOptions options_;
};

/// Refuses what make_feature_extractor() would refuse before it looks at weights.
///
/// Errors  std::invalid_argument: an unknown name (with the known ones and the nearest), a
/// convention
///         or precision that the extractor does not have, bfloat16 on a processor without it.
void check_extractor(const std::string& name, const ExtractorOptions& options,
                     torch::Device device);

/// The extractor called `name`, on `device`.
///
/// Errors  as check_extractor(); BadExtractorWeights.
std::unique_ptr<FeatureExtractor> make_feature_extractor(const std::string& name,
                                                         const ExtractorWeights& weights,
                                                         const std::string& weights_sha256,
                                                         torch::Device device,
                                                         const ExtractorOptions& options = {});

/// Whether bfloat16 is fast on this device: any CUDA device, or a processor with AVX512_BF16 or
/// AMX.
bool has_bfloat16(torch::Device device);

/// Name and one sentence of every extractor, in the order of registry.def.
std::vector<std::pair<std::string, std::string>> list_feature_extractors();

/// SHA-256 of the published 2015-12-05 Inception weights. Only their numbers are called FID, IS and
/// KID without more words.
inline constexpr std::string_view kInception20151205Sha256 =
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2";

/// SHA-256 of the published DINOv2 ViT-L/14, dinov2_vitl14_pretrain.pth. Its FID is FD-DINOv2.
inline constexpr std::string_view kDinov2Vitl14Sha256 =
    "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428";

/// How a metric's number must be written: `FID` with the published Inception, else
/// `FID[efficientnet_lite0]` or, with weights that are not the extractor's own published ones,
/// `FID[inception_v3 abcd1234]` (the first eight digits of their SHA-256).
///
/// Other conventions and precisions than the default stand in the brackets too:
/// `FID[clean_fid]`, `FID[inception_v3 abcd1234, bfloat16]`. FID on the published DINOv2 ViT-L/14
/// is `FD-DINOv2`, its other metrics `KID[dinov2_vitl14]`.
std::string qualified_name(std::string_view metric, const ExtractorIdentity& extractor);

}  // namespace oar
