#include "harness/store/machine.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/utsname.h>
#include <torch/version.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <opencv2/core/version.hpp>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

#include "harness/store/git_version.h"

namespace oar {
namespace {

using nlohmann::json;

// Those that change how fast, or in which arithmetic, a network runs; as /proc/cpuinfo names them.
constexpr std::array<std::string_view, 13> kInstructionSets = {
    "avx",         "avx2",     "fma",      "f16c",     "avx_vnni", "avx512f", "avx512_vnni",
    "avx512_bf16", "amx_bf16", "amx_int8", "amx_tile", "asimd",    "bf16"};

std::string trim(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\"");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\"") - first + 1);
}

/// "key : value" or "key=value"; false on any other line.
bool split(const std::string& line, char separator, std::string* key, std::string* value) {
  const size_t at = line.find(separator);
  if (at == std::string::npos) return false;
  *key = trim(line.substr(0, at));
  *value = trim(line.substr(at + 1));
  return true;
}

json instruction_sets(const std::string& flags) {
  std::set<std::string> present;
  std::istringstream words(flags);
  for (std::string word; words >> word;) present.insert(word);
  auto found = json::array();
  for (const auto name : kInstructionSets) {
    if (present.count(std::string(name))) found.push_back(name);
  }
  return found;
}

json processor_record() {
  std::ifstream in("/proc/cpuinfo");
  std::string model, flags, socket, key, value;
  std::set<std::pair<std::string, std::string>> cores;
  for (std::string line; std::getline(in, line);) {
    if (!split(line, ':', &key, &value)) continue;
    if (key == "model name" && model.empty()) model = value;
    if ((key == "flags" || key == "Features") && flags.empty()) flags = value;
    if (key == "physical id") socket = value;
    if (key == "core id") cores.emplace(socket, value);
  }
  const int64_t threads = sysconf(_SC_NPROCESSORS_ONLN);
  return {{"model", model.empty() ? json(nullptr) : json(model)},
          {"instruction_sets", instruction_sets(flags)},
          {"cores", cores.empty() ? json(nullptr) : json(cores.size())},
          {"threads", threads > 0 ? json(threads) : json(nullptr)}};
}

json memory_bytes() {
  const int64_t pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGE_SIZE);
  return pages > 0 && page > 0 ? json(pages * page) : json(nullptr);
}

json system_record() {
  std::ifstream in("/etc/os-release");
  std::string key, value;
  json name = nullptr;
  for (std::string line; std::getline(in, line);) {
    if (split(line, '=', &key, &value) && key == "PRETTY_NAME") name = value;
  }
  utsname kernel = {};
  const bool known = uname(&kernel) == 0;
  return {{"name", name},
          {"kernel", known ? json(fmt::format("{} {}", kernel.sysname, kernel.release)) : json()},
          {"architecture", known ? json(kernel.machine) : json()}};
}

std::string compiler() {
#if defined(__clang__)
  return __VERSION__;
#else
  return std::string("g++ ") + __VERSION__;
#endif
}

json library_versions() {
  return {{"libtorch", TORCH_VERSION},
          {"opencv", CV_VERSION},
          {"nlohmann_json", fmt::format("{}.{}.{}", NLOHMANN_JSON_VERSION_MAJOR,
                                        NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH)},
          {"openssl", OpenSSL_version(OPENSSL_VERSION_STRING)}};
}

}  // namespace

nlohmann::json machine_record(const std::string& device) {
  return {{"device", device},
          {"processor", processor_record()},
          {"memory", memory_bytes()},
          {"system", system_record()},
          {"compiler", compiler()},
          {"libraries", library_versions()},
          {"commit", OAR_GIT_COMMIT},
          {"tree_clean", std::string_view(OAR_GIT_TREE_CLEAN) == "unknown"
                             ? json(nullptr)
                             : json(std::string_view(OAR_GIT_TREE_CLEAN) == "true")}};
}

}  // namespace oar
