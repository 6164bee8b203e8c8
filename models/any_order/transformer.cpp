#include "models/any_order/transformer.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

namespace oar {
namespace {

// Wavelengths from 2π to 2π·100 patches span every grid in use, up to 64 patches a side.
constexpr double kRotaryBase = 100.0;

TransformerConfig checked(const TransformerConfig& config) {
  check_config(config);
  return config;
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
  parse_next_encoding(config.next_encoding);
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

RotaryTable::RotaryTable(const Grid& grid, int64_t head_width) {
  const int64_t frequencies = head_width / 4;
  const torch::Tensor exponent =
      at::arange(frequencies, torch::kFloat64) / static_cast<double>(frequencies);
  const torch::Tensor frequency = exponent.mul(-std::log(kRotaryBase)).exp();
  const torch::Tensor position = at::arange(grid.size(), torch::kInt64);
  const torch::Tensor row = position.div(grid.cols, "floor").to(torch::kFloat64);
  const torch::Tensor col = position.remainder(grid.cols).to(torch::kFloat64);
  const torch::Tensor angle =
      at::cat({at::cat({at::outer(row, frequency), at::outer(col, frequency)}, 1),
               at::zeros({1, 2 * frequencies}, torch::kFloat64)});
  cos = angle.cos().to(torch::kFloat32);
  sin = angle.sin().to(torch::kFloat32);
}

torch::Tensor RotaryTable::turn(const torch::Tensor& x, const torch::Tensor& positions) const {
  const torch::Tensor c = at::embedding(cos, positions).unsqueeze(1);
  const torch::Tensor s = at::embedding(sin, positions).unsqueeze(1);
  const auto halves = x.chunk(2, -1);
  return at::cat({halves[0] * c - halves[1] * s, halves[0] * s + halves[1] * c}, -1);
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

torch::Tensor BlockImpl::finish(const torch::Tensor& x, const torch::Tensor& attended) {
  const torch::Tensor joined = attended.transpose(1, 2).reshape(x.sizes());
  const torch::Tensor y = x + at::dropout(projection_->forward(joined), dropout_, is_training());
  const torch::Tensor hidden = at::gelu(up_->forward(mlp_norm_->forward(y)), "tanh");
  return y + at::dropout(down_->forward(hidden), dropout_, is_training());
}

TransformerImpl::TransformerImpl(const TransformerConfig& config)
    : config_(checked(config)),
      encoding_(parse_next_encoding(config.next_encoding)),
      rotary_(config.grid, config.width / config.heads) {
  const auto& [grid, codes, layers, width, heads, next, classes, dropout] = config_;
  const auto table = [&](const char* name, int64_t rows) {
    return register_parameter(name, torch::zeros({rows, width}));
  };
  token_ = table("token", codes);
  here_row_ = table("here_row", grid.rows);
  here_col_ = table("here_col", grid.cols);
  first_ = table("first", grid.size());
  start_ = table("start", classes + 1);  // the last row is "no condition"
  if (encoding_.absolute) next_absolute_ = table("next_absolute", grid.size());
  if (encoding_.relative) {
    next_relative_ = table("next_relative", (2 * grid.rows - 1) * (2 * grid.cols - 1));
  }
  blocks_ = register_module("blocks", torch::nn::ModuleList());
  for (int64_t i = 0; i < layers; ++i) blocks_->push_back(Block(config_));
  final_norm_ =
      register_module("final_norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width})));
  head_ = register_module("head", torch::nn::Linear(width, codes));
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
}

torch::Tensor TransformerImpl::first_input(const torch::Tensor& labels, const torch::Tensor& to) {
  const int64_t none = config_.num_classes;
  torch::Tensor row = labels.defined() ? labels.masked_fill(labels < 0, none)
                                       : torch::full({to.size(0)}, none, to.options());
  return at::embedding(start_, row).unsqueeze(1) + at::embedding(first_, to);
}

torch::Tensor TransformerImpl::step_input(const torch::Tensor& codes, const torch::Tensor& from,
                                          const torch::Tensor& to) {
  const int64_t cols = config_.grid.cols;
  const torch::Tensor from_row = from.div(cols, "floor"), from_col = from.remainder(cols);
  torch::Tensor h = at::embedding(token_, codes) + at::embedding(here_row_, from_row) +
                    at::embedding(here_col_, from_col);
  if (encoding_.absolute) h = h + at::embedding(next_absolute_, to);
  if (encoding_.relative) {
    const torch::Tensor row = to.div(cols, "floor") - from_row + (config_.grid.rows - 1);
    const torch::Tensor col = to.remainder(cols) - from_col + (cols - 1);
    h = h + at::embedding(next_relative_, row * (2 * cols - 1) + col);
  }
  return h.expand({to.size(0), to.size(1), config_.width});  // rotary alone adds nothing per `to`
}

std::vector<Block> TransformerImpl::blocks() const {
  std::vector<Block> blocks;
  for (const auto& block : *blocks_) {
    blocks.emplace_back(std::dynamic_pointer_cast<BlockImpl>(block));
  }
  return blocks;
}

torch::Tensor TransformerImpl::logits(const torch::Tensor& x) {
  return head_->forward(final_norm_->forward(x));
}

torch::Tensor TransformerImpl::run(torch::Tensor x, const torch::Tensor& from,
                                   const torch::Tensor& to, const torch::Tensor& mask) {
  x = at::dropout(x, config_.dropout, is_training());
  const std::optional<torch::Tensor> attention_mask =
      mask.defined() ? std::optional(mask) : std::nullopt;
  for (const auto& module : *blocks_) {
    auto* const block = module->as<BlockImpl>();
    const auto [query, key, value] = block->heads(x, rotary(), to, from);
    x = block->finish(x, at::scaled_dot_product_attention(query, key, value, attention_mask, 0.0,
                                                          /*is_causal=*/!mask.defined()));
  }
  return logits(x);
}

torch::Tensor TransformerImpl::forward(const torch::Tensor& codes, const torch::Tensor& position_at,
                                       const torch::Tensor& labels) {
  const int64_t n = config_.grid.size();
  TORCH_CHECK(codes.dim() == 2 && codes.size(1) == n && position_at.sizes() == codes.sizes(),
              "codes and position_at must both be [B, ", n, "], got ", codes.sizes(), " and ",
              position_at.sizes());
  const torch::Tensor from = position_at.narrow(1, 0, n - 1), to = position_at.narrow(1, 1, n - 1);
  const torch::Tensor x = at::cat({first_input(labels, position_at.narrow(1, 0, 1)),
                                   step_input(codes.gather(1, from), from, to)},
                                  1);
  const torch::Tensor nowhere = torch::full({codes.size(0), 1}, n, codes.options());
  return run(x, at::cat({nowhere, from}, 1), position_at);
}

}  // namespace oar
