#pragma once

#include <nlohmann/json.hpp>

namespace oar {

/// The part of a record that comparisons need: cells, the keys of their stages, metrics, and the
/// settings that must agree; a tenth of the whole, to be kept in a repository. It is a record
/// itself: compared with anything, it gives what the whole gives.
nlohmann::json baseline_of(const nlohmann::json& results);

}  // namespace oar
