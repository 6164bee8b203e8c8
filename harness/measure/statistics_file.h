#pragma once

#include <filesystem>

#include "harness/measure/feature_set.h"

namespace oar {

/// Whether the file is an .npz that holds statistics (`mu`, `sigma`) and no images: what
/// pytorch-fid saves with --save-stats. ADM's reference batches hold both and count as images.
bool is_statistics_file(const std::filesystem::path& path);

/// Mean and covariance `mu`, `sigma`, and where there are `mu_s`, `sigma_s`, those of the spatial
/// features. `num_images` is read where it is there; neither of the two tools writes it.
///
/// Errors  BadData for arrays of other shapes, or values that are not finite.
FeatureSet read_statistics(const std::filesystem::path& path);

/// Writes the same arrays, float64, so that pytorch-fid and ADM's evaluator read the file.
///
/// Errors  BadData if the set has no covariance; std::system_error.
void write_statistics(const std::filesystem::path& path, const FeatureSet& set);

}  // namespace oar
