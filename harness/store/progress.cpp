#include "harness/store/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "harness/store/terminal_text.h"

namespace oar {
namespace {

constexpr double kTerminalPeriod = 0.2;
constexpr double kPlainPeriod = 30.0;
constexpr double kTellPeriod = 1.0;
constexpr const char* kClearToEnd = "\x1b[K";

double steady_seconds() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since).count();
}

int standard_error_width() {
  winsize size = {};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

/// Three digits, or all digits of a large number: "215", "21.5", "0.152".
std::string rate_text(double rate) {
  return rate >= 100 ? count_text(std::llround(rate)) : fmt::format("{:.3g}", rate);
}

}  // namespace

ProgressOptions ProgressOptions::standard_error(bool quiet) {
  ProgressOptions options;
  if (quiet) return options;
  const char* term = std::getenv("TERM");
  options.out = &std::cerr;
  options.terminal = isatty(STDERR_FILENO) == 1 && term && std::string_view(term) != "dumb";
  options.width = standard_error_width;
  return options;
}

std::string duration_text(double seconds) {
  const double tenths = std::round(std::max(seconds, 0.0) * 10) / 10;
  if (tenths < 10) return fmt::format("{}s", tenths);
  const int64_t whole = std::llround(seconds);
  const int64_t minutes = whole / 60, hours = minutes / 60, days = hours / 24;
  if (whole < 60) return fmt::format("{}s", whole);
  if (minutes < 60) return fmt::format("{}m{:02}s", minutes, whole % 60);
  if (hours < 24) return fmt::format("{}h{:02}m", hours, minutes % 60);
  return fmt::format("{}d{:02}h", days, hours % 24);
}

std::string count_text(int64_t count) {
  std::string text = std::to_string(count);
  const int64_t first = count < 0 ? 1 : 0;
  for (int64_t i = static_cast<int64_t>(text.size()) - 3; i > first; i -= 3) {
    text.insert(text.begin() + i, ',');
  }
  return text;
}

Progress::Progress(ProgressOptions options) : options_(std::move(options)) {}

double Progress::now() const { return options_.clock ? options_.clock() : steady_seconds(); }

void Progress::stage(std::string title) {
  abandon();
  title_ = std::move(title);
  phase_ = Phase::kStarted;
  stage_start_ = now();
  tell();
}

void Progress::begin(std::string unit, int64_t total, int64_t done) {
  if (phase_ == Phase::kCounting) end();
  phase_ = Phase::kCounting;
  unit_ = std::move(unit);
  note_.clear();
  total_ = total;
  done_ = resumed_at_ = done;
  start_ = now();
  // A terminal shows a line at once, a log file after the first half minute.
  last_draw_ = options_.terminal ? start_ - kTerminalPeriod : start_;
  tell();
}

void Progress::update(int64_t done, const std::string& note) {
  if (phase_ != Phase::kCounting) return;
  done_ = done;
  note_ = note;
  const double time = now();
  if (time - last_tell_ >= kTellPeriod) tell();
  if (time - last_draw_ < (options_.terminal ? kTerminalPeriod : kPlainPeriod)) return;
  last_draw_ = time;
  draw(progress_line(state()));
}

void Progress::end() {
  if (phase_ == Phase::kIdle) return;
  const std::string line =
      phase_ == Phase::kCounting
          ? end_line()
          : fmt::format("{}  done in {}", title_, duration_text(now() - stage_start_));
  phase_ = Phase::kIdle;
  stay(line);
}

void Progress::cached() {
  phase_ = Phase::kIdle;
  stay(title_ + "  cached");
}

void Progress::abandon() {
  if (phase_ == Phase::kIdle) return;
  if (drawn_) print(progress_line(state()));
  phase_ = Phase::kIdle;
  tell();
}

void Progress::say(const std::string& message) {
  stay(title_.empty() ? message : title_ + "  " + message);
}

