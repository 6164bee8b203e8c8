#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "harness/store/event_log.h"

namespace oar {

/// Training curves as event files that TensorBoard reads, one folder ("run") for each stage and one
/// file for each attempt at it:
///
///     <folder>/<role>-<12 digits of the key>/events.out.tfevents.<seconds>.<host>.<pid>
///
/// Tags are the curves' names, steps the images seen. An attempt that goes on from a checkpoint
/// tells TensorBoard to forget what a killed one wrote at its first step and later.
///
/// Errors  std::system_error with the path if a file cannot be made or written.
class TensorboardSink : public EventSink {
 public:
  explicit TensorboardSink(std::filesystem::path folder);
  ~TensorboardSink() override;
  void take(const RunEvent& event) override;

 private:
  class EventFile;
  void take_curve(const nlohmann::json& fields);

  std::filesystem::path folder_;
  std::map<std::string, std::unique_ptr<EventFile>> files_;  ///< of stages at work, by key
};

}  // namespace oar
