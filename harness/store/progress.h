#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace oar {

/// How far the stage at hand is, for whoever shows it elsewhere.
///
/// Units  seconds; rates in things per second of this attempt.
struct ProgressState {
  std::string title;            ///< "[3/11] any_order"; empty between two stages
  std::string unit;             ///< empty while nothing is counted
  std::string note;             ///< "loss 3.21"
  int64_t total = 0, done = 0;  ///< total 0: not known
  double rate = 0, elapsed = 0;
  double left = 0;  ///< 0: not known

  std::vector<std::string> said;  ///< the latest lines that stay, oldest first, at most kSaid
  int64_t said_count = 0;         ///< of all of them since the process began
  static constexpr size_t kSaid = 16;
};

/// The line that is rewritten while a stage runs: "[3/11] any_order  12,800/80,000 images  215/s
/// 1m00s, 5m13s left  loss 3.21"; without what is not known. Control characters come escaped.
std::string progress_line(const ProgressState& state);

/// As an object with the names of the fields.
nlohmann::json to_json(const ProgressState& state);

/// What to_json() made. Fields that are missing or of another kind keep their defaults: the text
/// may be that of another version of this program.
ProgressState progress_state_from(const nlohmann::json& value);

/// Where progress goes. The clock and the stream are arguments so that tests need not wait.
struct ProgressOptions {
  std::ostream* out = nullptr;      ///< nothing is printed without one
  bool terminal = false;            ///< one line, rewritten in place; else plain lines
  std::function<int()> width = {};  ///< columns of the terminal; 80 without it
  std::function<double()> clock =
      {};  ///< seconds from any origin, never backwards; steady without it
  /// Hears of every new stage, count, message and end, and at most once a second of how far it is;
  /// without `out` too. What it throws is lost.
  std::function<void(const ProgressState&)> watch = {};

  /// Standard error as it is now: a terminal or a file; silent if `quiet`.
  static ProgressOptions standard_error(bool quiet);
};

/// Tells the user how far the stage at hand is: on a terminal in one line that is rewritten at most
/// five times a second, elsewhere in a plain line every 30 seconds, and at the end of each stage in
/// one line that stays:
///
///     [3/11] any_order  12,800/80,000 images  215/s  1m00s, 5m13s left  loss 3.21
///     [3/11] any_order  80,000 images in 6m12s (215 images/s)
///     [4/11] orders  cached
///
/// Rates and the time left count this attempt only, not what a resumed stage had done before.
/// Output that fails is output lost: it never ends a run. One thread at a time.
///
/// Units  seconds.
class Progress {
 public:
  explicit Progress(ProgressOptions options);
  Progress() : Progress(ProgressOptions{}) {}

  /// Starts a stage, "[3/11] any_order". The lines of `begin`, `end` and `cached` open with it.
  void stage(std::string title);

  /// Starts counting `total` things of the stage, `done` of which an earlier attempt has done. A
  /// stage may count several things, one after the other. A total of 0 means: not known.
  void begin(std::string unit, int64_t total, int64_t done = 0);

  /// `done` counts from the beginning of the stage, over all attempts. `note`: "loss 3.21".
  void update(int64_t done, const std::string& note = "");

  /// Ends the count, or the stage where nothing was counted, with the line that stays. A second
  /// call says nothing.
  void end();

  /// Ends a stage that had nothing to do.
  void cached();

  /// Ends a stage that did not reach its end: its last line stays as it is.
  void abandon();

  /// Prints a message on a line of its own, after the stage's title.
  void say(const std::string& message);

  ProgressState state() const;

 private:
  enum class Phase { kIdle, kStarted, kCounting };
  std::string end_line() const;
  void draw(const std::string& line);
  void print(const std::string& line);
  void stay(const std::string& line);
  void tell();
  double now() const;

  ProgressOptions options_;
  Phase phase_ = Phase::kIdle;
  std::string title_, unit_, note_;
  int64_t total_ = 0, done_ = 0, resumed_at_ = 0;
  double stage_start_ = 0, start_ = 0, last_draw_ = 0, last_tell_ = 0;
  bool drawn_ = false;  ///< a live line stands on the terminal
  std::vector<std::string> said_;
  int64_t said_count_ = 0;
};

/// "0.4s", "12s", "2m41s", "1h05m", "2d03h".
std::string duration_text(double seconds);

/// "80,000".
std::string count_text(int64_t count);

}  // namespace oar
