#pragma once

#include <filesystem>
#include <string>

#include "harness/log/line_file.h"
#include "harness/store/event_log.h"

namespace oar {

/// Every event but the points of curves as one line to be read by people:
///
///     2025-04-24T09:30:00.250Z node7:4711  any_order (any_order/0123456789ab) done in 6m12s
///
/// Errors  std::system_error as LineFile.
class TextSink : public EventSink {
 public:
  explicit TextSink(const std::filesystem::path& file) : file_(file) {}
  void take(const RunEvent& event) override;

 private:
  LineFile file_;
};

/// The event in words, on one line and without control characters; what it lacks is left out.
std::string sentence_of(const RunEvent& event);

}  // namespace oar
