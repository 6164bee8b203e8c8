// A batch that is computed in parts: for want of memory, or by several processes.
#include <ATen/ops/arange.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <mutex>

#include "models/any_order/trainer.h"
#include "tests/models/any_order/trained_with_everything.h"
#include "tests/models/distributed/thread_ranks.h"
#include "tests/models/memory/limited_memory.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

struct Trained {
  TensorMap state;
  std::vector<double> losses, location_losses;
};

Trained train(AnyOrderTrainer& trainer, int64_t images = 10) {
  Trained trained;
  for (int64_t step = 0; step < kSteps; ++step) {
    trained.losses.push_back(trainer.step(batch_of(step, images)));
    trained.location_losses.push_back(trainer.location_loss());
  }
  for (const auto& [name, tensor] : trainer.state()) trained.state[name] = tensor.clone();
  return trained;
}

/// Weights agree to 1e-6 of their norm. One by one they need not: sums of float32 in another order
/// differ in the last bits, and Adam's update by m / sqrt(v) is as large for a gradient of such
/// bits as for any other (the bias of attention's keys has no other, as softmax ignores it).
void expect_same(const Trained& found, const Trained& expected) {
  double size = 0, difference = 0;
  for (const auto& [name, tensor] : expected.state) {
    if (!name.starts_with("model.")) continue;
    size += tensor.square().sum(torch::kFloat64).item<double>();
    difference += (found.state.at(name) - tensor).square().sum(torch::kFloat64).item<double>();
  }
  EXPECT_LE(std::sqrt(difference), 1e-6 * std::sqrt(size));
  for (size_t i = 0; i < expected.losses.size(); ++i) {
    EXPECT_NEAR(found.losses[i], expected.losses[i], 1e-6 * expected.losses[i]);
    EXPECT_NEAR(found.location_losses[i], expected.location_losses[i], 2e-6);
  }
}

TEST(MicroBatch, TrainsTheWeightsOfTheWholeBatch) {
  for (const double dropout : {0.0, 0.1}) {
    AnyOrderTrainer whole = new_trainer(dropout);
    const Trained expected = train(whole);
    for (const int64_t images : {5, 3, 1}) {
      SCOPED_TRACE(testing::Message() << "dropout " << dropout << ", parts of " << images);
      AnyOrderTrainer parted = new_trainer(dropout);
      parted.set_micro_batch(images);
      expect_same(train(parted), expected);
      EXPECT_EQ(parted.micro_batch(), images);
    }
    EXPECT_EQ(whole.micro_batch(), 0);
  }
}

TEST(MicroBatch, IsHalvedUntilItFitsAndTrainsTheSameWeights) {
  int64_t needed = 0;
  Trained expected, found;
  {
    LimitedMemory memory;
    AnyOrderTrainer undisturbed = new_trainer(0.1);
    expected = train(undisturbed, 16);
    needed = memory.most_used();
  }
  {
    LimitedMemory memory(needed / 2);
    AnyOrderTrainer trainer = new_trainer(0.1);
    found = train(trainer, 16);
    EXPECT_GE(memory.refusals(), 1);
    EXPECT_LE(memory.refusals(), 3);  // it is remembered: not once a step
    EXPECT_GT(trainer.micro_batch(), 0);
    EXPECT_LT(trainer.micro_batch(), 16);
  }
  expect_same(found, expected);
}

TEST(MicroBatch, TrainsNothingWhereNotOneImageFitsAndSaysSo) {
  AnyOrderTrainer trainer = new_trainer(0.0);
  const TrainingBatch batch = batch_of(0, 16);
  LimitedMemory memory(20000);
  EXPECT_THAT([&] { trainer.step(batch); },
              ThrowsMessage<OutOfMemory>(HasSubstr("one image at a time; choose a smaller model")));
  EXPECT_EQ(trainer.micro_batch(), 1);
}

/// The trainings of all ranks. Threads share libtorch's generator: no dropout here.
std::vector<Trained> train_on_ranks(int size, int64_t images) {
  std::vector<Trained> all(static_cast<size_t>(size));
  ThreadRanks::run(size, [&](std::shared_ptr<Communicator> ranks) {
    const int rank = ranks->rank();
    AnyOrderTrainer trainer = new_trainer(0.0, std::move(ranks));
    all[static_cast<size_t>(rank)] = train(trainer, images);
  });
  return all;
}

TEST(DataParallel, TrainsTheWeightsOfOneProcessWithTheWholeBatch) {
  AnyOrderTrainer alone = new_trainer(0.0);
  const Trained expected = train(alone);
  for (const int size : {2, 3}) {  // 10 images: shares of 5 and 5; of 3, 3 and 4
    SCOPED_TRACE(size);
    const std::vector<Trained> found = train_on_ranks(size, 10);
    expect_same(found[0], expected);
    for (const auto& [name, tensor] : found[0].state) {
      for (const Trained& other : found) EXPECT_TRUE(tensor.equal(other.state.at(name))) << name;
    }
  }
}

TEST(DataParallel, TrainsWithMoreRanksThanImages) {
  AnyOrderTrainer alone = new_trainer(0.0);
  const Trained expected = train(alone, 2);
  expect_same(train_on_ranks(3, 2)[2], expected);
}

TEST(DataParallel, TrainsUntilTheStepWhereOneRankIsAskedToStop) {
  std::vector<int64_t> stopped(3, -1);
  ThreadRanks::run(3, [&](std::shared_ptr<Communicator> ranks) {
    const int rank = ranks->rank();
    AnyOrderTrainer trainer = new_trainer(0.0, std::move(ranks));
    for (int64_t step = 0; step < kSteps; ++step) {
      trainer.step(batch_of(step, 6), /*stop=*/rank == 1 && step == 3);
      if (!trainer.stop_agreed()) continue;
      stopped[static_cast<size_t>(rank)] = trainer.steps_done();
      break;
    }
  });
  EXPECT_THAT(stopped, testing::Each(4));
}

TEST(DataParallel, TrainsNoFurtherWhereTheLossOfOneRankIsNotFinite) {
  std::vector<double> losses(2);
  ThreadRanks::run(2, [&](std::shared_ptr<Communicator> ranks) {
    const int rank = ranks->rank();
    AnyOrderTrainer trainer = new_trainer(0.0, std::move(ranks));
    TensorMap state = trainer.state();
    if (rank == 1) state.at("model.head.bias").fill_(NAN);  // of its own copy of the model
    losses[static_cast<size_t>(rank)] = trainer.step(batch_of(0, 4));
    EXPECT_EQ(trainer.steps_done(), 0);
  });
  EXPECT_THAT(losses, testing::Each(testing::IsNan()));
}

TEST(DataParallel, TrainsOnFromTheStateOfTheFirstRank) {
  AnyOrderTrainer begun = new_trainer(0.0);
  for (int64_t step = 0; step < 3; ++step) begun.step(batch_of(step, 4));
  const TensorMap checkpoint = begun.state();
  ThreadRanks::run(2, [&](std::shared_ptr<Communicator> ranks) {
    const bool leads = ranks->rank() == 0;
    AnyOrderTrainer trainer = new_trainer(0.0, std::move(ranks));
    if (leads) trainer.load_state(checkpoint, "checkpoint");
    trainer.share_state();
    EXPECT_EQ(trainer.steps_done(), 3);
    for (const auto& [name, tensor] : trainer.state()) {
      EXPECT_TRUE(tensor.equal(checkpoint.at(name))) << name;
    }
  });
}

}  // namespace
}  // namespace oar
