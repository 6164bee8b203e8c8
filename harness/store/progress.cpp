#include "harness/store/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <utility>

namespace oar {
namespace {

constexpr double kTerminalPeriod = 0.2;
constexpr double kPlainPeriod = 30.0;
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

/// Cut to `columns`, never inside a UTF-8 character.
std::string fit(const std::string& line, int columns) {
  int used = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const bool starts_character = (static_cast<unsigned char>(line[i]) & 0xC0) != 0x80;
    if (starts_character && used++ == columns) return line.substr(0, i);
  }
  return line;
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
}

void Progress::update(int64_t done, const std::string& note) {
  if (phase_ != Phase::kCounting) return;
  done_ = done;
  note_ = note;
  const double time = now();
  if (time - last_draw_ < (options_.terminal ? kTerminalPeriod : kPlainPeriod)) return;
  last_draw_ = time;
  draw(live_line());
}

void Progress::end() {
  if (phase_ == Phase::kCounting) print(end_line());
  if (phase_ == Phase::kStarted) {
    print(fmt::format("{}  done in {}", title_, duration_text(now() - stage_start_)));
  }
  phase_ = Phase::kIdle;
}

void Progress::cached() {
  print(title_ + "  cached");
  phase_ = Phase::kIdle;
}

void Progress::abandon() {
  if (drawn_) print(live_line());
  phase_ = Phase::kIdle;
}

void Progress::say(const std::string& message) {
  print(title_.empty() ? message : title_ + "  " + message);
}

std::string Progress::live_line() const {
  const double elapsed = now() - start_;
  const double rate = elapsed > 0 ? static_cast<double>(done_ - resumed_at_) / elapsed : 0;
  std::string line = fmt::format("{}  {}", title_, count_text(done_));
  if (total_ > 0) line += fmt::format("/{}", count_text(total_));
  line += " " + unit_;
  if (rate > 0) line += fmt::format("  {}/s", rate_text(rate));
  line += fmt::format("  {}", duration_text(std::floor(elapsed)));
  if (rate > 0 && total_ > done_) {
    const double left = std::ceil(static_cast<double>(total_ - done_) / rate);
    line += fmt::format(", {} left", duration_text(left));
  }
  if (!note_.empty()) line += "  " + note_;
  return line;
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

}  // namespace oar
