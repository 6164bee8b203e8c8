#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "harness/store/progress.h"
#include "harness/weights/known_weights.h"

namespace oar {

/// Bytes that this user may still write to the file system of a folder.
///
/// Errors  std::system_error if the folder cannot be looked at.
int64_t free_bytes(const std::filesystem::path& folder);

/// How `fetch_weights` works. The room on the disk is an argument so that tests need not fill one.
struct FetchOptions {
  ProgressOptions progress;
  std::function<int64_t(const std::filesystem::path&)> free_bytes = oar::free_bytes;
};

/// Downloads a known file into the folder, from its sources in turn, and says where it now lies. A
/// file that is there already and has its SHA-256 is left alone. What an earlier call left behind
/// is continued. Nothing is put in place before its size and its SHA-256 are the known ones; wrong
/// bytes are thrown away. One process at a time fetches a file, others wait for it.
///
/// Errors  DownloadFailed if no source gives the file: the message says how to bring it by hand.
///         BadWeights if one gave wrong bytes. std::system_error if the disk lacks room or cannot
///         be written, std::invalid_argument for embedded weights, Interrupted after a signal; in
///         these cases what came so far is kept.
std::filesystem::path fetch_weights(const KnownWeights& weights,
                                    const std::filesystem::path& folder,
                                    const FetchOptions& options = {});

}  // namespace oar
