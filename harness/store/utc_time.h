#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace oar {

/// The time now, in nanoseconds since 1970.
int64_t utc_nanoseconds();

/// "2025-04-24T09:30:00.250Z" of nanoseconds since 1970.
std::string iso_time(int64_t nanoseconds);

/// "2025-04-24T09:30:00Z", as records date themselves.
std::string iso_seconds(int64_t nanoseconds);

/// Nanoseconds since 1970 of a text as iso_time() writes it, with or without a fraction; nothing
/// for any other text.
std::optional<int64_t> time_from_iso(const std::string& text);

}  // namespace oar
