// A disk that fails where a test wants it to, for LD_PRELOAD under the program itself: stands
// before the C library's calls that change files, notes them, and lets one of them fail or end the
// process.
//
//     FAULT_ROOT   only paths below this folder count, as links resolve them; without it nothing
//     does FAULT_LOG    file that gets a line `call path` for every call seen FAULT_CALL   open
//     (for writing), write, sync, rename, mkdir, truncate, remove, flock FAULT_PATH   pattern of
//     fnmatch(3) on the path below the root; a rename matches by its source
//                  or its target
//     FAULT_NTH    which of the matching calls of this process: 1, the first, without it
//     FAULT_DO     ENOSPC, EIO, EROFS: the call does nothing and returns that error;
//                  kill_before, kill_after: SIGKILL to the process before or after the call is done
//     FAULT_LASTS  set: every matching call from the nth on fails, as on a disk that stays full
#include <dlfcn.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <string>
#include <type_traits>

namespace {

/// Read once: the program changes its own environment.
struct Settings {
  static std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  }
  std::string root = variable("FAULT_ROOT"), log = variable("FAULT_LOG"),
              call = variable("FAULT_CALL"), path = variable("FAULT_PATH"),
              action = variable("FAULT_DO");
  long nth = variable("FAULT_NTH").empty() ? 1 : std::stol(variable("FAULT_NTH"));
  bool lasts = !variable("FAULT_LASTS").empty();
  std::atomic<long> seen{0};
};

Settings& settings() {
  static Settings& the = *new Settings;  // never destroyed: other libraries' ends still write files
  return the;
}

std::string link_text(const std::string& link) {
  char text[PATH_MAX];
  const ssize_t size = ::readlink(link.c_str(), text, sizeof text);
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : "";
}

std::string path_of(int descriptor) {
  const std::string path = link_text("/proc/self/fd/" + std::to_string(descriptor));
  return path.ends_with(" (deleted)")
             ? ""
             : path;  // a file without a name can be neither lost nor found
}

std::string path_of(int folder, const char* path) {
  if (path[0] == '/') return path;
  const std::string base = folder == AT_FDCWD ? link_text("/proc/self/cwd") : path_of(folder);
  return base + "/" + path;
}

/// The path below the root; empty for one elsewhere.
std::string below_root(const std::string& path) {
  const std::string& root = settings().root;
  if (root.empty() || path.compare(0, root.size() + 1, root + "/") != 0) return "";
  return path.substr(root.size() + 1);
}

bool fits(const std::string& pattern, const std::string& text) {
  return ::fnmatch(pattern.c_str(), text.c_str(), FNM_EXTMATCH) == 0;
}

void note(const char* call, const std::string& path) {
  const std::string line = std::string(call) + " " + path + "\n";
  const auto log = static_cast<int>(syscall(SYS_openat, AT_FDCWD, settings().log.c_str(),
                                            O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (log < 0) return;
  if (syscall(SYS_write, log, line.data(), line.size()) < 0) std::abort();
  syscall(SYS_close, log);
}

void die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

/// Stands around one call. `error` is what it must fail with, or 0.
class Call {
 public:
  Call(const char* name, const std::string& path, const std::string& other = "") {
    const int earlier = errno;
    const std::string first = below_root(path), second = below_root(other);
    if (!first.empty() || !second.empty()) meet(name, first, second);
    errno = earlier;
  }
  ~Call() {
    if (dies_after_) die();
  }
  int error = 0;

 private:
  void meet(const char* name, const std::string& path, const std::string& other) {
    Settings& asked = settings();
    if (!asked.log.empty()) note(name, path.empty() ? other : path);
    const auto matches = [&](const std::string& candidate) {
      return !candidate.empty() && fits(asked.path, candidate);
    };
    if (!fits(asked.call, name) || !(matches(path) || matches(other))) return;
    const long number = ++asked.seen;
    if (number != asked.nth && !(asked.lasts && number > asked.nth)) return;
    if (!asked.log.empty()) note("FAULT", path.empty() ? other : path);
    if (asked.action == "kill_before") die();
    dies_after_ = asked.action == "kill_after";
    if (asked.action == "ENOSPC") error = ENOSPC;
    if (asked.action == "EIO") error = EIO;
    if (asked.action == "EROFS") error = EROFS;
  }

  bool dies_after_ = false;
};

/// The C library's own function of this name.
template <typename Function>
Function next(const char* name, Function) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

int refuse(int error) {
  errno = error;
  return -1;
}

bool writes(int flags) { return (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) != 0; }
bool writes(const char* mode) { return std::strpbrk(mode, "wa+") != nullptr; }

mode_t mode_of(int flags, va_list more) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
}

template <typename Real>
auto opened(const std::string& path, bool for_writing, const Real& real) -> decltype(real()) {
  if (!for_writing) return real();
  const Call call("open", path);
  if (call.error == 0) return real();
  errno = call.error;
  if constexpr (std::is_pointer_v<decltype(real())>) {
    return nullptr;
  } else {
    return -1;
  }
}

}  // namespace

