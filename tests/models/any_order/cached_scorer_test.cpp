#include "models/any_order/cached_scorer.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>

#include "orders/order_statistics.h"
#include "tests/models/any_order/test_models.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

// fp32 with another order of summation: 1e-4 is the bound the search promises.
constexpr double kTolerance = 1e-4;

void expect_close(const torch::Tensor& found, const torch::Tensor& expected) {
  ASSERT_EQ(found.sizes(), expected.sizes());
  EXPECT_LT((found - expected).abs().max().item<double>(), kTolerance);
}

/// What a sequence is made of, for passes that know no cache.
struct Sequence {
  std::vector<torch::Tensor> inputs, query, own;
  void add(const torch::Tensor& x, const torch::Tensor& turned_by, const torch::Tensor& at) {
    inputs.push_back(x);
    query.push_back(turned_by);
    own.push_back(at);
  }
  int64_t length() const { return at::cat(own, 1).size(1); }
};

/// Logits of candidates [B, R] after the first t patches of `position_at`: prefix and candidates in
/// one sequence, the candidates kept apart by a mask. The reference of the search.
torch::Tensor masked_logits(Transformer model, const torch::Tensor& codes,
                            const torch::Tensor& position_at, int64_t t,
                            const torch::Tensor& candidates, const torch::Tensor& labels = {}) {
  const int64_t batch = codes.size(0), n = codes.size(1), r = candidates.size(1);
  const bool tokens = model->encoding().position_token;
  const torch::Tensor nowhere = torch::full({batch, 1}, n, torch::kInt64);
  const torch::Tensor start = model->start_input(labels, batch);
  Sequence sequence;
  if (tokens) {
    sequence.add(start, nowhere, nowhere);
    for (int64_t i = 0; i < t; ++i) {
      const torch::Tensor p = position_at.narrow(1, i, 1);
      sequence.add(model->position_token(p), p, p);
      sequence.add(model->patch_input(codes.gather(1, p), p), p, p);
    }
  } else {
    for (int64_t i = 0; i < t; ++i) {
      const torch::Tensor to = position_at.narrow(1, i, 1);
      const torch::Tensor from = i == 0 ? nowhere : position_at.narrow(1, i - 1, 1);
      sequence.add(i == 0 ? start + model->first_next(to)
                          : model->patch_input(codes.gather(1, from), from) + model->next(from, to),
                   to, from);
    }
  }
  const int64_t prefix = sequence.inputs.empty() ? 0 : sequence.length();
  const torch::Tensor last = t == 0 ? nowhere : position_at.narrow(1, t - 1, 1);
  torch::Tensor x;
  if (tokens) {
    x = model->position_token(candidates);
  } else if (t == 0) {
    x = start + model->first_next(candidates);
  } else {
    x = model->patch_input(codes.gather(1, last), last) + model->next(last, candidates);
  }
  sequence.add(x.expand({batch, r, x.size(2)}), candidates,
               tokens ? candidates : last.expand({batch, r}));
  torch::Tensor mask = torch::zeros({prefix + r, prefix + r}, torch::kBool);
  mask.narrow(0, 0, prefix).narrow(1, 0, prefix).fill_(true).tril_();
  mask.narrow(0, prefix, r).narrow(1, 0, prefix).fill_(true);
  mask.narrow(0, prefix, r).narrow(1, prefix, r).copy_(torch::eye(r, torch::kBool));
  const torch::Tensor out = model->run(at::cat(sequence.inputs, 1), 0, model->num_blocks(),
                                       at::cat(sequence.query, 1), at::cat(sequence.own, 1), mask);
  return model->logits(out.narrow(1, prefix, r));
}

std::vector<std::string> all_encodings() {
  std::vector<std::string> names;
  for (const NextEncodingInfo& info : list_next_encodings()) names.push_back(info.name);
  for (const char* with : {"absolute", "relative", "both", "relative_separable", "sinusoidal"}) {
    names.push_back(std::string(with) + "+rotary");
  }
  names.push_back("rotary+position_token");
  return names;
}

class EveryNextEncoding : public ::testing::TestWithParam<std::string> {};

