#include "harness/status/run_log.h"

#include <fmt/format.h>

#include <fstream>

namespace oar {
namespace {

using nlohmann::json;

std::string text_of(const json& event, const char* name) {
  const auto found = event.find(name);
  return found != event.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// Runs of worker processes belong to the run that started them.
bool is_of_worker(const json& event) {
  const auto worker = event.find("worker");
  return worker != event.end() && !worker->is_null();
}

}  // namespace

void RunLog::read_on() {
  std::ifstream in(file_, std::ios::binary);
  if (!in) return;
  in.seekg(0, std::ios::end);
  if (in.tellg() < read_) *this = RunLog(file_);  // somebody has begun the log anew
  found_ = true;
  in.seekg(read_);
  for (std::string line; std::getline(in, line) && !in.eof();) {
    read_ += static_cast<std::streamoff>(line.size()) + 1;
    take(line);
  }
}

void RunLog::take(const std::string& line) {
  if (line.find("\"kind\":\"curve\"") != std::string::npos) return;  // nearly all lines
  const json event = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!event.is_object()) return;
  const std::string kind = text_of(event, "kind");
  if (kind == "run_started" && !is_of_worker(event)) {
    started_ = event;
    ended_ = nullptr;
    errors_.clear();
  } else if (kind == "run_ended" && !is_of_worker(event)) {
    ended_ = event;
  } else if (kind == "stage_failed") {
    const std::string where =
        fmt::format("{}/{}", text_of(event, "stage"), text_of(event, "key").substr(0, 12));
    errors_.push_back({text_of(event, "time"), where, text_of(event, "message")});
    if (errors_.size() > kMostErrors) errors_.erase(errors_.begin());
  }
}

}  // namespace oar
