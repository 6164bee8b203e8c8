#include "harness/log/json_lines_sink.h"

#include <unistd.h>

#include "harness/store/live_file.h"
#include "harness/store/store.h"
#include "harness/store/utc_time.h"

namespace oar {

void JsonLinesSink::take(const RunEvent& event) {
  nlohmann::ordered_json line = {{"time", iso_time(utc_nanoseconds())},
                                 {"host", host_name()},
                                 {"pid", getpid()},
                                 {"kind", event.kind}};
  for (const auto& [name, value] : event.fields.items()) {
    if (!line.contains(name)) line[name] = value;
  }
  file_.append(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace oar