// The two statements of a likelihood, the search's and the training pass's, are the same number.
TEST_P(EveryNextEncoding, SearchAgreesWithOneTeacherForcedPassOverTheOrderItFound) {
  for (const Grid grid : {Grid{3, 4}, Grid{5, 2}, Grid{1, 1}}) {
    Transformer model = model_of(small_config(GetParam(), grid));
    const torch::Tensor codes = random_codes(5, grid);
    for (const double penalty : {0.0, 0.7}) {
      CachedScorer scorer(model, 5);
      const Rollout found =
          roll_out(scorer, *order_of("oar", grid, penalty), given_codes(codes), at::arange(5));
      expect_close(found.log_likelihood, teacher_forced(model, codes, found.position_at));
    }
  }
}

TEST_P(EveryNextEncoding, SearchAgreesWithTheMaskedPassStepByStep) {
  const c10::InferenceMode no_gradients;
  const Grid grid{3, 3};
  const int64_t batch = 2, n = grid.size();
  Transformer model = model_of(small_config(GetParam(), grid));
  const torch::Tensor codes = random_codes(batch, grid);
  const torch::Tensor position_at = order_of("random", grid)->position_at(at::arange(batch));
  CachedScorer scorer(model, batch);
  for (int64_t t = 0; t < n; ++t) {
    SCOPED_TRACE(t);
    const torch::Tensor candidates = std::get<0>(position_at.narrow(1, t, n - t).sort(1));
    expect_close(scorer.logits(candidates).log_softmax(-1),
                 masked_logits(model, codes, position_at, t, candidates).log_softmax(-1));
    const torch::Tensor next = position_at.narrow(1, t, 1);
    scorer.place((candidates < next).sum(1), codes.gather(1, next).squeeze(1));
  }
}

TEST_P(EveryNextEncoding, PrefillOfKnownPatchesIsTheTeacherForcedPass) {
  const Grid grid{3, 4};
  Transformer model = model_of(small_config(GetParam(), grid));
  const torch::Tensor codes = random_codes(3, grid);
  const torch::Tensor known = order_of("random", grid)->position_at(at::arange(3)).narrow(1, 0, 5);
  CachedScorer scorer(model, 3);
  RolloutOptions options;
  options.known = {known, codes.gather(1, known)};
  const Rollout found =
      roll_out(scorer, *order_of("oar", grid), given_codes(codes), at::arange(3), options);
  EXPECT_TRUE(found.position_at.narrow(1, 0, 5).equal(known));
  expect_close(found.log_likelihood, teacher_forced(model, codes, found.position_at));
}

TEST_P(EveryNextEncoding, TellsTheModelTheNextPositionUnlessItIsNone) {
  const Grid grid{3, 4};
  Transformer model = model_of(small_config(GetParam(), grid));
  const torch::Tensor codes = random_codes(1, grid);
  CachedScorer scorer(model, 1);
  scorer.logits(torch::tensor({{5}}));
  scorer.place(torch::zeros({1}, torch::kInt64), codes.narrow(1, 5, 1).squeeze(1));
  const torch::Tensor logits = scorer.logits(torch::tensor({{4, 6}}));
  const double difference = (logits[0][0] - logits[0][1]).abs().max().item<double>();
  if (GetParam() == "none") {
    EXPECT_EQ(difference, 0.0);
  } else {
    EXPECT_GT(difference, 1e-3);
  }
}

