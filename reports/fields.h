#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace oar::report {

/// Reads results that may be incomplete: every function answers for every JSON value and throws for
/// none.

/// `object[key]`, or a JSON null when there is no such field or `object` is no object.
const nlohmann::json& field(const nlohmann::json& object, const std::string& key);

/// The field at a dotted path: `dotted(recipe, "generate.order")`.
const nlohmann::json& dotted(const nlohmann::json& object, const std::string& path);

/// The array `object[key]`, or an empty one.
const nlohmann::json& items(const nlohmann::json& object, const std::string& key);

/// A string as it is, null as "", everything else as compact JSON.
std::string text(const nlohmann::json& value);

/// A number, which may be NaN or infinite; nothing for any other kind of value.
std::optional<double> number(const nlohmann::json& value);

/// True for a JSON `true` only.
bool is_true(const nlohmann::json& value);

}  // namespace oar::report
