#include "harness/store/file_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

#include "harness/store/interrupt.h"
#include "harness/store/live_file.h"

namespace oar {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(100);

std::string this_process() { return fmt::format("process {} on {}", getpid(), host_name()); }

/// The text is a courtesy to those who wait; the lock holds without it, even on a full disk.
void sign(int descriptor, const std::string& text) {
  if (ftruncate(descriptor, 0) != 0) return;
  if (pwrite(descriptor, text.data(), text.size(), 0) < 0) return;
}

}  // namespace

std::string holder_named_in(int descriptor) {
  std::array<char, 320> text = {};
  const ssize_t count = pread(descriptor, text.data(), text.size(), 0);
  std::string holder(text.data(), count > 0 ? static_cast<size_t>(count) : 0);
  holder.erase(holder.find_last_not_of('\n') + 1);
  return holder.empty() ? "another process" : holder;
}

FileLock::FileLock(const std::filesystem::path& file) : file_(file) {
  descriptor_ = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    throw std::system_error(errno, std::generic_category(),
                            fmt::format("{}: cannot open the lock file", file.string()));
  }
}

/// True if the lock is ours now, false if somebody else has it.
bool FileLock::lock_now() {
  int result = 0;
  do {
    result = flock(descriptor_, LOCK_EX | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  if (result != 0 && errno != EWOULDBLOCK) {
    throw std::system_error(errno, std::generic_category(),
                            fmt::format("{}: cannot lock", file_.string()));
  }
  locked_ = result == 0;
  if (locked_) sign(descriptor_, this_process() + "\n");
  return locked_;
}

FileLock::FileLock(const std::filesystem::path& file,
                   const std::function<void(const std::string&)>& waiting)
    : FileLock(file) {  // from here on the destructor runs, whatever is thrown
  for (bool told = false; !lock_now(); told = true) {
    if (interrupt_requested()) throw Interrupted();
    if (!told) waiting(holder_named_in(descriptor_));
    std::this_thread::sleep_for(kPoll);
  }
}

std::unique_ptr<FileLock> FileLock::try_lock(const std::filesystem::path& file,
                                             std::string* holder) {
  std::unique_ptr<FileLock> lock(new FileLock(file));
  if (lock->lock_now()) return lock;
  *holder = holder_named_in(lock->descriptor_);
  return nullptr;
}

FileLock::~FileLock() {
  if (locked_) sign(descriptor_, "");
  flock(descriptor_, LOCK_UN);  // also where a forked child still holds a copy of the descriptor
  close(descriptor_);
}

}  // namespace oar
