#include "harness/store/live_keys.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "harness/store/file_lock.h"

namespace oar {

namespace fs = std::filesystem;
using nlohmann::json;

fs::path live_lock(const fs::path& store) { return store / "live.lock"; }
fs::path live_folder(const fs::path& store) { return store / "live"; }

std::unique_ptr<LiveFile> hold_keys(const fs::path& store, const std::string& what,
                                    const std::vector<std::string>& keys,
                                    const std::function<void(const std::string&)>& say) {
  try {
    fs::create_directories(live_folder(store));
    const FileLock lock(live_lock(store), [&](const std::string& holder) {
      say(fmt::format("waits for {}, which is cleaning the store", holder));
    });
    auto live = std::make_unique<LiveFile>(live_folder(store));
    live->show({{"sweep", what}, {"keys", keys}});
    return live;
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::read_only_file_system) {
      say(fmt::format("gc cannot know what this process needs, run none meanwhile: {}",
                      error.what()));
    }
    return nullptr;
  }
}

LiveKeys live_keys(const fs::path& store) {
  LiveKeys found;
  for (const LiveProcess& process : live_processes(live_folder(store))) {
    if (!process.alive) continue;
    try {
      for (const json& key : process.shown.at("keys")) found.keys.insert(key.get<std::string>());
    } catch (const json::exception&) {
      found.unreadable.push_back(process.file);
    }
  }
  return found;
}

}  // namespace oar
