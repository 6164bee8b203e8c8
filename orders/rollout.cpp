#include "orders/rollout.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/searchsorted.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

#include "orders/choose_next.h"

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

}  // namespace

namespace {

// Drawing sorts and sums copies of its rows; they are taken a few at a time.
constexpr int64_t kNumbersAtOnce = int64_t{1} << 15;

/// A code of each row of logits [rows, V] by its uniform number [rows].
torch::Tensor draw(const SamplingOptions& options, const torch::Tensor& logits,
                   const torch::Tensor& uniform) {
  const torch::Tensor rows =
      keep_top_p(keep_top_k(logits / options.temperature, options.top_k), options.top_p);
  // Inverse transform: the first code whose cumulated probability exceeds u. Scaling u by the last
  // cumulated value makes rounding harmless.
  const torch::Tensor cumulated = rows.softmax(-1).cumsum(-1);
  const int64_t v = cumulated.size(-1);
  const torch::Tensor target = uniform.view({-1, 1}) * cumulated.narrow(-1, v - 1, 1);
  const torch::Tensor codes =
      at::searchsorted(cumulated, target, /*out_int32=*/false, /*right=*/true);
  // u rounds to 1 in float32 with probability 2^-25: the last code with any probability then.
  const torch::Tensor last_possible =
      at::searchsorted(cumulated, cumulated.narrow(-1, v - 1, 1).contiguous());
  return codes.minimum(last_possible).view(-1);
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
    const torch::Tensor rows = logits.flatten(0, 1),
                        drawn_by = uniform.to(logits.device()).view(-1);
    torch::Tensor codes = torch::empty({rows.size(0)}, positions.options());
    const int64_t slice = std::max<int64_t>(1, kNumbersAtOnce / rows.size(1));
    for (int64_t begin = 0; begin < rows.size(0); begin += slice) {
      const int64_t end = std::min(rows.size(0), begin + slice);
      codes.slice(0, begin, end)
          .copy_(draw(options, rows.slice(0, begin, end), drawn_by.slice(0, begin, end)));
    }
    return codes.view(positions.sizes());
  };
}
namespace {

/// One batch on its way from nothing to all N patches.
class Rolling {
 public:
  Rolling(StepScorer& scorer, const OrderPolicy& policy, const CodeSource& code_source,
          const torch::Tensor& images, const RolloutOptions& options)
      : scorer_(scorer),
        placer_(options.placer != nullptr ? *options.placer : scorer),
        two_models_(options.placer != nullptr && options.placer != &scorer),
        policy_(policy),
        code_source_(code_source),
        options_(options),
        kind_(policy.own_confidence().value_or(options.confidence)),
        batch_(images.size(0)),
        n_(policy.config().grid.size()),
        device_(scorer.device()),
        greedy_penalty_(policy.greedy_penalty()) {
    if (greedy_penalty_.defined()) greedy_penalty_ = greedy_penalty_.to(device_);
    const auto integers = torch::TensorOptions(torch::kInt64).device(device_);
    result_.position_at = at::zeros({batch_, n_}, integers);
    result_.codes = at::zeros({batch_, n_}, integers);
    result_.log_likelihood = at::zeros({batch_, n_}, integers.dtype(torch::kFloat32));
    state_.images = images;
    state_.filled = at::zeros({batch_, n_}, integers.dtype(torch::kBool));
    spent_before_ = spent();
  }

  Rollout run() {
    if (options_.known.position_at.defined()) {
      place_group(options_.known.position_at.to(device_), options_.known.codes.to(device_));
    }
    if (policy_.is_learned()) {
      while (step_ < n_) place_by_rank();
    } else {
      follow(policy_.position_at(state_.images).to(device_));
    }
    result_.position_at = result_.position_at.cpu();
    result_.codes = result_.codes.cpu();
    result_.log_likelihood = result_.log_likelihood.cpu();
    result_.token_evaluations = spent() - spent_before_;
    if (!result_.log_likelihood.isfinite().all().item<bool>()) {
      throw std::invalid_argument(
          "the model gave a log-likelihood that is not finite; its weights are damaged or "
          "diverged");
    }
    return std::move(result_);
  }

 private:
  int64_t spent() const {
    return scorer_.token_evaluations() + (two_models_ ? placer_.token_evaluations() : 0);
  }

