#include "harness/track/track_verb.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <set>
#include <stdexcept>
#include <vector>

#include "harness/compare/record_file.h"
#include "harness/exit_code.h"
#include "harness/track/history.h"
#include "harness/track/history_figures.h"
#include "models/weights/atomic_file.h"
#include "reports/comparison/text_table.h"
#include "reports/plots.h"
#include "reports/text.h"

namespace oar {
namespace {

using nlohmann::json;
using report::format_number;
using report::one_line;

constexpr size_t kShortCommit = 10;
constexpr size_t kWidestLine = 40;

/// The last kWidestLine means as a line of bars between the least and the greatest of them.
std::string sparkline(const std::vector<HistoryPoint>& points) {
  constexpr const char* kBars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const auto first =
      points.end() - static_cast<std::ptrdiff_t>(std::min(points.size(), kWidestLine));
  const auto [least, greatest] = std::minmax_element(
      first, points.end(),
      [](const HistoryPoint& a, const HistoryPoint& b) { return a.mean < b.mean; });
  const double range = greatest->mean - least->mean;
  std::string line;
  for (auto point = first; point != points.end(); ++point) {
    const double share = range > 0.0 ? (point->mean - least->mean) / range : 0.0;
    line += kBars[std::min(7, static_cast<int>(share * 8.0))];
  }
  return line;
}

std::string short_commit(const HistoryPoint& point) {
  return one_line(point.commit).substr(0, kShortCommit) + (point.tree_clean ? "" : "+");
}

std::string band_text(const HistoryPoint& point) {
  if (!point.band) return "–";
  return fmt::format("[{}, {}]", format_number(point.band->low), format_number(point.band->high));
}

/// "worse", "better", or "above" and "below" where neither is better.
std::string side_of(const HistorySeries& series, const HistoryPoint& point) {
  const bool above = point.mean > point.band->high;
  if (!series.higher_is_better) return above ? "above" : "below";
  return above == *series.higher_is_better ? "better" : "worse";
}

std::string heading_of(const HistorySeries& series) {
  const std::string name = one_line(series.name);
  if (!series.higher_is_better) return name;
  return name + (*series.higher_is_better ? " ↑" : " ↓");
}

std::string state_of(const HistorySeries& series) {
  const HistoryPoint* const first = series.first_outside();
  if (first == nullptr) {
    return series.points.size() > kFewestBefore ? "inside" : "too few commits for a band";
  }
  const auto outside = std::count_if(series.points.begin(), series.points.end(),
                                     [](const HistoryPoint& point) { return point.outside; });
  return fmt::format("first outside: {}, {} ({} of {} commits since)", short_commit(*first),
                     side_of(series, *first), outside, &series.points.back() - first + 1);
}

std::string overview(const std::vector<HistorySeries>& all) {
  std::vector<std::vector<std::string>> rows;
  for (const HistorySeries& series : all) {
    const HistoryPoint& last = series.points.back();
    rows.push_back({one_line(series.sweep), one_line(series.row), heading_of(series),
                    sparkline(series.points), std::to_string(series.points.size()),
                    format_number(last.mean), band_text(last), state_of(series)});
  }
  return text_table(
      {"sweep", "row", "metric", "over commits", "commits", "last", "band of the last", ""}, rows,
      4);
}

std::string commit_by_commit(const HistorySeries& series) {
  std::vector<std::vector<std::string>> rows;
  for (const HistoryPoint& point : series.points) {
    const bool first = &point == series.first_outside();
    rows.push_back({short_commit(point), one_line(point.created), std::to_string(point.n),
                    format_number(point.mean, 6), band_text(point),
                    point.outside ? fmt::format("{}{}", first ? "<- first outside: " : "outside: ",
                                                side_of(series, point))
                                  : ""});
  }
  return fmt::format("{}, {}: {}\n{}\n", one_line(series.sweep), one_line(series.row),
                     heading_of(series),
                     text_table({"commit", "measured", "n", "mean", "band", ""}, rows, 2));
}

json series_json(const HistorySeries& series) {
  json points = json::array();
  for (const HistoryPoint& point : series.points) {
    json band;
    if (point.band) band = {point.band->low, point.band->high};
    points.push_back({{"commit", point.commit},
                      {"created", point.created},
                      {"tree_clean", point.tree_clean},
                      {"n", point.n},
                      {"mean", point.mean},
                      {"band", std::move(band)},
                      {"outside", point.outside}});
  }
  const HistoryPoint* const first = series.first_outside();
  return {{"sweep", series.sweep},
          {"row", series.row},
          {"metric", series.metric},
          {"name", series.name},
          {"unit", series.unit},
          {"settings", series.settings},
          {"higher_is_better",
           series.higher_is_better ? json(*series.higher_is_better) : json(nullptr)},
          {"first_outside", first != nullptr ? json(first->commit) : json(nullptr)},
          {"points", std::move(points)}};
}

std::vector<HistorySeries> wanted(std::vector<HistorySeries> all, const std::string& metric) {
  if (metric.empty()) return all;
  std::set<std::string> known;
  for (const HistorySeries& series : all) known.insert(one_line(series.metric));
  std::erase_if(all, [&](const HistorySeries& series) {
    return series.metric != metric && series.name != metric;
  });
  if (!all.empty()) return all;
  throw std::invalid_argument(fmt::format("--metric: the history has no metric \"{}\"\n  known: {}",
                                          one_line(metric), fmt::join(known, ", ")));
}

void draw(const std::vector<HistorySeries>& all, const std::filesystem::path& out) {
  std::filesystem::create_directories(out);
  const std::string problem = draw_figures(
      history_figures(all), out, out, [](const std::filesystem::path& path, std::string_view text) {
        write_file_atomically(path, text);
      });
  if (!problem.empty()) fmt::print(stderr, "{}\n", problem);
}

}  // namespace

int run_track_add(const TrackCommand& command, std::ostream& out) {
  const json line = history_line(read_record(command.results), command.commit);
  append_to_history(command.history, line, command.force);
  out << fmt::format("{}: {} numbers of commit {}\n", command.history.string(),
                     line["numbers"].size(), one_line(line["commit"].get<std::string>()))
      << std::flush;
  return kAllDone;
}

int run_track_show(const TrackCommand& command, std::ostream& out) {
  const std::vector<HistorySeries> all =
      wanted(series_of(read_history(command.history), command.since), command.metric);
  if (!command.out.empty()) draw(all, command.out);
  if (command.json) {
    json value = {{"schema_version", 1}, {"series", json::array()}};
    for (const HistorySeries& series : all) value["series"].push_back(series_json(series));
    out << value.dump(2, ' ', false, json::error_handler_t::replace) << "\n" << std::flush;
    return kAllDone;
  }
  if (command.metric.empty()) {
    out << overview(all);
  } else {
    for (const HistorySeries& series : all) out << commit_by_commit(series);
  }
  out << fmt::format(
             "\nBand: where the next record of an unchanged program lies with 99.9% probability, "
             "by "
             "up to {} records before it that\nwere inside theirs; never narrower than 0.1% of the "
             "mean. A commit with + was measured with changes.\n",
             kMostBefore)
      << std::flush;
  return kAllDone;
}

Verb add_track_verb(CLI::App& app) {
  const auto command = std::make_shared<TrackCommand>();
  CLI::App* const verb =
      app.add_subcommand("track", "numbers over commits: a history in a file, and what has moved");
  verb->require_subcommand(1);
  CLI::App* const add = verb->add_subcommand("add", "append a record to a history");
  add->add_option("results", command->results, "folder of a run, or its results.json")->required();
  add->add_option("--commit", command->commit, "that was measured; the record's own without it");
  add->add_flag("--force", command->force, "add a commit again; the later line counts");
  CLI::App* const show = verb->add_subcommand(
      "show", "each number over commits, and the first commit outside its band");
  show->add_option("--metric", command->metric, "this one only, commit by commit");
  show->add_option("--since", command->since, "leave out what was measured before this commit");
  show->add_flag("--json", command->json, "print one JSON object instead of a table");
  show->add_option("--out", command->out, "draw pictures too, into <out>/figures");
  for (CLI::App* const part : {add, show}) {
    part->add_option("--history", command->history, "file of the history, JSON Lines")->required();
  }
  return {verb, [command, add] {
            return *add ? run_track_add(*command, std::cout) : run_track_show(*command, std::cout);
          }};
}

}  // namespace oar
