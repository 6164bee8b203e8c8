#include "harness/edit/edit_image.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <vector>

#include "models/any_order/cached_scorer.h"

namespace oar {
namespace {

constexpr int64_t kSamplesTogether = 32;

/// The canvas's pixels with the drawn patches in the mean colour of the others.
torch::Tensor painted_over(const Canvas& canvas) {
  const torch::Tensor drawn = canvas.drawn_pixels();
  const torch::Tensor known = canvas.pixels.masked_select(drawn.logical_not()).view({3, -1});
  const torch::Tensor mean = known.to(torch::kFloat64).mean(1).round().to(torch::kUInt8);
  return at::where(drawn, mean.view({3, 1, 1}), canvas.pixels);
}

ScorerOptions scorer_options(const EditOptions& options, const OrderPolicy& policy, int64_t samples,
                             torch::Device device) {
  ScorerOptions scoring;
  scoring.memory_bytes = options.memory_bytes;
  scoring.looks_ahead =
      policy.own_confidence().value_or(options.confidence) == Confidence::kFutureContext;
  scoring.guidance_scale = options.guidance_scale;
  if (options.condition.defined()) {
    std::vector<int64_t> shape = options.condition.sizes().vec();
    shape.front() = samples;
    scoring.condition = options.condition.expand(shape).contiguous().to(device);
  }
  return scoring;
}

/// The known patches in raster order, the same for every sample.
KnownPatches known_patches(const Editor& editor, const Canvas& canvas, int64_t samples) {
  if (canvas.drawn.all().item<bool>()) return {};
  const torch::Tensor position_at = canvas.drawn.logical_not().nonzero().flatten();
  const torch::Tensor codes = known_codes(editor.tokenizer, canvas).index_select(0, position_at);
  const auto for_all = [samples](const torch::Tensor& row) {
    return row.expand({samples, row.size(0)}).contiguous();
  };
  return {for_all(position_at), for_all(codes)};
}

torch::Tensor decoded_pixels(const Editor& editor, const Canvas& canvas, const torch::Tensor& codes,
                             bool keep_pixels) {
  const Grid& grid = canvas.shape.grid;
  Vqgan tokenizer = editor.tokenizer;
  const torch::Tensor decoded =
      to_pixels(tokenizer->decode_codes(codes.to(editor.model->device()), grid.rows, grid.cols))
          .cpu();
  return keep_pixels ? at::where(canvas.drawn_pixels(), decoded, canvas.pixels) : decoded;
}

}  // namespace

CanvasShape canvas_shape(const Editor& editor) {
  return {editor.model->config().grid, editor.tokenizer->config().downsample()};
}

torch::Tensor known_codes(Vqgan tokenizer, const Canvas& canvas) {
  const c10::InferenceMode no_gradients;
  const torch::Device device = tokenizer->parameters().front().device();
  const torch::Tensor pixels = painted_over(canvas).unsqueeze(0).to(device);
  return tokenizer->encode(to_network_range(pixels)).codes.squeeze(0).cpu();
}

Edits edit_image(const Editor& editor, const Canvas& canvas, const EditOptions& options,
                 const std::function<void(int64_t done)>& progress) {
  const c10::InferenceMode no_gradients;
  OrderConfig order = options.order;
  order.grid = canvas.shape.grid;
  order.seed = options.sampling.seed;
  const auto policy = make_order(order);
  const torch::Device device = editor.model->device();
  RolloutOptions rolling;
  rolling.confidence = options.confidence;
  const int64_t total = options.num_samples;
  const int64_t together =
      CachedScorer::plan(editor.model->config(), std::min(total, kSamplesTogether),
                         scorer_options(options, *policy, 1, device))
          .batch;
  const KnownPatches known = known_patches(editor, canvas, together);

  Edits edits;
  edits.num_known = canvas.shape.grid.size() - canvas.num_drawn();
  std::vector<torch::Tensor> images, position_at, codes, log_likelihood;
  for (int64_t begin = 0; begin < total; begin += together) {
    const int64_t count = std::min(together, total - begin);
    const torch::Tensor counters = at::arange(begin, begin + count, torch::kInt64);
    if (edits.num_known > 0) {
      rolling.known = {known.position_at.narrow(0, 0, count), known.codes.narrow(0, 0, count)};
    }
    CachedScorer scorer(editor.model, count, scorer_options(options, *policy, count, device));
    const Rollout rollout =
        roll_out(scorer, *policy, drawn_codes(options.sampling, counters), counters, rolling);
    images.push_back(decoded_pixels(editor, canvas, rollout.codes, options.keep_pixels));
    position_at.push_back(rollout.position_at);
    codes.push_back(rollout.codes);
    log_likelihood.push_back(rollout.log_likelihood);
    if (progress) progress(begin + count);
  }
  edits.images = at::cat(images);
  edits.position_at = at::cat(position_at);
  edits.codes = at::cat(codes);
  edits.log_likelihood = at::cat(log_likelihood);
  return edits;
}

}  // namespace oar
