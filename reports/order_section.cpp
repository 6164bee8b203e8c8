#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "reports/fields.h"
#include "reports/markdown_table.h"
#include "reports/sections.h"

namespace oar::report {
namespace {

using nlohmann::json;

constexpr size_t kLargestTextGrid = 8;

/// What the statistics of orders/order_statistics.h are called for readers; others show their key.
std::string heading_of(const std::string& key) {
  static const std::map<std::string, std::string> kHeadings = {
      {"num_orders", "orders"},
      {"mean_inter_patch_distance", "mean inter-patch distance (patches)"},
      {"stddev_inter_patch_distance", "its sd between images (patches)"},
      {"neighbour_share", "steps to a direct neighbour (share)"},
  };
  const auto found = kHeadings.find(key);
  if (found != kHeadings.end()) return found->second;
  std::string heading = key;
  std::replace(heading.begin(), heading.end(), '_', ' ');
  return escape_markdown(heading);
}

const json& statistics_of(const json& cell) { return field(cell, "order_statistics"); }

Spread statistic(const Group& group, const std::string& key) {
  std::vector<double> values;
  for (const json* cell : group.done()) {
    if (const auto value = number(field(statistics_of(*cell), key))) values.push_back(*value);
  }
  return spread_of(values);
}

/// A count that is the same for every seed needs neither decimals nor a spread; what a sum over
/// steps leaves of a zero is a zero.
std::string statistic_text(const Spread& spread) {
  constexpr double kRounding = 1e-12;
  const double whole = std::round(spread.mean);
  const bool count =
      spread.n > 0 && spread.stddev < kRounding && std::abs(spread.mean - whole) < kRounding;
  return count ? fmt::format("{:.0f}", whole + 0.0) : format_spread(spread);
}

/// "yes", "no", "differs" between seeds, or "–".
std::string answer(const Group& group, const std::string& key) {
  std::string shown = "–";
  for (const json* cell : group.done()) {
    const json& value = field(statistics_of(*cell), key);
    if (!value.is_boolean()) continue;
    const std::string word = value.get<bool>() ? "yes" : "no";
    if (shown != "–" && shown != word) return "differs";
    shown = word;
  }
  return shown;
}

/// The mean step of each cell, mean over the seeds whose grids agree in shape with the first.
struct HeatMap {
  std::vector<std::vector<double>> steps;  ///< [rows][cols]
  int64_t seeds = 0;
};

std::optional<std::vector<std::vector<double>>> grid_of(const json& value) {
  std::vector<std::vector<double>> grid;
  if (!value.is_array()) return std::nullopt;
  for (const json& row : value) {
    if (!row.is_array() || row.empty() || row.size() != value.front().size()) return std::nullopt;
    grid.emplace_back();
    for (const json& step : row) {
      if (!number(step)) return std::nullopt;
      grid.back().push_back(*number(step));
    }
  }
  if (grid.empty()) return std::nullopt;
  return grid;
}

HeatMap heat_map(const Group& group) {
  HeatMap map;
  for (const json* cell : group.done()) {
    const auto grid = grid_of(field(statistics_of(*cell), "mean_step_of"));
    if (!grid) continue;
    if (map.seeds == 0)
      map.steps.assign(grid->size(), std::vector<double>(grid->front().size(), 0.0));
    if (grid->size() != map.steps.size() || grid->front().size() != map.steps.front().size())
      continue;
    ++map.seeds;
    for (size_t r = 0; r < grid->size(); ++r) {
      for (size_t c = 0; c < (*grid)[r].size(); ++c) {
        map.steps[r][c] += ((*grid)[r][c] - map.steps[r][c]) / static_cast<double>(map.seeds);
      }
    }
  }
  return map;
}

std::string heat_map_text(const Group& group) {
  const HeatMap map = heat_map(group);
  if (map.seeds == 0) return "";
  const std::string name = escape_markdown(group.name);
  const size_t rows = map.steps.size();
  const size_t cols = map.steps.front().size();
  if (rows > kLargestTextGrid || cols > kLargestTextGrid) {
    return fmt::format("**{}**: a grid of {}×{} is too large for text; see the plots.\n\n", name,
                       rows, cols);
  }
  std::string text = fmt::format("**{}** (n={})\n\n```\n", name, map.seeds);
  for (const std::vector<double>& row : map.steps) {
    for (size_t c = 0; c < row.size(); ++c)
      text += fmt::format("{}{:5.1f}", c == 0 ? "" : " ", row[c]);
    text += "\n";
  }
  return text + "```\n\n";
}

/// Share of jumps of at least half the grid, and the same for uniformly random orders on that grid.
struct LongJumps {
  double threshold =
      0;  ///< patches: the first edge of the histogram that is not below half of the longer side
  double share = 0;
  double random_share = 0;
};

std::optional<LongJumps> long_jumps(const json& statistics) {
  const auto grid = grid_of(field(statistics, "mean_step_of"));
  const json& edges = items(field(statistics, "histogram"), "edges");
  const json& counts = items(field(statistics, "histogram"), "counts");
  if (!grid || counts.empty() || edges.size() != counts.size() + 1) return std::nullopt;
  const auto rows = static_cast<int64_t>(grid->size());
  const auto cols = static_cast<int64_t>(grid->front().size());
  LongJumps jumps;
  double total = 0;
  bool found = false;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (!number(edges[i]) || !number(counts[i])) return std::nullopt;
    const bool is_long = *number(edges[i]) >= static_cast<double>(std::max(rows, cols)) / 2;
    if (is_long && !found) jumps.threshold = *number(edges[i]);
    found = found || is_long;
    total += *number(counts[i]);
    if (is_long) jumps.share += *number(counts[i]);
  }
  if (!found || total <= 0 || rows * cols < 2) return std::nullopt;
  jumps.share /= total;
  // Two successive patches of a random order are a uniformly random pair of different cells.
  double pairs = 0;
  for (int64_t dr = 1 - rows; dr < rows; ++dr) {
    for (int64_t dc = 1 - cols; dc < cols; ++dc) {
      if (std::hypot(dr, dc) >= jumps.threshold) {
        pairs += static_cast<double>((rows - std::abs(dr)) * (cols - std::abs(dc)));
      }
    }
  }
  const auto cells = static_cast<double>(rows * cols);
  jumps.random_share = pairs / (cells * (cells - 1));
  return jumps;
}

/// Signs of the failures that the paper warns of, as far as the record shows them.
std::string failure_signs(const Group& group) {
  std::string signs;
  for (const json* cell : group.done()) {
    if (text(dotted(field(*cell, "recipe"), "generate.order")) == "random") continue;
    const auto jumps = long_jumps(statistics_of(*cell));
    if (!jumps || jumps->share < jumps->random_share) continue;
    signs += fmt::format(
        "- **{}, seed {}: jumping.** {:.0f} % of its jumps are {} patches or longer; random orders "
        "on this grid have "
        "{:.0f} %. A larger `distance_penalty` keeps jumps short.\n",
        escape_markdown(group.name), escape_markdown(text(field(*cell, "seed"))),
        100 * jumps->share, format_number(jumps->threshold, 2), 100 * jumps->random_share);
  }
  return signs;
}

std::string notes_of(const Group& group) {
  std::string notes;
  const auto done = group.done();
  if (std::any_of(done.begin(), done.end(), [](const json* cell) { return peeks(*cell); })) {
    notes += fmt::format(
        "- **{}** uses orders that *peek*: they were chosen by looking at codes that are not yet "
        "placed. Such an order "
        "carries information about the image itself, and a likelihood under it is no bound.\n",
        escape_markdown(group.name));
  }
  if (std::any_of(done.begin(), done.end(), [](const json* cell) {
        return is_true(field(statistics_of(*cell), "draws_before_choosing"));
      })) {
    notes += fmt::format(
        "- **{}** draws a code for every open patch first and then chooses among the draws. That "
        "prefers lucky draws "
        "(sharper, less diverse images) and does not sample the model exactly.\n",
        escape_markdown(group.name));
  }
  return notes;
}

}  // namespace

