#include "models/vqgan/group_norm.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/native_group_norm.h>
#include <ATen/ops/silu.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <tuple>
#include <vector>

#include "models/every_processor.h"

namespace oar {
namespace {

constexpr int64_t kLanes = 32;   // channels summed side by side, in registers
constexpr int64_t kStrip = 256;  // pixels summed in one go: short sums keep float's rounding small

// For each channel of one image, the sums over its pixels of gradient and of gradient * x.
OAR_EVERY_PROCESSOR void sum_channels(const float* gradient, const float* x, int64_t pixels,
                                      int64_t channels, float* gradient_sums, float* product_sums) {
  std::fill_n(gradient_sums, channels, 0.0f);
  std::fill_n(product_sums, channels, 0.0f);
  for (int64_t strip = 0; strip < pixels; strip += kStrip) {
    const int64_t end = std::min(pixels, strip + kStrip);
    for (int64_t first = 0; first < channels; first += kLanes) {
      std::array<float, kLanes> sums{}, products{};
      for (int64_t pixel = strip; pixel < end; ++pixel) {
        const float* g = gradient + pixel * channels + first;
        const float* value = x + pixel * channels + first;
        for (int64_t lane = 0; lane < kLanes; ++lane) {
          sums[lane] += g[lane];
          products[lane] += g[lane] * value[lane];
        }
      }
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        gradient_sums[first + lane] += sums[lane];
        product_sums[first + lane] += products[lane];
      }
    }
  }
}

// result = scale * gradient + slope * x + shift, each factor by channel.
OAR_EVERY_PROCESSOR void combine(const float* gradient, const float* x, int64_t pixels,
                                 int64_t channels, const float* scale, const float* slope,
                                 const float* shift, float* result) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    const int64_t at = pixel * channels;
    for (int64_t c = 0; c < channels; ++c) {
      result[at + c] = scale[c] * gradient[at + c] + slope[c] * x[at + c] + shift[c];
    }
  }
}

// With xhat = (x - mean) * rstd, m the pixels of a group and sums over the group:
// dx = rstd * (w g - sum(w g) / m - xhat * sum(w g xhat) / m), written as scale * g + slope * x +
// shift.
void channel_factors(const float* weight, const float* mean, const float* rstd,
                     const float* gradient_sums, const float* product_sums, int64_t pixels,
                     int64_t channels, int64_t groups, float* scale, float* slope, float* shift) {
  const int64_t width = channels / groups;
  for (int64_t group = 0; group < groups; ++group) {
    double sum = 0.0, product = 0.0;
    for (int64_t c = group * width; c < (group + 1) * width; ++c) {
      sum += static_cast<double>(weight[c]) * gradient_sums[c];
      product += static_cast<double>(weight[c]) * product_sums[c];
    }
    const double r = rstd[group], count = static_cast<double>(width * pixels);
    const double group_slope = (sum * mean[group] - product) * r * r * r / count;
    const double group_shift = -group_slope * mean[group] - sum * r / count;
    for (int64_t c = group * width; c < (group + 1) * width; ++c) {
      scale[c] = static_cast<float>(weight[c] * r);
      slope[c] = static_cast<float>(group_slope);
      shift[c] = static_cast<float>(group_shift);
    }
  }
}

// exp(x) for x <= 0, within 2 ulp: 2^n exp(r), n an integer and |r| <= ln 2 / 2, and a Taylor
// polynomial of degree 6. Plain arithmetic, so that loops over it become vector instructions.
inline float exp_of_negative(float x) {
  x = std::max(x, -87.0f);
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it leaves no binary places
  const float shifted = x * 1.44269504f + kRound;
  const float n = shifted - kRound;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const int32_t power = (std::bit_cast<int32_t>(shifted) + 127) << 23;
  return p * std::bit_cast<float>(power);
}

inline float sigmoid(float u) {
  const float e = exp_of_negative(u < 0 ? u : -u);
  return (u < 0 ? e : 1.0f) / (1.0f + e);
}

// For each channel of one image, the sums over its pixels of x and of x^2.
OAR_EVERY_PROCESSOR void sum_moments(const float* x, int64_t pixels, int64_t channels, double* sums,
                                     double* squares) {
  std::fill_n(sums, channels, 0.0);
  std::fill_n(squares, channels, 0.0);
  for (int64_t strip = 0; strip < pixels; strip += kStrip) {
    const int64_t end = std::min(pixels, strip + kStrip);
    for (int64_t first = 0; first < channels; first += kLanes) {
      std::array<float, kLanes> sum{}, square{};
      for (int64_t pixel = strip; pixel < end; ++pixel) {
        const float* value = x + pixel * channels + first;
        for (int64_t lane = 0; lane < kLanes; ++lane) {
          sum[lane] += value[lane];
          square[lane] += value[lane] * value[lane];
        }
      }
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        sums[first + lane] += sum[lane];
        squares[first + lane] += square[lane];
      }
    }
  }
}

