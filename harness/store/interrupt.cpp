#include "harness/store/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>

namespace oar {
namespace {

constexpr int kExitInterrupted = 75;  // EX_TEMPFAIL: run again to resume

std::atomic<int> signals_seen{0};
static_assert(std::atomic<int>::is_always_lock_free, "a handler must not take a lock");

// Async-signal-safe: a lock-free counter and _exit, nothing else.
void on_signal(int) {
  if (signals_seen.fetch_add(1) > 0) _exit(kExitInterrupted);
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
