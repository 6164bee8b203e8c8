#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace oar {

/// An environment variable; empty where it is not set.
inline std::string environment_variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// `name` in the user's cache: ${XDG_CACHE_HOME:-~/.cache}/oar-bench/NAME; empty where neither
/// XDG_CACHE_HOME nor HOME is set.
inline std::filesystem::path user_cache_folder(const std::string& name) {
  std::filesystem::path cache = environment_variable("XDG_CACHE_HOME");
  if (cache.empty()) {
    const std::filesystem::path home = environment_variable("HOME");
    if (!home.empty()) cache = home / ".cache";
  }
  return cache.empty() ? cache : cache / "oar-bench" / name;
}

}  // namespace oar