// y = u sigmoid(u), u = scale * x + shift, factors by channel.
OAR_EVERY_PROCESSOR void apply_swish(const float* x, int64_t pixels, int64_t channels,
                                     const float* scale, const float* shift, float* y) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    const int64_t at = pixel * channels;
    for (int64_t c = 0; c < channels; ++c) {
      const float u = scale[c] * x[at + c] + shift[c];
      y[at + c] = u * sigmoid(u);
    }
  }
}

// The gradient of u out of that of y.
OAR_EVERY_PROCESSOR void undo_swish(const float* gradient, const float* x, int64_t pixels,
                                    int64_t channels, const float* scale, const float* shift,
                                    float* result) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    const int64_t at = pixel * channels;
    for (int64_t c = 0; c < channels; ++c) {
      const float u = scale[c] * x[at + c] + shift[c], s = sigmoid(u);
      result[at + c] = gradient[at + c] * (s + u * s * (1.0f - s));
    }
  }
}

// u = scale * x + shift, by channel.
void normal_factors(const float* weight, const float* bias, const float* mean, const float* rstd,
                    int64_t channels, int64_t groups, float* scale, float* shift) {
  const int64_t width = channels / groups;
  for (int64_t c = 0; c < channels; ++c) {
    scale[c] = weight[c] * rstd[c / width];
    shift[c] = bias[c] - mean[c / width] * scale[c];
  }
}

// Gradients of x [B, C, height, width], weight [C] and bias [C]. Images are independent, so threads
// share nothing and their number changes no bit.
std::tuple<torch::Tensor, torch::Tensor, torch::Tensor> backward_channels_last(
    const torch::Tensor& gradient, const torch::Tensor& x, const torch::Tensor& mean,
    const torch::Tensor& rstd, const torch::Tensor& weight, int64_t groups) {
  const int64_t batch = x.size(0), channels = x.size(1), pixels = x.size(2) * x.size(3);
  torch::Tensor result = at::empty_like(x);
  torch::Tensor sums = at::empty({2, batch, channels}, x.options());
  const float *g = gradient.const_data_ptr<float>(), *in = x.const_data_ptr<float>();
  const float *means = mean.const_data_ptr<float>(), *rstds = rstd.const_data_ptr<float>();
  const float* w = weight.const_data_ptr<float>();
  float *out = result.data_ptr<float>(), *all_sums = sums.data_ptr<float>();
  at::parallel_for(0, batch, 1, [&](int64_t begin, int64_t end) {
    std::vector<float> factors(3 * channels);
    for (int64_t image = begin; image < end; ++image) {
      const int64_t at = image * channels * pixels;
      float* gradient_sums = all_sums + image * channels;
      float* product_sums = gradient_sums + batch * channels;
      float *scale = factors.data(), *slope = scale + channels, *shift = slope + channels;
      sum_channels(g + at, in + at, pixels, channels, gradient_sums, product_sums);
      channel_factors(w, means + image * groups, rstds + image * groups, gradient_sums,
                      product_sums, pixels, channels, groups, scale, slope, shift);
      combine(g + at, in + at, pixels, channels, scale, slope, shift, out + at);
    }
  });
  const auto by_group = [&](const torch::Tensor& t) { return t.view({batch, groups, -1}); };
  const torch::Tensor centred = by_group(sums[1]) - by_group(sums[0]) * by_group(mean);
  return {result, (centred * by_group(rstd)).sum(0).flatten(), sums[0].sum(0)};
}

// Mean and 1 / deviation of each group.
void group_moments(const float* x, int64_t pixels, int64_t channels, int64_t groups, double eps,
                   std::vector<double>& sums, float* mean, float* rstd) {
  sum_moments(x, pixels, channels, sums.data(), sums.data() + channels);
  const int64_t width = channels / groups;
  const double count = static_cast<double>(width * pixels);
  for (int64_t group = 0; group < groups; ++group) {
    double sum = 0.0, square = 0.0;
    for (int64_t c = group * width; c < (group + 1) * width; ++c) {
      sum += sums[c];
      square += sums[channels + c];
    }
    const double m = sum / count;
    mean[group] = static_cast<float>(m);
    rstd[group] = static_cast<float>(1.0 / std::sqrt(std::max(square / count - m * m, 0.0) + eps));
  }
}

