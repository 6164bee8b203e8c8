#include "models/any_order/row_kernels.h"

#include <ATen/Parallel.h>
#include <ATen/ops/_scaled_dot_product_efficient_attention.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/lerp.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <c10/core/DeviceGuard.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "models/every_processor.h"

namespace oar {
namespace {

constexpr float kLayerNormEpsilon = 1e-5f;  // torch's default, what the models are trained with
constexpr int64_t kFloatsPerTask = 8192;    // below this a second thread costs more than it saves

bool has_own_loops(const torch::Tensor& x) {
  return x.is_cpu() && x.scalar_type() == torch::kFloat32;
}

int64_t rows_per_task(int64_t row) { return std::max<int64_t>(1, kFloatsPerTask / row); }

/// e^x to 2e-7 of itself: 2^n · p(r), |r| <= ln 2 / 2, p the Taylor polynomial of degree 6. It
/// takes no branch and calls nothing, so that the loops around it become vector code.
inline float exponential(float x) {
  x = std::min(std::max(x, -87.f), 88.f);
  const float n = __builtin_floorf(x * 1.44269504f + 0.5f);
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.f / 720;
  p = p * r + 1.f / 120;
  p = p * r + 1.f / 24;
  p = p * r + 1.f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.f;
  p = p * r + 1.f;
  return p * std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
}

OAR_EVERY_PROCESSOR void layer_norm_rows(float* x, const float* bias, const float* gamma,
                                         const float* beta, float* y, int64_t rows, int64_t width) {
  for (int64_t i = 0; i < rows; ++i, x += width, y += width) {
    float sum = 0;
    if (bias != nullptr) {
      for (int64_t j = 0; j < width; ++j) x[j] += bias[j];
    }
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < width; ++j) sum += x[j];
    const float mean = sum / static_cast<float>(width);
    float square = 0;
#pragma omp simd reduction(+ : square)
    for (int64_t j = 0; j < width; ++j) square += (x[j] - mean) * (x[j] - mean);
    const float scale = 1.f / std::sqrt(square / static_cast<float>(width) + kLayerNormEpsilon);
    for (int64_t j = 0; j < width; ++j) y[j] = (x[j] - mean) * scale * gamma[j] + beta[j];
  }
}

OAR_EVERY_PROCESSOR void gelu_rows(float* x, const float* bias, int64_t rows, int64_t width) {
  for (int64_t i = 0; i < rows; ++i, x += width) {
    for (int64_t j = 0; j < width; ++j) {
      const float v = x[j] + bias[j];
      // 0.5 · (1 + tanh u) = 1 / (1 + e^(-2u))
      const float u = 0.7978845608f * (v + 0.044715f * v * v * v);
      x[j] = v / (1.f + exponential(-2.f * u));
    }
  }
}

/// One row of qkv: bias added, halves of query and key turned, key and value copied.
OAR_EVERY_PROCESSOR void split_row(float* row, const float* bias, const float* query_cos,
                                   const float* query_sin, const float* key_cos,
                                   const float* key_sin, float* key_out, float* value_out,
                                   int64_t head_stride, int64_t heads, int64_t d) {
  const int64_t width = heads * d, half = d / 2;
  for (int64_t j = 0; j < 3 * width; ++j) row[j] += bias[j];
  for (int64_t h = 0; h < heads; ++h) {
    float* const q = row + h * d;
    float* const k = row + width + h * d;
    const float* const v = row + 2 * width + h * d;
    if (query_cos != nullptr) {
      for (int64_t j = 0; j < half; ++j) {
        const float a = q[j], b = q[half + j], e = k[j], f = k[half + j];
        q[j] = a * query_cos[j] - b * query_sin[j];
        q[half + j] = a * query_sin[j] + b * query_cos[j];
        k[j] = e * key_cos[j] - f * key_sin[j];
        k[half + j] = e * key_sin[j] + f * key_cos[j];
      }
    }
    for (int64_t j = 0; j < d; ++j) key_out[h * head_stride + j] = k[j];
    for (int64_t j = 0; j < d; ++j) value_out[h * head_stride + j] = v[j];
  }
}

/// Softmax-weighted sum of `values` for one head; `score` is scratch for `length` floats.
OAR_EVERY_PROCESSOR void attend_head(const float* query, const float* keys, const float* values,
                                     int64_t length, int64_t d, float scale, float* score,
                                     float* out) {
  float largest = -INFINITY;
  for (int64_t t = 0; t < length; ++t) {
    float dot = 0;
#pragma omp simd reduction(+ : dot)
    for (int64_t j = 0; j < d; ++j) dot += query[j] * keys[t * d + j];
    score[t] = dot * scale;
    largest = std::max(largest, score[t]);
  }
  float sum = 0;
  for (int64_t t = 0; t < length; ++t) {
    score[t] = exponential(score[t] - largest);
    sum += score[t];
  }
  for (int64_t j = 0; j < d; ++j) out[j] = 0;
  for (int64_t t = 0; t < length; ++t) {
    for (int64_t j = 0; j < d; ++j) out[j] += score[t] * values[t * d + j];
  }
  for (int64_t j = 0; j < d; ++j) out[j] /= sum;
}

OAR_EVERY_PROCESSOR void fold_in_head(float* out, float lse, const float* query, const float* key,
                                      const float* value, float scale, int64_t d) {
  float dot = 0;
#pragma omp simd reduction(+ : dot)
  for (int64_t j = 0; j < d; ++j) dot += query[j] * key[j];
  const float share = 1.f / (1.f + exponential(lse - dot * scale));
  for (int64_t j = 0; j < d; ++j) out[j] += share * (value[j] - out[j]);
}

float scale_of(int64_t d) { return 1.f / std::sqrt(static_cast<float>(d)); }

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

void add_bias_layer_norm(torch::Tensor x, const torch::Tensor& bias, const torch::Tensor& gamma,
                         const torch::Tensor& beta, torch::Tensor y) {
  const int64_t rows = x.size(0), width = x.size(1);
  if (!has_own_loops(x)) {
    if (bias.defined()) x.add_(bias);
    y.copy_(at::layer_norm(x, {width}, gamma, beta, kLayerNormEpsilon));
    return;
  }
  float* const in = x.mutable_data_ptr<float>();
  float* const out = y.mutable_data_ptr<float>();
  const float* const added = bias.defined() ? bias.const_data_ptr<float>() : nullptr;
  const float* const scale = gamma.const_data_ptr<float>();
  const float* const shift = beta.const_data_ptr<float>();
  at::parallel_for(0, rows, rows_per_task(width), [&](int64_t begin, int64_t end) {
    layer_norm_rows(in + begin * width, added, scale, shift, out + begin * width, end - begin,
                    width);
  });
}

void add_bias_gelu(torch::Tensor x, const torch::Tensor& bias) {
  const int64_t rows = x.size(0), width = x.size(1);
  if (!has_own_loops(x)) {
    x.copy_(at::gelu(x.add_(bias), "tanh"));
    return;
  }
  float* const data = x.mutable_data_ptr<float>();
  const float* const added = bias.const_data_ptr<float>();
  at::parallel_for(0, rows, rows_per_task(width), [&](int64_t begin, int64_t end) {
    gelu_rows(data + begin * width, added, end - begin, width);
  });
}

void split_heads(torch::Tensor qkv, const torch::Tensor& bias, const RotaryTable* rotary,
                 const torch::Tensor& query, const torch::Tensor& key, torch::Tensor keys,
                 torch::Tensor values) {
  const int64_t batch = qkv.size(0), r = qkv.size(1), heads = keys.size(1), d = keys.size(3);
  if (!has_own_loops(qkv)) {
    qkv.add_(bias);
    const torch::Tensor packed = qkv.view({batch, r, 3, heads, d}).permute({2, 0, 3, 1, 4});
    if (rotary != nullptr) {
      packed.select(0, 0).copy_(rotary->turn(packed.select(0, 0), query));
      packed.select(0, 1).copy_(rotary->turn(packed.select(0, 1), key));
    }
    keys.copy_(packed.select(0, 1));
    values.copy_(packed.select(0, 2));
    return;
  }
  const int64_t half = d / 2, width = heads * d;
  float* const rows = qkv.mutable_data_ptr<float>();
  const float* const added = bias.const_data_ptr<float>();
  const float* const cos = rotary != nullptr ? rotary->cos.const_data_ptr<float>() : nullptr;
  const float* const sin = rotary != nullptr ? rotary->sin.const_data_ptr<float>() : nullptr;
  const auto query_at = query.accessor<int64_t, 2>(), key_at = key.accessor<int64_t, 2>();
  float* const key_out = keys.mutable_data_ptr<float>();
  float* const value_out = values.mutable_data_ptr<float>();
  const int64_t image_stride = keys.stride(0), head_stride = keys.stride(1),
                row_stride = keys.stride(2);
  TORCH_CHECK(values.strides() == keys.strides() && keys.stride(3) == 1,
              "keys and values must be laid out alike");
  at::parallel_for(0, batch * r, rows_per_task(3 * width), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t b = i / r, j = i % r, out = b * image_stride + j * row_stride;
      const int64_t q = cos != nullptr ? query_at[b][j] * half : 0;
      const int64_t k = cos != nullptr ? key_at[b][j] * half : 0;
      split_row(rows + i * 3 * width, added, cos != nullptr ? cos + q : nullptr, sin + q, cos + k,
                sin + k, key_out + out, value_out + out, head_stride, heads, d);
    }
  });
}

