#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "harness/store/progress.h"
#include "harness/weights/part_file.h"

namespace oar {

/// A server that cannot be reached, that has no such file, or that stops in the middle. The message
/// says which; another attempt, or another server, may succeed.
struct DownloadFailed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Appends to `part` what it lacks of the file of `bytes` bytes at `url`. The server is asked for
/// the rest alone; where it only serves whole files, or has another version than the one the part
/// began with, the part is begun anew. Redirections are followed to http and https, never to files
/// or other protocols.
///
/// Units   bytes; progress in millions of them.
/// Errors  DownloadFailed, with all that came kept in the part. BadWeights if the server's file has
///         another size. std::system_error if the part cannot be written. Interrupted after a
///         signal (harness/store/interrupt.h).
void download(const std::string& url, int64_t bytes, PartFile& part, Progress& progress);

}  // namespace oar
