#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/store/progress.h"

namespace oar {

struct VerifyOptions {
  std::filesystem::path store;
  std::optional<std::filesystem::path> run;  ///< folder of a results.json; else the whole store
  bool set_aside = false;  ///< moves what is damaged to <key>.damaged, so that a run makes it anew
};

/// Something that is not what its record says.
struct VerifyProblem {
  std::filesystem::path path;
  std::string found;       ///< what is wrong
  std::string next;        ///< what to do about it
  bool set_aside = false;  ///< it was moved out of the way
};

struct VerifyReport {
  int64_t artifacts = 0, bytes = 0;  ///< looked at
  int64_t rescored = 0;              ///< scores computed anew
  std::vector<std::string> notes;    ///< what could not be checked, and why
  std::vector<VerifyProblem> problems;
};

/// Looks at every artifact of a run, or of a store, and believes nothing: the manifest against its
/// own hash, the key against stage, version, configuration and inputs, every file against its
/// SHA-256, the run's record against the manifests, and the scores against the features, from which
/// they are computed again and must agree to the last bit.
///
/// Scores of another stage version are not computed again, and a note says so. On another kind of
/// processor the last bits may differ: up to a relative 1e-9 that is a note and no problem.
///
/// Errors  BadData if results.json is none; Interrupted; std::system_error if a file cannot be read
///         for a reason that lies in the disk.
VerifyReport verify(const VerifyOptions& options, Progress& progress);

}  // namespace oar
