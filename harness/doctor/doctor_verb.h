#pragma once

#include <filesystem>
#include <iosfwd>

#include "harness/verb.h"

namespace oar {

/// What `oar-bench doctor` was asked.
struct DoctorOptions {
  std::filesystem::path store = "store";
  bool json = false;
};

/// Adds `oar-bench doctor`: what a run would find on this machine, and what to do about it.
Verb add_doctor_verb(CLI::App& app);

/// Looks at device, processor, threads, memory, libraries, weights, pictures and store, and prints
/// what it found. Returns kSomeFailed if anything would stop a run.
int run_doctor(const DoctorOptions& options, std::ostream& out);

}  // namespace oar
