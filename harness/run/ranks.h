#pragma once

#include <string>
#include <vector>

namespace oar {

/// Starts this program with these arguments as `ranks` processes of mpirun, on this machine, waits
/// for them and returns the exit code of the whole.
///
/// A dead rank takes the others with it within seconds, and the code is 75. The first SIGINT or
/// SIGTERM reaches every rank as SIGUSR1, on which they finish the step and write a checkpoint, and
/// the code is 75 again (mpirun itself makes of SIGTERM the end of its ranks a second later, and
/// returns 1); the second ends them.
///
/// The processors are divided among the ranks, unless OMP_NUM_THREADS is set.
///
/// Errors  std::invalid_argument for fewer than two ranks, or where mpirun is not installed;
///         std::system_error if no process can be made. Call it before any thread is started.
int run_under_mpi(int ranks, const std::vector<std::string>& arguments);

/// Where this process is one of several that mpirun or srun started: goes on in a child, and
/// returns there. The process itself waits, hands signals on, and ends as the child does, or with
/// 75 where a signal ended that: launchers report how their process ended, and so they report 75
/// when a rank is killed, for want of memory for one. Call it before any thread is started.
///
/// Errors  std::system_error if there can be no child.
void guard_rank();

/// The words that this program was called with, without this option and its value.
std::vector<std::string> own_arguments_without(const std::string& option);

/// The exit code of a job by the one that mpirun ended with: 75 where a signal ended a rank, or the
/// user stopped them all. A rank that crashed keeps its code (139: SIGSEGV).
int job_exit_code(int mpirun_code, bool user_stopped);

}  // namespace oar
