#pragma once

#include <filesystem>

#include "harness/log/line_file.h"
#include "harness/store/event_log.h"

namespace oar {

/// Every event as one line of JSON, with all points of all training curves: its time (UTC), the
/// process, its kind, then its fields.
///
///     {"time":"2025-04-24T09:30:00.250Z","host":"node7","pid":4711,"kind":"curve","name":"loss",…}
///
/// Errors  std::system_error as LineFile. A number that is not finite is null, a byte that is no
///         UTF-8 becomes U+FFFD.
class JsonLinesSink : public EventSink {
 public:
  explicit JsonLinesSink(const std::filesystem::path& file) : file_(file) {}
  void take(const RunEvent& event) override;

 private:
  LineFile file_;
};

}  // namespace oar
