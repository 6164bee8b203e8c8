#include "harness/preference/preference_verb.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "harness/exit_code.h"
#include "harness/preference/win_rate.h"
#include "reports/text.h"

namespace oar {
namespace {

using json = nlohmann::ordered_json;

/// arXiv 2504.17069 v2: people preferred the images of the method over the baseline's.
constexpr double kPublishedRate = 0.64;
constexpr char kPublishedSource[] = "arXiv 2504.17069 v2, human preference over the baseline";

/// Answers with a preference, by the side that was chosen.
struct Sides {
  int64_t left = 0, right = 0;
};

struct Outcome {
  std::vector<Tally> viewers;
  Tally all;
  Sides sides;
  std::optional<ShareInterval> over_viewers;
};

Outcome outcome_of(const std::vector<ViewerAnswers>& viewers) {
  Outcome outcome;
  for (const ViewerAnswers& viewer : viewers) {
    outcome.viewers.push_back(tally_of(viewer));
    outcome.all = outcome.all + outcome.viewers.back();
    for (const Answer& answer : viewer.answers) {
      if (answer.choice == Preference::kTie) continue;
      const bool left = (answer.choice == Preference::kA) == answer.a_was_left;
      ++(left ? outcome.sides.left : outcome.sides.right);
    }
  }
  outcome.over_viewers = viewer_interval(outcome.viewers);
  return outcome;
}

double median_seconds(const ViewerAnswers& viewer) {
  std::vector<int64_t> times;
  for (const Answer& answer : viewer.answers) times.push_back(answer.milliseconds);
  std::sort(times.begin(), times.end());
  const size_t half = times.size() / 2;
  const int64_t twice = times.size() % 2 == 1 ? 2 * times[half] : times[half - 1] + times[half];
  return static_cast<double>(twice) / 2000.0;
}

json pair_of(const std::optional<ShareInterval>& interval) {
  return interval ? json{interval->low, interval->high} : json();
}

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

std::string between(const ShareInterval& interval) {
  return fmt::format("{:.1f} .. {:.1f} %", 100 * interval.low, 100 * interval.high);
}

std::string p_text(double p) { return p < 0.0001 ? "p < 0.0001" : fmt::format("p = {:.4f}", p); }

std::string over_viewers_text(const Outcome& outcome) {
  if (outcome.viewers.size() == 1) {
    return "  one viewer: what other people prefer, this cannot tell\n";
  }
  if (!outcome.over_viewers) {
    return "  all viewers have one and the same rate: they tell no spread of viewers\n";
  }
  return fmt::format("  95 % interval {} over the {} viewers (each a cluster; Student's t)\n",
                     between(*outcome.over_viewers), outcome.viewers.size());
}

std::string viewer_table(const std::vector<ViewerAnswers>& viewers, const Outcome& outcome) {
  std::string table = fmt::format("  {:<16} {:>7} {:>6} {:>6} {:>6} {:>8} {:>9}\n", "viewer",
                                  "answers", "A", "B", "none", "A wins", "median s");
  for (size_t i = 0; i < viewers.size(); ++i) {
    const Tally& tally = outcome.viewers[i];
    table += fmt::format("  {:<16} {:>7} {:>6} {:>6} {:>6} {:>8} {:>9.1f}\n",
                         report::shorten(report::one_line(viewers[i].viewer), 15), tally.answers(),
                         tally.a, tally.b, tally.ties, percent(tally.rate()),
                         median_seconds(viewers[i]));
  }
  return table;
}

}  // namespace

json preference_json(const std::vector<ViewerAnswers>& viewers) {
  const Outcome outcome = outcome_of(viewers);
  const Sides& sides = outcome.sides;
  json by_viewer = json::array();
  for (size_t i = 0; i < viewers.size(); ++i) {
    const Tally& tally = outcome.viewers[i];
    by_viewer.push_back({{"viewer", viewers[i].viewer},
                         {"file", viewers[i].file},
                         {"answers", tally.answers()},
                         {"a", tally.a},
                         {"b", tally.b},
                         {"tie", tally.ties},
                         {"win_rate", tally.rate()},
                         {"median_seconds", median_seconds(viewers[i])}});
  }
  const int64_t decided = sides.left + sides.right;
  return {{"page_id", viewers.front().page_id},
          {"a", viewers.front().a},
          {"b", viewers.front().b},
          {"pairs", viewers.front().of},
          {"viewers", viewers.size()},
          {"answers", {{"a", outcome.all.a}, {"b", outcome.all.b}, {"tie", outcome.all.ties}}},
          {"win_rate", outcome.all.rate()},
          {"wilson_95", pair_of(wilson_interval(outcome.all.rate(), outcome.all.answers()))},
          {"viewers_95", pair_of(outcome.over_viewers)},
          {"sign_test_p", sign_test(outcome.all.a, outcome.all.b)},
          {"left_share",
           decided == 0 ? json()
                        : json(static_cast<double>(sides.left) / static_cast<double>(decided))},
          {"left_p", sign_test(sides.left, sides.right)},
          {"by_viewer", std::move(by_viewer)},
          {"published", {{"win_rate", kPublishedRate}, {"source", kPublishedSource}}}};
}

std::string preference_text(const std::vector<ViewerAnswers>& viewers) {
  const Outcome outcome = outcome_of(viewers);
  const Tally& all = outcome.all;
  std::string text = fmt::format(
      "A: {}\nB: {}\n\nA wins {} of {} answers, by {} {}; \"no preference\" is half a win for "
      "each\n"
      "  A {}, B {}, no preference {}\n"
      "  95 % interval {} over the answers, as if they were independent (Wilson)\n",
      report::one_line(viewers.front().a), report::one_line(viewers.front().b), percent(all.rate()),
      all.answers(), viewers.size(), viewers.size() == 1 ? "viewer" : "viewers", all.a, all.b,
      all.ties, between(wilson_interval(all.rate(), all.answers())));
  text += over_viewers_text(outcome);
  text += fmt::format("  sign test of the {} answers with a preference: {} (two-sided)\n",
                      all.a + all.b, p_text(sign_test(all.a, all.b)));
  text +=
      fmt::format("  the left side was chosen {} times, the right {}: {}\n\n", outcome.sides.left,
                  outcome.sides.right, p_text(sign_test(outcome.sides.left, outcome.sides.right)));
  text += viewer_table(viewers, outcome);
  text +=
      fmt::format("\nThe paper's {:.0f} % ({}) is such a number, of other images and viewers.\n",
                  100 * kPublishedRate, kPublishedSource);
  return text;
}

Verb add_preference_verb(CLI::App& app) {
  struct Options {
    std::vector<std::string> files;
    bool json = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* const verb = app.add_subcommand(
      "preference",
      "which of two rows people prefer, out of the files that `report --preference` "
      "pages export");
  verb->add_option("files", options->files, "exported files, one for each viewer")->required();
  verb->add_flag("--json", options->json, "print one JSON object");
  return {verb, [options] {
            const std::vector<ViewerAnswers> viewers = read_all_answers(options->files);
            if (options->json) {
              const json record = preference_json(viewers);
              fmt::print("{}\n", record.dump(2, ' ', false, json::error_handler_t::replace));
            } else {
              fmt::print("{}", preference_text(viewers));
            }
            return kAllDone;
          }};
}

}  // namespace oar
