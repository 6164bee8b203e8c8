#pragma once

#include <cstdlib>
#include <string>

namespace oar {

/// $OAR_TEST_PYTHON, which `make test` sets, if it has this package; empty where it does not, for
/// tests to skip by name.
inline std::string python_with(const std::string& package) {
  const char* const python = std::getenv("OAR_TEST_PYTHON");
  if (python == nullptr || *python == '\0') return "";
  const std::string command =
      "'" + std::string(python) + "' -c 'import " + package + "' 2> /dev/null";
  return std::system(command.c_str()) == 0 ? python : "";
}

}  // namespace oar
