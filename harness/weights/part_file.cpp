#include "harness/weights/part_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "models/weights/atomic_file.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

[[noreturn]] void fail(const char* action, const fs::path& path) {
  throw std::system_error(errno, std::generic_category(),
                          fmt::format("cannot {} {}", action, path.string()));
}

fs::path with_ending(fs::path path, const char* ending) { return path += ending; }

}  // namespace

fs::path part_path(const fs::path& file) { return with_ending(file, ".part"); }

PartFile::PartFile(fs::path file, std::string sha256)
    : file_(std::move(file)), path_(part_path(file_)), sha256_(std::move(sha256)) {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (descriptor_ < 0) fail("open", path_);
  struct stat status = {};
  if (::fstat(descriptor_, &status) != 0) {
    ::close(descriptor_);
    fail("look at", path_);
  }
  size_ = status.st_size;
  if (size_ > 0 && !read_note()) clear();
}

PartFile::~PartFile() {
  ::close(descriptor_);
  if (size_ > 0) return;
  ::unlink(path_.c_str());
  ::unlink(note_path().c_str());
}

fs::path PartFile::note_path() const { return with_ending(path_, ".json"); }

/// Whether there is a note, and it is about this file.
bool PartFile::read_note() {
  std::ifstream in(note_path());
  const json note = json::parse(in, nullptr, /*allow_exceptions=*/false);
  if (!note.is_object()) return false;
  const auto text = [&note](const char* key) {
    const auto found = note.find(key);
    return found != note.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  origin_ = {text("url"), text("etag")};
  return text("sha256") == sha256_;
}

void PartFile::continue_from(const PartOrigin& origin) {
  origin_ = origin;
  const json note = {{"sha256", sha256_}, {"url", origin.url}, {"etag", origin.etag}};
  write_file_atomically(note_path(),
                        note.dump(2, ' ', true, json::error_handler_t::replace) + "\n");
}

void PartFile::clear() {
  if (::ftruncate(descriptor_, 0) != 0) fail("empty", path_);
  size_ = 0;
  origin_ = {};
}

void PartFile::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("write", path_);
    size_ += written;
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void PartFile::put_in_place() {
  oar::put_in_place(path_, file_);
  fs::remove(note_path());
}

}  // namespace oar