TEST_P(EveryNextEncoding, LooksAheadAsOneFullPassPerPairOfCandidatesDoes) {
  const c10::InferenceMode no_gradients;
  const Grid grid{2, 3};
  Transformer model = model_of(small_config(GetParam(), grid));
  const torch::Tensor codes = random_codes(1, grid);
  const torch::Tensor placed = torch::tensor({{4, 1}});
  CachedScorer scorer(model, 1, {.looks_ahead = true});
  scorer.prefill(placed, codes.gather(1, placed));
  const std::vector<int64_t> open = {0, 2, 3, 5};
  const torch::Tensor candidates = torch::tensor(open).unsqueeze(0);
  const torch::Tensor before = scorer.logits(candidates).log_softmax(-1);
  const torch::Tensor tried = at::arange(4).unsqueeze(0);
  const torch::Tensor likely = before.argmax(-1);
  const torch::Tensor found = scorer.future_context(tried, likely);
  const auto entropy = [](const torch::Tensor& log_p) {
    return -(log_p.exp() * log_p).sum(-1).item<double>();
  };
  for (size_t i = 0; i < open.size(); ++i) {
    double gain = 0;
    for (size_t j = 0; j < open.size(); ++j) {
      if (i == j) continue;
      torch::Tensor known = codes.clone();
      known[0][open[i]] = likely[0][static_cast<int64_t>(i)];
      const torch::Tensor order = torch::tensor({{int64_t{4}, int64_t{1}, open[i]}});
      const torch::Tensor after =
          masked_logits(model, known, order, 3, torch::tensor({{open[j]}})).log_softmax(-1);
      gain += entropy(before[0][static_cast<int64_t>(j)]) - entropy(after[0][0]);
    }
    EXPECT_NEAR(found[0][static_cast<int64_t>(i)].item<double>(), gain / 3, kTolerance);
  }
  // What was looked at is forgotten: the next scoring is as if nothing had happened.
  scorer.place(torch::zeros({1}, torch::kInt64), codes.narrow(1, 0, 1).squeeze(1));
  expect_close(
      scorer.logits(torch::tensor({{2, 3, 5}})),
      masked_logits(model, codes, torch::tensor({{4, 1, 0}}), 3, torch::tensor({{2, 3, 5}})));
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryNextEncoding, ::testing::ValuesIn(all_encodings()),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '+', '_');
                           return name;
                         });

std::vector<std::string> learned_orders() {
  std::vector<std::string> names;
  for (const OrderInfo& info : list_orders()) {
    if (info.is_learned && info.own_confidence != Confidence::kLocation) names.push_back(info.name);
  }
  return names;
}

class EveryLearnedOrder : public ::testing::TestWithParam<std::string> {};

// Whatever a search leaves out, the likelihoods it records are those of the chain rule.
TEST_P(EveryLearnedOrder, RecordsTheChainRulesLikelihoodUnderEveryApproximation) {
  const Grid grid{4, 3};
  Transformer model = model_of(small_config("relative+rotary", grid));
  const torch::Tensor codes = random_codes(3, grid);
  const auto policy = order_of(GetParam(), grid, 0.3);
  for (const SearchOptions& search :
       {SearchOptions{}, SearchOptions{.frontier_radius = 1}, SearchOptions{.rescore_every = 3},
        SearchOptions{.patches_per_step = 4}, SearchOptions{.search_first = 5},
        SearchOptions{.frontier_radius = 1, .rescore_every = 2, .patches_per_step = 2},
        SearchOptions{.patches_per_step = 100},
        SearchOptions{.frontier_radius = 2, .search_first = 3},
        SearchOptions{.future_candidates = 0}}) {
    CachedScorer scorer(model, 3, {.looks_ahead = true});
    const Rollout found = roll_out(scorer, *policy, given_codes(codes), at::arange(3),
                                   {.confidence = Confidence::kMaxProbability, .search = search});
    EXPECT_NO_THROW(step_of(found.position_at));
    expect_close(found.log_likelihood, teacher_forced(model, codes, found.position_at));
  }
}

