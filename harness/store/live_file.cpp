#include "harness/store/live_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "datasets/sha256.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr auto kPoll = std::chrono::milliseconds(5);
constexpr int kProbePolls = 100;  // whoever looks whether a file is held holds it for microseconds
constexpr int kReadings = 20;
constexpr size_t kLargest = size_t{64} << 20;
constexpr int kDeepest = 32;

/// A descriptor that is closed at the end of its scope.
class Descriptor {
 public:
  Descriptor(const fs::path& file, int flags) : number_(open(file.c_str(), flags, 0666)) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

[[noreturn]] void fail(const fs::path& path, const char* what) {
  throw std::system_error(errno, std::generic_category(),
                          fmt::format("{}: cannot {}", path.string(), what));
}

/// Zero, or the error.
int try_flock(int descriptor, int kind) {
  while (flock(descriptor, kind | LOCK_NB) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

/// Whether `file` still names what the descriptor is open on: it may have been removed meanwhile.
bool names(const fs::path& file, int descriptor) {
  struct stat by_name = {}, by_number = {};
  return stat(file.c_str(), &by_name) == 0 && fstat(descriptor, &by_number) == 0 &&
         by_name.st_dev == by_number.st_dev && by_name.st_ino == by_number.st_ino;
}

/// The system's name of this host with nothing in it that means something in a path.
std::string safe_host_name() {
  std::string name = host_name();
  std::replace_if(
      name.begin(), name.end(),
      [](unsigned char c) { return !std::isalnum(c) && c != '-' && c != '.' && c != '_'; }, '_');
  return name;
}

/// The descriptor of `file`, locked; -1 if a living process holds it.
int open_locked(const fs::path& file) {
  for (int poll = 0; poll < kProbePolls; ++poll) {
    Descriptor descriptor(file, O_RDWR | O_CREAT | O_CLOEXEC);
    if (!descriptor.is_open()) fail(file, "make the file");
    const int error = try_flock(descriptor.number(), LOCK_EX);
    if (error == 0 && names(file, descriptor.number())) return descriptor.release();
    errno = error;
    if (error != 0 && error != EWOULDBLOCK) fail(file, "lock the file");
    std::this_thread::sleep_for(kPoll);
  }
  return -1;
}

std::optional<std::string> read_all(int descriptor) {
  std::string text;
  std::array<char, 1 << 16> part;
  while (text.size() < kLargest) {
    const ssize_t count =
        pread(descriptor, part.data(), part.size(), static_cast<off_t>(text.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::nullopt;
    if (count == 0) return text;
    text.append(part.data(), static_cast<size_t>(count));
  }
  return std::nullopt;
}

/// Null if the text is no JSON, or nested deeper than anything we write.
json parse(const std::string& text) {
  bool is_deep = false;
  const auto watch_depth = [&](int depth, json::parse_event_t, json&) {
    is_deep = is_deep || depth > kDeepest;
    return !is_deep;
  };
  json value = json::parse(text, watch_depth, /*allow_exceptions=*/false);
  return is_deep || value.is_discarded() ? json(nullptr) : value;
}

/// A reader may come in the middle of a write and see some of the old text and some of the new, so
/// the text is followed by its hash: the file is a stream of two JSON values.
std::string signed_text(const json& value) {
  const std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  return text + '"' + sha256_hex(text) + "\"\n";
}

/// Nothing if the text is not whole.
std::optional<json> whole_value(const std::string& text) {
  const size_t end = text.find('\n');
  if (end == std::string::npos) return std::nullopt;
  const std::string first = text.substr(0, end + 1);
  if (text.substr(end + 1) != '"' + sha256_hex(first) + "\"\n") return std::nullopt;
  return parse(first);
}

json read_shown(int descriptor) {
  for (int reading = 0; reading < kReadings; ++reading) {
    const std::optional<std::string> text = read_all(descriptor);
    if (!text) return nullptr;
    if (const auto value = whole_value(*text)) return *value;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return nullptr;
}

std::vector<fs::path> files_of(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == ".json") files.push_back(entry->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

LiveFile::LiveFile(const fs::path& folder) : owner_(getpid()) {
  fs::create_directories(folder);
  const std::string name = fmt::format("{}-{}", safe_host_name(), getpid());
  // Two containers may have one host name and one process number between them.
  for (int twin = 1; descriptor_ < 0; ++twin) {
    path_ = folder / (twin == 1 ? name + ".json" : fmt::format("{}-{}.json", name, twin));
    descriptor_ = open_locked(path_);
  }
  show(nullptr);
}

LiveFile::~LiveFile() {
  if (getpid() == owner_) {  // in a forked child both are the parent's
    if (!leaves_) unlink(path_.c_str());
    flock(descriptor_, LOCK_UN);
  }
  close(descriptor_);
}

void LiveFile::show(const json& value) noexcept {
  try {
    const std::string text = signed_text(value);
    const ssize_t written = pwrite(descriptor_, text.data(), text.size(), 0);
    const bool is_whole = written == static_cast<ssize_t>(text.size());
    if (ftruncate(descriptor_, is_whole ? written : 0) != 0) return;
  } catch (const std::exception&) {  // no memory: nothing is shown this time
  }
}

std::vector<LiveProcess> live_processes(const fs::path& folder) {
  std::vector<LiveProcess> processes;
  for (const fs::path& file : files_of(folder)) {
    const Descriptor descriptor(file, O_RDONLY | O_CLOEXEC);
    if (!descriptor.is_open()) {  // another user's, perhaps: who cannot ask supposes it lives
      if (errno != ENOENT) processes.push_back({file, true, nullptr});
      continue;
    }
    const bool alive = try_flock(descriptor.number(), LOCK_SH) != 0;
    if (!alive) flock(descriptor.number(), LOCK_UN);
    if (!names(file, descriptor.number())) continue;  // it ended while we looked
    processes.push_back({file, alive, read_shown(descriptor.number())});
  }
  return processes;
}

void remove_dead(const fs::path& folder) noexcept {
  try {
    for (const fs::path& file : files_of(folder)) {
      const Descriptor descriptor(file, O_RDWR | O_CLOEXEC);
      const bool is_dead = descriptor.is_open() && try_flock(descriptor.number(), LOCK_EX) == 0;
      // Under the lock no new process of that name can have taken the file over.
      if (is_dead && names(file, descriptor.number())) unlink(file.c_str());
    }
  } catch (const std::exception&) {
  }
}

std::string host_name() {
  std::array<char, 256> name = {};
  const bool known = gethostname(name.data(), name.size() - 1) == 0 && name[0] != '\0';
  return known ? name.data() : "?";
}

}  // namespace oar
