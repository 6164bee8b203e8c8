#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/doctor/finding.h"
#include "harness/weights/known_weights.h"

namespace oar {

/// The embedded network by the SHA-256 of its bytes, and each file that users bring: here, missing,
/// damaged or half downloaded. A missing file is no problem until a sweep names its network.
std::vector<Finding> check_weights(const std::vector<KnownWeights>& known,
                                   const std::filesystem::path& folder,
                                   const std::string& embedded_sha256);

/// Whether pictures of reports can be drawn: `python` starts and has matplotlib, and the script is
/// there.
Finding check_plots(const std::string& python, const std::filesystem::path& script);

}  // namespace oar
