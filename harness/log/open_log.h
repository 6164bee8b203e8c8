#pragma once

#include <filesystem>
#include <memory>

#include "harness/store/event_log.h"

namespace oar {

/// The log of a run in the folder `out`, which is made where it is missing: `log.jsonl`, `log.txt`,
/// and `tensorboard/` where asked for. Several processes may write to one folder. A file that
/// cannot be opened is named on standard error, and the log does without it.
std::unique_ptr<EventLog> open_log(const std::filesystem::path& out, bool tensorboard);

}  // namespace oar
