#include "harness/store/event_log.h"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <utility>

namespace oar {

void EventLog::add(std::unique_ptr<EventSink> sink) { sinks_.push_back(std::move(sink)); }

void EventLog::write(std::string kind, nlohmann::json fields) {
  for (const auto& [name, value] : at_work_on_.items()) {
    if (!fields.contains(name)) fields[name] = value;
  }
  const RunEvent event{std::move(kind), std::move(fields)};
  std::erase_if(sinks_, [&](const std::unique_ptr<EventSink>& sink) {
    try {
      sink->take(event);
      return false;
    } catch (const std::exception& error) {
      fmt::print(stderr, "oar-bench: the log ends here, the run goes on: {}\n", error.what());
      return true;
    }
  });
}

}  // namespace oar
