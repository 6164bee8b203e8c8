#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace oar {

/// A file's lines without blanks at their ends; empty lines are passed over, bytes that are not
/// UTF-8 replaced.
///
/// Errors  std::system_error if it cannot be read.
std::vector<std::string> read_lines(const std::filesystem::path& path);

/// What Python's pickle makes of one list of texts, protocols 0 to 5. Nothing is ever called,
/// looked up or built: any step of the pickle that a plain list of texts does not need is refused.
///
/// Errors  BadData with `name`, what was found and where.
std::vector<std::string> names_in_pickle(std::span<const std::byte> bytes, const std::string& name);

/// A list of file names: one a line, or, where the file's name ends in .pickle or .pkl, a pickle.
std::vector<std::string> read_name_list(const std::filesystem::path& path);

}  // namespace oar