#define STAND_BEFORE(name, call, path, ...)      \
  const Call met(call, path);                    \
  if (met.error != 0) return refuse(met.error);  \
  static const auto real = next(#name, &::name); \
  return real(__VA_ARGS__)

extern "C" {

#define OPEN(name)                                          \
  int name(const char* path, int flags, ...) {              \
    va_list more;                                           \
    va_start(more, flags);                                  \
    const mode_t mode = mode_of(flags, more);               \
    va_end(more);                                           \
    static const auto real = next(#name, &::name);          \
    return opened(path_of(AT_FDCWD, path), writes(flags),   \
                  [&] { return real(path, flags, mode); }); \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                \
  int name(int folder, const char* path, int flags, ...) {          \
    va_list more;                                                   \
    va_start(more, flags);                                          \
    const mode_t mode = mode_of(flags, more);                       \
    va_end(more);                                                   \
    static const auto real = next(#name, &::name);                  \
    return opened(path_of(folder, path), writes(flags),             \
                  [&] { return real(folder, path, flags, mode); }); \
  }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name)                                                                         \
  FILE* name(const char* path, const char* mode) {                                          \
    static const auto real = next(#name, &::name);                                          \
    return opened(path_of(AT_FDCWD, path), writes(mode), [&] { return real(path, mode); }); \
  }
FOPEN(fopen)
FOPEN(fopen64)

ssize_t write(int file, const void* bytes, size_t count) {
  STAND_BEFORE(write, "write", path_of(file), file, bytes, count);
}
ssize_t writev(int file, const iovec* parts, int count) {
  STAND_BEFORE(writev, "write", path_of(file), file, parts, count);
}
ssize_t pwrite(int file, const void* bytes, size_t count, off_t at) {
  STAND_BEFORE(pwrite, "write", path_of(file), file, bytes, count, at);
}
ssize_t pwrite64(int file, const void* bytes, size_t count, off64_t at) {
  STAND_BEFORE(pwrite64, "write", path_of(file), file, bytes, count, at);
}
int fsync(int file) { STAND_BEFORE(fsync, "sync", path_of(file), file); }
int fdatasync(int file) { STAND_BEFORE(fdatasync, "sync", path_of(file), file); }
int syncfs(int file) noexcept { STAND_BEFORE(syncfs, "sync", path_of(file), file); }
int ftruncate(int file, off_t size) noexcept {
  STAND_BEFORE(ftruncate, "truncate", path_of(file), file, size);
}
int ftruncate64(int file, off64_t size) noexcept {
  STAND_BEFORE(ftruncate64, "truncate", path_of(file), file, size);
}
int flock(int file, int operation) noexcept {
  STAND_BEFORE(flock, "flock", path_of(file), file, operation);
}
int mkdir(const char* path, mode_t mode) noexcept {
  STAND_BEFORE(mkdir, "mkdir", path_of(AT_FDCWD, path), path, mode);
}
int unlink(const char* path) noexcept {
  STAND_BEFORE(unlink, "remove", path_of(AT_FDCWD, path), path);
}
int unlinkat(int folder, const char* path, int flags) noexcept {
  STAND_BEFORE(unlinkat, "remove", path_of(folder, path), folder, path, flags);
}
int rmdir(const char* path) noexcept {
  STAND_BEFORE(rmdir, "remove", path_of(AT_FDCWD, path), path);
}
int remove(const char* path) noexcept {
  STAND_BEFORE(remove, "remove", path_of(AT_FDCWD, path), path);
}
int rename(const char* from, const char* to) noexcept {
  const Call met("rename", path_of(AT_FDCWD, from), path_of(AT_FDCWD, to));
  if (met.error != 0) return refuse(met.error);
  static const auto real = next("rename", &::rename);
  return real(from, to);
}

}  // extern "C"
