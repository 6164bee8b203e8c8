#include "datasets/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

namespace oar {

void parallel_for(int64_t count, int64_t threads, const std::function<void(int64_t)>& body) {
  std::atomic<int64_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  int64_t failed_at = std::numeric_limits<int64_t>::max();
  std::exception_ptr failure;

  const auto work = [&] {
    while (!failed) {
      const int64_t number = next++;
      if (number >= count) return;
      try {
        body(number);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (number < failed_at) {
          failed_at = number;
          failure = std::current_exception();
        }
        failed = true;
      }
    }
  };

  if (threads <= 0) threads = std::max<int64_t>(1, std::thread::hardware_concurrency());
  std::vector<std::jthread> helpers;  // the calling thread is the remaining worker
  for (int64_t i = 1; i < std::min(threads, count); ++i) helpers.emplace_back(work);
  work();
  helpers.clear();  // joins
  if (failure) std::rethrow_exception(failure);
}

}  // namespace oar
