#include "harness/track/history.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "datasets/dataset.h"
#include "datasets/sha256.h"
#include "reports/comparison/pairs.h"
#include "reports/fields.h"
#include "reports/interval.h"
#include "reports/text.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using report::field;
using report::text;

constexpr size_t kSettingsDigits = 16;

/// The open history, locked for as long as it lives.
class LockedFile {
 public:
  enum class For { kReading, kAppending };

  LockedFile(const fs::path& path, For purpose) : path_(path) {
    const bool reads = purpose == For::kReading;
    const int how = reads ? O_RDONLY : O_RDWR | O_CREAT | O_APPEND;
    descriptor_ = ::open(path.c_str(), how | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail("cannot open the history");
    while (::flock(descriptor_, reads ? LOCK_SH : LOCK_EX) != 0) {
      if (errno == EINTR) continue;
      const int error = errno;
      ::close(descriptor_);
      errno = error;
      fail("cannot lock the history");
    }
  }
  ~LockedFile() { ::close(descriptor_); }
  LockedFile(const LockedFile&) = delete;
  LockedFile& operator=(const LockedFile&) = delete;

  std::string content() const {
    std::string content;
    std::vector<char> part(1 << 16);
    for (;;) {
      const ssize_t got =
          ::pread(descriptor_, part.data(), part.size(), static_cast<off_t>(content.size()));
      if (got < 0) fail("cannot read the history");
      if (got == 0) return content;
      content.append(part.data(), static_cast<size_t>(got));
    }
  }

  /// With one write(), synced. A disk that takes a part of it gives it back.
  void append(const std::string& line, size_t length_before) const {
    const ssize_t written = ::write(descriptor_, line.data(), line.size());
    const bool whole = written == static_cast<ssize_t>(line.size());
    if (whole && ::fsync(descriptor_) == 0) return;
    const int error = written >= 0 && !whole ? ENOSPC : errno;
    if (::ftruncate(descriptor_, static_cast<off_t>(length_before)) != 0) {
      errno = error;
      fail("cannot write the history, and a part of the new line stays in it");
    }
    errno = error;
    fail("cannot write the history");
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw std::system_error(errno, std::generic_category(),
                            fmt::format("{}: {}", path_.string(), what));
  }

  fs::path path_;
  int descriptor_ = -1;
};

[[noreturn]] void fail_at(const fs::path& file, size_t line, const std::string& problem) {
  throw BadData(fmt::format("{}:{}: {}; each line is an object that `oar-bench track add` wrote",
                            file.string(), line, problem));
}

json parsed(const fs::path& file, size_t number, std::string_view line) {
  const auto check_depth = [&](int depth, json::parse_event_t, const json&) {
    constexpr int kDeepest = 8;
    if (depth > kDeepest) fail_at(file, number, "nested too deep");
    return true;
  };
  json value;
  try {
    value = json::parse(line, check_depth);
  } catch (const json::exception& error) {
    fail_at(file, number, fmt::format("not JSON: {}", error.what()));
  }
  if (field(value, "schema_version") != 1) fail_at(file, number, "schema_version is not 1");
  if (!field(value, "commit").is_string()) fail_at(file, number, "there is no commit");
  if (!field(value, "numbers").is_array()) fail_at(file, number, "there are no numbers");
  for (const json& entry : value["numbers"]) {
    if (!field(entry, "mean").is_number() || !field(entry, "name").is_string()) {
      fail_at(file, number, "a number has no name or mean");
    }
  }
  return value;
}

std::vector<json> parsed_lines(const fs::path& file, const std::string& content) {
  std::vector<json> lines;
  size_t number = 0;
  for (size_t begin = 0; begin < content.size();) {
    const size_t end = std::min(content.find('\n', begin), content.size());
    const std::string_view line(content.data() + begin, end - begin);
    ++number;
    if (!line.empty()) lines.push_back(parsed(file, number, line));
    begin = end + 1;
  }
  return lines;
}

/// One commit of one sweep.
std::string record_key(const json& line) {
  return text(field(line, "name")) + "\n" + text(field(line, "commit"));
}

json number_json(const PairedNumbers& numbers) {
  json values = json::array();
  for (const NumberPair& pair : numbers.pairs) values.push_back(pair.now);
  return {{"row", numbers.row()},
          {"metric", numbers.metric},
          {"name", numbers.name},
          {"unit", numbers.unit},
          {"higher_is_better",
           numbers.higher_is_better ? json(*numbers.higher_is_better) : json(nullptr)},
          {"settings", sha256_hex(numbers.settings.dump()).substr(0, kSettingsDigits)},
          {"n", numbers.pairs.size()},
          {"mean", numbers.now_mean()},
          {"values", std::move(values)}};
}

std::optional<Interval> band_of(const std::vector<double>& before) {
  if (before.size() < kFewestBefore) return std::nullopt;
  constexpr double kLevel = 0.999;
  constexpr double kNarrowest = 0.001;
  constexpr double kRounding = 1e-12;  // of numbers that should be 0
  const size_t taken = std::min(before.size(), kMostBefore);
  const report::Spread spread =
      report::spread_of({before.end() - static_cast<std::ptrdiff_t>(taken), before.end()});
  const auto n = static_cast<double>(spread.n);
  const double reach =
      report::student_quantile(kLevel, spread.n - 1) * spread.stddev * std::sqrt(1.0 + 1.0 / n);
  const double half = std::max({reach, kNarrowest * std::abs(spread.mean), kRounding});
  return Interval{spread.mean - half, spread.mean + half};
}

void add_bands(HistorySeries& series) {
  std::vector<double> inside;
  for (HistoryPoint& point : series.points) {
    point.band = band_of(inside);
    point.outside = point.band && (point.mean < point.band->low || point.mean > point.band->high);
    if (!point.outside) inside.push_back(point.mean);
  }
}

}  // namespace

