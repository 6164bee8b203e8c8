#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace oar {

/// The known name a misspelt one most likely meant: fewest edits (insert, delete, replace, swap of
/// two neighbours; upper and lower case are equal), at most one edit per four letters plus one;
/// else a known name that begins with it. Nothing where no known name is that close. Ties: the
/// earlier one.
std::optional<std::string> nearest_name(std::string_view name,
                                        const std::vector<std::string>& known);

/// `did you mean "raster"?`, or an empty text where nothing is close.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& known);

}  // namespace oar
