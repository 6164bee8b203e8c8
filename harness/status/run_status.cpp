#include "harness/status/run_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <utility>

#include "harness/board/board.h"
#include "harness/exit_code.h"
#include "harness/store/progress.h"
#include "harness/store/terminal_text.h"
#include "harness/store/utc_time.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string text_of(const json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<int64_t> number_of(const json& object, const char* name) {
  if (!object.is_object()) return std::nullopt;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  return found->get<int64_t>();
}

json read_record(const fs::path& file) {
  std::ifstream in(file);
  json record = json::parse(in, nullptr, /*allow_exceptions=*/false);
  return record.is_object() ? record : json(nullptr);
}

/// results.json of the run and of its shards, oldest first.
std::vector<json> records_of(const fs::path& folder) {
  std::vector<json> records = {read_record(folder / "results.json")};
  std::error_code error;
  for (fs::directory_iterator shard(folder / "shards", error), end; !error && shard != end;
       shard.increment(error)) {
    records.push_back(read_record(shard->path() / "results.json"));
  }
  std::erase_if(records, [](const json& record) { return !record.is_object(); });
  std::stable_sort(records.begin(), records.end(), [](const json& a, const json& b) {
    return text_of(a, "created") < text_of(b, "created");
  });
  return records;
}

/// Status of each cell by id: the latest record that names it. While a run goes on, what an earlier
/// one could not do is tried again: of records before `since`, 0 for none, only what is done
/// counts.
std::map<std::string, std::string> cells_of(const std::vector<json>& records, int64_t since) {
  std::map<std::string, std::string> cells;
  for (const json& record : records) {
    const auto created = time_from_iso(text_of(record, "created"));
    // Records are dated to the second.
    const bool is_earlier = created.value_or(since) < since - 1'000'000'000;
    const auto list = record.find("cells");
    if (list == record.end() || !list->is_array()) continue;
    for (const json& cell : *list) {
      const std::string status = text_of(cell, "status");
      cells[text_of(cell, "id")] = is_earlier && status != "done" ? "interrupted" : status;
    }
  }
  return cells;
}

CellCounts count(const std::map<std::string, std::string>& cells, int64_t total, bool running) {
  CellCounts counts;
  counts.total = std::max(total, static_cast<int64_t>(cells.size()));
  for (const auto& [id, status] : cells) {
    counts.done += status == "done";
    counts.failed += status == "failed";
    counts.diverged += status == "diverged";
    counts.interrupted += status == "interrupted" && !running;
  }
  counts.to_do = counts.total - counts.done - counts.failed - counts.diverged - counts.interrupted;
  return counts;
}

std::string meaning_of(int code) {
  switch (code) {
    case kAllDone:
      return "all done";
    case kSomeFailed:
      return "some cells failed";
    case kUsage:
      return "a mistake in the sweep or the command";
    case kBadData:
      return "bad data";
    case kInputOutput:
      return "the disk";
    case kInterrupted:
      return "interrupted";
    default:
      return "ended by an error";
  }
}

std::string headline(const RunStatus& status, int64_t now) {
  const auto ago = [&](int64_t time) {
    return fmt::format("{} ago", duration_text(static_cast<double>(now - time) * 1e-9));
  };
  if (status.running()) {
    return "running" + (status.started ? ", started " + ago(*status.started) : "");
  }
  if (status.ended && status.code) {
    return fmt::format("ended {} with code {}: {}", ago(*status.ended), *status.code,
                       meaning_of(*status.code));
  }
  if (status.ended) return fmt::format("ended {} by an error or a signal", ago(*status.ended));
  if (status.started)
    return fmt::format("stopped without a word; started {}", ago(*status.started));
  return status.all_done() ? "all done" : "not running";
}

std::string cells_text(const CellCounts& cells) {
  std::string text;
  const auto add = [&](int64_t number, const char* word) {
    if (number > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", number, word);
  };
  add(cells.done, "done");
  add(cells.failed, "failed");
  add(cells.diverged, "diverged");
  add(cells.interrupted, "interrupted");
  add(cells.to_do, "to do");
  return fmt::format("{} of {}", text.empty() ? "none" : text, cells.total);
}

/// "4711 on node7, worker 2/4, 12 of 40 stages, cell recipe=oar,seed=0"
std::string process_text(const LiveProcess& process) {
  const json& shown = process.shown;
  const auto pid = number_of(shown, "pid");
  std::string text =
      pid ? fmt::format("{} on {}", *pid, text_of(shown, "host")) : process.file.stem().string();
  if (const std::string worker = text_of(shown, "worker"); !worker.empty()) {
    text += ", worker " + worker;
  }
  const auto done = number_of(shown, "stages_done"), total = number_of(shown, "stages_total");
  if (done && total) text += fmt::format(", {} of {} stages", *done, *total);
  if (const std::string cell = text_of(shown, "cell"); !cell.empty()) text += ", cell " + cell;
  return one_line(text);
}

std::string next_text(const RunStatus& status) {
  if (status.running() || status.all_done()) return {};
  if (!status.command.empty()) return "continue with: " + one_line(status.command);
  if (status.sweep.empty()) return "continue with the same command as before";
  return one_line(fmt::format("continue with: oar-bench run {} --out {}", status.sweep,
                              status.folder.string()));
}

}  // namespace

