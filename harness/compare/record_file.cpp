#include "harness/compare/record_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include "datasets/dataset.h"
#include "reports/report.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kDeepest = 64;  // deeper ones would overflow the stack when they are printed

}  // namespace

json read_record(const fs::path& path) {
  const fs::path file = fs::is_directory(path) ? path / "results.json" : path;
  errno = 0;
  std::ifstream in(file);
  if (!in) {
    throw std::system_error(errno != 0 ? errno : EIO, std::generic_category(),
                            fmt::format("{}: cannot read the record; name a run's folder or its "
                                        "results.json",
                                        file.string()));
  }
  const auto check_depth = [&](int depth, json::parse_event_t, const json&) {
    if (depth <= kDeepest) return true;
    throw BadData(fmt::format("{}: nested more than {} levels deep", file.string(), kDeepest));
  };
  json results;
  try {
    results = json::parse(in, check_depth);
  } catch (const json::exception& error) {
    throw BadData(fmt::format("{}: not JSON: {}", file.string(), error.what()));
  }
  const std::vector<std::string> problems = validate_results(results);
  if (problems.empty()) return results;
  throw BadData(fmt::format("{}: not the record of a run: {}", file.string(), problems.front()));
}

}  // namespace oar
