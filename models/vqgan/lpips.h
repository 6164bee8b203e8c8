// LPIPS: how unlike two images look to VGG-16, by weights that the user brings.
#pragma once

#include <torch/types.h>

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "models/weights/tensor_file.h"

namespace oar {

/// The learned perceptual distance `vgg`, v0.1.
///
/// Thirteen convolutions of VGG-16 up to relu5_3; after relu1_2, 2_2, 3_3, 4_3 and 5_3 each pixel's
/// channels are brought to length 1, squared differences are weighed channel by channel (`lin0` ..
/// `lin4`), averaged over space, and summed over the five. The weights stay frozen.
///
/// Shapes  float [B, 3, height, width] twice, both sides at least kLeastSide -> float [B].
/// Units   pixels -1 .. 1; 0 for equal images.
/// Source  Zhang et al., arXiv 1801.03924; richzhang/PerceptualSimilarity. A pixel whose channels
///         are all 0 has the gradient 0 here, where the published code makes NaN of it.
class Lpips {
 public:
  static constexpr int64_t kLeastSide = 16;  ///< four poolings leave one pixel of it

  /// Names of the convolutions: `features.N` (torchvision) or `net.sliceK.N` (LPIPS, taming); of
  /// the linear layers: `linK.model.1` or `lins.K.model.1`. All may stand under `perceptual_loss.`
  /// or `loss.perceptual_loss.`, as they do in taming's checkpoints. Other tensors are not looked
  /// at. `source` stands for the files in messages.
  ///
  /// Errors  BadWeights that says what is missing or has another shape, and which file has it.
  Lpips(const TensorMap& tensors, const std::string& source, torch::Device device);

  /// Gradients reach `images`, not `reference`.
  torch::Tensor distance(const torch::Tensor& reference, const torch::Tensor& images) const;

 private:
  struct Conv {
    torch::Tensor weight, bias;
  };
  /// The five stages, channels at length 1.
  std::vector<torch::Tensor> stages(const torch::Tensor& images) const;

  std::vector<Conv> convolutions_;       // 13
  std::array<torch::Tensor, 5> linear_;  // float [1, C, 1, 1]
  torch::Tensor shift_, scale_;          // float [1, 3, 1, 1]
};

/// Reads VGG-16 from `weights` and the linear layers from `linear`; where that is empty, both from
/// `weights`.
///
/// Errors  as Lpips() and read_tensors().
Lpips read_lpips(const std::filesystem::path& weights, const std::filesystem::path& linear,
                 torch::Device device);

}  // namespace oar
