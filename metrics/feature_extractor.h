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

/// What a network says about B images; both on the CPU, row i belongs to image i.
struct Features {
  torch::Tensor features;  ///< float32 [B, F], the last layer's mean over space: FID, KID
  torch::Tensor logits;    ///< float32 [B, C], class scores before the softmax: IS
};

/// Turns images into the numbers that FID, KID and IS are computed from.
///
/// One frozen network behind one interface. Batch normalisation is folded into the convolutions
/// when the weights are loaded. Images pass in small groups, so memory does not grow with the batch
/// and a batch of one gives the numbers (to float rounding) that a batch of a thousand gives. Full
/// float32 on every device: no TF32, no bf16.
///
/// Shapes  B images of any height and width, F features, C classes.
/// Units   pixels 0 .. 255, RGB.
/// Errors  BadExtractorWeights from the makers; c10::Error when a tensor is not what the signature
///         says.
class FeatureExtractor {
 public:
  virtual ~FeatureExtractor() = default;

  virtual std::string_view name() const = 0;  ///< registry name
  virtual int64_t feature_dim() const = 0;    ///< F
  virtual int64_t num_classes() const = 0;    ///< C

  /// SHA-256 of the file the weights came from. Every number that is compared carries it.
  const std::string& weights_sha256() const { return weights_sha256_; }
  torch::Device device() const { return device_; }

  /// Resizes each image as the network's convention says, and runs the network without a gradient.
  /// `images` is uint8 [B, 3, H, W] on any device.
  Features extract(const torch::Tensor& images) const;

  /// Intermediate stages, shallow to deep, of images that are *not* resized: each [B, channels,
  /// height, width] on device(). Differentiable with respect to `images`, float32 [B, 3, H, W] of
  /// 0 .. 255; the weights stay frozen. A perceptual loss compares these.
  virtual std::vector<torch::Tensor> activations(const torch::Tensor& images) const = 0;

 protected:
  FeatureExtractor(std::string weights_sha256, torch::Device device)
      : weights_sha256_(std::move(weights_sha256)), device_(device) {}

  /// A few images on device(), uint8; called without a gradient.
  virtual Features forward(const torch::Tensor& images) const = 0;

 private:
  std::string weights_sha256_;
  torch::Device device_;
};

/// The extractor called `name`, on `device`. Unknown names: std::invalid_argument with the known
/// ones and the nearest.
std::unique_ptr<FeatureExtractor> make_feature_extractor(const std::string& name,
                                                         const ExtractorWeights& weights,
                                                         const std::string& weights_sha256,
                                                         torch::Device device);

/// Name and one sentence of every extractor, in the order of registry.def.
std::vector<std::pair<std::string, std::string>> list_feature_extractors();

/// SHA-256 of the published 2015-12-05 Inception weights. Only their numbers are called FID, IS and
/// KID without more words.
inline constexpr std::string_view kInception20151205Sha256 =
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2";

/// How a metric's number must be written: `FID` with the published Inception, else
/// `FID[efficientnet_lite0]` or, with weights that are not the extractor's own published ones,
/// `FID[inception_v3 abcd1234]` (the first eight digits of their SHA-256).
std::string qualified_name(std::string_view metric, const FeatureExtractor& extractor);

}  // namespace oar
