#include "harness/doctor/check_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>

#include "harness/store/byte_text.h"
#include "harness/store/progress.h"
#include "harness/store/store_listing.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using Level = Finding::Level;

constexpr double kGibibyte = 1 << 30;
constexpr double kScarceSpace = 5 * kGibibyte;
constexpr double kTooLittleSpace = 0.2 * kGibibyte;  // the quick start leaves 60 MiB

/// The folder itself, or the nearest above it that is there.
fs::path nearest_folder(fs::path folder) {
  std::error_code error;
  folder = fs::absolute(folder, error).lexically_normal();
  while (!fs::exists(folder, error) && folder.has_parent_path() && folder != folder.parent_path()) {
    folder = folder.parent_path();
  }
  return folder;
}

/// A file for a try; removed at the end of its scope.
class TrialFile {
 public:
  explicit TrialFile(const fs::path& folder)
      : path_(folder / fmt::format("doctor.tmp.{}", getpid())),
        descriptor_(open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {}
  ~TrialFile() {
    if (descriptor_ < 0) return;
    close(descriptor_);
    unlink(path_.c_str());
  }
  TrialFile(const TrialFile&) = delete;
  TrialFile& operator=(const TrialFile&) = delete;

  /// What keeps it from being written, or an empty text.
  std::string problem() const {
    constexpr char kByte = 'x';
    if (descriptor_ >= 0 && write(descriptor_, &kByte, 1) == 1 && fsync(descriptor_) == 0)
      return "";
    return std::strerror(errno);
  }

  /// What is wrong with locks: they cannot be had, or two hold one.
  std::string lock_problem() const {
    if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) return std::strerror(errno);
    const int other = open(path_.c_str(), O_RDWR | O_CLOEXEC);
    if (other < 0) return std::strerror(errno);
    const bool is_excluded = flock(other, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(other);
    return is_excluded ? "" : "two can hold one lock at a time";
  }

 private:
  fs::path path_;
  int descriptor_;
};

Finding check_size(const fs::path& store) {
  try {
    const StoreListing listing(store);
    int64_t artifacts = 0;
    for (const auto& [stage, keys] : listing.stages()) {
      for (const auto& [key, entry] : keys) artifacts += entry.artifact;
    }
    return {Level::kOk, "store",
            fmt::format("{}: {} artifacts, {}", store.string(), count_text(artifacts),
                        byte_text(static_cast<double>(bytes_below(store))))};
  } catch (const std::system_error& error) {
    return {Level::kProblem, "store", error.what(), "make it readable, or name another: --store"};
  }
}

Finding check_space(const fs::path& folder) {
  struct statvfs file_system = {};
  if (statvfs(folder.c_str(), &file_system) != 0) {
    return {Level::kWarning, "space", fmt::format("not known: {}", std::strerror(errno))};
  }
  const double free =
      static_cast<double>(file_system.f_bavail) * static_cast<double>(file_system.f_frsize);
  Finding finding{Level::kOk, "space", byte_text(free) + " free"};
  if (free < kTooLittleSpace) {
    finding.level = Level::kProblem;
    finding.advice = "too little for any sweep: free some, or name another disk with --store";
  } else if (free < kScarceSpace) {
    finding.level = Level::kWarning;
    finding.advice =
        "a sweep at the paper's scale takes more; `oar-bench gc` frees what is not used";
  }
  return finding;
}

}  // namespace

std::vector<Finding> check_store(const fs::path& store) {
  std::vector<Finding> findings;
  std::error_code error;
  const fs::path folder = nearest_folder(store);
  if (fs::exists(store, error) && !fs::is_directory(store, error)) {
    return {{Level::kProblem, "store", store.string() + " is no folder", "name another: --store"}};
  }
  findings.push_back(
      fs::exists(store, error)
          ? check_size(store)
          : Finding{Level::kOk, "store",
                    fmt::format("{}: not there yet; the first run makes it", store.string())});
  const TrialFile trial(folder);
  if (const std::string problem = trial.problem(); !problem.empty()) {
    findings.push_back({Level::kProblem, "store is writable",
                        fmt::format("no: {}: {}", folder.string(), problem),
                        "make it writable, or name another: --store DIR"});
  } else {
    findings.push_back({Level::kOk, "store is writable", "yes"});
    const std::string lock_problem = trial.lock_problem();
    findings.push_back(
        lock_problem.empty()
            ? Finding{Level::kOk, "store locks", "flock works"}
            : Finding{Level::kProblem, "store locks", "flock: " + lock_problem,
                      "put the store on a file system with flock (Lustre: mount -o flock)"});
  }
  findings.push_back(check_space(folder));
  return findings;
}

}  // namespace oar
