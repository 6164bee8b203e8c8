#pragma once

#include <filesystem>
#include <vector>

#include "harness/doctor/finding.h"

namespace oar {

/// Whether a store can be written to, whether `flock` holds on its file system, how much space is
/// left, and how much it takes. A store that is not there yet is judged by the folder that it would
/// be made in. What is tried there is removed again.
std::vector<Finding> check_store(const std::filesystem::path& store);

}  // namespace oar