bool RunStatus::running() const {
  return std::any_of(processes.begin(), processes.end(),
                     [](const LiveProcess& process) { return process.alive; });
}

bool is_run_folder(const fs::path& folder) {
  std::error_code error;
  for (const char* sign : {"log.jsonl", "results.json", "status", "shards"}) {
    if (fs::exists(folder / sign, error)) return true;
  }
  return false;
}

RunStatus look_at_run(const fs::path& folder, RunLog& log) {
  RunStatus status;
  status.folder = folder;
  // Processes first: one that ends meanwhile has written its last words by then.
  status.processes = live_processes(folder / "status");
  log.read_on();
  const std::vector<json> records = records_of(folder);
  status.name = text_of(log.started(), "name");
  if (status.name.empty() && !records.empty()) status.name = text_of(records.back(), "name");
  status.sweep = text_of(log.started(), "sweep");
  status.command = text_of(log.started(), "command");
  status.started = time_from_iso(text_of(log.started(), "time"));
  if (!status.running()) {
    status.ended = time_from_iso(text_of(log.ended(), "time"));
    if (const auto code = number_of(log.ended(), "code")) status.code = static_cast<int>(*code);
  }
  const int64_t since = status.running() ? status.started.value_or(0) : 0;
  status.cells = count(cells_of(records, since), number_of(log.started(), "cells").value_or(0),
                       status.running());
  status.errors = log.errors();
  return status;
}

std::string status_text(const RunStatus& status, int64_t now) {
  std::string text =
      fmt::format("{}: {}\n", one_line(status.folder.string()), headline(status, now));
  const auto line = [&text](const char* title, const std::string& words) {
    if (!words.empty()) text += fmt::format("  {:<9} {}\n", title, words);
  };
  line("sweep", one_line(status.sweep.empty() || status.name.empty()
                             ? status.name + status.sweep
                             : fmt::format("{} ({})", status.name, status.sweep)));
  if (status.cells.total > 0) line("cells", cells_text(status.cells));
  for (const LiveProcess& process : status.processes) {
    const std::string at_work = line_of_process(process.shown);
    line(process.alive ? "process" : at_work.empty() ? "ended" : "dead", process_text(process));
    line("", process.alive ? at_work : "");
  }
  for (const RunLog::Error& error : status.errors) {
    // The message of a stage begins with its name.
    const bool is_named = error.message.starts_with(error.where);
    line("error", one_line(is_named ? error.message : error.where + ": " + error.message));
  }
  line("next", next_text(status));
  return text;
}

nlohmann::ordered_json status_json(const RunStatus& status) {
  using ordered = nlohmann::ordered_json;
  const auto text_or_null = [](const std::string& text) {
    return text.empty() ? ordered(nullptr) : ordered(text);
  };
  const auto time_or_null = [](const std::optional<int64_t>& time) {
    return time ? ordered(iso_time(*time)) : ordered(nullptr);
  };
  ordered processes = ordered::array(), errors = ordered::array();
  for (const LiveProcess& process : status.processes) {
    processes.push_back({{"file", process.file.filename().string()},
                         {"alive", process.alive},
                         {"shown", process.shown}});
  }
  for (const RunLog::Error& error : status.errors) {
    errors.push_back({{"time", error.time}, {"stage", error.where}, {"message", error.message}});
  }
  const CellCounts& cells = status.cells;
  return {{"folder", status.folder.string()},
          {"name", text_or_null(status.name)},
          {"sweep", text_or_null(status.sweep)},
          {"running", status.running()},
          {"started", time_or_null(status.started)},
          {"ended", time_or_null(status.ended)},
          {"code", status.code ? ordered(*status.code) : ordered(nullptr)},
          {"cells",
           {{"total", cells.total},
            {"done", cells.done},
            {"failed", cells.failed},
            {"diverged", cells.diverged},
            {"interrupted", cells.interrupted},
            {"to_do", cells.to_do}}},
          {"processes", std::move(processes)},
          {"errors", std::move(errors)},
          {"command", text_or_null(status.command)}};
}

}  // namespace oar