TEST_P(EveryLearnedOrder, DrawsTheSameInAnyBatchUnderEveryApproximation) {
  const Grid grid{4, 4};
  Transformer model = model_of(small_config("relative+rotary", grid));
  const auto policy = order_of(GetParam(), grid, 0.2);
  // With a small frontier some images have too few patches to go on with, and others do not.
  for (const SearchOptions& search :
       {SearchOptions{}, SearchOptions{.frontier_radius = 1, .patches_per_step = 4},
        SearchOptions{.frontier_radius = 1, .rescore_every = 8},
        SearchOptions{.frontier_radius = 1, .rescore_every = 3, .search_first = 5},
        SearchOptions{.patches_per_step = 3, .future_candidates = 2}}) {
    const auto draw = [&](int64_t begin, int64_t end) {
      const torch::Tensor images = at::arange(begin, end);
      CachedScorer scorer(model, end - begin, {.looks_ahead = true});
      const Rollout drawn = roll_out(scorer, *policy, drawn_codes({}, images), images,
                                     {.confidence = Confidence::kMaxProbability, .search = search});
      return at::cat({drawn.position_at, drawn.codes}, 1);
    };
    EXPECT_TRUE(draw(0, 6).slice(0, 2, 5).equal(draw(2, 5)));
    EXPECT_TRUE(draw(0, 6).slice(0, 5, 6).equal(draw(5, 6)));
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryLearnedOrder, ::testing::ValuesIn(learned_orders()),
                         [](const auto& info) { return info.param; });

TEST(Search, AFrontierOfRadiusOneOnlyTouchesWhatIsFilled) {
  const Grid grid{5, 5};
  Transformer model = model_of(small_config("relative+rotary", grid));
  const torch::Tensor codes = random_codes(4, grid);
  CachedScorer scorer(model, 4), exact(model, 4);
  const RolloutOptions options{.confidence = Confidence::kEntropy,
                               .search = {.frontier_radius = 1}};
  const Rollout found =
      roll_out(scorer, *order_of("oar", grid), given_codes(codes), at::arange(4), options);
  for (int64_t b = 0; b < 4; ++b) {
    std::set<int64_t> filled = {found.position_at[b][0].item<int64_t>()};
    for (int64_t t = 1; t < grid.size(); ++t) {
      const int64_t p = found.position_at[b][t].item<int64_t>();
      EXPECT_TRUE(std::any_of(filled.begin(), filled.end(), [&](int64_t q) {
        return std::abs(grid.row(p) - grid.row(q)) <= 1 && std::abs(grid.col(p) - grid.col(q)) <= 1;
      }));
      filled.insert(p);
    }
  }
  const Rollout whole = roll_out(exact, *order_of("oar", grid), given_codes(codes), at::arange(4),
                                 {.confidence = Confidence::kEntropy});
  EXPECT_EQ(whole.token_evaluations, 4 * 25 * 26 / 2);  // the triangle of all open patches
  EXPECT_LT(found.token_evaluations, whole.token_evaluations);
}

TEST(Search, RanksAtLeastAsManyPatchesAsItPlacesByOneScoring) {
  const Grid grid{4, 4};
  Transformer model = model_of(small_config("relative+rotary", grid));
  const torch::Tensor codes = random_codes(3, grid);
  const auto search = [&](const std::string& order, const SearchOptions& options) {
    CachedScorer scorer(model, 3, {.looks_ahead = true});
    return roll_out(scorer, *order_of(order, grid), given_codes(codes), at::arange(3),
                    {.confidence = Confidence::kEntropy, .search = options})
        .position_at;
  };
  // Two tried patches could not fill a group of four: four are tried.
  EXPECT_TRUE(
      search("future_context", {.patches_per_step = 4, .future_candidates = 2})
          .equal(search("future_context", {.patches_per_step = 4, .future_candidates = 4})));
  // No scoring follows the one at step 0: all patches are tried, and go by it.
  EXPECT_TRUE(search("future_context", {.search_first = 1, .future_candidates = 2})
                  .equal(search("future_context", {.search_first = 1, .future_candidates = 0})));
  // The last scoring is that of step 3, since the next would come at 6: it is over all patches.
  EXPECT_TRUE(search("oar", {.rescore_every = 3, .search_first = 5})
                  .narrow(1, 3, 13)
                  .equal(search("oar", {.rescore_every = 3, .search_first = 4}).narrow(1, 3, 13)));
}

TEST(Search, CostsWhatTheApproximationsSay) {
  const Grid grid{4, 4};
  Transformer model = model_of(small_config("relative", grid));
  const torch::Tensor codes = random_codes(2, grid);
  const auto spent = [&](const SearchOptions& search) {
    CachedScorer scorer(model, 2);
    return roll_out(scorer, *order_of("least_entropy", grid), given_codes(codes), at::arange(2),
                    {.search = search})
               .token_evaluations /
           2;
  };
  EXPECT_EQ(spent({}), 16 * 17 / 2);
  EXPECT_EQ(spent({.rescore_every = 16}), 16 + 15);  // one scoring, then a patch at a time
  EXPECT_EQ(spent({.rescore_every = 4}), (16 + 12 + 8 + 4) + 12);
  EXPECT_EQ(spent({.patches_per_step = 4}), (16 + 12 + 8 + 4) + 16);  // groups are passed again
  EXPECT_EQ(spent({.search_first = 2}), (16 + 15) + 14);
  CachedScorer scorer(model, 2);
  EXPECT_EQ(roll_out(scorer, *order_of("raster", grid), given_codes(codes), at::arange(2))
                .token_evaluations,
            2 * 16);
}

TEST(Search, InPartsGivesWhatItGivesWhole) {
  const Grid grid{4, 4};
  for (const char* encoding : {"relative+rotary", "position_token"}) {
    Transformer model = model_of(small_config(encoding, grid));
    const torch::Tensor codes = random_codes(2, grid);
    const auto search = [&](int64_t memory) {
      CachedScorer scorer(model, 2, {.memory_bytes = memory});
      return roll_out(scorer, *order_of("oar", grid, 0.1), given_codes(codes), at::arange(2));
    };
    const int64_t whole = CachedScorer::plan(model->config(), 2).bytes;
    int64_t least = whole;
    for (int64_t bytes = whole; bytes > 0; bytes -= 4096) {
      try {
        CachedScorer scorer(model, 2, {.memory_bytes = bytes});
        least = bytes;
      } catch (const std::invalid_argument&) {
        break;
      }
    }
    EXPECT_LT(least, whole);
    const Rollout a = search(whole), b = search(least);
    EXPECT_TRUE(a.position_at.equal(b.position_at));
    expect_close(a.log_likelihood, b.log_likelihood);
  }
}

TEST(Search, ThePlacesCanBeAnotherModels) {
  const Grid grid{3, 4};
  Transformer places = model_of(small_config("relative+rotary", grid), 1);
  Transformer draws = model_of(small_config("absolute", grid), 2);
  const torch::Tensor codes = random_codes(3, grid);
  for (const SearchOptions& search :
       {SearchOptions{}, SearchOptions{.rescore_every = 3}, SearchOptions{.patches_per_step = 5}}) {
    CachedScorer alone(places, 3), placer(places, 3), scorer(draws, 3);
    RolloutOptions options{.confidence = Confidence::kMaxProbability, .search = search};
    const Rollout expected =
        roll_out(alone, *order_of("oar", grid), given_codes(codes), at::arange(3), options);
    options.placer = &placer;
    const Rollout found =
        roll_out(scorer, *order_of("oar", grid), given_codes(codes), at::arange(3), options);
    EXPECT_TRUE(found.position_at.equal(expected.position_at));
    expect_close(found.log_likelihood, teacher_forced(draws, codes, found.position_at));
  }
}

TransformerConfig with_location_head(const Grid& grid) {
  TransformerConfig config = small_config("relative+rotary", grid);
  config.layers = 3;
  config.location_after = 2;
  return config;
}

TEST(LocationHead, SaysWhereAndWhatInOneEvaluationPerPatch) {
  const Grid grid{3, 4};
  Transformer model = model_of(with_location_head(grid));
  const torch::Tensor codes = random_codes(4, grid);
  CachedScorer scorer(model, 4);
  const Rollout found =
      roll_out(scorer, *order_of("location_head", grid), given_codes(codes), at::arange(4));
  EXPECT_EQ(found.token_evaluations, 4 * grid.size());
  const torch::NoGradGuard no_gradients;
  const auto predicted = model->predict(codes, found.position_at);
  expect_close(found.log_likelihood, predicted.logits.log_softmax(-1)
                                         .gather(2, codes.gather(1, found.position_at).unsqueeze(2))
                                         .squeeze(2));
  // Each step took the best open position of the teacher-forced distribution.
  torch::Tensor filled = torch::zeros({4, grid.size()}, torch::kBool);
  for (int64_t t = 0; t < grid.size(); ++t) {
    const torch::Tensor best = predicted.location.select(1, t).masked_fill(filled, -1e9).argmax(1);
    EXPECT_TRUE(best.equal(found.position_at.select(1, t))) << t;
    filled.scatter_(1, best.unsqueeze(1), true);
  }
}

TEST(LocationHead, CanBeSearchedAndPrefilledLikeAnyModel) {
  const Grid grid{3, 3};
  Transformer model = model_of(with_location_head(grid));
  const torch::Tensor codes = random_codes(2, grid);
  const torch::Tensor known = torch::tensor({{4, 0, 8}, {1, 2, 3}});
  for (const char* order : {"oar", "location_head", "raster"}) {
    CachedScorer scorer(model, 2);
    RolloutOptions options;
    options.known = {known, codes.gather(1, known)};
    const Rollout found =
        roll_out(scorer, *order_of(order, grid), given_codes(codes), at::arange(2), options);
    expect_close(found.log_likelihood, teacher_forced(model, codes, found.position_at));
  }
}

TEST(LocationHead, IsMissedByName) {
  const Grid grid{2, 2};
  Transformer model = model_of(small_config("relative", grid));
  CachedScorer scorer(model, 1);
  EXPECT_THAT(
      [&] {
        roll_out(scorer, *order_of("location_head", grid), given_codes(random_codes(1, grid)),
                 at::arange(1));
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("this model has no location head")));
}

/// Counts what libtorch's CPU allocator hands out, at most at once.
class PeakMemory : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, int64_t size, size_t, size_t, c10::Device) override {
    const int64_t now = now_ += size;
    int64_t peak = peak_;
    while (now > peak && !peak_.compare_exchange_weak(peak, now)) {
    }
  }
  bool memoryProfilingEnabled() const override { return true; }
  int64_t peak() const { return peak_; }

 private:
  std::atomic<int64_t> now_{0}, peak_{0};
};

