#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <optional>

#include "harness/edit/canvas.h"
#include "models/any_order/transformer.h"
#include "models/vqgan/vqgan.h"
#include "orders/order_policy.h"
#include "orders/rollout.h"

namespace oar {

/// The networks that edit, on one device; the model knows the tokenizer's grid and codebook.
struct Editor {
  Vqgan tokenizer{nullptr};
  Transformer model{nullptr};
};

/// The grid that the model draws, in the tokenizer's patches. The images that the tokenizer was
/// trained on may have had another size.
CanvasShape canvas_shape(const Editor& editor);

/// How the drawn patches are drawn.
struct EditOptions {
  OrderConfig order;  ///< of the drawn patches, any of the registry; its grid and seed are not read
  Confidence confidence = Confidence::kMaxProbability;  ///< of orders that have none of their own
  SamplingOptions sampling;  ///< its seed is the order's too; sample i draws with counter i
  /// Class int64 [1] or caption int64 [1, L] of the drawn patches; not defined: no condition.
  torch::Tensor condition = {};
  double guidance_scale = 1.0;  ///< see ScorerOptions
  int64_t num_samples = 4;
  int64_t memory_bytes = int64_t{2} << 30;  ///< what the search may allocate
  bool keep_pixels = true;  ///< known patches show the canvas; else what the decoder makes of them
};

/// M samples of one edit.
///
/// Shapes  M = num_samples, N patches of which K are known, S pixels a side. All on the CPU.
struct Edits {
  int64_t num_known = 0;      ///< K
  torch::Tensor images;       ///< uint8 RGB [M, 3, S, S]
  torch::Tensor position_at;  ///< int64 [M, N]; the first K are the known patches, in raster order
  torch::Tensor codes;        ///< int64 [M, N], by position
  torch::Tensor log_likelihood;  ///< float32 [M, N], by step, nats: log P(code) given the patches
                                 ///< before it and the class, with guidance, at temperature 1
};

/// The codes of a canvas of which something is known. The encoder's receptive field is wider than a
/// patch, so the drawn patches are first painted over in the mean colour of the known ones: what is
/// replaced leaves no trace in the codes that are kept. Codes at drawn patches mean nothing.
///
/// Shapes  int64 [N], by position, on the CPU.
torch::Tensor known_codes(Vqgan tokenizer, const Canvas& canvas);

/// Draws the canvas's open patches: the known ones are placed by one pass in raster order, the rest
/// follow in the order of the policy. No training is needed: an any-order model has met every
/// split into known and unknown patches. Pixels in drawn patches change nothing in the result.
///
/// `progress` hears how many samples are done, after each chunk that fits into memory; what it
/// throws ends the edit.
///
/// Errors  std::invalid_argument for options out of range, an order that the model or grid cannot
///         serve, or a memory budget that is too small, naming the smallest that works.
/// Source  arXiv 2504.17069v2, zero-shot inpainting, outpainting and class-conditional editing.
Edits edit_image(const Editor& editor, const Canvas& canvas, const EditOptions& options,
                 const std::function<void(int64_t done)>& progress = {});

}  // namespace oar
