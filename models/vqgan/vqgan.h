// The tokenizer: images to grids of codes and back.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>

#include "models/vqgan/config.h"
#include "models/vqgan/encoder_decoder.h"
#include "models/vqgan/quantizer.h"

namespace oar {

/// What the encoder makes of a batch of images.
struct Encoded {
  torch::Tensor z;          ///< float [B, embed_dim, rows, cols], before quantising
  torch::Tensor quantised;  ///< float [B, embed_dim, rows, cols], the codebook's vectors (gradient
                            ///< to the codebook)
  torch::Tensor codes;      ///< int64 [B, rows * cols], row-major
};

/// A VQ-GAN with the tensors of taming-transformers: `encoder`, `quant_conv`, `quantize`,
/// `post_quant_conv`, `decoder`.
///
/// Its image size is nominal: any height and width that patches divide are accepted, square or not.
///
/// Shapes  images float [B, 3, height, width]; rows = height / downsample, cols = width /
/// downsample. Units   pixels -1 .. 1 (rgb / 127.5 - 1); decoded images are raw and may leave that
/// range. Errors  std::invalid_argument on a bad config, on images that patches do not divide, and
/// on codes that do not fill
///         rows * cols.
/// Source  Esser, Rombach, Ommer, arXiv 2012.09841; layout checked against taming-transformers.
class VqganImpl : public torch::nn::Module {
 public:
  explicit VqganImpl(const VqganConfig& config);

  /// The encoder alone: images -> float [B, embed_dim, rows, cols], before quantising; of length 1
  /// where codes are.
  torch::Tensor embed(const torch::Tensor& images);

  /// Nearest codes of what `embed` returned.
  Encoded quantise(const torch::Tensor& z);

  /// `embed`, then `quantise`.
  Encoded encode(const torch::Tensor& images);

  /// codes int64 [B, rows * cols] -> float [B, 3, rows * downsample, cols * downsample].
  torch::Tensor decode_codes(const torch::Tensor& codes, int64_t rows, int64_t cols);

  /// vectors float [B, embed_dim, rows, cols], of the codebook or any others -> images.
  torch::Tensor decode(const torch::Tensor& vectors);

  /// Draws every parameter anew from `seed` alone, on whichever device it lies.
  void draw_weights(int64_t seed);

  const VqganConfig& config() const { return config_; }
  Quantizer& quantizer() { return quantize_; }
  const Decoder& decoder() const { return decoder_; }

 private:
  VqganConfig config_;
  Encoder encoder_;
  Decoder decoder_;
  Quantizer quantize_;
  torch::nn::Conv2d quant_conv_, post_quant_conv_;
};
TORCH_MODULE(Vqgan);

/// uint8 pixels -> float -1 .. 1, channels last in memory (the layout in which convolutions run
/// fastest).
torch::Tensor to_network_range(const torch::Tensor& pixels);

/// float -1 .. 1 -> uint8 pixels, clamped and rounded to the nearest.
torch::Tensor to_pixels(const torch::Tensor& images);

}  // namespace oar
