#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace oar::example {

using nlohmann::json;

/// What a preference page exports: one letter for each answer, `a`, `b` or `-` for neither. The
/// sides take turns, and the n-th answer took n seconds.
inline json exported(const std::string& viewer, const std::string& choices) {
  json pairs = json::array();
  for (size_t i = 0; i < choices.size(); ++i) {
    pairs.push_back({{"sample", i},
                     {"seed", 0},
                     {"left", i % 2 == 0 ? "a" : "b"},
                     {"choice", choices[i] == '-' ? "tie" : std::string(1, choices[i])},
                     {"milliseconds", 1000 * (i + 1)}});
  }
  return {{"schema_version", 1},
          {"page_id", std::string(64, 'c')},
          {"viewer", viewer},
          {"order_seed", 7},
          {"a", "oar_finetuned"},
          {"b", "raster"},
          {"of", 16},
          {"pairs", pairs}};
}

/// A folder for such files, gone with the object.
class ExportFolder {
 public:
  ExportFolder()
      : folder_(std::filesystem::temp_directory_path() /
                ("oar-preference-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~ExportFolder() { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const json& record) const {
    std::ofstream(folder_ / name) << record;
    return folder_ / name;
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace oar::example
