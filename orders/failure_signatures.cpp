#include "orders/failure_signatures.h"

#include <ATen/ops/arange.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <stdexcept>

namespace oar {
namespace {

constexpr double kVisibleStep = 5.0;       // grey levels, 2 % of 255; see failure_signatures()
constexpr double kStrongPreference = 0.5;  // of background_first_index()
constexpr double kHardlyLearned = 0.9;     // of the nats of code frequencies; see under_trained()

double raster_long_jump_share(const Grid& grid) {
  const torch::Tensor raster = at::arange(grid.size(), torch::kInt64).unsqueeze(0);
  return (jumps_of(raster, grid) > half_longest_jump(grid))
      .to(torch::kFloat64)
      .mean()
      .item<double>();
}

Signature unknown(const char* name, const char* why) {
  return {name, std::nullopt, std::nullopt, std::nullopt, why};
}

Signature judged(const char* name, double value, double threshold, const std::string& found,
                 const char* advice) {
  const bool present = value > threshold;
  return {name, present, value, threshold, found + (present ? advice : "")};
}

Signature jumping(const OrderStatistics& statistics, bool is_learned) {
  const Grid& grid = statistics.grid;
  if (grid.size() == 1) return unknown("jumping", "A grid of one patch has no jumps.");
  const double value = statistics.long_jump_share;
  const double raster = raster_long_jump_share(grid), random = random_long_jump_share(grid);
  const std::string found = fmt::format(
      "{:.1f} % of the jumps are longer than {:.1f} patches, half of the longest there is; raster "
      "has {:.1f} %, random orders {:.1f} %.",
      100 * value, half_longest_jump(grid), 100 * raster, 100 * random);
  Signature signature =
      judged("jumping", value, (raster + random) / 2, found,
             " Textures break where neighbours are far apart in time; a larger distance_penalty "
             "keeps jumps short.");
  if (!is_learned) {
    signature.present.reset();
    signature.sentence = found + " A fixed order jumps by design.";
  }
  return signature;
}

Signature seams(const OrderStatistics& statistics, const SignatureEvidence& evidence) {
  if (!evidence.images.defined()) return unknown("seams", "Seams need images, and none are known.");
  const double value = seam_energy(evidence.images, evidence.step_of, statistics.grid);
  if (std::isnan(value)) {
    return unknown("seams", "No patch border, or every one, joins patches far apart in time.");
  }
  return judged(
      "seams", value, kVisibleStep,
      fmt::format("Across borders of patches more than half of the steps apart, pixels differ by "
                  "{:.1f} grey levels more than across the others.",
                  value),
      " That is visible; a larger distance_penalty keeps neighbours together in time.");
}

Signature background_bias(const SignatureEvidence& evidence) {
  constexpr char kName[] = "background_bias";
  if (!evidence.background.defined()) {
    return unknown(kName, "Which patches are background is not known for these images.");
  }
  const torch::Tensor index = background_first_index(evidence.step_of, evidence.background);
  const torch::Tensor known = index.masked_select(index.isfinite());
  if (known.size(0) == 0) {
    return unknown(kName, "No image has both background and object patches.");
  }
  const double value = known.mean().item<double>();
  return judged(kName, value, kStrongPreference,
                fmt::format("Of a background and an object patch the background comes first in "
                            "{:.0f} % of the cases.",
                            50 * (1 + value)),
                " Contexts of background alone make the model expect more of it; fine-tune on "
                "these orders, or let the model before fine-tuning choose the places.");
}

/// Mean absolute difference across each border between columns, over its pixels and channels:
/// float64 [B, rows, cols - 1] for images [B, 3, H, W].
torch::Tensor border_differences(const torch::Tensor& images, const Grid& grid) {
  const int64_t height = images.size(2) / grid.rows, width = images.size(3) / grid.cols;
  const torch::Tensor right_of = at::arange(1, grid.cols, torch::kInt64) * width;
  const auto column = [&](const torch::Tensor& at_pixel) {
    return images.index_select(3, at_pixel).to(torch::kFloat32);
  };
  return (column(right_of) - column(right_of - 1))
      .abs()
      .view({images.size(0), 3, grid.rows, height, grid.cols - 1})
      .to(torch::kFloat64)
      .mean(at::IntArrayRef{1, 3});
}

void check_images(const torch::Tensor& images, const torch::Tensor& step_of, const Grid& grid) {
  if (images.dim() == 4 && images.scalar_type() == torch::kUInt8 && images.size(1) == 3 &&
      images.size(2) % grid.rows == 0 && images.size(3) % grid.cols == 0 && images.numel() > 0 &&
      step_of.dim() == 2 && step_of.size(0) == images.size(0) && step_of.size(1) == grid.size()) {
    return;
  }
  throw std::invalid_argument(
      fmt::format("seams of a {0}x{1} grid need images uint8 [B, 3, multiple of {0}, multiple of "
                  "{1}] and steps "
                  "[B, {2}]; found [{3}] and [{4}]",
                  grid.rows, grid.cols, grid.size(), fmt::join(images.sizes().vec(), ", "),
                  fmt::join(step_of.sizes().vec(), ", ")));
}

}  // namespace

double random_long_jump_share(const Grid& grid) {
  const auto n = static_cast<double>(grid.size());
  double pairs =
      0;  // two successive patches of a random order are a random pair of different cells
  for (int64_t dr = 1 - grid.rows; dr < grid.rows; ++dr) {
    for (int64_t dc = 1 - grid.cols; dc < grid.cols; ++dc) {
      if (std::hypot(dr, dc) > half_longest_jump(grid)) {
        pairs += static_cast<double>((grid.rows - std::abs(dr)) * (grid.cols - std::abs(dc)));
      }
    }
  }
  return pairs / (n * (n - 1));
}

double seam_energy(const torch::Tensor& images, const torch::Tensor& step_of, const Grid& grid) {
  check_images(images, step_of, grid);
  const torch::Tensor steps = step_of.cpu().view({-1, grid.rows, grid.cols});
  double far_sum = 0, near_sum = 0, far_count = 0, near_count = 0;
  const auto add = [&](const torch::Tensor& difference, const torch::Tensor& time) {
    const torch::Tensor far = time.abs() * 2 > grid.size();
    far_sum += difference.masked_select(far).sum().item<double>();
    near_sum += difference.masked_select(far.logical_not()).sum().item<double>();
    far_count += far.sum().item<double>();
    near_count += far.logical_not().sum().item<double>();
  };
  const torch::Tensor pixels = images.cpu();
  add(border_differences(pixels, grid), steps.diff(1, 2));
  add(border_differences(pixels.transpose(2, 3), {grid.cols, grid.rows}),
      steps.transpose(1, 2).diff(1, 2));
  return far_sum / far_count - near_sum / near_count;
}

torch::Tensor background_first_index(const torch::Tensor& step_of,
                                     const torch::Tensor& background) {
  if (step_of.dim() != 2 || step_of.sizes() != background.sizes() ||
      background.scalar_type() != torch::kBool) {
    throw std::invalid_argument(fmt::format(
        "background patches must be bool [images, patches] as their steps are; found [{}] and [{}]",
        fmt::join(background.sizes().vec(), ", "), fmt::join(step_of.sizes().vec(), ", ")));
  }
  const torch::Tensor steps = step_of.cpu().to(torch::kFloat64), is_background = background.cpu();
  const auto mean_step = [&steps](const torch::Tensor& of) {
    return (steps * of).sum(1) / of.sum(1);  // 0 / 0 where there is none
  };
  return (mean_step(is_background.logical_not()) - mean_step(is_background)) /
         (static_cast<double>(steps.size(1)) / 2);
}

Signature under_trained(double nats, double frequency_nats) {
  if (!(frequency_nats > 0)) {
    return unknown("under_trained", "The images have one code: there is nothing to learn.");
  }
  const double value = nats / frequency_nats;
  return judged("under_trained", value, kHardlyLearned,
                fmt::format("Held-out images cost the model {:.1f} nats each; how often each code "
                            "occurs, and nothing else, would give {:.1f}.",
                            nats, frequency_nats),
                " It has learned little of what goes with what: train longer, before its orders "
                "are judged.");
}

std::vector<Signature> failure_signatures(const OrderStatistics& statistics,
                                          const SignatureEvidence& evidence) {
  return {jumping(statistics, evidence.is_learned),
          seams(statistics, evidence),
          background_bias(evidence),
          {"memory", false, std::nullopt, std::nullopt,
           "The search keeps to a memory budget that it checks before it starts."}};
}

}  // namespace oar
