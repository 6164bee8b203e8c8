#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "reports/comparison/comparison.h"
#include "reports/fields.h"
#include "reports/published.h"
#include "reports/sections.h"

namespace oar::report {
namespace {

using nlohmann::json;

constexpr size_t kLongestReason = 400;
constexpr double kBestLevel = 0.05;
constexpr int64_t kSeedsToDecide = 4;  // two-sided rank test, 4 a side: p = 2 / C(8, 4) = 0.029

/// What KID and IS call the pieces over which they state a spread of their own.
std::string pieces_of(const std::string& metric) {
  if (metric == "kid") return "subsets";
  if (metric == "isc") return "splits";
  return "within a run";
}

/// "100 subsets of 1000", "10 splits", as far as the settings say.
std::string pieces_text(const MetricColumn& column) {
  const std::string size = text(field(column.settings, "kid_subset_size"));
  std::string count = text(field(column.settings, "kid_subsets"));
  if (count.empty()) count = text(field(column.settings, "isc_splits"));
  return escape_markdown((count.empty() ? "" : count + " ") + pieces_of(column.metric) +
                         (size.empty() ? "" : " of " + size));
}

const PublishedNumber* published_of(const Group& group, const std::string& metric) {
  return find_published(field(*group.cells.front(), "recipe"), metric);
}

/// How the numbers of a column were measured: "N = 500 generated images; 900 reference images;
/// ...".
std::string measured_how(const MetricColumn& column) {
  const auto setting = [&](const char* key) {
    return escape_markdown(text(field(column.settings, key)));
  };
  std::vector<std::string> parts;
  const auto state = [&](const char* before, const char* key, const char* after) {
    if (!setting(key).empty()) parts.push_back(before + setting(key) + after);
  };
  state("N = ", "num_generated", " generated images");
  state("", "num_reference", " reference images");
  state("reference ", "reference", "");
  state("features of ", "extractor", "");
  const std::string weights = text(field(column.settings, "weights_sha256")).substr(0, 12);
  if (!weights.empty()) parts.push_back("weights SHA-256 " + escape_markdown(weights) + "…");
  state("convention ", "convention", "");
  state("data set ", "dataset.name", "");
  state("", "dataset.codes", "");
  state("image side ", "dataset.image_size", " pixels");
  state("metric version ", "version", "");
  std::string devices;
  for (const std::string& device : column.devices) {
    devices += (devices.empty() ? "computed on " : ", ") + escape_markdown(device);
  }
  if (!devices.empty()) parts.push_back(devices);
  return fmt::format("{}", fmt::join(parts, "; "));
}

/// One line for all columns that were measured in the same way.
std::string captions(const std::vector<MetricColumn>& columns) {
  std::vector<std::pair<std::string, std::string>> lines;  // how, headings
  for (const MetricColumn& column : columns) {
    const std::string how = measured_how(column);
    if (how.empty()) continue;
    const std::string heading = "**" + escape_markdown(column.heading()) + "**";
    const auto line =
        std::find_if(lines.begin(), lines.end(), [&](const auto& l) { return l.first == how; });
    if (line == lines.end()) {
      lines.emplace_back(how, heading);
    } else {
      line->second += ", " + heading;
    }
  }
  std::string text;
  for (const auto& [how, headings] : lines) text += fmt::format("- {}: {}.\n", headings, how);
  return text;
}

/// The metrics for which the paper has a number in one of these rows.
std::vector<MetricColumn> published_columns(const std::vector<const Group*>& groups,
                                            const std::vector<MetricColumn>& columns) {
  std::vector<MetricColumn> found;
  std::set<std::string> metrics;
  for (const MetricColumn& column : columns) {
    const bool any = std::any_of(groups.begin(), groups.end(), [&](const Group* group) {
      return published_of(*group, column.metric) != nullptr;
    });
    if (any && metrics.insert(column.metric).second) found.push_back(column);
  }
  return found;
}

/// p of "`better` is not better than `other`": two-sided, of a paired t-test over the seeds that
/// both have; 1 where these seeds say the opposite. Nothing with fewer seeds than a comparison is
/// made of.
std::optional<double> p_of_difference(const Entry& better, const Entry& other,
                                      bool higher_is_better) {
  std::vector<double> differences;
  for (const auto& [seed, value] : better.by_seed) {
    const auto found = other.by_seed.find(seed);
    if (found != other.by_seed.end()) differences.push_back(value - found->second);
  }
  if (static_cast<int64_t>(differences.size()) < kFewestPairs) return std::nullopt;
  const PairedTest test = paired_t_test(differences);
  const bool agrees = higher_is_better ? test.mean > 0 : test.mean < 0;
  return agrees ? test.two_sided() : 1.0;
}

/// The row whose mean is the best of a column, if it is decidedly better than every other: at
/// kBestLevel, with Holm's correction over the rows.
std::optional<size_t> decided_best(const MetricColumn& column, const std::vector<Entry>& entries) {
  if (!column.higher_is_better || entries.size() < 2) return std::nullopt;
  size_t best = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].spread.n == 0 || entries[i].spread.not_finite > 0) return std::nullopt;
    const double gain = entries[i].spread.mean - entries[best].spread.mean;
    if (*column.higher_is_better ? gain > 0 : gain < 0) best = i;
  }
  std::vector<double> p;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (i == best) continue;
    const auto found = p_of_difference(entries[best], entries[i], *column.higher_is_better);
    if (!found) return std::nullopt;
    p.push_back(*found);
  }
  const std::vector<double> corrected = holm(p);
  const bool decided = std::all_of(corrected.begin(), corrected.end(),
                                   [](double value) { return value < kBestLevel; });
  return decided ? std::optional(best) : std::nullopt;
}

