#include "harness/store/interrupt.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace oar {
namespace {

constexpr int kExitInterrupted = 75;  // EX_TEMPFAIL: run again to resume

std::atomic<int> signals_seen{0};
static_assert(std::atomic<int>::is_always_lock_free, "a handler must not take a lock");

// A service manager or a cluster tells every process of a job, and our own parent hands the same
// signal on: what comes again within this time is the same request.
constexpr int64_t kOneRequest = 500'000'000;  // nanoseconds
std::atomic<int64_t> first_signal{0};

// Async-signal-safe: lock-free numbers, clock_gettime and _exit, nothing else.
void on_signal(int) {
  timespec time = {};
  clock_gettime(CLOCK_MONOTONIC, &time);
  const int64_t now = int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  int64_t first = 0;
  if (first_signal.compare_exchange_strong(first, now)) {
    signals_seen.store(1);
  } else if (now - first > kOneRequest) {
    _exit(kExitInterrupted);
  }
}

void install(int number, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;  // libraries that read files need not know of interrupted calls
  sigemptyset(&action.sa_mask);
  if (sigaction(number, &action, nullptr) != 0) {
    throw std::system_error(errno, std::generic_category(), "installing a signal handler");
  }
}

}  // namespace

Interrupted::Interrupted()
    : std::runtime_error("interrupted; the same command again continues from here") {}

void install_signal_handlers() {
  install(SIGINT, on_signal);
  install(SIGTERM, on_signal);
  install(SIGUSR1, on_signal);
  install(SIGPIPE, SIG_IGN);
}

bool interrupt_requested() { return signals_seen.load() > 0; }

}  // namespace oar
