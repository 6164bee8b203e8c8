// What the ranks of tests/models/distributed do: `mpirun -n 2 ranks_program <what> [argument]`.
#include <ATen/ops/full.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <string>

#include "models/distributed/communicator.h"
#include "models/weights/safetensors.h"
#include "tests/models/any_order/trained_with_everything.h"

namespace oar {
namespace {

double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// Sums of numbers whose float32 sums depend on their order: their bits, folded.
uint64_t folded_sum(Communicator& ranks, int64_t count) {
  torch::Tensor values = torch::empty({count});
  float* const value = values.mutable_data_ptr<float>();
  for (int64_t i = 0; i < count; ++i) {
    value[i] = static_cast<float>(
        random_uniform(7, Stream::kTrainingBatch,
                       {static_cast<uint64_t>(ranks.rank()), static_cast<uint64_t>(i)}));
  }
  ranks.sum({values});
  uint64_t folded = 0;
  const auto* const bits = reinterpret_cast<const uint32_t*>(values.const_data_ptr<float>());
  for (int64_t i = 0; i < count; ++i) folded = folded * 1099511628211u + bits[i];
  return folded;
}

void compute(Communicator& ranks) {
  const torch::Tensor mine = torch::full({2, 3}, ranks.rank() + 1.0, torch::kFloat64);
  const torch::Tensor single = torch::full({}, 0.5);
  const torch::Tensor across = torch::full({3, 2}, ranks.rank() + 1.0).t();  // not contiguous
  ranks.sum({mine, single, across});
  const torch::Tensor told = torch::full({4}, 10 + ranks.rank(), torch::kInt64);
  ranks.broadcast({told});
  fmt::print("rank {} of {}: sum {} {} {} broadcast {} announce {} bits {:x} {:x}\n", ranks.rank(),
             ranks.size(), mine[1][2].item<double>(), single.item<double>(),
             across[0][2].item<double>(), told[3].item<int64_t>(),
             ranks.announce(ranks.rank() + 40), folded_sum(ranks, 1000),
             folded_sum(ranks, 3'000'000));
}

/// Rank 0 is busy elsewhere; how much of a processor do the others use while they wait?
void wait_for_first(Communicator& ranks) {
  const double before = processor_seconds();
  if (ranks.rank() == 0) ::sleep(2);
  ranks.announce(1);
  if (ranks.rank() == 1) fmt::print("waited with {:.3f} s\n", processor_seconds() - before);
}

/// Trains; rank `victim` is killed in the middle where one is named.
void train(std::shared_ptr<Communicator> ranks, const std::string& file, int victim) {
  const int rank = ranks->rank();
  AnyOrderTrainer trainer = new_trainer(0.1, ranks);
  for (int64_t step = 0; step < kSteps; ++step) {
    if (rank == victim && step == kSteps / 2) ::kill(::getpid(), SIGKILL);
    trainer.step(batch_of(step, 10));
  }
  if (rank == 0) write_safetensors(file, trainer.state());
}

int run(const std::string& what, const std::string& argument) {
  try {
    const auto ranks = open_communicator();
    if (!ranks) {
      fmt::print("alone\n");
      return 0;
    }
    if (what == "compute") compute(*ranks);
    if (what == "wait") wait_for_first(*ranks);
    if (what == "train") train(ranks, argument, -1);
    if (what == "die") train(ranks, "", std::stoi(argument));
    if (what == "abort" && ranks->rank() == 1) ranks->abort(std::stoi(argument));
    if (what == "abort") ranks->announce(0);
    if (what == "fail" && ranks->rank() == 1) return std::stoi(argument);  // others go on waiting
    if (what == "fail") ranks->announce(ranks->announce(0));
    return 0;
  } catch (const RankLost& lost) {
    fmt::print(stderr, "{}\n", lost.what());
    return 75;
  } catch (const std::invalid_argument& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}

}  // namespace
}  // namespace oar

int main(int argc, char** argv) {
  const int code = oar::run(argc > 1 ? argv[1] : "", argc > 2 ? argv[2] : "");
  std::fflush(stdout);
  return code;
}
