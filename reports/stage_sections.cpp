#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "reports/fields.h"
#include "reports/sections.h"

namespace oar::report {
namespace {

using nlohmann::json;

constexpr size_t kMostReasons = 5;
constexpr double kSecondsPerMinute = 60.0;

std::vector<const Group*> all_groups(const Layout& layout) {
  std::vector<const Group*> groups;
  for (const Group& group : layout.groups) groups.push_back(&group);
  return groups;
}

/// A number at a dotted path in the records of one kind of stage, each artifact once.
Spread record_spread(const Group& group, const std::string& stage, const std::string& key) {
  std::vector<double> values;
  std::set<std::string> seen;
  for (const json* cell : group.cells) {
    const json& found = last_stage(*cell, stage);
    const json& value = dotted(field(found, "record"), key);
    if (value.is_null()) continue;
    const std::string artifact = text(field(found, "key"));
    if (!seen.insert(artifact.empty() ? source_cell(*cell) : artifact).second) continue;
    values.push_back(number(value).value_or(std::numeric_limits<double>::quiet_NaN()));
  }
  return spread_of(values);
}

/// How many artifacts of that source the group has.
size_t count_sources(const Group& group, const SourceOf& source) {
  std::set<std::string> seen;
  for (const json* cell : group.cells) seen.insert(source(*cell));
  return seen.size();
}

/// A number out of the records, as a column of a table.
struct RecordColumn {
  std::string stage;
  std::string key;
  std::string heading;
};

/// One line per set of groups that show the same numbers; lines without any number are left out.
Table source_table(const Layout& layout, const std::string& name,
                   const std::vector<MetricColumn>& metrics,
                   const std::vector<RecordColumn>& records, const SourceOf& source,
                   bool* any_peeks) {
  std::vector<std::string> header = {"used by", "n"};
  for (const MetricColumn& column : metrics) header.push_back(escape_markdown(column.heading()));
  for (const RecordColumn& column : records) header.push_back(column.heading);
  Table table(name, header);
  for (const Group& group : layout.groups) {
    const std::string record = layout.record_of(group);
    Table::Row row = {escape_markdown(group.name), std::to_string(count_sources(group, source))};
    for (const MetricColumn& column : metrics) {
      const Entry entry = entry_of(group, column, source);
      *any_peeks = *any_peeks || entry.peeks;
      row.push_back(number_cell(format_spread(entry.spread) + (entry.peeks ? " †" : ""),
                                entry.spread, record));
    }
    for (const RecordColumn& column : records) {
      const Spread spread = record_spread(group, column.stage, column.key);
      // A specialist's loss is a likelihood under the orders it was fine-tuned on.
      const bool peeking =
          column.stage == "specialist" && spread.n > 0 &&
          std::any_of(group.cells.begin(), group.cells.end(), [](const json* cell) {
            return is_true(field(field(last_stage(*cell, "orders"), "record"), "peeks"));
          });
      *any_peeks = *any_peeks || peeking;
      row.push_back(number_cell(format_spread(spread) + (peeking ? " †" : ""), spread, record));
    }
    const bool empty = std::all_of(row.begin() + 2, row.end(),
                                   [](const TableCell& cell) { return cell.text == "–"; });
    if (!empty) table.join(row);
  }
  return table;
}

/// The columns whose number some record holds.
std::vector<RecordColumn> present(const Layout& layout, const std::vector<RecordColumn>& columns) {
  std::vector<RecordColumn> found;
  for (const RecordColumn& column : columns) {
    const bool any =
        std::any_of(layout.groups.begin(), layout.groups.end(), [&](const Group& group) {
          const Spread spread = record_spread(group, column.stage, column.key);
          return spread.n + spread.not_finite > 0;
        });
    if (any) found.push_back(column);
  }
  return found;
}

/// How reconstructions were scored, out of the tokenizers' records.
struct Reconstruction {
  std::string network;  ///< "[efficientnet_lite0]", as in the names of metrics
  std::string images;   ///< " Reconstructed: 256 held_out images."
};

Reconstruction reconstruction_of(const Layout& layout) {
  Reconstruction reconstruction;
  std::set<std::string> networks;
  std::set<std::string> images;
  for (const Group& group : layout.groups) {
    for (const json* cell : group.cells) {
      const json& record = field(field(last_stage(*cell, "tokenizer"), "record"), "reconstruction");
      const std::string network = escape_markdown(text(field(record, "extractor")));
      const std::string count = escape_markdown(text(field(record, "images")));
      const std::string split = escape_markdown(text(field(record, "split")));
      if (!network.empty()) networks.insert(network);
      if (!count.empty())
        images.insert(count + " " + split + (split.empty() ? "images" : " images"));
    }
  }
  if (!networks.empty()) reconstruction.network = fmt::format("[{}]", fmt::join(networks, ", "));
  if (!images.empty())
    reconstruction.images = fmt::format(" Reconstructed: {}.", fmt::join(images, "; "));
  return reconstruction;
}

/// One computation of a stage; several cells may have used it.
struct StageRun {
  std::string role;
  std::set<size_t> used_by;  ///< indices of groups
  double seconds = 0.0;
  bool cached = true;
};

std::vector<StageRun> stage_runs(const Layout& layout) {
  std::vector<StageRun> runs;
  std::map<std::string, size_t> by_key;
  for (size_t g = 0; g < layout.groups.size(); ++g) {
    for (const json* cell : layout.groups[g].cells) {
      for (const json& stage : items(*cell, "stages")) {
        std::string role = text(field(stage, "role"));
        if (role.empty()) role = text(field(stage, "stage"));
        const std::string key = text(field(stage, "key"));
        const std::string name = key.empty() ? role + "@" + source_cell(*cell) : key;
        const auto [found, added] = by_key.try_emplace(role + "/" + name, runs.size());
        if (added) runs.push_back({role, {}, 0.0, true});
        StageRun& run = runs[found->second];
        run.used_by.insert(g);
        run.seconds = std::max(run.seconds, number(field(stage, "seconds")).value_or(0.0));
        run.cached = run.cached && is_true(field(stage, "cached"));
      }
    }
  }
  // One role's runs stand together, the roles in the order in which they first ran.
  std::map<std::string, size_t> first;
  for (size_t i = 0; i < runs.size(); ++i) first.try_emplace(runs[i].role, i);
  std::stable_sort(runs.begin(), runs.end(), [&](const StageRun& a, const StageRun& b) {
    return first.at(a.role) < first.at(b.role);
  });
  return runs;
}

std::string names_of(const Layout& layout, const std::set<size_t>& groups) {
  if (groups.size() == layout.groups.size()) return "all";
  std::string names;
  for (const size_t g : groups)
    names += (names.empty() ? "" : ", ") + escape_markdown(layout.groups[g].name);
  return names;
}

std::string count_text(const json& value) { return value.is_number() ? text(value) : "–"; }

/// The first few files that were dropped.
std::string reasons_of(const json& rejected) {
  std::string reasons;
  for (size_t i = 0; rejected.is_array() && i < std::min(rejected.size(), kMostReasons); ++i) {
    reasons += fmt::format("- {}: {}\n", escape_markdown(text(field(rejected[i], "file"))),
                           escape_markdown(text(field(rejected[i], "reason"))));
  }
  return reasons;
}

}  // namespace

Document tokenizer_section(const Layout& layout) {
  const auto metrics = columns_of(all_groups(layout),
                                  [](const std::string& m) { return m.starts_with("tokenizer_"); });
  std::vector<RecordColumn> records;
  const Reconstruction reconstruction = reconstruction_of(layout);
  for (const RecordColumn& column :
       {RecordColumn{"tokenizer", "reconstruction.psnr", "PSNR (dB) ↑"},
        RecordColumn{"tokenizer", "reconstruction.rfid", "rFID" + reconstruction.network + " ↓"},
        RecordColumn{"tokenizer", "reconstruction.rkid", "rKID" + reconstruction.network + " ↓"},
        RecordColumn{"tokens", "codebook_usage", "codebook used (share) ↑"},
        RecordColumn{"tokens", "perplexity", "perplexity (codes) ↑"},
        RecordColumn{"tokens", "damage.changed", "codes changed on purpose (share)"},
        RecordColumn{"tokens", "damage.psnr_after", "PSNR after that (dB) ↑"}}) {
    const std::string metric = "tokenizer_" + column.key.substr(column.key.rfind('.') + 1);
    const bool stated = std::any_of(metrics.begin(), metrics.end(),
                                    [&](const MetricColumn& c) { return c.metric == metric; });
    if (!stated) records.push_back(column);
  }
  bool peeking = false;
  Table table = source_table(layout, "tokenizers", metrics, present(layout, records),
                             source_tokenizer, &peeking);
  if (table.empty()) return {};
  Document section(
      "## Tokenizer\n\nIt turns images into codes and back, and is frozen before any order is "
      "learned: no recipe that "
      "uses it can look better than its reconstructions (PSNR, rFID). n counts tokenizers." +
      reconstruction.images + "\n\n");
  section += std::move(table);
  section += FigurePlace{"tokenizer", ""};
  return section;
}

Document model_section(const Layout& layout) {
  const auto metrics = columns_of(all_groups(layout), is_model_metric);
  const auto records =
      present(layout, {{"any_order", "final_loss", "final loss, any_order (nats/patch) ↓"},
                       {"specialist", "final_loss", "final loss, specialist (nats/patch) ↓"},
                       {"accuracy", "confidence", "probability of the predicted codes"},
                       {"accuracy", "calibration_error", "calibration error ↓"}});
  bool peeking = false;
  Table table = source_table(layout, "models", metrics, records, source_model, &peeking);
  if (table.empty()) return {};
  Document section(
      "## Models\n\nJudge orders only between models whose held-out likelihood says that they have "
      "learned. "
      "n counts models.\n\n");
  section += std::move(table);
  if (peeking) section += std::string(kPeekingMark) + "\n\n";
  section += FigurePlace{"models", ""};
  return section;
}

Document data_section(const Layout& layout) {
  Table table("data", {"data set", "images", "train", "held out", "dropped"});
  std::string reasons;
  std::set<std::string> seen;
  for (const Group& group : layout.groups) {
    for (const json* cell : group.cells) {
      const json& stage = last_stage(*cell, "dataset");
      const json& record = field(stage, "record");
      if (!record.is_object() || !seen.insert(text(field(stage, "key"))).second) continue;
      const std::string name = text(dotted(field(*cell, "recipe"), "dataset.name"));
      table.add({name.empty() ? "–" : escape_markdown(name), count_text(field(record, "images")),
                 count_text(field(record, "train")), count_text(field(record, "held_out")),
                 count_text(field(record, "rejected_count"))});
      reasons += reasons_of(field(record, "rejected"));
    }
  }
  if (table.empty()) return {};
  if (!reasons.empty())
    reasons = "Dropped, with the reason (at most " + std::to_string(kMostReasons) + " each):\n\n" +
              reasons + "\n";
  Document section("## Data\n\n");
  section += std::move(table);
  section += reasons;
  return section;
}

Document minutes_section(const Layout& layout) {
  const std::vector<StageRun> runs = stage_runs(layout);
  if (runs.empty()) return {};
  Table table("minutes", {"stage", "used by", "runs", "from the store", "minutes each"}, 2);
  std::set<std::pair<std::string, std::set<size_t>>> listed;
  double made = 0.0;
  for (const StageRun& first : runs) {
    if (!first.cached) made += first.seconds;
    if (!listed.insert({first.role, first.used_by}).second) continue;
    std::vector<double> minutes;
    int64_t cached = 0;
    for (const StageRun& run : runs) {
      if (run.role != first.role || run.used_by != first.used_by) continue;
      minutes.push_back(run.seconds / kSecondsPerMinute);
      cached += run.cached ? 1 : 0;
    }
    const Spread spread = spread_of(minutes);
    table.add({escape_markdown(first.role), names_of(layout, first.used_by),
               std::to_string(minutes.size()), std::to_string(cached),
               fmt::format("{:.2f}", spread.mean)});
  }
  Document section("## Minutes\n\n");
  section += std::move(table);
  section += fmt::format(
      "Computed for this report: {:.2f} minutes. A stage that several recipes share runs once; one "
      "from the store shows the minutes that it took when it was made.\n\n",
      made / kSecondsPerMinute);
  return section;
}

}  // namespace oar::report
