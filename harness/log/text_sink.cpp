#include "harness/log/text_sink.h"

#include <fmt/format.h>
#include <unistd.h>

#include "harness/store/live_file.h"
#include "harness/store/progress.h"
#include "harness/store/store.h"
#include "harness/store/terminal_text.h"
#include "harness/store/utc_time.h"

namespace oar {
namespace {

using nlohmann::json;

/// The fields of an event as words. A field that is missing or null gives an empty text.
class Fields {
 public:
  explicit Fields(const json& fields) : fields_(fields) {}

  std::string text(const char* name) const {
    const auto found = fields_.find(name);
    if (found == fields_.end() || found->is_null()) return {};
    if (found->is_string()) return found->get<std::string>();
    return found->dump(-1, ' ', false, json::error_handler_t::replace);
  }
  /// `format` has one {} for the field.
  std::string part(const char* name, fmt::string_view format) const {
    const std::string value = text(name);
    return value.empty() ? value : fmt::format(fmt::runtime(format), value);
  }
  std::string duration(const char* name, fmt::string_view format) const {
    const auto found = fields_.find(name);
    if (found == fields_.end() || !found->is_number()) return {};
    return fmt::format(fmt::runtime(format), duration_text(found->get<double>()));
  }
  std::string mebibytes(const char* name, fmt::string_view format) const {
    const auto found = fields_.find(name);
    if (found == fields_.end() || !found->is_number_integer()) return {};
    return fmt::format(fmt::runtime(format), count_text(found->get<int64_t>() >> 20));
  }
  /// "any_order (any_order/0123456789ab)"
  std::string stage() const {
    return fmt::format("{} ({}/{})", text("role"), text("stage"), text("key").substr(0, 12));
  }

 private:
  const json& fields_;
};

std::string words_of(const RunEvent& event) {
  const Fields fields(event.fields);
  if (event.kind == "run_started") {
    return "run started" + fields.part("name", ": {}") + fields.part("sweep", " ({})") +
           fields.part("cells", ", {} cells") + fields.part("stages", ", {} stages") +
           fields.part("device", ", on {}") + fields.part("threads", " with {} threads") +
           fields.part("commit", ", commit {}");
  }
  if (event.kind == "stage_started") {
    return fields.stage() + " started" + fields.part("cell", ", for {}");
  }
  if (event.kind == "stage_done") {
    return fields.stage() + " done" + fields.duration("seconds", " in {}") +
           fields.duration("cpu_seconds", ", processors {}") +
           fields.mebibytes("peak_memory", ", peak {} MiB");
  }
  if (event.kind == "stage_failed") {
    return fields.stage() + " " + fields.text("status") + fields.part("message", ": {}");
  }
  if (event.kind == "waiting") return fields.stage() + fields.part("holder", " waits for {}");
  if (event.kind == "message") return fields.text("text");
  if (event.kind == "run_ended") return "run ended" + fields.part("code", " with code {}");
  return event.kind + " " + event.fields.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string sentence_of(const RunEvent& event) { return one_line(words_of(event)); }

void TextSink::take(const RunEvent& event) {
  if (event.kind == "curve") return;
  file_.append(fmt::format("{} {}:{}  {}", iso_time(utc_nanoseconds()), one_line(host_name()),
                           getpid(), sentence_of(event)));
}

}  // namespace oar