  /// A fixed order: what is known already is passed over.
  void follow(const torch::Tensor& position_at) {
    torch::Tensor rest = position_at;
    if (step_ > 0) {
      rest = position_at.masked_select(state_.filled.gather(1, position_at).logical_not())
                 .view({batch_, n_ - step_});
    }
    rest = rest.contiguous();
    for (int64_t i = 0; i < rest.size(1); ++i) place_one(rest.narrow(1, i, 1));
  }

  /// One scoring of a learned order, or none where old scores are good enough, then a group of
  /// patches by those ranks.
  void place_by_rank() {
    const SearchOptions& search = options_.search;
    const int64_t group = std::min(search.patches_per_step, n_ - step_);
    const bool fresh = step_ == next_scoring_ || !ranks_.defined();
    if (fresh) rank();
    if (group == 1) {
      const torch::Tensor position = next_position();
      if (fresh && candidates_.defined() && !two_models_) {
        place_candidate(position);
      } else {
        place_one(position.unsqueeze(1));
      }
      return;
    }
    std::vector<torch::Tensor> positions;
    const torch::Tensor filled = state_.filled;
    const torch::Tensor last = state_.last;
    state_.filled = filled.clone();
    for (int64_t j = 0; j < group; ++j) {
      state_.step = step_ + j;
      positions.push_back(next_position());
      state_.last = positions.back();
      state_.filled.scatter_(1, positions.back().unsqueeze(1), true);
    }
    state_.filled = filled;
    state_.last = last;
    state_.step = step_;
    const torch::Tensor together = at::stack(positions, 1);
    place_group(together, codes_of(together, fresh && candidates_.defined() && !two_models_));
  }

  /// How many patches go by the ranks of a scoring at this step. The schedule is the same for every
  /// image, so that none depends on which others are searched with it.
  int64_t placed_by_one_scoring() const {
    const SearchOptions& search = options_.search;
    const int64_t m = search.patches_per_step;
    const int64_t until_next = (search.rescore_every + m - 1) / m * m;
    const bool is_last = search.search_first > 0 && step_ + until_next >= search.search_first;
    return is_last ? n_ - step_ : std::min(until_next, n_ - step_);
  }

  torch::Tensor next_position() {
    if (likeliest_.defined()) return std::exchange(likeliest_, torch::Tensor());
    state_.confidence = ranks_;
    return policy_.next(state_);
  }

  /// Fills ranks_ for the open patches that the options let take part: at least as many of each
  /// image as will be placed by them.
  void rank() {
    candidates_ = drawn_ = drawn_log_probability_ = torch::Tensor();
    const int64_t needed = placed_by_one_scoring();
    next_scoring_ = step_ + needed;
    if (kind_ == Confidence::kLocation) {
      ranks_ = placer_.location_log_probabilities();
      return;
    }
    const torch::Tensor open = state_.filled.logical_not();
    const torch::Tensor takes_part = near_enough(open, needed);
    // A patch that looks ahead is judged by all others, wherever they are.
    candidates_ = compacted(kind_ == Confidence::kFutureContext ? open : takes_part);
    const torch::Tensor ranks = score_candidates(takes_part, needed);
    ranks_ = torch::full({batch_, n_}, kNegativeInfinity, ranks.options())
                 .scatter(1, candidates_, ranks);
  }

  /// Confidence of each candidate, float32 [B, R]; draws their codes where it depends on them.
  torch::Tensor score_candidates(const torch::Tensor& takes_part, int64_t needed) {
    std::vector<torch::Tensor> ranks, codes;
    placer_.score(candidates_, [&](int64_t begin, const torch::Tensor& logits) {
      const torch::Tensor part = candidates_.narrow(1, begin, logits.size(1));
      if (depends_on_code(kind_)) {
        codes.push_back(code_source_(logits, part, step_));
        if (greedy_penalty_.defined() && part.size(1) == candidates_.size(1)) {
          auto likeliest =
              choose_likeliest(logits, codes.back(), part, state_.last, greedy_penalty_);
          likeliest_ = likeliest.position;
          ranks.push_back(likeliest.log_probability);
        } else {
          ranks.push_back(confidence_of(kind_, logits.log_softmax(-1), codes.back()));
        }
        return;
      }
      const torch::Tensor log_p = logits.log_softmax(-1);
      if (kind_ == Confidence::kFutureContext) {
        const auto [best, code] = log_p.max(-1);
        ranks.push_back(best);
        codes.push_back(code);
      } else {
        ranks.push_back(confidence_of(kind_, log_p, {}));
      }
    });
    const auto joined = [](const std::vector<torch::Tensor>& parts) {
      return parts.size() == 1 ? parts.front() : at::cat(parts, 1);
    };
    if (kind_ == Confidence::kFutureContext) {
      const torch::Tensor far = takes_part.gather(1, candidates_).logical_not();
      const torch::Tensor certainty = joined(ranks).masked_fill(far, kNegativeInfinity);
      return look_ahead(certainty, joined(codes), needed).masked_fill(far, kNegativeInfinity);
    }
    if (codes.empty()) return joined(ranks);
    drawn_ = joined(codes);
    drawn_log_probability_ = joined(ranks);
    return drawn_log_probability_;
  }