void attend_one(const torch::Tensor& query, const torch::Tensor& keys, const torch::Tensor& values,
                torch::Tensor out) {
  const int64_t batch = keys.size(0), heads = keys.size(1), length = keys.size(2), d = keys.size(3);
  if (!has_own_loops(query)) {
    out.copy_(
        at::scaled_dot_product_attention(query, keys, values).transpose(1, 2).reshape(out.sizes()));
    return;
  }
  TORCH_CHECK(keys.stride(2) == d && values.stride(2) == d, "a head's keys must lie together");
  const float* const q = query.const_data_ptr<float>();
  const float* const k = keys.const_data_ptr<float>();
  const float* const v = values.const_data_ptr<float>();
  float* const result = out.mutable_data_ptr<float>();
  const int64_t image_stride = keys.stride(0), head_stride = keys.stride(1);
  const int64_t query_image = query.stride(0), query_head = query.stride(1);
  at::parallel_for(0, batch * heads, rows_per_task(length * d), [&](int64_t begin, int64_t end) {
    std::vector<float> score(static_cast<size_t>(length));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t b = i / heads, h = i % heads, at = b * image_stride + h * head_stride;
      attend_head(q + b * query_image + h * query_head, k + at, v + at, length, d, scale_of(d),
                  score.data(), result + i * d);
    }
  });
}

