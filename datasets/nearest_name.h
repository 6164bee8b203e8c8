#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace oar {

/// "known: a, b, c", and where one of them is close to what was asked, "did you mean "b"?" on a
/// line of its own. Close means at most a third of the letters differ (Levenshtein), case apart.
std::string known_names(std::string_view asked, const std::vector<std::string>& known);

}  // namespace oar