/// The most that one search has allocated at once.
int64_t peak_of(Transformer model, const SearchPlan& plan, const ScorerOptions& options,
                const SamplingOptions& sampling, Confidence confidence) {
  auto counter = std::make_shared<PeakMemory>();
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, counter);
  CachedScorer scorer(model, plan.batch, options);
  const torch::Tensor images = at::arange(plan.batch);
  roll_out(scorer, *order_of("oar", model->config().grid), drawn_codes(sampling, images), images,
           {.confidence = confidence, .search = {.future_candidates = 2}});
  return counter->peak();
}

TEST(Memory, StaysWithinThePlanAndThePlanIsNotLoose) {
  TransformerConfig config = small_config("relative+rotary", Grid{12, 12});
  config.width = 64;
  config.codebook_size = 256;
  Transformer model(config);
  model->initialise(1);
  for (const auto& [batch, memory] : std::vector<std::pair<int64_t, int64_t>>{
           {4, int64_t{1} << 30}, {1, int64_t{1} << 30}, {2, int64_t{5} << 20}}) {
    const ScorerOptions options{.memory_bytes = memory};
    const SearchPlan plan = CachedScorer::plan(config, batch, options);
    EXPECT_LE(plan.bytes, memory);
    const int64_t peak = peak_of(model, plan, options, {}, Confidence::kLikelihood);
    EXPECT_LE(peak, plan.bytes) << batch;
    EXPECT_GE(peak, plan.bytes / 3) << batch;
  }
}