/// Marks the best cells of a table whose metrics begin at column `first`; true if there is one.
/// `entries` are those of each column, row by row.
bool mark_best(Table& table, size_t first, const std::vector<MetricColumn>& columns,
               const std::vector<std::vector<Entry>>& entries) {
  bool any = false;
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto best = decided_best(columns[i], entries[i]);
    if (best) table.cell(*best, first + i).best = true;
    any = any || best.has_value();
  }
  return any;
}

Document metric_table(const Layout& layout, const std::vector<const Group*>& groups) {
  const std::vector<MetricColumn> columns = columns_of(groups, is_sample_metric);
  const std::vector<MetricColumn> published = published_columns(groups, columns);
  std::vector<std::string> header = {escape_markdown(layout.rows_label), "seeds"};
  for (const MetricColumn& column : columns) header.push_back(escape_markdown(column.heading()));
  if (columns.empty()) header.emplace_back("result");
  if (!published.empty())
    header.emplace_back("");  // an empty column keeps the paper's numbers apart
  for (const MetricColumn& column : published) {
    header.push_back("published " + escape_markdown(column.name.substr(0, column.name.find('['))) +
                     (column.higher_is_better ? (*column.higher_is_better ? " ↑" : " ↓") : ""));
  }

  Table table("results", header, 2);
  std::vector<bool> within(columns.size(), false);
  std::vector<std::vector<Entry>> entries(columns.size());
  bool peeking = false;
  for (const Group* group : groups) {
    Table::Row row = {escape_markdown(group->row), seeds_text(*group)};
    for (size_t i = 0; i < columns.size(); ++i) {
      const Entry& entry = entries[i].emplace_back(entry_of(*group, columns[i], source_cell));
      within[i] = within[i] || entry.within.n > 0;
      peeking = peeking || (entry.peeks && !group->done().empty());
      row.push_back(number_cell(entry_text(*group, columns[i], entry), entry.spread,
                                layout.record_of(*group)));
    }
    if (columns.empty())
      row.emplace_back(group->done().empty() ? statuses_text(*group) : "no numbers");
    if (!published.empty()) row.emplace_back("");
    for (const MetricColumn& column : published) {
      const PublishedNumber* number = published_of(*group, column.metric);
      row.emplace_back(number == nullptr ? "" : fmt::format("*{}*", number->value));
    }
    table.add(row);
  }

  std::string section;
  if (mark_best(table, 2, columns, entries)) {
    section +=
        "Bold: the best of its column, where it is better than every other row at the 5 % level: "
        "paired t-tests over at least three seeds, corrected over the rows (Holm).\n\n";
  }
  if (!published.empty()) {
    section +=
        "*published*, full scale, other tokenizer and Inception features: not comparable with the "
        "numbers left (" +
        std::string(published_numbers().front().source) + ").\n\n";
  }
  section += captions(columns);
  for (size_t i = 0; i < columns.size(); ++i) {
    if (!within[i]) continue;
    section += fmt::format("- {}: in brackets its own spread ({}), mean of the seeds.\n",
                           escape_markdown(columns[i].heading()), pieces_text(columns[i]));
  }
  if (peeking) section += fmt::format("- {}\n", kPeekingMark);
  const bool marked = std::any_of(columns.begin(), columns.end(),
                                  [](const MetricColumn& c) { return !c.mark.empty(); });
  if (marked)
    section +=
        "- Columns with letters hold one metric measured in different ways: do not compare across "
        "them.\n";
  if (!section.ends_with("\n\n")) section += "\n";
  table.caption = section;
  Document document;
  document += std::move(table);
  document += section;
  return document;
}

