#include "harness/store/store_listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

#include "harness/store/file_lock.h"
#include "harness/store/stage_node.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

bool is_key(std::string_view name) {
  return name.size() == kKeyDigits && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool is_stage(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

/// The flag that stands for what follows the key in a name; null for a name of nobody's.
bool StoreEntry::*flag_of(std::string_view ending, bool is_folder) {
  if (is_folder) {
    if (ending.empty()) return &StoreEntry::artifact;
    if (ending == ".work") return &StoreEntry::work;
    if (ending == ".damaged") return &StoreEntry::damaged;
    if (ending == ".gc") return &StoreEntry::removed;
    return nullptr;
  }
  if (ending == ".lock") return &StoreEntry::lock;
  if (ending == ".failed.json") return &StoreEntry::failure;
  return nullptr;
}

/// Calls `visit` with the name of each entry of a folder and whether it is a folder itself; links
/// are left out. This is readdir, as std::filesystem makes a path of every entry: a store has two
/// or three for each artifact.
template <typename Visit>
void each_entry(const fs::path& folder, Visit visit) {
  const std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(folder.c_str()), closedir);
  if (open == nullptr && errno == ENOENT) return;
  errno = open == nullptr ? errno : 0;
  while (const dirent* entry = open == nullptr ? nullptr : readdir(open.get())) {
    unsigned char type = entry->d_type;
    if (type == DT_UNKNOWN) {  // some file systems do not tell
      struct stat status = {};
      if (fstatat(dirfd(open.get()), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        type = S_ISDIR(status.st_mode) ? DT_DIR : S_ISREG(status.st_mode) ? DT_REG : DT_LNK;
      }
    }
    if (type == DT_DIR || type == DT_REG) visit(std::string_view(entry->d_name), type == DT_DIR);
    errno = 0;
  }
  if (errno != 0) {
    throw std::system_error(errno, std::generic_category(),
                            fmt::format("{}: cannot list the folder", folder.string()));
  }
}

}  // namespace

StoreListing::StoreListing(const fs::path& root) : root_(root) {
  each_entry(root, [&](std::string_view stage, bool is_folder) {
    if (!is_folder || !is_stage(stage)) return;
    Keys keys;
    each_entry(root / stage, [&](std::string_view name, bool is_folder) {
      if (name.size() < kKeyDigits || !is_key(name.substr(0, kKeyDigits))) return;
      const auto flag = flag_of(name.substr(kKeyDigits), is_folder);
      if (flag != nullptr) keys[std::string(name.substr(0, kKeyDigits))].*flag = true;
    });
    if (!keys.empty()) stages_.emplace(stage, std::move(keys));
  });
}

const StoreListing::Keys& StoreListing::keys(const std::string& stage) const {
  static const Keys kNone;
  const auto found = stages_.find(stage);
  return found == stages_.end() ? kNone : found->second;
}

StoreEntry StoreListing::at(const std::string& stage, std::string_view key) const {
  const Keys& of_stage = keys(stage);
  const auto found = of_stage.find(std::string(key.substr(0, kKeyDigits)));
  return found == of_stage.end() ? StoreEntry{} : found->second;
}

std::string holder_of_lock(const fs::path& file) {
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return {};
  std::string holder;
  if (flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    holder = holder_named_in(descriptor);
  }
  close(descriptor);  // and with it the shared lock
  return holder;
}

int64_t bytes_below(const fs::path& folder) noexcept {
  std::error_code error;
  int64_t bytes = 0;
  fs::recursive_directory_iterator entry(folder, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code vanished;
    if (!entry->is_symlink(vanished) && entry->is_regular_file(vanished)) {
      const auto size = entry->file_size(vanished);
      if (!vanished) bytes += static_cast<int64_t>(size);
    }
  }
  return bytes;
}

}  // namespace oar
