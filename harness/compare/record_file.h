#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace oar {

/// The record of a run: `path` is results.json itself, under any name, or the folder that holds it.
///
/// Errors  BadData with the path if it is not a record; std::system_error if it cannot be read.
nlohmann::json read_record(const std::filesystem::path& path);

}  // namespace oar
