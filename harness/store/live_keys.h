#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "harness/store/live_file.h"

namespace oar {

/// Keeps `gc` away from artifacts: a living process says in <store>/live/ which keys it relies on.
/// The list is written under <store>/live.lock, which gc holds all the while it works, so nobody
/// begins to rely on what is just being deleted.
///
/// `what` tells people what the process does. `say` hears for whom it has to wait, if it has to.
/// Null on a read-only file system: nobody deletes from it either. Null too on a full disk and in a
/// store of somebody else, as what is finished can still be read; `say` hears that gc knows nothing
/// of it.
///
/// Errors  Interrupted if a signal comes while waiting.
std::unique_ptr<LiveFile> hold_keys(const std::filesystem::path& store, const std::string& what,
                                    const std::vector<std::string>& keys,
                                    const std::function<void(const std::string& line)>& say);

/// What living processes rely on.
struct LiveKeys {
  std::set<std::string> keys;                     ///< whole keys
  std::vector<std::filesystem::path> unreadable;  ///< of living processes whose list is not known
};
LiveKeys live_keys(const std::filesystem::path& store);

/// <store>/live.lock and <store>/live.
std::filesystem::path live_lock(const std::filesystem::path& store);
std::filesystem::path live_folder(const std::filesystem::path& store);

}  // namespace oar
