#include "harness/stages/label_images.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "harness/stages/conditions.h"
#include "orders/order_comparison.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr int64_t kImagesTogether = 64;
constexpr int64_t kImagesSearchedExactly = 32;  // what an approximate search is compared on

}  // namespace

double mean_nats(const torch::Tensor& log_likelihood) {
  return -log_likelihood.sum(1, false, torch::kFloat64).mean().item<double>();
}

ScorerOptions Labeller::scorer_options() const {
  ScorerOptions scoring;
  scoring.memory_bytes = environment.memory_bytes;
  scoring.models = placer ? 2 : 1;
  scoring.looks_ahead =
      policy.own_confidence().value_or(options.confidence) == Confidence::kFutureContext;
  return scoring;
}

int64_t Labeller::images_together(int64_t wanted) const {
  return CachedScorer::plan(model->config(), wanted, scorer_options()).batch;
}

Rollout Labeller::label(const torch::Tensor& codes, const torch::Tensor& condition,
                        const torch::Tensor& images) const {
  ScorerOptions scoring = scorer_options();
  if (condition.defined()) scoring.condition = condition.to(environment.device);
  CachedScorer scorer(model, images.size(0), scoring);
  std::optional<CachedScorer> places;
  RolloutOptions rolling = options;
  if (placer) rolling.placer = &places.emplace(placer, images.size(0), scoring);
  return roll_out(scorer, policy, given_codes(codes), images, rolling);
}

json Labeller::agreement(const torch::Tensor& codes, const torch::Tensor& condition,
                         const torch::Tensor& images) const {
  if (!policy.is_learned() || options.search == options.search.exact()) return nullptr;
  const int64_t count = std::min(images.size(0), images_together(kImagesSearchedExactly));
  const auto first = [count](const torch::Tensor& x) {
    return x.defined() ? x.narrow(0, 0, count) : x;
  };
  const auto search = [&](const Labeller& labeller, double& seconds) {
    const auto start = std::chrono::steady_clock::now();
    Rollout found = labeller.label(first(codes), first(condition), first(images));
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return found;
  };
  Labeller exactly = *this;
  exactly.options.search = options.search.exact();
  double approximate_seconds = 0, exact_seconds = 0;
  const Rollout approximate = search(*this, approximate_seconds);
  const Rollout exact = search(exactly, exact_seconds);
  const OrderComparison comparison =
      compare_orders(approximate.position_at, exact.position_at, policy.config().grid);
  return {{"images", count},
          {"kendall_tau", comparison.mean_tau},
          {"identical_share", comparison.identical_share},
          {"nats_per_image", mean_nats(approximate.log_likelihood)},
          {"exact_nats_per_image", mean_nats(exact.log_likelihood)},
          {"token_evaluations_ratio", static_cast<double>(exact.token_evaluations) /
                                          static_cast<double>(approximate.token_evaluations)},
          {"speedup", exact_seconds / approximate_seconds}};
}

TensorMap label_images(StageContext& context, const Labeller& labeller, const TokenGrids& tokens,
                       const torch::Tensor& conditions, const std::vector<int64_t>& images) {
  return in_chunks(context, "images", static_cast<int64_t>(images.size()),
                   labeller.images_together(kImagesTogether), [&](int64_t begin, int64_t end) {
                     const std::vector<int64_t> chunk(images.begin() + begin, images.begin() + end);
                     const Rollout rollout =
                         labeller.label(tokens.codes.index_select(0, indices(chunk)),
                                        rows_of(conditions, indices(chunk)), indices(chunk));
                     return TensorMap{{"image", indices(chunk)},
                                      {"log_likelihood", rollout.log_likelihood},
                                      {"position_at", rollout.position_at.to(torch::kInt16)}};
                   });
}

}  // namespace oar
