#include "orders/rollout.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/searchsorted.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <limits>
#include <stdexcept>

namespace oar {
namespace {

constexpr float kNegativeInfinity = -std::numeric_limits<float>::infinity();

/// Keeps the most likely codes of each row; the others get -inf. logits float32 [rows, V].
torch::Tensor keep_top_k(const torch::Tensor& logits, int64_t k) {
  if (k <= 0 || k >= logits.size(-1)) return logits;
  const torch::Tensor smallest_kept = std::get<0>(logits.topk(k, -1)).select(-1, k - 1);
  return logits.masked_fill(logits < smallest_kept.unsqueeze(-1), kNegativeInfinity);
}

/// Keeps the smallest set of codes whose probability reaches p. logits float32 [rows, V].
torch::Tensor keep_top_p(const torch::Tensor& logits, double p) {
  if (p >= 1.0) return logits;
  const auto [sorted, index] = logits.sort(-1, /*descending=*/true);
  const torch::Tensor probability = sorted.softmax(-1);
  // A code stays if the codes before it have not reached p yet; before the first one there is 0.
  const torch::Tensor dropped = probability.cumsum(-1) - probability >= p;
  return logits.masked_fill(torch::zeros_like(dropped).scatter(-1, index, dropped),
                            kNegativeInfinity);
}

/// Positions that are not filled, ascending: int64 [B, R]; every row has the same R.
torch::Tensor open_positions(const torch::Tensor& filled, int64_t open) {
  return filled.logical_not().nonzero().select(1, 1).view({filled.size(0), open});
}

}  // namespace

CodeSource given_codes(torch::Tensor codes) {
  return [codes = std::move(codes)](const torch::Tensor& logits, const torch::Tensor& positions,
                                    int64_t) {
    return codes.to(logits.device()).gather(1, positions);
  };
}

CodeSource drawn_codes(SamplingOptions options, torch::Tensor images) {
  if (!(options.temperature > 0)) {
    throw std::invalid_argument(
        fmt::format("temperature must be > 0, got {}; use top_k = 1 for the most likely code",
                    options.temperature));
  }
  if (options.top_k < 0) {
    throw std::invalid_argument(
        fmt::format("top_k must be >= 0, got {}; 0 keeps every code", options.top_k));
  }
  if (!(options.top_p > 0 && options.top_p <= 1)) {
    throw std::invalid_argument(
        fmt::format("top_p must be in (0, 1], got {}; 1 keeps every code", options.top_p));
  }
  return [options, images = std::move(images)](const torch::Tensor& logits,
                                               const torch::Tensor& positions, int64_t step) {
    const torch::Tensor where = positions.cpu().contiguous();
    torch::Tensor uniform = torch::empty(where.sizes(), torch::kFloat32);
    const int64_t* image = images.const_data_ptr<int64_t>();
    const int64_t* position = where.const_data_ptr<int64_t>();
    float* u = uniform.mutable_data_ptr<float>();
    for (int64_t i = 0; i < where.numel(); ++i) {
      u[i] = static_cast<float>(
          random_uniform(options.seed, Stream::kGenerationCode,
                         {static_cast<uint64_t>(image[i / where.size(1)]),
                          static_cast<uint64_t>(step), static_cast<uint64_t>(position[i])}));
    }
    torch::Tensor rows = logits.flatten(0, 1) / options.temperature;
    rows = keep_top_p(keep_top_k(rows, options.top_k), options.top_p);
    // Inverse transform: the first code whose cumulated probability exceeds u. Scaling u by the
    // last cumulated value makes rounding harmless.
    const torch::Tensor cumulated = rows.softmax(-1).cumsum(-1);
    const int64_t v = cumulated.size(-1);
    const torch::Tensor target =
        uniform.to(logits.device()).view({-1, 1}) * cumulated.narrow(-1, v - 1, 1);
    const torch::Tensor codes =
        at::searchsorted(cumulated, target, /*out_int32=*/false, /*right=*/true);
    // u rounds to 1 in float32 with probability 2^-25: the last code with any probability then.
    const torch::Tensor last_possible =
        at::searchsorted(cumulated, cumulated.narrow(-1, v - 1, 1).contiguous());
    return codes.minimum(last_possible).view(positions.sizes());
  };
}

Rollout roll_out(StepScorer& scorer, const OrderPolicy& policy, Confidence confidence,
                 const CodeSource& code_source, const torch::Tensor& images) {
  const c10::InferenceMode no_gradients;
  const int64_t batch = images.size(0), n = policy.config().grid.size();
  const torch::Device device = scorer.device();
  const auto integers = torch::TensorOptions(torch::kInt64).device(device);
  const auto floats = torch::TensorOptions(torch::kFloat32).device(device);
  const bool learned = policy.is_learned();
  const torch::Tensor known =
      learned ? torch::Tensor() : policy.position_at(images).to(device).contiguous();

  Rollout result{at::zeros({batch, n}, integers), at::zeros({batch, n}, integers),
                 at::zeros({batch, n}, floats)};
  StepState state;
  state.images = images;
  state.filled = at::zeros({batch, n}, integers.dtype(torch::kBool));
  const torch::Tensor first_candidate = at::zeros({batch}, integers);

  for (int64_t step = 0; step < n; ++step) {
    const torch::Tensor candidates =
        learned ? open_positions(state.filled, n - step) : known.narrow(1, step, 1);
    const torch::Tensor logits = scorer.logits(candidates);
    const torch::Tensor log_probabilities = logits.log_softmax(-1);
    torch::Tensor codes;  // [B, R], drawn for every candidate where the choice depends on them
    torch::Tensor choice = first_candidate;
    if (learned) {
      if (confidence == Confidence::kLikelihood) codes = code_source(logits, candidates, step);
      state.step = step;
      state.confidence =
          at::zeros({batch, n}, floats)
              .scatter(1, candidates, confidence_of(confidence, log_probabilities, codes));
      state.last = step > 0 ? result.position_at.select(1, step - 1) : torch::Tensor();
      const torch::Tensor position = policy.next(state);
      choice = (candidates < position.unsqueeze(1)).sum(1);  // candidates ascend
    }
    const torch::Tensor pick = choice.unsqueeze(1);
    const torch::Tensor position = candidates.gather(1, pick);
    const auto row_of = [&](const torch::Tensor& x) {  // [B, R, V] -> [B, 1, V]
      return x.gather(1, pick.unsqueeze(2).expand({batch, 1, x.size(2)}));
    };
    const torch::Tensor code =
        codes.defined() ? codes.gather(1, pick) : code_source(row_of(logits), position, step);
    result.position_at.select(1, step).copy_(position.squeeze(1));
    result.codes.scatter_(1, position, code);
    result.log_likelihood.select(1, step).copy_(
        row_of(log_probabilities).gather(2, code.unsqueeze(2)).flatten());
    state.filled.scatter_(1, position, true);
    scorer.place(choice, code.squeeze(1));
  }
  result.position_at = result.position_at.cpu();
  result.codes = result.codes.cpu();
  result.log_likelihood = result.log_likelihood.cpu();
  if (!result.log_likelihood.isfinite().all().item<bool>()) {
    throw std::invalid_argument(
        "the model gave a log-likelihood that is not finite; its weights are damaged or diverged");
  }
  return result;
}

}  // namespace oar
