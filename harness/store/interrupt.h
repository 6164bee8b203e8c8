#pragma once

#include <stdexcept>

namespace oar {

/// The user, or the cluster, asked the program to stop, and the stage at hand has written its
/// checkpoint. `main` turns it into exit code 75: the same command again continues.
struct Interrupted : std::runtime_error {
  Interrupted();
};

/// From now on the first SIGINT, SIGTERM or SIGUSR1 (the one that mpirun hands on to its ranks; a
/// SIGTERM it turns into their end a second later) only sets a flag, for the stages to finish their
/// step and to write a checkpoint; the second, of either kind and half a second later or
/// more, ends the process at once with code 75; earlier it is the same request by another way.
/// SIGPIPE is ignored: a reader that closes its end costs the messages, not the run.
///
/// Errors  std::system_error if a handler cannot be installed.
void install_signal_handlers();

/// Whether a first signal has come.
bool interrupt_requested();

}  // namespace oar
