#include "reports/fields.h"

namespace oar::report {

using nlohmann::json;

const json& field(const json& object, const std::string& key) {
  static const json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

const json& dotted(const json& object, const std::string& path) {
  const size_t dot = path.find('.');
  if (dot == std::string::npos) return field(object, path);
  return dotted(field(object, path.substr(0, dot)), path.substr(dot + 1));
}

const json& items(const json& object, const std::string& key) {
  static const json kEmpty = json::array();
  const json& found = field(object, key);
  return found.is_array() ? found : kEmpty;
}

std::string text(const json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<double> number(const json& value) {
  if (!value.is_number()) return std::nullopt;
  return value.get<double>();
}

bool is_true(const json& value) { return value.is_boolean() && value.get<bool>(); }

}  // namespace oar::report
