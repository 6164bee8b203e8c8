#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace oar {

/// One object or array of a text, not parsed yet.
struct JsonValue {
  std::string_view text;
  int64_t line = 0;  ///< on which it begins, from 1
};

/// Cuts a text into its objects and arrays, wherever its lines end: JSON Lines, values one after
/// the other, or the elements of one array around them all, which then are objects or arrays too.
///
/// Errors  BadData with file and line for anything else between them, a value that does not end, or
///         nesting deeper than 8.
std::vector<JsonValue> split_json_values(std::string_view text, const std::string& file);

/// Parses one of them.
///
/// Errors  BadData with file and line for what is no JSON, or a key that comes twice in the value.
nlohmann::json parse_json_value(const JsonValue& value, const std::string& file);

}  // namespace oar
