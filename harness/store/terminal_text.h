#pragma once

#include <string>
#include <string_view>

namespace oar {

/// The text as one line that cannot steer a terminal: control characters come escaped (`\n`,
/// `\x1b`), a backslash stays as it is, bytes that are no UTF-8 become U+FFFD.
std::string one_line(std::string_view text);

/// The beginning of `line` that is at most `columns` characters long; no character is cut in two.
std::string fit(const std::string& line, int columns);

/// How many characters of UTF-8 the text has.
int columns_of(std::string_view text);

}  // namespace oar
