#pragma once

#include <filesystem>
#include <optional>

#include "harness/measure/feature_set.h"
#include "metrics/feature_extractor.h"

namespace oar {

/// Statistics and, where the file says so, the network that they were measured with.
struct Statistics {
  FeatureSet set;
  std::optional<ExtractorIdentity> extractor;
};

/// Whether the file is an .npz, whatever its name, that holds statistics (`mu`, `sigma`) and no
/// images: what pytorch-fid saves with --save-stats. ADM's reference batches hold both and count as
/// images.
bool is_statistics_file(const std::filesystem::path& path);

/// Mean and covariance `mu`, `sigma`, and where there are `mu_s`, `sigma_s`, those of the spatial
/// features. `num_images` and `oar_extractor` (JSON in bytes) are read where they are there;
/// neither of the two tools writes them.
///
/// Errors  BadData for arrays of other shapes or no elements, or values that are not finite.
Statistics read_statistics(const std::filesystem::path& path);

/// Writes the same arrays, float64, so that pytorch-fid and ADM's evaluator read the file.
///
/// Errors  BadData if the set has no covariance; std::system_error.
void write_statistics(const std::filesystem::path& path, const Statistics& statistics);

}  // namespace oar
