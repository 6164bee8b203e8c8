#include "harness/log/tensorboard_sink.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <limits>
#include <system_error>
#include <utility>

#include "harness/log/tensorboard_records.h"
#include "harness/store/live_file.h"
#include "harness/store/store.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kPrefix = "events.out.tfevents.";

double wall_time() { return static_cast<double>(utc_nanoseconds()) * 1e-9; }

/// A name that means nothing in a path.
std::string safe_name(std::string name) {
  std::replace_if(
      name.begin(), name.end(),
      [](unsigned char c) { return !std::isalnum(c) && c != '_' && c != '-'; }, '_');
  return name;
}

std::string text_of(const json& fields, const char* name) {
  const auto found = fields.find(name);
  return found != fields.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// Seconds for the name of the next file of a folder: now, but after all files that are there.
/// TensorBoard reads files in the order of their names, and attempts may follow each other within
/// a second, or on hosts whose clocks disagree.
int64_t next_seconds(const fs::path& folder) {
  int64_t seconds = utc_nanoseconds() / 1'000'000'000;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    int64_t earlier = 0;
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), earlier);
    seconds = std::max(seconds, earlier + 1);
  }
  return seconds;
}

}  // namespace

class TensorboardSink::EventFile {
 public:
  EventFile(const fs::path& folder, int64_t first_step) {
    fs::create_directories(folder);
    path_ = folder / fmt::format("{}{:010}.{}.{}", kPrefix, next_seconds(folder),
                                 safe_name(host_name()), getpid());
    descriptor_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail("make");
    write(file_version_event(wall_time()));
    write(session_start_event(wall_time(), first_step));
  }
  ~EventFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;

  void write(const std::string& event) {
    const std::string record = framed_record(event);
    const ssize_t written = ::write(descriptor_, record.data(), record.size());
    if (written == static_cast<ssize_t>(record.size())) return;
    if (written >= 0) errno = ENOSPC;
    fail("write");
  }

 private:
  [[noreturn]] void fail(const char* what) {
    const int error = errno;
    if (descriptor_ >= 0) close(std::exchange(descriptor_, -1));
    throw std::system_error(error, std::generic_category(),
                            fmt::format("{}: cannot {} the event file", path_.string(), what));
  }

  fs::path path_;
  int descriptor_ = -1;
};

TensorboardSink::TensorboardSink(fs::path folder) : folder_(std::move(folder)) {}

TensorboardSink::~TensorboardSink() = default;

void TensorboardSink::take(const RunEvent& event) {
  if (event.kind == "curve") return take_curve(event.fields);
  // Whatever else a stage says begins or ends an attempt at it.
  if (event.kind.starts_with("stage_")) files_.erase(text_of(event.fields, "key"));
}

void TensorboardSink::take_curve(const json& fields) {
  const std::string key = text_of(fields, "key"), tag = text_of(fields, "name");
  const auto step = fields.find("step"), value = fields.find("value");
  if (step == fields.end() || !step->is_number_integer() || value == fields.end()) return;
  std::unique_ptr<EventFile>& file = files_[key];
  if (!file) {
    const std::string name = safe_name(text_of(fields, "role") + "-" + key.substr(0, 12));
    file = std::make_unique<EventFile>(folder_ / name, step->get<int64_t>());
  }
  const float number =
      value->is_number() ? value->get<float>() : std::numeric_limits<float>::quiet_NaN();
  file->write(scalar_event(wall_time(), step->get<int64_t>(), tag, number));
}

}  // namespace oar
