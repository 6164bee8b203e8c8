#include "metrics/inception_score.h"

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "metrics/feature_checks.h"
#include "metrics/numpy_random.h"

namespace oar {
namespace {

constexpr uint32_t kSeed = 2020;  // torch-fidelity's rng_seed

// exp of the mean over rows of Σ p log(p / q), q the mean of the rows. A class that no image has
// adds nothing.
double score_of(const torch::Tensor& logits) {
  const torch::Tensor log_p = logits.to(torch::kFloat64).log_softmax(1);
  const torch::Tensor p = log_p.exp();
  const torch::Tensor q = p.mean(0, /*keepdim=*/true);
  const torch::Tensor terms = torch::where(p > 0, p * (log_p - q.log()), torch::zeros_like(p));
  return std::exp(terms.sum(1).mean().item<double>());
}

InceptionScore over_splits(const std::vector<double>& scores) {
  const torch::Tensor all = torch::tensor(scores, torch::kFloat64);
  return {all.mean().item<double>(), all.std(/*unbiased=*/false).item<double>()};
}

}  // namespace

InceptionScore inception_score(const FeatureRows& logits, int64_t splits) {
  if (splits < 1) {
    throw std::invalid_argument(fmt::format("IS: isc_splits must be >= 1, got {}", splits));
  }
  check_features(logits, 1, "IS", "generated");
  const int64_t count = logits.count();
  if (count < splits) {
    throw std::invalid_argument(
        fmt::format("IS: {} images do not fill isc_splits = {} parts; sample more images or set "
                    "isc_splits to at most {}",
                    count, splits, count));
  }
  const torch::Tensor order = torch::tensor(RandomState(kSeed).permutation(count), torch::kInt64);
  std::vector<double> scores;
  for (int64_t i = 0; i < splits; ++i) {
    scores.push_back(
        score_of(logits.rows(order.slice(0, i * count / splits, (i + 1) * count / splits))));
  }
  return over_splits(scores);
}

InceptionScore inception_score_in_order(const FeatureRows& logits, int64_t split_size) {
  if (split_size < 1) {
    throw std::invalid_argument(fmt::format("IS: split_size must be >= 1, got {}", split_size));
  }
  check_features(logits, 1, "IS", "generated");
  std::vector<double> scores;
  for_each_block(logits, split_size, [&](int64_t /*first*/, const torch::Tensor& split) {
    scores.push_back(score_of(split));
  });
  return over_splits(scores);
}

}  // namespace oar
