#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace oar {

/// A JSON text that a person wrote, with what its values alone no longer tell: the line of each of
/// them and the written order of the keys. Pointers are RFC 6901 (`/recipes/oar/train.order`; the
/// whole text is the empty pointer).
struct JsonFile {
  std::string name;  ///< as the user wrote the path; messages begin with it
  nlohmann::json value;
  std::map<std::string, int64_t> line_of;  ///< pointer -> line, from 1; of a member: its key's line
  std::map<std::string, std::vector<std::string>>
      keys_of;  ///< pointer of an object -> its keys as written

  /// `sweep.json:12: /recipes/oar/train.order`. A pointer that is not in the text gets the line of
  /// the closest value around it. Control characters are shown escaped.
  std::string where(const std::string& pointer) const;
};

/// Deepest nesting of objects and arrays that is read. nlohmann::json parses a million levels and
/// then overflows the stack in dump() and in its destructor.
inline constexpr std::size_t kMaxJsonDepth = 64;

/// Reads JSON strictly: a repeated key (of which nlohmann::json silently keeps the last), nesting
/// deeper than kMaxJsonDepth, comments, text after the end and bytes that are not UTF-8 are
/// refused.
///
/// Errors  std::invalid_argument with name, line and what was found.
JsonFile parse_json(std::string_view text, const std::string& name);

/// Reads a file by the rules of parse_json.
///
/// Errors  std::system_error with the path if the file is missing or cannot be read;
///         std::invalid_argument as parse_json.
JsonFile read_json_file(const std::filesystem::path& path);

/// `pointer` with one more step, its `~` and `/` escaped.
std::string child_pointer(const std::string& pointer, const std::string& key);

/// `value` as one short line for a message: strings quoted, long texts cut.
std::string shown(const nlohmann::json& value);

/// `value` as JSON with sorted keys, no spaces and shortest numbers that read back the same; 1
/// and 1.0 are one text. Equal values have equal texts: this is what keys of the store are hashed
/// from.
///
/// Errors  std::invalid_argument on a number that is not finite or a string that is not UTF-8.
std::string canonical_json(const nlohmann::json& value);

}  // namespace oar
