#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace oar {

/// Something that happened in a run. The kinds and their fields:
///
///     run_started   sweep, name, cells, stages, device, threads, commit
///     stage_started stage, key, role, cell
///     curve         stage, key, role, name ("loss"), step (images seen), value
///     stage_done    stage, key, role, cell, seconds, cpu_seconds, peak_memory
///     stage_failed  stage, key, role, cell, status ("failed", "diverged"), message
///     waiting       stage, key, role, holder
///     message       text
///     run_ended     code
struct RunEvent {
  std::string kind;
  nlohmann::json fields = nlohmann::json::object();
};

/// Somewhere that events go: a file of JSON Lines, a text, event files of TensorBoard.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void take(const RunEvent& event) = 0;
};

/// Hands every event to each of its sinks. A log never ends a run: a sink that throws is dropped,
/// and standard error hears once what it said.
class EventLog {
 public:
  void add(std::unique_ptr<EventSink> sink);
  void write(std::string kind, nlohmann::json fields);

  /// From now on every event gets these fields where it has none of that name: what the process is
  /// at work on.
  void at_work_on(nlohmann::json fields) { at_work_on_ = std::move(fields); }

 private:
  nlohmann::json at_work_on_ = nlohmann::json::object();
  std::vector<std::unique_ptr<EventSink>> sinks_;
};

}  // namespace oar
