#include "models/any_order/transformer.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/stack.h>
#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

#include "models/any_order/dropout.h"

namespace oar {
namespace {

TransformerConfig checked(const TransformerConfig& config) {
  check_config(config);
  return config;
}

void check_captions(const TransformerConfig& config) {
  const CaptionConfig& caption = config.caption;
  if (caption.length == 0) return;
  if (caption.length < 0 || caption.vocabulary < 1 || caption.layers < 0) {
    throw std::invalid_argument(fmt::format(
        "the model's captions have {} tokens of a vocabulary of {} and an encoder of {} "
        "layers; accepted: at least 1, 1 and 0",
        caption.length, caption.vocabulary, caption.layers));
  }
  if (config.num_classes > 0) {
    throw std::invalid_argument(fmt::format(
        "the model has {} classes and captions; accepted: one of both", config.num_classes));
  }
}

}  // namespace

void check_config(const TransformerConfig& config) {
  const auto refuse = [](const std::string& what) { throw std::invalid_argument(what); };
  if (config.grid.rows < 1 || config.grid.cols < 1) {
    refuse(fmt::format("the model's grid must be at least 1x1 patches, got {}x{}", config.grid.rows,
                       config.grid.cols));
  }
  if (config.codebook_size < 1) {
    refuse(fmt::format("the model needs a codebook of at least one code, got {}",
                       config.codebook_size));
  }
  if (config.layers < 1 || config.heads < 1 || config.width % (4 * config.heads) != 0) {
    refuse(fmt::format(
        "model: {} layers of width {} with {} heads; the width must be a multiple of 4 x heads",
        config.layers, config.width, config.heads));
  }
  const NextEncoding encoding = parse_next_encoding(config.next_encoding);
  check_captions(config);
  if (config.location_after == 0) return;
  if (config.location_after < 0 || config.location_after >= config.layers) {
    refuse(fmt::format("the location head follows block {} of {}; it must lie between two blocks",
                       config.location_after, config.layers));
  }
  if (encoding.none || encoding.position_token) {
    refuse(fmt::format(
        "a location head needs an encoding that it can tell the blocks after it; next_encoding is "
        "\"{}\", accepted: absolute, relative, rotary and their like",
        config.next_encoding));
  }
}

TransformerConfig transformer_preset(const std::string& name) {
  TransformerConfig config;
  const auto sized = [&config](int64_t layers, int64_t width, int64_t heads) {
    config.layers = layers;
    config.width = width;
    config.heads = heads;
    return config;
  };
  if (name == "nano") return sized(3, 96, 3);
  if (name == "tiny") return sized(4, 128, 4);
  if (name == "small") return sized(6, 256, 8);
  if (name == "base") return sized(12, 768, 12);
  if (name == "large") return sized(24, 1024, 16);
  throw std::invalid_argument(
      fmt::format("no model preset is called \"{}\"; known: nano, tiny, small, base, large", name));
}

BlockImpl::BlockImpl(const TransformerConfig& config)
    : heads_(config.heads), dropout_(config.dropout) {
  const int64_t d = config.width;
  attention_norm_ =
      register_module("attention_norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({d})));
  qkv_ = register_module("qkv", torch::nn::Linear(d, 3 * d));
  projection_ = register_module("projection", torch::nn::Linear(d, d));
  mlp_norm_ = register_module("mlp_norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({d})));
  up_ = register_module("up", torch::nn::Linear(d, 4 * d));
  down_ = register_module("down", torch::nn::Linear(4 * d, d));
  if (config.caption.length == 0 || !config.caption.cross_attention) return;
  cross_norm_ =
      register_module("cross_norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({d})));
  cross_query_ = register_module("cross_query", torch::nn::Linear(d, d));
  cross_keys_ = register_module("cross_keys", torch::nn::Linear(d, 2 * d));
  cross_projection_ = register_module("cross_projection", torch::nn::Linear(d, d));
}

torch::Tensor BlockImpl::split_in_heads(const torch::Tensor& x) const {
  return x.view({x.size(0), x.size(1), heads_, x.size(2) / heads_}).transpose(1, 2);
}

BlockImpl::KeysValues BlockImpl::caption_keys(const torch::Tensor& caption) {
  const auto halves = cross_keys_->forward(caption).chunk(2, -1);
  return {split_in_heads(halves[0].contiguous()), split_in_heads(halves[1].contiguous())};
}

torch::Tensor BlockImpl::look_at_caption(const torch::Tensor& x, const torch::Tensor& caption) {
  const KeysValues keys = caption_keys(caption);
  const torch::Tensor query = split_in_heads(cross_query_->forward(cross_norm_->forward(x)));
  const torch::Tensor found = at::scaled_dot_product_attention(query, keys.key, keys.value)
                                  .transpose(1, 2)
                                  .reshape(x.sizes());
  return x + batch_dropout(cross_projection_->forward(found), dropout_, is_training());
}

BlockImpl::Heads BlockImpl::heads(const torch::Tensor& x, const RotaryTable* rotary,
                                  const torch::Tensor& query_positions,
                                  const torch::Tensor& key_positions) {
  const int64_t batch = x.size(0), steps = x.size(1), width = x.size(2);
  const torch::Tensor packed = qkv_->forward(attention_norm_->forward(x))
                                   .view({batch, steps, 3, heads_, width / heads_})
                                   .permute({2, 0, 3, 1, 4});
  Heads heads{packed.select(0, 0), packed.select(0, 1), packed.select(0, 2)};
  if (rotary != nullptr) {
    heads.query = rotary->turn(heads.query, query_positions);
    heads.key = rotary->turn(heads.key, key_positions);
  }
  return heads;
}

torch::Tensor BlockImpl::finish(const torch::Tensor& x, const torch::Tensor& attended,
                                const torch::Tensor& caption) {
  const torch::Tensor joined = attended.transpose(1, 2).reshape(x.sizes());
  torch::Tensor y = x + batch_dropout(projection_->forward(joined), dropout_, is_training());
  if (cross_query_) y = look_at_caption(y, caption);
  const torch::Tensor hidden = at::gelu(up_->forward(mlp_norm_->forward(y)), "tanh");
  return y + batch_dropout(down_->forward(hidden), dropout_, is_training());
}

TransformerImpl::TransformerImpl(const TransformerConfig& config)
    : config_(checked(config)),
      encoding_(parse_next_encoding(config.next_encoding)),
      rotary_(config.grid, config.width / config.heads) {
  const auto& [grid, codes, layers, width, heads, next, classes, dropout, location, caption] =
      config_;
  const auto table = [&](const char* name, int64_t rows) {
    return register_parameter(name, torch::zeros({rows, width}));
  };
  token_ = table("token", codes);
  here_row_ = table("here_row", grid.rows);
  here_col_ = table("here_col", grid.cols);
  if (!encoding_.none && !encoding_.position_token) first_ = table("first", grid.size());
  start_ = table("start", classes + 1);  // the last row is "no condition"
  if (encoding_.absolute) next_absolute_ = table("next_absolute", grid.size());
  if (encoding_.relative) {
    next_relative_ = table("next_relative", (2 * grid.rows - 1) * (2 * grid.cols - 1));
  }
  if (encoding_.relative_separable) {
    next_row_ = table("next_row", 2 * grid.rows - 1);
    next_col_ = table("next_col", 2 * grid.cols - 1);
  }
  if (encoding_.sinusoidal) {
    next_sinusoid_ = table("next_sinusoid", width);
    sinusoids_ = sinusoid_table(grid, width);
  }
  if (encoding_.position_token) position_token_ = table("position_token", 1);
  if (caption.length > 0) caption_ = register_module("caption", CaptionEncoder(config_));
  blocks_ = register_module("blocks", torch::nn::ModuleList());
  for (int64_t i = 0; i < layers; ++i) blocks_->push_back(Block(config_));
  final_norm_ =
      register_module("final_norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width})));
  head_ = register_module("head", torch::nn::Linear(width, codes));
  if (location > 0) {
    location_norm_ = register_module("location_norm",
                                     torch::nn::LayerNorm(torch::nn::LayerNormOptions({width})));
    location_head_ = register_module("location_head", torch::nn::Linear(width, grid.size()));
  }
}

BlockImpl::Weights BlockImpl::weights() const {
  Weights weights{attention_norm_->weight,
                  attention_norm_->bias,
                  qkv_->weight,
                  qkv_->bias,
                  projection_->weight,
                  projection_->bias,
                  mlp_norm_->weight,
                  mlp_norm_->bias,
                  up_->weight,
                  up_->bias,
                  down_->weight,
                  down_->bias};
  if (!cross_query_) return weights;
  weights.cross_norm = cross_norm_->weight;
  weights.cross_norm_bias = cross_norm_->bias;
  weights.cross_query = cross_query_->weight;
  weights.cross_query_bias = cross_query_->bias;
  weights.cross_projection = cross_projection_->weight;
  weights.cross_projection_bias = cross_projection_->bias;
  return weights;
}

void TransformerImpl::initialise(uint64_t seed) {
  const torch::NoGradGuard no_gradients;
  at::Generator generator = at::detail::createCPUGenerator(seed);
  const double residual = 0.02 / std::sqrt(2.0 * config_.layers);
  for (const auto& item : named_parameters()) {
    const std::string& name = item.key();
    const auto ends_with = [&name](std::string_view end) {
      return std::string_view(name).ends_with(end);
    };
    torch::Tensor drawn = torch::empty(item.value().sizes());
    if (ends_with("norm.weight")) {
      drawn.fill_(1.0);
    } else if (ends_with(".bias")) {
      drawn.zero_();
    } else {
      const bool is_residual = ends_with("projection.weight") || ends_with("down.weight");
      drawn.normal_(0.0, is_residual ? residual : 0.02, generator);
    }
    torch::Tensor parameter = item.value();
    parameter.copy_(drawn);
  }
}

void TransformerImpl::move_to(torch::Device device) {
  to(device);
  rotary_.cos = rotary_.cos.to(device);
  rotary_.sin = rotary_.sin.to(device);
  if (sinusoids_.defined()) sinusoids_ = sinusoids_.to(device);
}

torch::Tensor TransformerImpl::start_input(const torch::Tensor& condition, int64_t batch) {
  const int64_t none = config_.num_classes;
  const torch::Tensor row =
      condition.defined() && !caption_
          ? condition.masked_fill(condition < 0, none)
          : torch::full({batch}, none, torch::TensorOptions(torch::kInt64).device(device()));
  return at::embedding(start_, row).unsqueeze(1);
}

torch::Tensor TransformerImpl::caption_input(const torch::Tensor& condition, int64_t batch) {
  if (!caption_) return {};
  return caption_->forward(condition.defined()
                               ? condition
                               : torch::full({batch, config_.caption.length}, -1,
                                             torch::TensorOptions(torch::kInt64).device(device())));
}

TransformerImpl::Rows TransformerImpl::after_caption(const torch::Tensor& caption,
                                                     Rows image) const {
  if (!config_.caption.is_prefix()) return image;
  const torch::Tensor nowhere =
      torch::full({caption.size(0), caption.size(1)}, config_.grid.size(), image.key.options());
  return {at::cat({caption, image.x}, 1), at::cat({nowhere, image.query}, 1),
          at::cat({nowhere, image.key}, 1)};
}

torch::Tensor TransformerImpl::patch_input(const torch::Tensor& codes, const torch::Tensor& from) {
  const int64_t cols = config_.grid.cols;
  return at::embedding(token_, codes) + at::embedding(here_row_, from.div(cols, "floor")) +
         at::embedding(here_col_, from.remainder(cols));
}

torch::Tensor TransformerImpl::first_next(const torch::Tensor& to) {
  if (!first_.defined())
    return torch::zeros({to.size(0), to.size(1), config_.width}, start_.options());
  return at::embedding(first_, to);
}

torch::Tensor TransformerImpl::next(const torch::Tensor& from, const torch::Tensor& to) {
  const auto& [rows, cols] = config_.grid;
  torch::Tensor sum;
  const auto add = [&sum](const torch::Tensor& table, const torch::Tensor& index) {
    const torch::Tensor found = at::embedding(table, index);
    sum = sum.defined() ? sum + found : found;
  };
  if (encoding_.absolute) add(next_absolute_, to);
  if (encoding_.relative || encoding_.relative_separable) {
    const torch::Tensor row = to.div(cols, "floor") - from.div(cols, "floor") + (rows - 1);
    const torch::Tensor col = to.remainder(cols) - from.remainder(cols) + (cols - 1);
    if (encoding_.relative) add(next_relative_, row * (2 * cols - 1) + col);
    if (encoding_.relative_separable) {
      add(next_row_, row);
      add(next_col_, col);
    }
  }
  if (encoding_.sinusoidal) add(at::linear(sinusoids_, next_sinusoid_), to);
  if (sum.defined()) return sum;
  return torch::zeros({to.size(0), to.size(1), config_.width}, start_.options());
}

torch::Tensor TransformerImpl::position_token(const torch::Tensor& to) {
  const int64_t cols = config_.grid.cols;
  return at::embedding(here_row_, to.div(cols, "floor")) +
         at::embedding(here_col_, to.remainder(cols)) + position_token_;
}

Block TransformerImpl::block(size_t index) const {
  return Block(std::dynamic_pointer_cast<BlockImpl>(blocks_->ptr(index)));
}

TransformerImpl::HeadWeights TransformerImpl::head_weights() const {
  return {final_norm_->weight, final_norm_->bias, head_->weight, head_->bias};
}

torch::Tensor TransformerImpl::logits(const torch::Tensor& x) {
  return head_->forward(final_norm_->forward(x));
}

torch::Tensor TransformerImpl::location_logits(const torch::Tensor& x) {
  return location_head_->forward(location_norm_->forward(x));
}

torch::Tensor TransformerImpl::run(torch::Tensor x, size_t first, size_t last,
                                   const torch::Tensor& query, const torch::Tensor& key,
                                   const torch::Tensor& mask, const torch::Tensor& caption) {
  const std::optional<torch::Tensor> attention_mask =
      mask.defined() ? std::optional(mask) : std::nullopt;
  for (size_t i = first; i < last; ++i) {
    auto* const block = blocks_[i]->as<BlockImpl>();
    const auto heads = block->heads(x, rotary(), query, key);
    x = block->finish(
        x,
        at::scaled_dot_product_attention(heads.query, heads.key, heads.value, attention_mask, 0.0,
                                         /*is_causal=*/!mask.defined()),
        caption);
  }
  return x;
}

TransformerImpl::Prediction TransformerImpl::predict(const torch::Tensor& codes,
                                                     const torch::Tensor& position_at,
                                                     const torch::Tensor& condition) {
  const int64_t n = config_.grid.size();
  TORCH_CHECK(codes.dim() == 2 && codes.size(1) == n && position_at.sizes() == codes.sizes(),
              "codes and position_at must both be [B, ", n, "], got ", codes.sizes(), " and ",
              position_at.sizes());
  if (encoding_.position_token) return predict_with_position_tokens(codes, position_at, condition);
  const torch::Tensor from = position_at.narrow(1, 0, n - 1), to = position_at.narrow(1, 1, n - 1);
  const torch::Tensor nowhere = torch::full({codes.size(0), 1}, n, codes.options());
  const torch::Tensor own = at::cat({nowhere, from}, 1);
  const torch::Tensor caption = caption_input(condition, codes.size(0));
  const torch::Tensor patches =
      at::cat({start_input(condition, codes.size(0)), patch_input(codes.gather(1, from), from)}, 1);
  const torch::Tensor next_inputs =
      at::cat({first_next(position_at.narrow(1, 0, 1)), next(from, to)}, 1);
  const auto drop = [this](const torch::Tensor& x) {
    return batch_dropout(x, config_.dropout, is_training());
  };
  const auto of_image = [n](const torch::Tensor& x) { return x.narrow(1, x.size(1) - n, n); };
  const size_t split = static_cast<size_t>(config_.location_after);
  if (split == 0) {
    const Rows rows = after_caption(caption, {drop(patches + next_inputs), position_at, own});
    return {logits(of_image(run(rows.x, 0, num_blocks(), rows.query, rows.key, {}, caption))), {}};
  }
  const Rows rows = after_caption(caption, {drop(patches), own, own});
  const torch::Tensor below = run(rows.x, 0, split, rows.query, rows.key, {}, caption);
  const torch::Tensor told = of_image(below) + drop(next_inputs);
  const Rows above = {at::cat({below.narrow(1, 0, below.size(1) - n), told}, 1),
                      at::cat({rows.query.narrow(1, 0, below.size(1) - n), position_at}, 1),
                      rows.key};
  return {logits(of_image(run(above.x, split, num_blocks(), above.query, above.key, {}, caption))),
          location_logits(of_image(below))};
}

TransformerImpl::Prediction TransformerImpl::predict_with_position_tokens(
    const torch::Tensor& codes, const torch::Tensor& position_at, const torch::Tensor& condition) {
  const int64_t batch = codes.size(0), n = codes.size(1), width = config_.width;
  const torch::Tensor nowhere = torch::full({batch, 1}, n, codes.options());
  // start, P0, X0, P1, X1, ..., P(N-1); the last X tells nobody anything.
  const torch::Tensor pairs =
      at::stack(
          {position_token(position_at), patch_input(codes.gather(1, position_at), position_at)}, 2)
          .view({batch, 2 * n, width});
  const torch::Tensor own =
      at::cat({nowhere, position_at.repeat_interleave(2, 1).narrow(1, 0, 2 * n - 1)}, 1);
  const torch::Tensor image =
      at::cat({start_input(condition, batch), pairs.narrow(1, 0, 2 * n - 1)}, 1);
  const torch::Tensor caption = caption_input(condition, batch);
  const Rows rows =
      after_caption(caption, {batch_dropout(image, config_.dropout, is_training()), own, own});
  const torch::Tensor x = run(rows.x, 0, num_blocks(), rows.query, rows.key, {}, caption);
  return {logits(x.narrow(1, x.size(1) - 2 * n, 2 * n).slice(1, 1, 2 * n, 2)), {}};
}

}  // namespace oar
