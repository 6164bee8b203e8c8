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

namespace oar {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(100);

std::string this_process() {
  std::array<char, 256> host = {};
  if (gethostname(host.data(), host.size() - 1) != 0) host = {'?'};
  return fmt::format("process {} on {}", getpid(), host.data());
}

std::string holder_of(int descriptor) {
  std::array<char, 320> text = {};
  const ssize_t count = pread(descriptor, text.data(), text.size(), 0);
  std::string holder(text.data(), count > 0 ? static_cast<size_t>(count) : 0);
  holder.erase(holder.find_last_not_of('\n') + 1);
  // Between taking the lock and writing its name a holder is anonymous.
  return holder.empty() ? "another process" : holder;
}

/// The text is a courtesy to those who wait; the lock holds without it, even on a full disk.
void sign(int descriptor, const std::string& text) {
  if (ftruncate(descriptor, 0) != 0) return;
  if (pwrite(descriptor, text.data(), text.size(), 0) < 0) return;
}

}  // namespace

FileLock::FileLock(const std::filesystem::path& file,
                   const std::function<void(const std::string&)>& waiting) {
  descriptor_ = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    throw std::system_error(errno, std::generic_category(),
                            fmt::format("{}: cannot open the lock file", file.string()));
  }
  bool told = false;
  while (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error == EINTR) continue;
    if (error != EWOULDBLOCK || interrupt_requested()) {
      close(descriptor_);
      if (error == EWOULDBLOCK) throw Interrupted();
      throw std::system_error(error, std::generic_category(),
                              fmt::format("{}: cannot lock", file.string()));
    }
    if (!told) waiting(holder_of(descriptor_));
    told = true;
    std::this_thread::sleep_for(kPoll);
  }
  sign(descriptor_, this_process() + "\n");
}

FileLock::~FileLock() {
  sign(descriptor_, "");
  flock(descriptor_, LOCK_UN);  // also where a forked child still holds a copy of the descriptor
  close(descriptor_);
}

}  // namespace oar
