#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/measure/scores.h"

namespace oar {

/// What `oar-bench metrics` was asked to do.
struct MetricsOptions {
  std::filesystem::path real;       ///< images, or an .npz of statistics
  std::filesystem::path generated;  ///< images; empty: only what concerns the real ones is done
  std::string features = "inception_v3";
  std::string weights;  ///< file; empty: the embedded ones, or those that were imported
  ExtractorOptions extractor;
  ScoreOptions scores;                      ///< metrics empty: all that these inputs can have
  std::vector<std::string> set_explicitly;  ///< "--kid-subset-size", … where the user gave them
  std::string device = "auto";
  std::filesystem::path cache;  ///< of features; empty: the user's cache folder
  bool no_cache = false;
  bool recursive = false;
  bool skip_broken = false;
  bool json = false;                    ///< standard output holds one JSON object and nothing else
  bool quiet = false;                   ///< no progress
  std::filesystem::path save_features;  ///< .npz
  std::filesystem::path save_statistics;  ///< .npz
};

/// Measures two sets of images with every metric in one pass over each, and prints a table or JSON.
/// Features are cached by content, so a second call reads bytes and runs no network.
///
/// Returns 0; 1 if a metric that was asked for by name could not be computed.
///
/// Errors  std::invalid_argument for options that do not fit each other or the numbers of images,
///         before the first image is decoded; BadData; Interrupted.
int run_metrics(const MetricsOptions& options);

}  // namespace oar