void attend_to_prefix_and_self(const torch::Tensor& query, const torch::Tensor& keys,
                               const torch::Tensor& values, const torch::Tensor& own_keys,
                               const torch::Tensor& own_values, torch::Tensor out) {
  const int64_t batch = query.size(0), heads = query.size(1), r = query.size(2), d = query.size(3);
  torch::Tensor into = out.view({batch, r, heads, d});
  if (keys.size(2) == 0) {  // no prefix: all the attention is on oneself
    into.copy_(own_values.transpose(1, 2));
    return;
  }
  const PrefixAttention prefix = attend_to_prefix(query, keys, values);
  if (!has_own_loops(query)) {
    const torch::Tensor self = (query * own_keys).sum(-1, false, torch::kFloat32).mul_(scale_of(d));
    const torch::Tensor share = (self - prefix.lse).sigmoid_().unsqueeze(-1).to(query.dtype());
    into.copy_(at::lerp(prefix.out, own_values, share).transpose(1, 2));
    return;
  }
  into.copy_(prefix.out.transpose(1, 2));
  const torch::Tensor lse = prefix.lse.contiguous();
  float* const result = out.mutable_data_ptr<float>();
  const float* const log_sum = lse.const_data_ptr<float>();
  const float* const q = query.const_data_ptr<float>();
  const float* const k = own_keys.const_data_ptr<float>();
  const float* const v = own_values.const_data_ptr<float>();
  TORCH_CHECK(own_keys.strides() == own_values.strides(), "keys and values must be laid out alike");
  const auto qs = query.strides(), ks = own_keys.strides();
  at::parallel_for(0, batch * r, rows_per_task(heads * d * 4), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t b = i / r, j = i % r;
      for (int64_t h = 0; h < heads; ++h) {
        const int64_t own = b * ks[0] + h * ks[1] + j * ks[2];
        fold_in_head(result + (i * heads + h) * d, log_sum[(b * heads + h) * r + j],
                     q + b * qs[0] + h * qs[1] + j * qs[2], k + own, v + own, scale_of(d), d);
      }
    }
  });
}

void commit_rows(const torch::Tensor& rows, const torch::Tensor& choice, int64_t slot,
                 torch::Tensor cache) {
#ifdef OAR_HAVE_CUDA_KERNELS
  const int64_t bytes = rows.size(5) * rows.element_size();
  if (rows.is_cuda() && bytes % 4 == 0 && cache.stride(5) == 1) {
    const c10::DeviceGuard on_its_device(rows.device());
    const torch::Tensor pick = choice.contiguous();
    const int error = launch_commit_rows(rows.const_data_ptr(), pick.const_data_ptr<int64_t>(),
                                         rows.size(0) * 2, rows.size(2), rows.size(3), rows.size(4),
                                         bytes / 4, cache.stride(1) * rows.element_size() / 4,
                                         cache.size(4), slot, cache.mutable_data_ptr(), nullptr);
    TORCH_CHECK(error == 0, "commit_rows kernel failed with CUDA error ", error);
    return;
  }
#endif
  auto shape = rows.sizes().vec();
  shape[4] = 1;
  cache.narrow(4, slot, 1).copy_(rows.gather(4, choice.view({1, 1, -1, 1, 1, 1}).expand(shape)));
}

}  // namespace oar