/// What the paper states on the data sets of this sweep, with its source.
Document published_table(const Layout& layout) {
  std::set<std::string> datasets;
  for (const Group& group : layout.groups) {
    datasets.insert(text(dotted(field(*group.cells.front(), "recipe"), "dataset.name")));
  }
  Table table("published", {"data set", "row of the paper", "metric", "published", "source"}, 5);
  for (const PublishedNumber& number : published_numbers()) {
    if (!datasets.contains(std::string(number.dataset))) continue;
    const std::string metric = number.metric == "fid" ? "FID" : "mean inter-patch distance";
    table.add({std::string(number.dataset), std::string(number.title), metric,
               fmt::format("*{}*{}", number.value,
                           number.unit.empty() ? "" : " " + std::string(number.unit)),
               std::string(number.source)});
  }
  if (table.empty()) return {};
  Document document(
      "### Published numbers\n\n"
      "Printed by the paper, at full scale, with another tokenizer, another grid, text as the "
      "condition, and Inception "
      "features. They say what the method aims at. They are not comparable with any number of "
      "this report.\n\n");
  document += std::move(table);
  return document;
}

}  // namespace

TableCell number_cell(std::string text, const Spread& spread, std::string record) {
  TableCell cell(std::move(text));
  if (spread.n + spread.not_finite > 0) {
    cell.spread = spread;
    cell.record = std::move(record);
  }
  return cell;
}

bool is_model_metric(const std::string& metric) {
  return metric.starts_with("nats_per_image") || metric.starts_with("code_accuracy");
}

bool is_sample_metric(const std::string& metric) {
  return !metric.starts_with("tokenizer_") && !is_model_metric(metric);
}

std::string seeds_text(const Group& group) {
  const size_t done = group.done().size();
  if (done == group.cells.size()) return fmt::format("n={}", done);
  return fmt::format("n={} of {}", done, group.cells.size());
}

std::string statuses_text(const Group& group) {
  std::string statuses;
  std::set<std::string> seen;
  for (const json* cell : group.cells) {
    std::string status = escape_markdown(text(field(*cell, "status")));
    if (status.empty()) status = "no status";
    if (status != "done" && seen.insert(status).second)
      statuses += (statuses.empty() ? "" : ", ") + status;
  }
  return statuses;
}

std::string entry_text(const Group& group, const MetricColumn& column, const Entry& entry) {
  const auto done = static_cast<int64_t>(group.done().size());
  if (done == 0) return statuses_text(group);
  std::string shown = format_spread(entry.spread);
  const int64_t values = entry.spread.n + entry.spread.not_finite;
  if (values > 0 && values < done) shown += fmt::format(" (n={})", values);
  if (entry.spread.n > 0 && entry.within.n > 0) {
    shown +=
        fmt::format(" [{} ± {}]", pieces_of(column.metric), format_number(entry.within.mean, 2));
  }
  return entry.peeks ? shown + " †" : shown;
}

Document metric_section(const Layout& layout) {
  if (layout.groups.empty()) return {};
  Document section("## Results\n\n");
  size_t fewest = layout.groups.front().done().size();
  for (const std::string& column : layout.columns) {
    if (!layout.columns_label.empty()) {
      section += fmt::format("### {} = {}\n\n", escape_markdown(layout.columns_label),
                             escape_markdown(column));
    }
    section += metric_table(layout, layout.of(column));
  }
  for (const Group& group : layout.groups) fewest = std::min(fewest, group.done().size());
  std::string legend =
      "A value is the mean over seeds ± half of its 95 % interval (Student's t with n − 1 degrees "
      "of freedom); with one seed (n=1) there is no ±. "
      "An arrow says which way is better (↓ lower, ↑ higher); without one neither is.";
  if (static_cast<int64_t>(fewest) < kSeedsToDecide) {
    legend += fmt::format(
        " Some rows have fewer than {} seeds: with so few, no test that "
        "assumes nothing of the numbers can tell two rows apart at the 5 % level, so read their "
        "differences as hints.",
        kSeedsToDecide);
  }
  section += legend + "\n\n";
  section += FigurePlace{"results", ""};
  section += published_table(layout);
  return section;
}

Document failure_section(const Layout& layout) {
  Table table("failures", {"cell", "status", "reason"}, 3);
  for (const Group& group : layout.groups) {
    for (const json* cell : group.cells) {
      const std::string status = text(field(*cell, "status"));
      if (status == "done") continue;
      const std::string id = text(field(*cell, "id"));
      const std::string reason = shorten(one_line(text(field(*cell, "error"))), kLongestReason);
      table.add({id.empty() ? escape_markdown(group.name) : escape_markdown(id),
                 status.empty() ? "no status" : escape_markdown(status),
                 reason.empty() ? "–" : escape_markdown(reason)});
    }
  }
  if (table.empty()) return {};
  Document section(
      "## Cells that did not end\n\nThey give no number to any table. The same `run` command tries "
      "them again.\n\n");
  section += std::move(table);
  return section;
}

}  // namespace oar::report
