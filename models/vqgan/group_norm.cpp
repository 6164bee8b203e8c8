#include "models/vqgan/group_norm.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/native_group_norm.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <vector>

namespace oar {
namespace {

constexpr int64_t kLanes = 32;   // channels summed side by side, in registers
constexpr int64_t kStrip = 256;  // pixels summed in one go: short sums keep float's rounding small

// For each channel of one image, the sums over its pixels of gradient and of gradient * x.
void sum_channels(const float* gradient, const float* x, int64_t pixels, int64_t channels,
                  float* gradient_sums, float* product_sums) {
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
void combine(const float* gradient, const float* x, int64_t pixels, int64_t channels,
             const float* scale, const float* slope, const float* shift, float* result) {
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

}  // namespace oar
