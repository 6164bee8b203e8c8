#pragma once

#include <torch/types.h>

#include <cstdint>

namespace oar {

/// Resizes as Pillow does: bicubic (a = −0.5) whose support widens with the scale when shrinking,
/// so that nothing aliases. Computed in float64, clipped to 0 .. 255, not rounded to whole grey
/// levels. Images of the right size pass unchanged.
///
/// Shapes  images uint8 [B, 3, H, W]; result float32 [B, 3, size, size].
/// Units   grey levels 0 .. 255.
/// Source  Pillow's ImagingResample in mode "F", as clean-fid uses it; libtorch's
///         upsample_bicubic2d_aa is the same filter.
torch::Tensor resize_bicubic_antialias(const torch::Tensor& images, int64_t size);

/// Resizes pictures of bytes as Pillow does: the same filter, but its weights are multiples of
/// 2^-22 and each of the two passes, first across, then down, ends in whole grey levels. Equal bit
/// for bit to Pillow before 13, with which the published numbers were made; Pillow 13 goes down
/// first where the height shrinks and the width does less so, which moves a quarter of the pixels.
///
/// Shapes  images uint8 [B, 3, H, W]; result uint8 [B, 3, size, size].
/// Units   grey levels 0 .. 255.
/// Source  Pillow's ImagingResample in mode "RGB": torchvision's Resize of a picture from a file.
torch::Tensor resize_bicubic_rounded(const torch::Tensor& images, int64_t size);

/// Resizes as TensorFlow 1 did: output pixel i reads src = i · float32(in/out), between floor(src)
/// and the next pixel. No half-pixel centre and no antialiasing; the FID papers' numbers contain
/// this filter, so the convention keeps it.
///
/// Shapes  images uint8 [B, 3, H, W]; result float32 [B, 3, size, size].
/// Units   grey levels 0 .. 255.
/// Source  tf.image.resize_bilinear of TensorFlow 1; torch-fidelity's
///         interpolate_bilinear_2d_like_tensorflow1x.
torch::Tensor resize_bilinear_tf1(const torch::Tensor& images, int64_t size);

}  // namespace oar
