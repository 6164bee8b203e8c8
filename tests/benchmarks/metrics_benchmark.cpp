// How long the metrics take from features, on as many threads as OMP_NUM_THREADS says, beside the
// textbook route in the same run. The peers' times on the same shapes: tests/benchmarks/peers.py.
//
//   make bench                                     all, a few minutes
//   build/metrics_benchmark --benchmark_filter=Fid
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>

#include "metrics/fid.h"
#include "metrics/fid_interval.h"
#include "metrics/kid.h"
#include "metrics/manifold.h"
#include "metrics/moments.h"

namespace oar {
namespace {

constexpr int64_t kDim = 2048;

// Features like the Inception's: none negative, correlated, with a spectrum that falls by 10^4.
torch::Tensor features(int64_t seed, int64_t images, double scale = 1) {
  static const torch::Tensor mix = [] {
    torch::manual_seed(0);
    return torch::randn({kDim, kDim}) / std::sqrt(kDim) *
           torch::logspace(0, -1.5, kDim).unsqueeze(1);
  }();
  torch::manual_seed(static_cast<uint64_t>(seed));
  return (torch::randn({images, kDim}).matmul(mix) * scale + 1).clamp_min(0);
}

const Moments& moments(int64_t seed) {
  static const Moments first = moments_of(features(1, 10000)),
                       second = moments_of(features(2, 10000, 1.1));
  return seed == 1 ? first : second;
}

void in_seconds(benchmark::internal::Benchmark* benchmark) {
  benchmark->Unit(benchmark::kMillisecond)->UseRealTime()->MeasureProcessCPUTime();
}

// ---- FID ----

void FidOfMoments(benchmark::State& state) {
  const Moments &a = moments(1), &b = moments(2);
  double value = 0;
  for (auto _ : state) value = fid(a, b);
  state.counters["fid"] = value;
}
BENCHMARK(FidOfMoments)->Apply(in_seconds);

// Both covariances of 1500 images: the exact route through eigenvectors and singular values.
void FidOfSingularMoments(benchmark::State& state) {
  const Moments a = moments_of(features(1, 1500)), b = moments_of(features(2, 1500, 1.1));
  for (auto _ : state) benchmark::DoNotOptimize(fid(a, b));
}
BENCHMARK(FidOfSingularMoments)->Apply(in_seconds)->Iterations(1);

// As torch-fidelity 0.4 does it: complex square roots of the eigenvalues of Σ1 Σ2.
void FidBaselineEigenvaluesOfTheProduct(benchmark::State& state) {
  const Moments &a = moments(1), &b = moments(2);
  double value = 0;
  for (auto _ : state) {
    const torch::Tensor roots = at::linalg_eigvals(a.covariance.matmul(b.covariance)).sqrt();
    value = ((a.mean - b.mean).square().sum() + a.covariance.trace() + b.covariance.trace() -
             2 * at::real(roots).sum())
                .item<double>();
  }
  state.counters["fid"] = value;
}
BENCHMARK(FidBaselineEigenvaluesOfTheProduct)->Apply(in_seconds)->Iterations(1);

void FidOfFewImages(benchmark::State& state) {
  const torch::Tensor a = features(1, state.range(0)), b = features(2, state.range(0), 1.1);
  for (auto _ : state) benchmark::DoNotOptimize(fid(a, b));
}
BENCHMARK(FidOfFewImages)->Apply(in_seconds)->Arg(500)->Arg(1000)->Arg(2000);

void MomentsOfImages(benchmark::State& state) {
  const torch::Tensor rows = features(1, state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(moments_of(rows).mean);
}
BENCHMARK(MomentsOfImages)->Apply(in_seconds)->Arg(10000);

void FidIntervalOfTenSubsets(benchmark::State& state) {
  const FidReference reference(moments(1));
  const torch::Tensor generated = features(2, 10000, 1.1);
  for (auto _ : state) benchmark::DoNotOptimize(fid_interval(reference, generated).low);
}
BENCHMARK(FidIntervalOfTenSubsets)->Apply(in_seconds)->Iterations(1);

// ---- KID, precision and recall: 10,000 images a side are what papers report on ----

void KidOfHundredSubsets(benchmark::State& state) {
  const torch::Tensor real = features(1, state.range(0));
  const torch::Tensor generated = features(2, state.range(0), 1.05);
  double value = 0;
  for (auto _ : state) value = kid(real, generated).mean;
  state.counters["kid"] = value;
}
BENCHMARK(KidOfHundredSubsets)->Apply(in_seconds)->Arg(5000)->Arg(10000)->Iterations(1);

void PrecisionRecallDensityCoverage(benchmark::State& state) {
  const torch::Tensor real = features(1, state.range(0));
  const torch::Tensor generated = features(2, state.range(0), 1.05);
  ManifoldScores scores;
  for (auto _ : state) scores = manifold_metrics(real, generated);
  state.counters["precision"] = scores.precision;
}
BENCHMARK(PrecisionRecallDensityCoverage)
    ->Apply(in_seconds)
    ->Arg(2000)
    ->Arg(5000)
    ->Arg(10000)
    ->Iterations(1);

// The float64 matrix form of all three distance matrices, a block at a time: what the screen saves.
void PrecisionBaselineFloat64Products(benchmark::State& state) {
  const torch::Tensor x = features(1, state.range(0)).to(torch::kFloat64);
  const torch::Tensor y = features(2, state.range(0), 1.05).to(torch::kFloat64);
  for (auto _ : state) {
    for (const auto& [a, b] : {std::pair(x, x), std::pair(y, y), std::pair(x, y)}) {
      for (const torch::Tensor& rows : a.split(2048)) {
        const torch::Tensor squared =
            rows.square().sum(1, true) + b.square().sum(1) - 2 * rows.matmul(b.t());
        benchmark::DoNotOptimize(std::get<0>(squared.topk(4, 1, /*largest=*/false)));
      }
    }
  }
}
BENCHMARK(PrecisionBaselineFloat64Products)->Apply(in_seconds)->Arg(2000)->Arg(5000)->Iterations(1);

}  // namespace
}  // namespace oar

int main(int argc, char** argv) {
  benchmark::AddCustomContext("threads", std::to_string(at::get_num_threads()));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