  /// Confidence::kFutureContext of the most certain candidates, as many as are needed at least;
  /// -inf for the others.
  torch::Tensor look_ahead(const torch::Tensor& certainty, const torch::Tensor& codes,
                           int64_t needed) {
    const int64_t r = certainty.size(1), asked = options_.search.future_candidates;
    const int64_t k = asked == 0 ? r : std::min(std::max(asked, needed), r);
    const torch::Tensor choice =
        k == r
            ? at::arange(r, candidates_.options()).expand({batch_, r})
            : std::get<1>(certainty.sort(/*stable=*/true, -1, /*descending=*/true)).narrow(1, 0, k);
    return torch::full_like(certainty, kNegativeInfinity)
        .scatter(1, choice, placer_.future_context(choice, codes.gather(1, choice)));
  }

  /// The open patches, bool [B, N], or those within the radius of a filled one where an image has
  /// at least `needed` of them.
  torch::Tensor near_enough(const torch::Tensor& open, int64_t needed) const {
    const Grid& grid = policy_.config().grid;
    const int64_t radius = options_.search.frontier_radius;
    if (radius == 0 || step_ == 0) return open;
    const int64_t reach = std::min(radius, std::max(grid.rows, grid.cols));
    const torch::Tensor filled = state_.filled.to(torch::kFloat32);
    // Rows, then columns: a square's maximum is the maximum of its rows' maxima.
    const torch::Tensor near =
        at::max_pool2d(at::max_pool2d(filled.view({batch_, 1, grid.rows, grid.cols}),
                                      {2 * reach + 1, 1}, {1, 1}, {reach, 0}),
                       {1, 2 * reach + 1}, {1, 1}, {0, reach})
            .view({batch_, n_})
            .gt(0)
            .logical_and(open);
    return at::where(near.sum(1, /*keepdim=*/true) < needed, open, near);
  }

  /// The positions of each image's true entries: int64 [B, R], each row ascending and filled up
  /// with its first where another image has more.
  torch::Tensor compacted(const torch::Tensor& takes_part) const {
    const torch::Tensor count = takes_part.sum(1);
    const torch::Tensor position = at::arange(n_, count.options());
    const torch::Tensor sorted =
        std::get<0>(at::where(takes_part, position, position + n_).sort(1));
    const torch::Tensor rows = sorted.narrow(1, 0, count.max().item<int64_t>());
    return at::where(rows < n_, rows, rows.narrow(1, 0, 1));
  }

  torch::Tensor choice_of(const torch::Tensor& position) const {  // [B] -> [B]
    return (candidates_ == position.unsqueeze(1)).to(torch::kUInt8).argmax(1);
  }

  /// Places the candidate of the last scoring that lies at `position` int64 [B].
  void place_candidate(const torch::Tensor& position) {
    const torch::Tensor choice = choice_of(position), pick = choice.unsqueeze(1);
    torch::Tensor code, log_probability;
    if (drawn_.defined()) {
      code = drawn_.gather(1, pick);
      log_probability = drawn_log_probability_.gather(1, pick);
    } else {
      const torch::Tensor logits = scorer_.chosen_logits(choice).unsqueeze(1);
      code = code_source_(logits, position.unsqueeze(1), step_);
      log_probability = log_probability_of(logits, code);
    }
    scorer_.place(choice, code.squeeze(1));
    record(position.unsqueeze(1), code, log_probability);
  }

