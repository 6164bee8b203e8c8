// One step of a tokenizer's training, preset `tiny` at 64x64 in batches of 16, fp32, as
// VqganTrainer makes it: reconstruction and codebook losses, backward pass, clipping and Adam; no
// perceptual loss and no discriminator.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/ops/randint.h>
#include <benchmark/benchmark.h>

#include "models/memory/kept_memory.h"
#include "models/vqgan/trainer.h"

namespace oar {
namespace {

void TrainingStep(benchmark::State& state) {
  const int64_t batch = state.range(0), side = state.range(1);
  TrainerOptions options = trainer_preset("tiny");
  options.batch_size = batch;
  options.perceptual_weight = 0;
  options.quantise_from = 0;
  VqganTrainer trainer(Vqgan(vqgan_preset("tiny", side)), options);
  const torch::Tensor images =
      at::randint(0, 256, {batch, 3, side, side}, at::detail::createCPUGenerator(1), torch::kByte);
  int64_t step = 0;
  for (; step < 3; ++step) trainer.step(images, step);  // k-means, and memory that is taken once
  for (auto _ : state) benchmark::DoNotOptimize(trainer.step(images, step++).total);
  state.counters["images_per_second"] = benchmark::Counter(
      static_cast<double>(state.iterations() * batch), benchmark::Counter::kIsRate);
}
BENCHMARK(TrainingStep)
    ->Args({16, 64})
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace oar

int main(int argc, char** argv) {
  oar::keep_freed_memory();
  benchmark::AddCustomContext("threads", std::to_string(at::get_num_threads()));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
