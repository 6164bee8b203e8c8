#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace oar {

/// The table of `oar-bench metrics` for people: what was compared, by which network, each number
/// with its spread and numbers of images, then the warnings. A metric without a number has its
/// reason in its place.
std::string render_metrics(const nlohmann::json& report);

}  // namespace oar
