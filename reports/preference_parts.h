#pragma once

#include <string_view>

namespace oar::report {

/// The fixed parts of a preference page: how it looks, what it says, what it does. The script finds
/// the pairs as JSON in the element `pairs`.
std::string_view preference_style();
std::string_view preference_body();
std::string_view preference_script();

}  // namespace oar::report
