// How large a VQ-GAN is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace oar {

/// The sizes of a VQ-GAN, in the words of taming-transformers' `ddconfig`.
///
/// Level i of the network has ch * ch_mult[i] channels and works at `image_size` / 2^i pixels.
/// Attention is placed by that *nominal* resolution: a smaller or larger image still runs through
/// the same layers.
struct VqganConfig {
  int64_t image_size = 256;  ///< nominal height and width, pixels
  int64_t ch = 128;          ///< channels of level 0
  std::vector<int64_t> ch_mult = {
      1, 1, 2, 2, 4};          ///< one level each; every level but the last halves the image
  int64_t num_res_blocks = 2;  ///< residual blocks a level (the decoder has one more)
  std::vector<int64_t> attn_resolutions = {
      16};                       ///< nominal resolutions with attention after each block
  int64_t z_channels = 256;      ///< channels between encoder and quantiser
  int64_t embed_dim = 256;       ///< length of a codebook vector
  int64_t codebook_size = 1024;  ///< codebook vectors, V
  /// Vectors and codebook are brought to length 1 before they are compared (LlamaGen,
  /// arXiv 2406.06525; ViT-VQGAN, arXiv 2110.04627).
  bool normalised_codes = false;

  /// Pixels a patch is wide: 2^(levels - 1).
  int64_t downsample() const;
  /// Channels of level `level`.
  int64_t channels(int64_t level) const { return ch * ch_mult[level]; }
  /// Whether the blocks of level `level` are each followed by attention.
  bool has_attention(int64_t level) const;
};

/// Refuses sizes that no network can have.
///
/// Errors  std::invalid_argument: an image size that patches do not divide, channels that 32 norm
/// groups do not divide,
///         a codebook that 16-bit tokens cannot name, or any size below 1.
void check_config(const VqganConfig& config);

/// A ready configuration: `nano` (f4), `tiny` (f8), `small` (f8) or `paper` (f16, the published
/// 1024-code network).
///
/// Attention sits at the lowest resolution whatever `image_size` is, so that `paper` has the
/// published tensors at every size.
///
/// Errors  std::invalid_argument if no preset has that name or its patches do not divide
/// `image_size`. Source  `paper`: taming-transformers, vqgan_imagenet_f16_1024; 343 tensors,
/// 72,141,699 parameters.
VqganConfig vqgan_preset(const std::string& name, int64_t image_size);

}  // namespace oar
