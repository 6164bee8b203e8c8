#include "datasets/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

TEST(ParallelFor, CallsEachNumberOnce) {
  for (const int64_t threads : {0, 1, 4, 100}) {
    std::vector<std::atomic<int>> calls(50);
    parallel_for(50, threads, [&](int64_t i) { ++calls[i]; });
    for (const auto& count : calls) EXPECT_EQ(count, 1) << threads << " threads";
  }
}

TEST(ParallelFor, ThrowsTheExceptionOfTheLowestNumberWhateverTheThreads) {
  for (const int64_t threads : {1, 2, 8}) {
    const auto run = [threads] {
      parallel_for(1000, threads, [](int64_t i) {
        if (i >= 7) throw std::runtime_error(std::to_string(i));
      });
    };
    EXPECT_EQ(message_of<std::runtime_error>(run), "7") << threads << " threads";
  }
}

TEST(ParallelFor, NothingToDoIsDone) {
  parallel_for(0, 4, [](int64_t) { FAIL(); });
}

}  // namespace
}  // namespace oar