TEST(Memory, StaysWithinThePlanHoweverCodesAreDrawnAndPatchesRanked) {
  TransformerConfig config = small_config("relative+rotary", Grid{8, 8});
  config.width = 64;
  config.codebook_size = 2048;
  config.num_classes = 2;
  Transformer model(config);
  model->initialise(1);
  ScorerOptions options{.memory_bytes = int64_t{24} << 20};
  for (const bool guided : {false, true}) {
    options.condition = guided ? torch::zeros({1}, torch::kInt64) : torch::Tensor();
    options.guidance_scale = guided ? 2.0 : 1.0;
    for (const bool looks_ahead : {false, true}) {
      options.looks_ahead = looks_ahead;
      const SearchPlan plan = CachedScorer::plan(config, 2, options);
      ScorerOptions searching = options;
      if (guided) searching.condition = torch::zeros({plan.batch}, torch::kInt64);
      for (const Confidence confidence :
           {Confidence::kLikelihood, Confidence::kEntropy, Confidence::kMargin}) {
        SamplingOptions sampling;
        sampling.top_p = 0.9;
        sampling.top_k = 100;
        const Confidence by = looks_ahead ? Confidence::kFutureContext : confidence;
        EXPECT_LE(peak_of(model, plan, searching, sampling, by), plan.bytes)
            << guided << looks_ahead << static_cast<int>(confidence);
      }
    }
  }
}

