#include "harness/sweep/file_mistakes.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/sweep/nearest_name.h"

namespace oar {

using nlohmann::json;

void FileMistakes::add(const std::string& pointer, const std::string& found,
                       std::vector<std::string> help) {
  mistakes_.add({file_.where(pointer), found, std::move(help)});
}

void FileMistakes::wrong(const std::string& pointer, const std::string& what, const json& value,
                         const std::string& accepted) {
  add(pointer, fmt::format("{} cannot be {}", what, shown(value)), {"accepted: " + accepted});
}

void FileMistakes::check_keys(const json& object, const std::string& pointer,
                              const std::vector<std::string>& known) {
  for (const auto& [key, value] : object.items()) {
    if (key.starts_with("x-") || std::find(known.begin(), known.end(), key) != known.end()) {
      continue;
    }
    add(child_pointer(pointer, key), fmt::format("no key is called {} here", shown(key)),
        {known_line(known), did_you_mean(key, known)});
  }
}

}  // namespace oar
