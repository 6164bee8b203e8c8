#include "datasets/binary_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace oar {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxCall = size_t{1} << 30;  // Linux moves at most a little more in one call
constexpr int kMaxAttempts = 100;  // temporary files of our name, left by a process that crashed

[[noreturn]] void fail_on(const fs::path& path, const char* action) {
  throw std::system_error(errno, std::generic_category(),
                          fmt::format("cannot {} \"{}\"", action, path.string()));
}

/// Makes a rename in this folder durable, where the file system offers it.
void sync_folder(const fs::path& file) {
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

InputFile::InputFile(fs::path path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) fail_on(path_, "open");
  struct stat about;
  if (::fstat(descriptor_, &about) != 0) {
    ::close(descriptor_);
    fail_on(path_, "read");
  }
  size_ = about.st_size;
}

InputFile::~InputFile() { ::close(descriptor_); }

size_t InputFile::read_at(int64_t offset, std::span<std::byte> bytes) const {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::pread(descriptor_, bytes.data() + done,
                                std::min(bytes.size() - done, kMaxCall), offset + done);
    if (got < 0 && errno != EINTR) fail_on(path_, "read");
    if (got == 0) break;
    if (got > 0) done += got;
  }
  return done;
}

OutputFile::OutputFile(fs::path path) : path_(std::move(path)) {
  const std::string base = fmt::format("{}.tmp.{}", path_.string(), ::getpid());
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    temporary_ = attempt == 0 ? base : fmt::format("{}.{}", base, attempt);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ >= 0) return;
    if (errno != EEXIST) break;
  }
  fail("create");
}

OutputFile::~OutputFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void OutputFile::write_at(int64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put =
        ::pwrite(descriptor_, bytes.data(), std::min(bytes.size(), kMaxCall), offset);
    if (put < 0 && errno != EINTR) fail("write");
    if (put <= 0) continue;
    bytes = bytes.subspan(put);
    offset += put;
  }
}

void OutputFile::commit() {
  if (::fsync(descriptor_) != 0) fail("write");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("rename the new content of");
  ::close(std::exchange(descriptor_, -1));
  sync_folder(path_);
}

void OutputFile::fail(const char* action) const { fail_on(path_, action); }

}  // namespace oar
