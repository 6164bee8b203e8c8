#pragma once

#include <memory>
#include <string>

#include "models/any_order/transformer.h"
#include "orders/order_policy.h"

namespace oar {

inline constexpr int64_t kCodes = 11;

inline TransformerConfig small_config(const std::string& next_encoding, Grid grid = {3, 4}) {
  TransformerConfig config;
  config.grid = grid;
  config.codebook_size = kCodes;
  config.layers = 2;
  config.width = 32;
  config.heads = 2;
  config.next_encoding = next_encoding;
  config.dropout = 0.1;
  return config;
}

/// A model with weights large enough that its predictions are far from uniform.
inline Transformer model_of(const TransformerConfig& config, uint64_t seed = 1) {
  Transformer model(config);
  model->initialise(seed);
  const torch::NoGradGuard no_gradients;
  for (torch::Tensor& p : model->parameters()) p.mul_(4.0);
  model->eval();
  return model;
}

inline torch::Tensor random_codes(int64_t batch, const Grid& grid, uint64_t seed = 3) {
  torch::Tensor codes = torch::empty({batch, grid.size()}, torch::kInt64);
  int64_t* code = codes.mutable_data_ptr<int64_t>();
  for (int64_t i = 0; i < codes.numel(); ++i) {
    code[i] = random_below(kCodes, seed, Stream::kTrainingBatch, {static_cast<uint64_t>(i)});
  }
  return codes;
}

inline std::unique_ptr<OrderPolicy> order_of(const std::string& name, const Grid& grid,
                                             double penalty = 0) {
  OrderConfig config;
  config.name = name;
  config.grid = grid;
  config.distance_penalty = penalty;
  return make_order(config);
}

/// log P of each step of an order by one teacher-forced pass: float32 [B, N].
inline torch::Tensor teacher_forced(Transformer model, const torch::Tensor& codes,
                                    const torch::Tensor& position_at,
                                    const torch::Tensor& labels = {}) {
  const torch::NoGradGuard no_gradients;
  return model->forward(codes, position_at, labels)
      .log_softmax(-1)
      .gather(2, codes.gather(1, position_at).unsqueeze(2))
      .squeeze(2);
}

}  // namespace oar
