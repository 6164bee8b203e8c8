#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "harness/store/progress.h"
#include "harness/upkeep/verify.h"

namespace oar {

struct PublishedReport {
  int64_t records = 0, files = 0, bytes = 0;  ///< looked at
  int64_t ordered = 0;                        ///< cells whose order statistics were computed again
  int64_t rescored = 0;                       ///< cells whose scores were
  /// Each score that was computed again: record, cell, metric, recorded, found.
  nlohmann::json scores = nlohmann::json::array();
  std::vector<std::string> notes;  ///< what was not computed again, and why
  std::vector<VerifyProblem> problems;
};

/// The published records in a folder: itself, or those directly below it, by name. A folder below
/// it that holds a results.json and no contents.json counts too. Empty: verify() is for it.
std::vector<std::filesystem::path> published_records(const std::filesystem::path& folder);

/// Looks at records that publish() made, and believes nothing: every file against contents.json,
/// report.md and tables against results.json, which they are rendered from again and must equal to
/// the last byte, order statistics against the orders, and scores against the codes, which are
/// decoded, looked at by the extractor and scored again.
///
/// Tokenizers and reference features are kept as float16, so that scores agree within a tolerance
/// only; order statistics to 1e-9 (relative above 1). Scores need the extractor's weights: where
/// they are not part of the program, or codes are not kept, a note says how many were not computed
/// again. `rescore`: at most so many cells of each record; all without it.
///
/// Errors  Interrupted; std::system_error if a file cannot be read for a reason that lies in the
///         disk.
PublishedReport verify_published(const std::vector<std::filesystem::path>& records,
                                 std::optional<int64_t> rescore, Progress& progress);

}  // namespace oar
