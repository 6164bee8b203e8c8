#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace oar {

/// `text` as one word of a POSIX shell that means nothing but itself: between single quotes, where
/// no character is special but the quote, which becomes `'\''`.
///
/// Errors  std::invalid_argument for a control character (a line's end, NUL, an escape): no path or
///         option needs one, and a script with one no longer reads as what it does.
std::string quote(std::string_view text);

/// The words of a command, each quoted where a shell could read it as anything else.
std::string quote(const std::vector<std::string>& words);

/// `value` where `#SBATCH --name=value` means it as it stands. Slurm reads those lines with quotes,
/// escapes and comments of its own, so that letters, digits and `_.,:=%@/+-` alone are let through.
///
/// Errors  std::invalid_argument, naming `option`, for any other character and for an empty text.
std::string directive_value(std::string_view option, std::string_view value);

}  // namespace oar
