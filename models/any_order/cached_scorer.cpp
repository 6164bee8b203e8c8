#include "models/any_order/cached_scorer.h"

#include <ATen/ops/_scaled_dot_product_efficient_attention.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/lerp.h>
#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

namespace oar {
namespace {

struct PrefixAttention {
  torch::Tensor out;  // [B, H, R, d]
  torch::Tensor lse;  // [B, H, R], log of the sum of exponentiated scores
};

PrefixAttention attend_to_prefix(const torch::Tensor& query, const torch::Tensor& keys,
                                 const torch::Tensor& values) {
  if (query.is_cuda()) {
    auto result = at::_scaled_dot_product_efficient_attention(
        query, keys, values, /*attn_bias=*/std::nullopt, /*compute_log_sumexp=*/true);
    // The kernel pads the log-sum-exp to a multiple of 32 queries.
    return {std::get<0>(result), std::get<1>(result).narrow(2, 0, query.size(2))};
  }
  auto [out, lse] = at::_scaled_dot_product_flash_attention_for_cpu(query, keys, values);
  return {out, lse};
}

}  // namespace

CachedScorer::CachedScorer(Transformer model, int64_t batch, const torch::Tensor& labels,
                           double guidance_scale)
    : model_(std::move(model)),
      batch_(batch),
      guidance_scale_(guidance_scale),
      guided_(labels.defined() && guidance_scale != 1.0),
      labels_(labels) {
  model_->eval();
  const TransformerConfig& config = model_->config();
  if (guided_) labels_ = at::cat({labels, torch::full_like(labels, -1)});
  const int64_t rows = guided_ ? 2 * batch : batch;
  const auto options = torch::TensorOptions(torch::kFloat32).device(device());
  layers_.resize(config.layers);
  for (Layer& layer : layers_) {
    layer.keys = torch::empty({rows, config.heads, config.grid.size(), config.width / config.heads},
                              options);
    layer.values = torch::empty_like(layer.keys);
  }
}

torch::Tensor CachedScorer::attend(size_t layer, const BlockImpl::Heads& heads) const {
  if (placed_ == 0) return heads.value;  // no prefix: all the attention is on oneself
  const PrefixAttention prefix =
      attend_to_prefix(heads.query, layers_[layer].keys.narrow(2, 0, placed_),
                       layers_[layer].values.narrow(2, 0, placed_));
  const double scale = 1.0 / std::sqrt(static_cast<double>(heads.query.size(3)));
  const torch::Tensor self = (heads.query * heads.key).sum(-1).mul_(scale);
  return at::lerp(prefix.out, heads.value, (self - prefix.lse).sigmoid_().unsqueeze(-1));
}

torch::Tensor CachedScorer::logits(const torch::Tensor& candidates) {
  const int64_t n = model_->config().grid.size();
  if (placed_ == n) {
    throw std::logic_error(fmt::format("all {} patches are placed; nothing is left to score", n));
  }
  const c10::InferenceMode no_gradients;
  const int64_t r = candidates.size(1);
  candidates_ = guided_ ? at::cat({candidates, candidates}) : candidates;
  const int64_t rows = candidates_.size(0);
  torch::Tensor x, from;
  if (placed_ == 0) {
    from = torch::full({rows, 1}, n, candidates.options());
    x = model_->first_input(labels_, candidates_);
  } else {
    from = last_position_.unsqueeze(1);
    x = model_->step_input(last_code_.unsqueeze(1), from, candidates_);
  }
  from = from.expand({rows, r});
  const std::vector<Block> blocks = model_->blocks();
  for (size_t i = 0; i < blocks.size(); ++i) {
    const BlockImpl::Heads heads = Block(blocks[i])->heads(x, model_->rotary(), candidates_, from);
    layers_[i].candidate_keys = heads.key;
    layers_[i].candidate_values = heads.value;
    x = Block(blocks[i])->finish(x, attend(i, heads));
  }
  const torch::Tensor logits = model_->logits(x);
  if (!guided_) return logits;
  const auto halves = logits.chunk(2, 0);
  return halves[1] + guidance_scale_ * (halves[0] - halves[1]);
}

void CachedScorer::place(const torch::Tensor& choice, const torch::Tensor& codes) {
  if (!candidates_.defined()) {
    throw std::logic_error("place() needs the candidates of a logits() call before it");
  }
  const c10::InferenceMode no_gradients;
  const torch::Tensor pick = guided_ ? at::cat({choice, choice}) : choice;
  for (Layer& layer : layers_) {
    const torch::Tensor index =
        pick.view({-1, 1, 1, 1}).expand({pick.size(0), layer.keys.size(1), 1, layer.keys.size(3)});
    layer.keys.narrow(2, placed_, 1).copy_(layer.candidate_keys.gather(2, index));
    layer.values.narrow(2, placed_, 1).copy_(layer.candidate_values.gather(2, index));
    layer.candidate_keys = layer.candidate_values = torch::Tensor();
  }
  last_position_ = candidates_.gather(1, pick.unsqueeze(1)).squeeze(1);
  last_code_ = guided_ ? at::cat({codes, codes}) : codes;
  candidates_ = torch::Tensor();
  ++placed_;
}

int64_t CachedScorer::bytes_needed(const TransformerConfig& config, int64_t batch, bool guided) {
  const int64_t rows = guided ? 2 * batch : batch, n = config.grid.size();
  const int64_t cache = 2 * config.layers * n * config.width;
  const int64_t candidates = 2 * config.layers * n * config.width;
  const int64_t block = n * 12 * config.width;  // input, packed heads, turned heads, hidden
  const int64_t logits = 4 * n * config.codebook_size;
  return rows * static_cast<int64_t>(sizeof(float)) * (cache + candidates + block + logits);
}

}  // namespace oar
