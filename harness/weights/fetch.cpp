#include "harness/weights/fetch.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <limits>
#include <stdexcept>
#include <system_error>

#include "datasets/sha256.h"
#include "harness/store/file_lock.h"
#include "harness/store/interrupt.h"
#include "harness/weights/download.h"
#include "harness/weights/part_file.h"
#include "harness/weights/weight_files.h"
#include "models/weights/tensor_file.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

void check_room(const KnownWeights& weights, const PartFile& part, const fs::path& folder,
                const FetchOptions& options) {
  const int64_t needed = weights.bytes - part.size();
  const int64_t free = options.free_bytes(folder);
  if (free >= needed) return;
  throw std::system_error(
      std::make_error_code(std::errc::no_space_on_device),
      fmt::format("{}: {} needs {} bytes more, {} are free, {} are missing; make room or name "
                  "another folder with --weights-dir",
                  folder.string(), weights.file, count_text(needed), count_text(free),
                  count_text(needed - free)));
}

/// The part becomes the file if it is the file; else it is removed.
void check_and_place(const KnownWeights& weights, PartFile& part) {
  const std::string sha256 = sha256_file(part.path());
  if (sha256 != weights.sha256) {
    part.clear();
    throw BadWeights(
        fmt::format("the bytes that came have SHA-256 {}, the known file has {}; "
                    "they were thrown away",
                    sha256, weights.sha256));
  }
  part.put_in_place();
}

std::string failure_message(const KnownWeights& weights, const std::string& failures,
                            const PartFile& part) {
  std::string message =
      fmt::format("cannot fetch {} ({}):{}\n", weights.name, identity_of(weights), failures);
  if (part.size() > 0) {
    message += fmt::format("The {} bytes that came are kept; the same command again continues.\n",
                           count_text(part.size()));
  }
  return message + fmt::format(
                       "Where there is no network: bring {} from one of these addresses, then run\n"
                       "    oar-bench weights import FILE",
                       weights.file);
}

/// Tries one source after the other.
void fetch_from_sources(const KnownWeights& weights, PartFile& part, Progress& progress) {
  std::string failures;
  bool wrong_bytes = false;
  for (const std::string& url : weights.sources) {
    try {
      download(url, weights.bytes, part, progress);
      return check_and_place(weights, part);
    } catch (const DownloadFailed& error) {
      failures += fmt::format("\n  {}: {}", url, error.what());
    } catch (const BadWeights& error) {
      failures += fmt::format("\n  {}: {}", url, error.what());
      wrong_bytes = true;
    }
    progress.abandon();
  }
  const std::string message = failure_message(weights, failures, part);
  if (wrong_bytes) throw BadWeights(message);
  throw DownloadFailed(message);
}

bool is_there(const KnownWeights& weights, const fs::path& folder) {
  return state_of(weights, folder).kind == WeightsState::Kind::kPresent &&
         sha256_file(folder / weights.file) == weights.sha256;
}

}  // namespace

int64_t free_bytes(const fs::path& folder) {
  struct statvfs status = {};
  if (::statvfs(folder.c_str(), &status) != 0) {
    throw std::system_error(errno, std::generic_category(),
                            "cannot see the free space of " + folder.string());
  }
  if (status.f_blocks == 0) return std::numeric_limits<int64_t>::max();  // it does not tell
  return static_cast<int64_t>(status.f_bavail) * static_cast<int64_t>(status.f_frsize);
}

fs::path fetch_weights(const KnownWeights& weights, const fs::path& folder,
                       const FetchOptions& options) {
  const fs::path place = folder / weights.file;
  if (weights.is_embedded) {
    throw std::invalid_argument(
        fmt::format("{} is part of this program (from {}): there is nothing to fetch", weights.name,
                    weights.sources.front()));
  }
  fs::create_directories(folder);
  Progress progress(options.progress);
  progress.stage(weights.name);
  const FileLock lock(place.string() + ".lock", [&](const std::string& holder) {
    progress.say(fmt::format("waiting for {}, which fetches it", holder));
  });
  if (is_there(weights, folder)) return place;
  PartFile part(place, weights.sha256);
  check_room(weights, part, folder, options);
  try {
    fetch_from_sources(weights, part, progress);
  } catch (const Interrupted&) {
    progress.abandon();
    throw;
  } catch (const std::system_error& error) {
    progress.abandon();
    throw std::system_error(
        error.code(),
        fmt::format("{}: the {} bytes that came are kept in {}; when there is room, the same "
                    "command again continues",
                    weights.name, count_text(part.size()), part.path().string()));
  }
  return place;
}

}  // namespace oar