struct ChannelsLastNormSwish : torch::autograd::Function<ChannelsLastNormSwish> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight, const torch::Tensor& bias,
                               int64_t groups, double eps) {
    const int64_t batch = x.size(0), channels = x.size(1), pixels = x.size(2) * x.size(3);
    torch::Tensor y = at::empty_like(x), mean = at::empty({batch, groups}, x.options()),
                  rstd = at::empty({batch, groups}, x.options());
    const float *in = x.const_data_ptr<float>(), *w = weight.const_data_ptr<float>(),
                *b = bias.const_data_ptr<float>();
    float *out = y.data_ptr<float>(), *means = mean.data_ptr<float>(),
          *rstds = rstd.data_ptr<float>();
    at::parallel_for(0, batch, 1, [&](int64_t begin, int64_t end) {
      std::vector<double> sums(2 * channels);
      std::vector<float> factors(2 * channels);
      for (int64_t image = begin; image < end; ++image) {
        const int64_t at = image * channels * pixels;
        float *m = means + image * groups, *r = rstds + image * groups;
        group_moments(in + at, pixels, channels, groups, eps, sums, m, r);
        normal_factors(w, b, m, r, channels, groups, factors.data(), factors.data() + channels);
        apply_swish(in + at, pixels, channels, factors.data(), factors.data() + channels, out + at);
      }
    });
    context->save_for_backward({x, mean, rstd, weight, bias});
    context->saved_data["groups"] = groups;
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const torch::Tensor &x = saved[0], &mean = saved[1], &rstd = saved[2];
    const torch::Tensor gradient = gradients[0].contiguous(torch::MemoryFormat::ChannelsLast);
    const int64_t groups = context->saved_data["groups"].toInt(), batch = x.size(0),
                  channels = x.size(1), pixels = x.size(2) * x.size(3);
    torch::Tensor inner = at::empty_like(x);
    at::parallel_for(0, batch, 1, [&](int64_t begin, int64_t end) {
      std::vector<float> factors(2 * channels);
      for (int64_t image = begin; image < end; ++image) {
        const int64_t at = image * channels * pixels;
        normal_factors(saved[3].const_data_ptr<float>(), saved[4].const_data_ptr<float>(),
                       mean.const_data_ptr<float>() + image * groups,
                       rstd.const_data_ptr<float>() + image * groups, channels, groups,
                       factors.data(), factors.data() + channels);
        undo_swish(gradient.const_data_ptr<float>() + at, x.const_data_ptr<float>() + at, pixels,
                   channels, factors.data(), factors.data() + channels,
                   inner.data_ptr<float>() + at);
      }
    });
    auto [dx, dw, db] = backward_channels_last(inner, x, mean, rstd, saved[3], groups);
    return {dx, dw, db, {}, {}};
  }
};

struct ChannelsLastGroupNorm : torch::autograd::Function<ChannelsLastGroupNorm> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight, const torch::Tensor& bias,
                               int64_t groups, double eps) {
    auto [y, mean, rstd] = at::native_group_norm(x, weight, bias, x.size(0), x.size(1),
                                                 x.size(2) * x.size(3), groups, eps);
    context->save_for_backward({x, mean, rstd, weight});
    context->saved_data["groups"] = groups;
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    auto [x, weight, bias] =
        backward_channels_last(gradients[0].contiguous(torch::MemoryFormat::ChannelsLast), saved[0],
                               saved[1], saved[2], saved[3], context->saved_data["groups"].toInt());
    return {x, weight, bias, {}, {}};
  }
};

}  // namespace

torch::Tensor fast_group_norm(const torch::Tensor& x, int64_t groups, const torch::Tensor& weight,
                              const torch::Tensor& bias, double eps) {
  const bool ours = x.is_cpu() && x.scalar_type() == torch::kFloat && x.size(1) % kLanes == 0 &&
                    x.is_contiguous(torch::MemoryFormat::ChannelsLast);
  if (!ours) return at::group_norm(x, groups, weight, bias, eps);
  return ChannelsLastGroupNorm::apply(x, weight, bias, groups, eps);
}

torch::Tensor fast_norm_swish(const torch::Tensor& x, int64_t groups, const torch::Tensor& weight,
                              const torch::Tensor& bias, double eps) {
  const bool ours = x.is_cpu() && x.scalar_type() == torch::kFloat && x.size(1) % kLanes == 0 &&
                    x.is_contiguous(torch::MemoryFormat::ChannelsLast) && x.requires_grad() &&
                    c10::GradMode::is_enabled();
  if (!ours) return at::silu(fast_group_norm(x, groups, weight, bias, eps));
  return ChannelsLastNormSwish::apply(x, weight, bias, groups, eps);
}

}  // namespace oar