std::string order_section(const Layout& layout) {
  std::vector<std::string> keys;
  bool any = false;
  for (const Group& group : layout.groups) {
    for (const json* cell : group.done()) {
      const json& statistics = statistics_of(*cell);
      if (!statistics.is_object()) continue;
      any = true;
      for (const auto& [key, value] : statistics.items()) {
        if (value.is_number() && std::find(keys.begin(), keys.end(), key) == keys.end())
          keys.push_back(key);
      }
    }
  }
  std::string notes;
  std::string signs;
  std::string maps;
  std::vector<std::string> header = {escape_markdown(layout.rows_label), "peeks", "draws first"};
  for (const std::string& key : keys) header.push_back(heading_of(key));
  MarkdownTable table(header, 3);
  for (const Group& group : layout.groups) {
    notes += notes_of(group);
    signs += failure_signs(group);
    maps += heat_map_text(group);
    std::vector<std::string> row = {escape_markdown(group.name), answer(group, "peeks"),
                                    answer(group, "draws_before_choosing")};
    for (const std::string& key : keys) row.push_back(statistic_text(statistic(group, key)));
    if (any) table.add(row);
  }
  if (!any && notes.empty()) return "";
  std::string section = "## Orders\n\n";
  if (any)
    section += "Of the generated images; distances are Euclidean, between patch centres.\n\n" +
               table.str();
  if (!notes.empty()) section += notes + "\n";
  if (!signs.empty()) section += "Signs of known failures:\n\n" + signs + "\n";
  if (!maps.empty()) {
    section +=
        "### Mean step of each cell\n\n0 is the first patch generated; the top left number is the "
        "top left patch.\n\n" +
        maps;
  }
  return section;
}

}  // namespace oar::report