  /// Scores one patch, int64 [B, 1], and places it.
  void place_one(const torch::Tensor& position) {
    torch::Tensor code, log_probability;
    scorer_.score(position, [&](int64_t, const torch::Tensor& logits) {
      code = code_source_(logits, position, step_);
      log_probability = log_probability_of(logits, code);
    });
    scorer_.place(at::zeros({batch_}, position.options()), code.squeeze(1));
    if (two_models_) placer_.prefill(position, code);
    record(position, code, log_probability);
  }

  /// Codes of patches that are placed together, each drawn without knowing the others.
  torch::Tensor codes_of(const torch::Tensor& positions, bool are_candidates) {
    std::vector<torch::Tensor> codes;
    const auto draw = [&](const torch::Tensor& logits, int64_t j) {  // logits [B, 1, V]
      codes.push_back(code_source_(logits, positions.narrow(1, j, 1), step_ + j));
    };
    if (are_candidates) {
      for (int64_t j = 0; j < positions.size(1); ++j) {
        const torch::Tensor choice = choice_of(positions.select(1, j));
        if (drawn_.defined()) {
          codes.push_back(drawn_.gather(1, choice.unsqueeze(1)));
        } else {
          draw(scorer_.chosen_logits(choice).unsqueeze(1), j);
        }
      }
    } else {
      scorer_.score(positions, [&](int64_t begin, const torch::Tensor& logits) {
        for (int64_t j = 0; j < logits.size(1); ++j) draw(logits.narrow(1, j, 1), begin + j);
      });
    }
    return at::cat(codes, 1);
  }

  /// Places patches whose codes are known, one after the other: int64 [B, m].
  void place_group(const torch::Tensor& positions, const torch::Tensor& codes) {
    const torch::Tensor log_probability = scorer_.prefill(positions, codes);
    if (two_models_) placer_.prefill(positions, codes);
    record(positions, codes, log_probability);
  }

  static torch::Tensor log_probability_of(const torch::Tensor& logits, const torch::Tensor& codes) {
    return logits.log_softmax(-1).gather(2, codes.unsqueeze(2)).squeeze(2);
  }

  void record(const torch::Tensor& positions, const torch::Tensor& codes,
              const torch::Tensor& log_probability) {
    const int64_t m = positions.size(1);
    result_.position_at.narrow(1, step_, m).copy_(positions);
    result_.codes.scatter_(1, positions, codes);
    result_.log_likelihood.narrow(1, step_, m).copy_(log_probability);
    state_.filled.scatter_(1, positions, true);
    state_.last = positions.select(1, m - 1).contiguous();
    step_ += m;
    state_.step = step_;
  }

  StepScorer& scorer_;
  StepScorer& placer_;
  const bool two_models_;
  const OrderPolicy& policy_;
  const CodeSource& code_source_;
  const RolloutOptions& options_;
  const Confidence kind_;
  const int64_t batch_, n_;
  const torch::Device device_;
  torch::Tensor greedy_penalty_;  // float32 [N, N], where scoring and choosing may be one
  int64_t step_ = 0, spent_before_ = 0;
  StepState state_;
  Rollout result_;
  torch::Tensor ranks_;       // float32 [B, N], of the last scoring; -inf where it had none
  int64_t next_scoring_ = 0;  // the step at which they are too old
  torch::Tensor candidates_;  // int64 [B, R], of the last scoring; not defined for a location head
  torch::Tensor drawn_, drawn_log_probability_;  // [B, R], where ranks depend on codes
  torch::Tensor likeliest_;                      // int64 [B], chosen with the scoring
};

void check_options(const SearchOptions& options) {
  const auto at_least = [](const char* name, int64_t value, int64_t least) {
    if (value < least) {
      throw std::invalid_argument(fmt::format("{} must be >= {}, got {}", name, least, value));
    }
  };
  at_least("frontier_radius", options.frontier_radius, 0);
  at_least("rescore_every", options.rescore_every, 1);
  at_least("patches_per_step", options.patches_per_step, 1);
  at_least("search_first", options.search_first, 0);
  at_least("future_candidates", options.future_candidates, 0);
}

}  // namespace

Rollout roll_out(StepScorer& scorer, const OrderPolicy& policy, const CodeSource& code_source,
                 const torch::Tensor& images, const RolloutOptions& options) {
  check_options(options.search);
  const c10::InferenceMode no_gradients;
  return Rolling(scorer, policy, code_source, images, options).run();
}

}  // namespace oar