TEST(Memory, StaysWithinThePlanWithCaptions) {
  for (const bool cross_attention : {false, true}) {
    TransformerConfig config = small_config("relative+rotary", Grid{8, 8});
    config.width = 64;
    config.codebook_size = 512;
    config.caption = {200, 300, 1, cross_attention};
    Transformer model(config);
    model->initialise(1);
    ScorerOptions options{.memory_bytes = int64_t{24} << 20};
    options.condition = torch::zeros({1, 200}, torch::kInt64);
    for (const double guidance : {1.0, 2.0}) {
      options.guidance_scale = guidance;
      const SearchPlan plan = CachedScorer::plan(config, 4, options);
      ScorerOptions searching = options;
      searching.condition = torch::zeros({plan.batch, 200}, torch::kInt64);
      EXPECT_LE(peak_of(model, plan, searching, {}, Confidence::kLikelihood), plan.bytes)
          << cross_attention << guidance;
    }
  }
}

TEST(Memory, TooSmallABudgetNamesTheSmallestThatWorks) {
  const TransformerConfig config = small_config("relative", Grid{8, 8});
  EXPECT_THAT([&] { CachedScorer::plan(config, 4, {.memory_bytes = 1000}); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("needs at least")));
  int64_t smallest = 1000;
  try {
    CachedScorer::plan(config, 4, {.memory_bytes = 1000});
  } catch (const std::invalid_argument& error) {
    const std::string message = error.what();
    smallest = std::stoll(message.substr(message.find("--memory ") + 9)) << 20;
  }
  EXPECT_GE(CachedScorer::plan(config, 4, {.memory_bytes = smallest}).batch, 1);
  EXPECT_THROW(CachedScorer::plan(config, 4, {.memory_bytes = smallest - (int64_t{1} << 20)}),
               std::invalid_argument);
  EXPECT_NO_THROW(CachedScorer(model_of(config), 1, {.memory_bytes = smallest}));
}

TEST(Sampling, InChunksOf1And7And32GivesTheSameTokens) {
  const Grid grid{4, 4};
  Transformer model = model_of(small_config("relative+rotary", grid));
  for (const std::string order : {"raster", "random", "oar"}) {
    for (const Confidence confidence : {Confidence::kLikelihood, Confidence::kMaxProbability}) {
      const auto sample = [&](int64_t chunk) {
        std::vector<torch::Tensor> codes, orders;
        for (int64_t begin = 0; begin < 32; begin += chunk) {
          const torch::Tensor images = at::arange(begin, std::min<int64_t>(32, begin + chunk));
          CachedScorer scorer(model, images.size(0));
          const Rollout drawn = roll_out(scorer, *order_of(order, grid), drawn_codes({}, images),
                                         images, {.confidence = confidence});
          codes.push_back(drawn.codes);
          orders.push_back(drawn.position_at);
        }
        return at::cat({at::cat(codes), at::cat(orders)}, 1);
      };
      const torch::Tensor whole = sample(32);
      EXPECT_TRUE(sample(1).equal(whole)) << order;
      EXPECT_TRUE(sample(7).equal(whole)) << order;
    }
  }
}

TEST(Sampling, AnotherSeedGivesOtherTokens) {
  const Grid grid{3, 3};
  Transformer model = model_of(small_config("relative", grid));
  const auto sample = [&](uint64_t seed) {
    CachedScorer scorer(model, 4);
    return roll_out(scorer, *order_of("raster", grid), drawn_codes({.seed = seed}, at::arange(4)),
                    at::arange(4))
        .codes;
  };
  EXPECT_FALSE(sample(1).equal(sample(2)));
}

TEST(Guidance, OfZeroIsTheModelWithoutItsLabel) {
  TransformerConfig config = small_config("relative+rotary");
  config.num_classes = 3;
  Transformer model = model_of(config);
  const torch::Tensor codes = random_codes(2, config.grid);
  const torch::Tensor labels = torch::tensor({0, 2});
  const auto likelihood = [&](const torch::Tensor& of, double scale) {
    CachedScorer scorer(model, 2, {.condition = of, .guidance_scale = scale});
    return roll_out(scorer, *order_of("raster", config.grid), given_codes(codes), at::arange(2))
        .log_likelihood;
  };
  const torch::Tensor none = torch::full({2}, -1, torch::kInt64);
  EXPECT_LT((likelihood(labels, 0.0) - likelihood(none, 1.0)).abs().max().item<double>(), 1e-4);
  EXPECT_GT((likelihood(labels, 1.0) - likelihood(none, 1.0)).abs().max().item<double>(), 1e-2);
  EXPECT_GT((likelihood(labels, 3.0) - likelihood(labels, 1.0)).abs().max().item<double>(), 1e-2);
}

}  // namespace
}  // namespace oar
