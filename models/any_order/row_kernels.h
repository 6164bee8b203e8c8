#pragma once

#include <torch/types.h>

#include <cstdint>

#include "models/any_order/rotary_table.h"

namespace oar {

// What a block does between its matrix products, a row at a time, without temporaries. On the CPU
// in float32 these are loops over both processors' caches; elsewhere libtorch's own operations.
//
// Shapes  rows = B·R, D width, H heads, d = D/H. All contiguous unless said otherwise. A row's
//         result depends on that row alone.

/// x += bias (where defined), then y = LayerNorm(x). x, y [rows, D]; bias, gamma, beta [D].
void add_bias_layer_norm(torch::Tensor x, const torch::Tensor& bias, const torch::Tensor& gamma,
                         const torch::Tensor& beta, torch::Tensor y);

/// x = GELU(x + bias), tanh form. x [rows, F], bias [F].
void add_bias_gelu(torch::Tensor x, const torch::Tensor& bias);

/// qkv += bias; queries and keys turned by their positions where `rotary` is given; keys and values
/// copied out.
///
/// Shapes  qkv [B, R, 3·D], changed in place; bias [3·D]; query, key int64 [B, R];
///         keys, values [B, H, R, d], any strides with the last one 1.
void split_heads(torch::Tensor qkv, const torch::Tensor& bias, const RotaryTable* rotary,
                 const torch::Tensor& query, const torch::Tensor& key, torch::Tensor keys,
                 torch::Tensor values);

/// Attention of one query per image over all of `keys`: out [B, 1, D] for query [B, H, 1, d], keys
/// and values [B, H, T, d].
void attend_one(const torch::Tensor& query, const torch::Tensor& keys, const torch::Tensor& values,
                torch::Tensor out);

/// Attention of each row to the shared prefix and to itself, the two folded together:
///
///     out = (e^lse · out_prefix + e^s · v_self) / (e^lse + e^s),   s = q · k_self / √d
///
/// which is out_prefix moved towards v_self by sigmoid(s - lse): no maximum to take out, no mask,
/// no copy of the prefix.
///
/// Shapes  query, own_keys, own_values [B, H, R, d], keys, values [B, H, T, d]; out [B, R, D].
void attend_to_prefix_and_self(const torch::Tensor& query, const torch::Tensor& keys,
                               const torch::Tensor& values, const torch::Tensor& own_keys,
                               const torch::Tensor& own_values, torch::Tensor out);

/// Copies the chosen row of every image, head and layer into slot `slot` of the cache.
///
/// Shapes  rows [L, 2, G, H, R, d] contiguous, choice int64 [G], cache [L, 2, G, H, S, d].
void commit_rows(const torch::Tensor& rows, const torch::Tensor& choice, int64_t slot,
                 torch::Tensor cache);

#ifdef OAR_HAVE_CUDA_KERNELS
/// commit_rows() on a device: `words` 4-byte words a row; strides of both in words; L·2 layers of
/// G·H rows. Returns a cudaError_t.
int launch_commit_rows(const void* rows, const int64_t* choice, int64_t layers, int64_t sequences,
                       int64_t heads, int64_t row_count, int64_t words, int64_t cache_layer_stride,
                       int64_t slots, int64_t slot, void* cache, void* stream);
#endif

}  // namespace oar
