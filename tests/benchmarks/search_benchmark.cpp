// Search and sampling with the any-order model, 6 layers x 384, V = 1024, fp32. Each line times the
// search and its baseline in turn, in the same loop, and states both and their ratio: these do not
// depend on what else the machine did an hour ago.
//
//   ratio   time of the baseline over that of what is measured. Against matrix products 1 would be
//   a
//           search that does nothing else; against another way to the same numbers it is the gain
#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/mm.h>
#include <benchmark/benchmark.h>

#include <chrono>

#include "models/any_order/cached_scorer.h"
#include "orders/rollout.h"

namespace oar {
namespace {

constexpr int64_t kCodes = 1024, kLayers = 6, kWidth = 384, kHeads = 6;

Transformer model_of(const Grid& grid, int64_t location_after = 0) {
  TransformerConfig config;
  config.grid = grid;
  config.codebook_size = kCodes;
  config.layers = kLayers;
  config.width = kWidth;
  config.heads = kHeads;
  config.next_encoding = "relative+rotary";
  config.location_after = location_after;
  Transformer model(config);
  model->initialise(1);
  model->eval();
  return model;
}

std::unique_ptr<OrderPolicy> order_of(const std::string& name, const Grid& grid) {
  OrderConfig config;
  config.name = name;
  config.grid = grid;
  return make_order(config);
}

torch::Tensor random_codes(int64_t batch, const Grid& grid) {
  torch::manual_seed(3);
  return torch::randint(kCodes, {batch, grid.size()}, torch::kInt64);
}

template <typename Work>
double seconds_of(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The matrix products of passing `rows` rows through the model, and nothing else.
class Products {
 public:
  explicit Products(int64_t most_rows) {
    const auto weight = [](int64_t in, int64_t out) { return torch::randn({out, in}).t(); };
    for (int64_t i = 0; i < kLayers; ++i) {
      layers_.push_back({weight(kWidth, 3 * kWidth), weight(kWidth, kWidth),
                         weight(kWidth, 4 * kWidth), weight(4 * kWidth, kWidth)});
    }
    head_ = weight(kWidth, kCodes);
    narrow_ = torch::randn({most_rows, kWidth});
    wide_ = torch::randn({most_rows, 4 * kWidth});
    logits_ = torch::empty({most_rows, kCodes});
  }
  void run(int64_t rows) {
    torch::Tensor x = narrow_.narrow(0, 0, rows), hidden = wide_.narrow(0, 0, rows);
    torch::Tensor qkv = wide_.view(-1).narrow(0, 0, rows * 3 * kWidth).view({rows, 3 * kWidth});
    torch::Tensor logits = logits_.narrow(0, 0, rows);
    for (auto& [in, out, up, down] : layers_) {
      at::mm_out(qkv, x, in);
      at::mm_out(narrow_other(rows), x, out);
      at::mm_out(hidden, x, up);
      at::mm_out(narrow_other(rows), hidden, down);
    }
    at::mm_out(logits, x, head_);
  }

 private:
  torch::Tensor& narrow_other(int64_t rows) {
    if (!other_.defined() || other_.size(0) != rows) other_ = torch::empty({rows, kWidth});
    return other_;
  }
  struct Layer {
    torch::Tensor in, out, up, down;
  };
  std::vector<Layer> layers_;
  torch::Tensor head_, narrow_, wide_, logits_, other_;
};

struct Times {
  double search = 0, baseline = 0;
};

void report(benchmark::State& state, const Times& times, const char* search, const char* baseline,
            int64_t images) {
  const double runs = static_cast<double>(state.iterations() * images);
  state.counters[std::string(search) + "_s_per_image"] = times.search / runs;
  state.counters[std::string(baseline) + "_s_per_image"] = times.baseline / runs;
  state.counters["ratio"] = times.baseline / times.search;
}

// The share of a search that is its matrix products: 1 would be a search that does nothing else.
// Of 16 images together every eighth step is taken, which keeps the mix of sizes.
void SearchAgainstItsMatrixProducts(benchmark::State& state) {
  const c10::InferenceMode no_gradients;
  const Grid grid{16, 16};
  const int64_t batch = state.range(0), n = grid.size(), stride = batch == 1 ? 1 : 8;
  Transformer model = model_of(grid);
  const torch::Tensor codes = random_codes(batch, grid);
  const torch::Tensor position_at = order_of("random", grid)->position_at(at::arange(batch));
  const auto policy = order_of("oar", grid);
  Products products(batch * n);
  Times times;
  for (auto _ : state) {
    if (stride == 1) {
      times.search += seconds_of([&] {
        CachedScorer scorer(model, batch);
        roll_out(scorer, *policy, given_codes(codes), at::arange(batch),
                 {.confidence = Confidence::kMaxProbability});
      });
      times.baseline += seconds_of([&] {
        for (int64_t r = n; r > 0; --r) products.run(batch * r);
      });
      continue;
    }
    CachedScorer scorer(model, batch, {.memory_bytes = int64_t{8} << 30});
    for (int64_t t = 0; t < n; t += stride) {
      if (t > 0) {  // not measured: the steps between
        const torch::Tensor before = position_at.narrow(1, t - stride + 1, stride - 1);
        scorer.prefill(before, codes.gather(1, before));
      }
      const torch::Tensor open = std::get<0>(position_at.narrow(1, t, n - t).sort(1));
      times.search += seconds_of([&] {
        torch::Tensor ranks;
        scorer.score(open, [&](int64_t, const torch::Tensor& logits) {
          ranks = confidence_of(Confidence::kMaxProbability, logits.log_softmax(-1), {});
        });
        const torch::Tensor next = position_at.narrow(1, t, 1);
        const torch::Tensor choice = (open < next).sum(1);
        benchmark::DoNotOptimize(ranks.argmax(1));
        benchmark::DoNotOptimize(scorer.chosen_logits(choice).log_softmax(-1));
        scorer.place(choice, codes.gather(1, next).squeeze(1));
      });
      times.baseline += seconds_of([&] { products.run(batch * (n - t)); });
    }
  }
  report(state, times, "search", "products", batch);
}
BENCHMARK(SearchAgainstItsMatrixProducts)->Arg(1)->Arg(16)->Iterations(1)->Unit(benchmark::kSecond);

/// Prefix and candidates in one sequence, no cache: what the search computes, without its trick.
void masked_step(Transformer& model, const torch::Tensor& codes, const torch::Tensor& position_at,
                 int64_t t) {
  const int64_t n = codes.size(1), r = n - t, batch = codes.size(0);
  const torch::Tensor nowhere = torch::full({batch, 1}, n, torch::kInt64);
  const torch::Tensor from = position_at.narrow(1, 0, t), open = position_at.narrow(1, t, r);
  std::vector<torch::Tensor> x;
  if (t > 0) {
    x.push_back(model->start_input({}, batch) + model->first_next(position_at.narrow(1, 0, 1)));
    if (t > 1) {
      const torch::Tensor placed = from.narrow(1, 0, t - 1);
      x.push_back(model->patch_input(codes.gather(1, placed), placed) +
                  model->next(placed, from.narrow(1, 1, t - 1)));
    }
    const torch::Tensor last = from.narrow(1, t - 1, 1);
    x.push_back(model->patch_input(codes.gather(1, last), last) + model->next(last, open));
  } else {
    x.push_back(model->start_input({}, batch) + model->first_next(open));
  }
  torch::Tensor own = at::cat({nowhere, from}, 1);
  own = at::cat({own.narrow(1, 0, t), own.narrow(1, t, 1).expand({batch, r})}, 1);
  torch::Tensor mask = torch::zeros({n, n}, torch::kBool);
  mask.narrow(0, 0, t).narrow(1, 0, t).fill_(true).tril_();
  mask.narrow(0, t, r).narrow(1, 0, t).fill_(true);
  mask.narrow(0, t, r).narrow(1, t, r).fill_diagonal_(true);
  const torch::Tensor out =
      model->run(at::cat(x, 1), 0, model->num_blocks(), position_at, own, mask);
  benchmark::DoNotOptimize(model->logits(out.narrow(1, t, r)).log_softmax(-1));
}

using Step = void (*)(Transformer& model, const torch::Tensor& codes,
                      const torch::Tensor& position_at, int64_t t);

/// Every `stride`-th step of a search, against another way to the same logits.
void against_search(benchmark::State& state, const Grid& grid, int64_t stride, const char* name,
                    Step baseline) {
  const c10::InferenceMode no_gradients;
  const int64_t batch = state.range(0), n = grid.size();
  Transformer model = model_of(grid);
  const torch::Tensor codes = random_codes(batch, grid);
  const torch::Tensor position_at = order_of("random", grid)->position_at(at::arange(batch));
  Times times;
  for (auto _ : state) {
    CachedScorer scorer(model, batch, {.memory_bytes = int64_t{8} << 30});
    for (int64_t t = 0; t < n; t += stride) {
      if (t > 0 && stride > 1) {  // not measured: the steps between
        const torch::Tensor before = position_at.narrow(1, t - stride + 1, stride - 1);
        scorer.prefill(before, codes.gather(1, before));
      }
      const torch::Tensor open = position_at.narrow(1, t, n - t);
      times.search += seconds_of([&] {
        scorer.score(open, [](int64_t, const torch::Tensor& logits) {
          benchmark::DoNotOptimize(logits.log_softmax(-1));
        });
        scorer.place(torch::zeros({batch}, torch::kInt64), codes.gather(1, open).select(1, 0));
      });
      times.baseline += seconds_of([&] { baseline(model, codes, position_at, t); });
    }
  }
  report(state, times, "search", name, batch);
}

void MaskedPassWithoutCacheAgainstSearch(benchmark::State& state) {
  against_search(state, Grid{16, 16}, state.range(0) == 1 ? 4 : 32, "masked", masked_step);
}
BENCHMARK(MaskedPassWithoutCacheAgainstSearch)
    ->Arg(1)
    ->Arg(16)
    ->Iterations(1)
    ->Unit(benchmark::kSecond);

/// Each candidate in a sequence of its own, as one does without a cache or a mask.
void naive_step(Transformer& model, const torch::Tensor& codes, const torch::Tensor& position_at,
                int64_t t) {
  const int64_t n = codes.size(1), r = n - t, sequences = codes.size(0) * r;
  const torch::Tensor placed = position_at.narrow(1, 0, t).repeat_interleave(r, 0);
  const torch::Tensor orders =
      at::cat({placed, position_at.narrow(1, t, r).reshape({sequences, 1})}, 1);
  torch::Tensor x = model->start_input({}, sequences) + model->first_next(orders.narrow(1, 0, 1));
  if (t > 0) {
    const torch::Tensor rows = codes.repeat_interleave(r, 0);
    x = at::cat({x, model->patch_input(rows.gather(1, placed), placed) +
                        model->next(placed, orders.narrow(1, 1, t))},
                1);
  }
  const torch::Tensor own = at::cat({torch::full({sequences, 1}, n, torch::kInt64), placed}, 1);
  const torch::Tensor out = model->run(x, 0, model->num_blocks(), orders, own);
  benchmark::DoNotOptimize(model->logits(out).select(1, t).log_softmax(-1));
}

void NaiveSearchAgainstSearch(benchmark::State& state) {
  against_search(state, Grid{8, 8}, state.range(0) == 1 ? 1 : 8, "naive", naive_step);
}
BENCHMARK(NaiveSearchAgainstSearch)->Arg(1)->Arg(16)->Iterations(1)->Unit(benchmark::kSecond);

/// The products of attention when one patch of each image looks at `length` others.
void attention_products(int64_t batch, int64_t length, const torch::Tensor& cache) {
  const int64_t d = kWidth / kHeads;
  const torch::Tensor query = torch::ones({batch * kHeads, 1, d});
  for (int64_t i = 0; i < kLayers; ++i) {
    const torch::Tensor keys = cache.select(0, 2 * i).narrow(1, 0, length);
    const torch::Tensor values = cache.select(0, 2 * i + 1).narrow(1, 0, length);
    benchmark::DoNotOptimize(at::bmm(at::bmm(query, keys.transpose(1, 2)), values));
  }
}

// Drawing images in raster order: the share of the time that is matrix products, those of the
// linear layers (`ratio`) and those of attention with them (`ratio_with_attention`), whose keys and
// values are as many bytes at batch 16 as the weights.
void RasterSamplingAgainstItsMatrixProducts(benchmark::State& state) {
  const c10::InferenceMode no_gradients;
  const Grid grid{16, 16};
  const int64_t batch = state.range(0);
  Transformer model = model_of(grid);
  const auto policy = order_of("raster", grid);
  Products products(batch);
  const torch::Tensor cache =
      torch::randn({2 * kLayers, batch * kHeads, grid.size(), kWidth / kHeads});
  Times times;
  double attention = 0;
  for (auto _ : state) {
    times.search += seconds_of([&] {
      CachedScorer scorer(model, batch);
      roll_out(scorer, *policy, drawn_codes({}, at::arange(batch)), at::arange(batch));
    });
    times.baseline += seconds_of([&] {
      for (int64_t t = 0; t < grid.size(); ++t) products.run(batch);
    });
    attention += seconds_of([&] {
      for (int64_t t = 0; t < grid.size(); ++t) attention_products(batch, t + 1, cache);
    });
  }
  report(state, times, "sampling", "products", batch);
  state.counters["ratio_with_attention"] = (times.baseline + attention) / times.search;
}
BENCHMARK(RasterSamplingAgainstItsMatrixProducts)
    ->Arg(1)
    ->Arg(16)
    ->Iterations(3)
    ->Unit(benchmark::kSecond);

// The location head draws where and what in one step; the search asks every open patch.
void LocationHeadAgainstSearch(benchmark::State& state) {
  const c10::InferenceMode no_gradients;
  const Grid grid{16, 16};
  Transformer model = model_of(grid), headed = model_of(grid, kLayers / 2);
  Times times;
  Rollout searched, said;
  for (auto _ : state) {
    times.search += seconds_of([&] {
      CachedScorer scorer(headed, 1);
      said = roll_out(scorer, *order_of("location_head", grid), drawn_codes({}, at::arange(1)),
                      at::arange(1));
    });
    times.baseline += seconds_of([&] {
      CachedScorer scorer(model, 1);
      searched = roll_out(scorer, *order_of("oar", grid), drawn_codes({}, at::arange(1)),
                          at::arange(1), {.confidence = Confidence::kMaxProbability});
    });
  }
  report(state, times, "location_head", "search", 1);
  state.counters["evaluations_ratio"] =
      static_cast<double>(searched.token_evaluations) / static_cast<double>(said.token_evaluations);
}
BENCHMARK(LocationHeadAgainstSearch)->Iterations(1)->Unit(benchmark::kSecond);

}  // namespace
}  // namespace oar

int main(int argc, char** argv) {
  benchmark::AddCustomContext("threads", std::to_string(at::get_num_threads()));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
