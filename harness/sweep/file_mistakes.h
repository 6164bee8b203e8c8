#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness/sweep/json_file.h"
#include "harness/sweep/mistakes.h"

namespace oar {

/// Adds mistakes that point into one JSON file.
class FileMistakes {
 public:
  FileMistakes(const JsonFile& file, Mistakes& mistakes) : file_(file), mistakes_(mistakes) {}

  void add(const std::string& pointer, const std::string& found, std::vector<std::string> help);

  /// `what cannot be <value>`, and what is accepted.
  void wrong(const std::string& pointer, const std::string& what, const nlohmann::json& value,
             const std::string& accepted);

  /// Every key of the object at `pointer` that is not known and does not begin with `x-`.
  void check_keys(const nlohmann::json& object, const std::string& pointer,
                  const std::vector<std::string>& known);

 private:
  const JsonFile& file_;
  Mistakes& mistakes_;
};

}  // namespace oar
