#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/dataset.h"

namespace oar {

/// A file's place in the queue for some purpose: the SHA-256 of "<purpose>/<seed>/<file>". Nothing
/// but the three decides it, so it stays when other files come or go.
std::string file_rank(std::string_view purpose, int64_t seed, std::string_view file);

/// Holds out exactly round(held_out * n) images: those that rank first for "split". An image that
/// is added or removed moves at most one other across the line. Ranks go by file name, so the split
/// depends on neither the order of the listing nor the machine.
///
/// Errors  BadData if no image is left to train on.
void assign_splits(std::vector<ImageRecord>& images, double held_out, int64_t seed);

}  // namespace oar
