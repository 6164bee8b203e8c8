#include "harness/board/board.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <ostream>
#include <utility>

#include "harness/store/terminal_text.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr double kTerminalPeriod = 0.2;
constexpr double kPlainPeriod = 30.0;
constexpr size_t kMostLines = 16;

double steady_seconds() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since).count();
}

ProgressState state_of(const json& shown) {
  const bool has_one = shown.is_object() && shown.contains("progress");
  return has_one ? progress_state_from(shown.at("progress")) : ProgressState();
}

/// Those of living processes that are at a stage; the last one counts those beyond kMostLines.
std::vector<std::string> live_lines(const std::vector<LiveProcess>& processes) {
  std::vector<std::string> lines;
  size_t more = 0;
  for (const LiveProcess& process : processes) {
    const std::string line = process.alive ? line_of_process(process.shown) : "";
    if (line.empty()) continue;
    if (lines.size() < kMostLines) {
      lines.push_back(line);
    } else {
      ++more;
    }
  }
  if (more > 0) lines.push_back(fmt::format("and {} more", more));
  return lines;
}

}  // namespace

std::string line_of_process(const json& shown) {
  const ProgressState state = state_of(shown);
  std::string line = state.title.empty() ? "" : progress_line(state);
  const auto waiting = shown.is_object() ? shown.find("waiting_for") : shown.end();
  if (waiting != shown.end() && waiting->is_string()) {
    if (!line.empty()) line += "  ";
    line += "waits for " + one_line(waiting->get<std::string>());
  }
  return line;
}

Board::Board(ProgressOptions options)
    : options_(std::move(options)), last_draw_(std::numeric_limits<double>::lowest()) {
  if (!options_.clock) options_.clock = steady_seconds;
}

void Board::refresh(const std::vector<LiveProcess>& processes) {
  if (!options_.out) return;
  const std::vector<std::string> said = new_lines(processes);
  std::string text;
  if (!options_.terminal) {
    for (const std::string& line : said) text += line + "\n";
    for (const std::string& line : plain_lines(processes)) text += line + "\n";
    return write(text);
  }
  const double now = options_.clock();
  if (said.empty() && now - last_draw_ < kTerminalPeriod) return;
  last_draw_ = now;
  text = erasure();
  for (const std::string& line : said) text += line + "\n";
  live_ = live_lines(processes);
  write(text + frame(live_));
}

void Board::close() {
  if (!options_.out || live_.empty()) return;
  live_.clear();
  write("\n");
}

std::vector<std::string> Board::new_lines(const std::vector<LiveProcess>& processes) {
  std::vector<std::string> lines;
  for (const LiveProcess& process : processes) {
    const ProgressState state = state_of(process.shown);
    int64_t& printed = seen_[process.file.string()].said;
    if (state.said_count < printed) printed = 0;  // another process with that number
    const auto kept = static_cast<int64_t>(state.said.size());
    const int64_t count = std::min(state.said_count - printed, kept);
    for (int64_t i = kept - count; i < kept; ++i) {
      lines.push_back(one_line(state.said[static_cast<size_t>(i)]));
    }
    printed = state.said_count;
  }
  return lines;
}

std::vector<std::string> Board::plain_lines(const std::vector<LiveProcess>& processes) {
  std::vector<std::string> lines;
  const double now = options_.clock();
  for (const LiveProcess& process : processes) {
    Seen& seen = seen_[process.file.string()];
    const std::string line = process.alive ? line_of_process(process.shown) : "";
    const std::string title = state_of(process.shown).title;
    if (title != seen.title) {  // the first line of a stage comes after half a minute
      seen.title = title;
      seen.last_plain = now;
    }
    if (line.empty() || now - seen.last_plain < kPlainPeriod) continue;
    seen.last_plain = now;
    lines.push_back(line);
  }
  return lines;
}

/// The lines, the cursor at the end of the last.
std::string Board::frame(const std::vector<std::string>& live) const {
  const int width = options_.width ? options_.width() : 80;
  std::string text;
  for (const std::string& line : live) {
    if (!text.empty()) text += "\n";
    text += fit(line, std::max(width - 1, 1));
  }
  return text;
}

/// Removes what frame() wrote: up to its first line, then everything below.
std::string Board::erasure() const {
  if (live_.empty()) return "";
  const std::string up = live_.size() > 1 ? fmt::format("\x1b[{}A", live_.size() - 1) : "";
  return "\r" + up + "\x1b[J";
}

void Board::write(const std::string& text) {
  if (text.empty()) return;
  try {
    *options_.out << text << std::flush;
  } catch (const std::exception&) {  // a stream that throws: its message is lost, the run is not
  }
}

}  // namespace oar
