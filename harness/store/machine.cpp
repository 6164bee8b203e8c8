#include "harness/store/machine.h"

#include <archive.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/utsname.h>
#include <torch/version.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <opencv2/core/version.hpp>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

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

json build_record() {
  return {{"type", OAR_BUILD_TYPE},
          {"flags", trim(OAR_BUILD_FLAGS)},
          {"sanitizers", !std::string_view(OAR_BUILD_SANITIZERS).empty()}};
}

/// Calls a function of a library that may have been loaded, or not.
template <typename Function, typename Use>
void if_loaded(const char* name, Use use) {
  if (void* const symbol = dlsym(RTLD_DEFAULT, name)) use(reinterpret_cast<Function*>(symbol));
}

json library_versions() {
  json versions = {
      {"libtorch", TORCH_VERSION},
      {"opencv", CV_VERSION},
      {"nlohmann_json", fmt::format("{}.{}.{}", NLOHMANN_JSON_VERSION_MAJOR,
                                    NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH)},
      {"openssl", OpenSSL_version(OPENSSL_VERSION_STRING)},
      {"fmt",
       fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
      {"libarchive",
       fmt::format("{}.{}.{}", archive_version_number() / 1000000,
                   archive_version_number() / 1000 % 1000, archive_version_number() % 1000)}};
  if_loaded<int(char*, int*)>("MPI_Get_library_version", [&](auto* ask) {
    std::array<char, 8192> text = {};  // MPI_MAX_LIBRARY_VERSION_STRING is less everywhere
    int length = 0;
    if (ask(text.data(), &length) != 0) return;
    const std::string version = text.data();  // "Open MPI v4.1.4, package: ..., <date>"
    versions["mpi"] = version.substr(0, version.find_first_of(",\n"));
  });
  if_loaded<int(int*)>("cudaRuntimeGetVersion", [&](auto* ask) {
    int version = 0;
    if (ask(&version) == 0 && version > 0) {
      versions["cuda_runtime"] = fmt::format("{}.{}", version / 1000, version % 1000 / 10);
    }
  });
  return versions;
}

/// The first word of digits and dots: "580.65.06" of "NVRM version: NVIDIA UNIX ...  580.65.06
/// ...".
json version_in(const std::string& line) {
  std::istringstream words(line);
  for (std::string word; words >> word;) {
    if (word.find('.') != std::string::npos &&
        word.find_first_not_of("0123456789.") == std::string::npos) {
      return word;
    }
  }
  return nullptr;
}

}  // namespace

nlohmann::json gpu_records(const std::filesystem::path& module) {
  std::ifstream version(module / "version");
  if (!version) return nullptr;
  std::string line, key, value;
  std::getline(version, line);
  const json driver = version_in(line);
  std::vector<std::string> files;
  std::error_code none;
  for (const auto& gpu : std::filesystem::directory_iterator(module / "gpus", none)) {
    files.push_back((gpu.path() / "information").string());
  }
  std::sort(files.begin(), files.end());  // by PCI address, as the driver numbers them
  auto gpus = json::array();
  for (const std::string& file : files) {
    std::ifstream in(file);
    while (std::getline(in, line)) {
      if (split(line, ':', &key, &value) && key == "Model")
        gpus.push_back({{"name", value}, {"driver", driver}});
    }
  }
  return gpus;
}

nlohmann::json machine_record(const std::string& device) {
  return {{"device", device},
          {"processor", processor_record()},
          {"memory", memory_bytes()},
          {"gpus", gpu_records()},
          {"system", system_record()},
          {"compiler", compiler()},
          {"build", build_record()},
          {"libraries", library_versions()},
          {"commit", OAR_GIT_COMMIT},
          {"tree_clean", std::string_view(OAR_GIT_TREE_CLEAN) == "unknown"
                             ? json(nullptr)
                             : json(std::string_view(OAR_GIT_TREE_CLEAN) == "true")}};
}

}  // namespace oar