json history_line(const json& results, const std::string& commit) {
  const json& context = field(results, "context");
  const std::string measured = commit.empty() ? text(field(context, "commit")) : commit;
  if (measured.empty() || measured == "unknown") {
    throw std::invalid_argument(
        "the record does not say of which commit it is; name it with --commit");
  }
  json numbers = json::array();
  for (const PairedNumbers& entry : numbers_by_row(results)) {
    if (!entry.pairs.empty()) numbers.push_back(number_json(entry));
  }
  return {{"schema_version", 1},
          {"name", text(field(results, "name"))},
          {"commit", measured},
          {"tree_clean", field(context, "tree_clean")},
          {"created", text(field(results, "created"))},
          {"processor", field(context, "processor")},
          {"device", field(context, "device")},
          {"numbers", std::move(numbers)}};
}

void append_to_history(const fs::path& file, const json& line, bool force) {
  const LockedFile history(file, LockedFile::For::kAppending);
  const std::string content = history.content();
  for (const json& earlier : parsed_lines(file, content)) {
    if (force || record_key(earlier) != record_key(line)) continue;
    throw std::invalid_argument(fmt::format(
        "{}: commit {} of \"{}\" is in it already; --force adds it again, and the later "
        "line counts",
        file.string(), report::one_line(text(line["commit"])),
        report::one_line(text(line["name"]))));
  }
  const std::string end = content.empty() || content.back() == '\n' ? "" : "\n";
  history.append(end + line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n",
                 content.size());
}

std::vector<json> read_history(const fs::path& file) {
  if (!fs::is_regular_file(file)) {
    throw std::system_error(
        ENOENT, std::generic_category(),
        fmt::format("{}: no history is here; `oar-bench track add` begins one", file.string()));
  }
  const std::vector<json> all =
      parsed_lines(file, LockedFile(file, LockedFile::For::kReading).content());
  std::map<std::string, size_t> last;
  for (size_t i = 0; i < all.size(); ++i) last[record_key(all[i])] = i;
  std::vector<json> lines;
  for (size_t i = 0; i < all.size(); ++i) {
    if (last[record_key(all[i])] == i) lines.push_back(all[i]);
  }
  return lines;
}

const HistoryPoint* HistorySeries::first_outside() const {
  const auto found = std::find_if(points.begin(), points.end(),
                                  [](const HistoryPoint& point) { return point.outside; });
  return found == points.end() ? nullptr : &*found;
}

std::vector<HistorySeries> series_of(const std::vector<json>& history, const std::string& since) {
  const auto start = std::find_if(history.begin(), history.end(), [&](const json& line) {
    return text(field(line, "commit")).starts_with(since);
  });
  if (start == history.end() && !since.empty()) {
    throw std::invalid_argument(
        fmt::format("--since: no record is of commit \"{}\"", report::one_line(since)));
  }
  std::vector<HistorySeries> series;
  std::map<std::string, size_t> index;
  for (auto line = start; line != history.end(); ++line) {
    for (const json& entry : field(*line, "numbers")) {
      HistorySeries found{text(field(*line, "name")),
                          text(field(entry, "row")),
                          text(field(entry, "metric")),
                          text(field(entry, "name")),
                          text(field(entry, "unit")),
                          text(field(entry, "settings")),
                          std::nullopt,
                          {}};
      const json& better = field(entry, "higher_is_better");
      if (better.is_boolean()) found.higher_is_better = better.get<bool>();
      const std::string key = json{found.sweep, found.row, found.name, found.settings}.dump(
          -1, ' ', false, json::error_handler_t::replace);
      const auto [place, is_new] = index.try_emplace(key, series.size());
      if (is_new) series.push_back(std::move(found));
      const auto n = report::number(field(entry, "n"));
      series[place->second].points.push_back(
          {text(field(*line, "commit")), text(field(*line, "created")),
           field(*line, "tree_clean") != false, static_cast<int64_t>(n.value_or(0)),
           field(entry, "mean").get<double>(), std::nullopt, false});
    }
  }
  for (HistorySeries& one : series) add_bands(one);
  const std::string last = history.empty() ? "" : text(field(history.back(), "commit"));
  std::stable_partition(series.begin(), series.end(),
                        [&](const HistorySeries& one) { return one.points.back().commit == last; });
  return series;
}

}  // namespace oar