ProgressState Progress::state() const {
  ProgressState state;
  state.said = said_;
  state.said_count = said_count_;
  if (phase_ == Phase::kIdle) return state;
  state.title = title_;
  state.elapsed = now() - (phase_ == Phase::kCounting ? start_ : stage_start_);
  if (phase_ == Phase::kStarted) return state;
  state.unit = unit_;
  state.note = note_;
  state.total = total_;
  state.done = done_;
  const auto count = static_cast<double>(done_ - resumed_at_);
  if (state.elapsed > 0) state.rate = count / state.elapsed;
  if (state.rate > 0 && total_ > done_) {
    state.left = static_cast<double>(total_ - done_) / state.rate;
  }
  return state;
}

std::string progress_line(const ProgressState& state) {
  std::string line = state.title;
  if (!state.unit.empty()) {
    line += "  " + count_text(state.done);
    if (state.total > 0) line += "/" + count_text(state.total);
    line += " " + state.unit;
  }
  if (state.rate > 0) line += fmt::format("  {}/s", rate_text(state.rate));
  line += "  " + duration_text(std::floor(state.elapsed));
  if (state.left > 0) line += fmt::format(", {} left", duration_text(std::ceil(state.left)));
  if (!state.note.empty()) line += "  " + state.note;
  return one_line(line);
}

nlohmann::json to_json(const ProgressState& state) {
  return {{"title", state.title},          {"unit", state.unit}, {"note", state.note},
          {"total", state.total},          {"done", state.done}, {"rate", state.rate},
          {"elapsed", state.elapsed},      {"left", state.left}, {"said", state.said},
          {"said_count", state.said_count}};
}

ProgressState progress_state_from(const nlohmann::json& value) {
  ProgressState state;
  if (!value.is_object()) return state;
  const auto find = [&](const char* name) {
    const auto found = value.find(name);
    return found == value.end() ? nlohmann::json() : *found;
  };
  const auto text = [&](const char* name, std::string& field) {
    if (const auto found = find(name); found.is_string()) field = found;
  };
  const auto number = [&](const char* name, double& field) {
    if (const auto found = find(name); found.is_number()) field = found;
  };
  const auto count = [&](const char* name, int64_t& field) {
    if (const auto found = find(name); found.is_number_integer()) field = found;
  };
  text("title", state.title);
  text("unit", state.unit);
  text("note", state.note);
  count("total", state.total);
  count("done", state.done);
  number("rate", state.rate);
  number("elapsed", state.elapsed);
  number("left", state.left);
  count("said_count", state.said_count);
  if (const auto said = find("said"); said.is_array()) {
    for (const auto& line : said) {
      if (line.is_string()) state.said.push_back(line);
    }
  }
  return state;
}

std::string Progress::end_line() const {
  const double elapsed = now() - start_;
  const int64_t count = done_ - resumed_at_;
  const std::string last =
      resumed_at_ > 0 ? fmt::format(", the last {}", count_text(count)) : std::string();
  std::string line = fmt::format("{}  {} {}{} in {}", title_, count_text(done_), unit_, last,
                                 duration_text(elapsed));
  if (elapsed > 0 && count > 0) {
    line += fmt::format(" ({} {}/s)", rate_text(static_cast<double>(count) / elapsed), unit_);
  }
  return line;
}

void Progress::draw(const std::string& line) {
  if (!options_.terminal) return print(line);
  if (!options_.out) return;
  try {
    const int width = options_.width ? options_.width() : 80;
    *options_.out << '\r' << fit(line, std::max(width - 1, 1)) << kClearToEnd << std::flush;
    drawn_ = true;
  } catch (const std::exception&) {  // a stream that throws: its message is lost, the run is not
  }
}

void Progress::print(const std::string& line) {
  if (!options_.out) return;
  try {
    if (drawn_) *options_.out << '\r' << kClearToEnd;
    drawn_ = false;
    *options_.out << line << '\n' << std::flush;
  } catch (const std::exception&) {
  }
}

void Progress::stay(const std::string& line) {
  print(line);
  said_.push_back(line);
  if (said_.size() > ProgressState::kSaid) said_.erase(said_.begin());
  ++said_count_;
  tell();
}

void Progress::tell() {
  last_tell_ = now();
  if (!options_.watch) return;
  try {
    options_.watch(state());
  } catch (const std::exception&) {
  }
}

}  // namespace oar
