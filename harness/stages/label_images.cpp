#include "harness/stages/label_images.h"

#include <optional>

namespace oar {
namespace {

constexpr int64_t kImagesTogether = 64;

}  // namespace

ScorerOptions Labeller::scorer_options() const {
  ScorerOptions scoring;
  scoring.memory_bytes = placer ? environment.memory_bytes / 2 : environment.memory_bytes;
  scoring.looks_ahead =
      policy.own_confidence().value_or(options.confidence) == Confidence::kFutureContext;
  return scoring;
}

int64_t Labeller::images_together(int64_t wanted) const {
  return CachedScorer::plan(model->config(), wanted, scorer_options()).batch;
}

Rollout Labeller::label(const DatasetIndex& index, const TokenGrids& tokens,
                        const std::vector<int64_t>& images) const {
  ScorerOptions scoring = scorer_options();
  if (model->config().num_classes > 0) {
    scoring.labels = labels_of(index, images).to(environment.device);
  }
  const auto count = static_cast<int64_t>(images.size());
  CachedScorer scorer(model, count, scoring);
  std::optional<CachedScorer> places;
  RolloutOptions rolling = options;
  if (placer) rolling.placer = &places.emplace(placer, count, scoring);
  return roll_out(scorer, policy, given_codes(tokens.codes.index_select(0, indices(images))),
                  indices(images), rolling);
}

TensorMap label_images(StageContext& context, const Labeller& labeller, const DatasetIndex& index,
                       const TokenGrids& tokens, const std::vector<int64_t>& images) {
  return in_chunks(context, "images", static_cast<int64_t>(images.size()),
                   labeller.images_together(kImagesTogether), [&](int64_t begin, int64_t end) {
                     const std::vector<int64_t> chunk(images.begin() + begin, images.begin() + end);
                     const Rollout rollout = labeller.label(index, tokens, chunk);
                     return TensorMap{{"image", indices(chunk)},
                                      {"log_likelihood", rollout.log_likelihood},
                                      {"position_at", rollout.position_at.to(torch::kInt16)}};
                   });
}

}  // namespace oar
