#include "reports/report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "reports/fields.h"
#include "reports/sections.h"

namespace oar {
namespace {

using nlohmann::json;
using report::Document;
using report::dotted;
using report::escape_markdown;
using report::field;
using report::Group;
using report::items;
using report::Layout;
using report::Records;
using report::Table;
using report::text;

std::string escaped_or_dash(const json& value) {
  const std::string shown = escape_markdown(text(value));
  return shown.empty() ? "–" : shown;
}

/// "4 cells: 3 done, 1 failed."
std::string count_of_cells(const json& results) {
  const json& cells = items(results, "cells");
  if (cells.empty()) return "No cell has been run.";
  std::map<std::string, int64_t> by_status;
  std::vector<std::string> seeds;
  for (const json& cell : cells) {
    const std::string status = escape_markdown(text(field(cell, "status")));
    ++by_status[status.empty() ? "without a status" : status];
    const std::string seed = escape_markdown(text(field(cell, "seed")));
    if (!seed.empty() && std::find(seeds.begin(), seeds.end(), seed) == seeds.end())
      seeds.push_back(seed);
  }
  std::vector<std::string> counts;
  if (by_status.contains("done")) counts.push_back(fmt::format("{} done", by_status["done"]));
  for (const auto& [status, count] : by_status) {
    if (status != "done") counts.push_back(fmt::format("{} {}", count, status));
  }
  std::string line = fmt::format("{} {}: {}.", cells.size(), cells.size() == 1 ? "cell" : "cells",
                                 fmt::join(counts, ", "));
  if (!seeds.empty())
    line += fmt::format(" {}: {}.", seeds.size() == 1 ? "Seed" : "Seeds", fmt::join(seeds, ", "));
  return line;
}

/// What each row does, out of its resolved recipe.
Document recipes_table(const Layout& layout) {
  Table table("recipes",
              {escape_markdown(layout.rows_label), "data set", "trained in order", "images seen",
               "fine-tuned on orders of", "images seen", "generated in order", "λ (nats/patch)"},
              8);
  bool any = false;
  for (const Group& group : layout.groups) {
    const json& recipe = field(*group.cells.front(), "recipe");
    any = any || (recipe.is_object() && !recipe.empty());
    const bool fine_tuned = field(recipe, "relabel").is_object();
    const bool known = recipe.is_object() && recipe.contains("relabel");
    const std::string side = escape_markdown(text(dotted(recipe, "dataset.image_size")));
    const std::string codes = escape_markdown(report::codes_text(recipe));
    const std::string size = !codes.empty()  ? " " + codes
                             : !side.empty() ? fmt::format(" {0}×{0}", side)
                                             : "";
    table.add(
        {escape_markdown(group.name), escaped_or_dash(dotted(recipe, "dataset.name")) + size,
         escaped_or_dash(dotted(recipe, "train.order")),
         escaped_or_dash(dotted(recipe, "train.images_seen")),
         known && !fine_tuned ? "not fine-tuned" : escaped_or_dash(dotted(recipe, "relabel.order")),
         escaped_or_dash(dotted(recipe, "relabel.images_seen")),
         escaped_or_dash(dotted(recipe, "generate.order")),
         escaped_or_dash(dotted(recipe, "generate.distance_penalty"))});
  }
  Document document;
  if (any) document += std::move(table);
  return document;
}

Document opening(const json& results, const Layout& layout) {
  const std::string name = escape_markdown(text(field(results, "name")));
  const std::string created = escape_markdown(text(field(results, "created")));
  std::string opening = fmt::format("# {}\n\n", name.empty() ? "Results without a name" : name);
  opening +=
      "oar-bench trains and evaluates Ordered Autoregressive image generation (arXiv 2504.17069): "
      "images become a grid "
      "of patches, a model generates the patches one by one, and the order of the patches is what "
      "is compared.\n\n";
  const json& version = field(results, "schema_version");
  if (!(version.is_number_integer() && version == 1)) {
    opening += fmt::format(
        "**This report reads schema version 1; the file states {}. Fields may be missing "
        "below.**\n\n",
        version.is_null() ? "none" : escape_markdown(text(version)));
  }
  opening += "## What was run\n\n" + count_of_cells(results);
  if (!created.empty()) opening += " Written " + created + ".";
  Document document(opening + "\n\n");
  document += recipes_table(layout);
  return document;
}

/// A commit as a command may name it: hex digits only.
std::string checkout_of(const json& context) {
  const std::string commit = text(field(context, "commit"));
  const bool hex =
      !commit.empty() && commit.find_first_not_of("0123456789abcdef") == std::string::npos;
  return hex ? "git checkout " + commit + "\n" : "";
}

std::string rerun_section(const json& results) {
  const json& context = field(results, "context");
  const std::string name = escape_markdown(text(field(results, "name")));
  std::string section =
      "## Run it again\n\n```\n" + checkout_of(context) + "oar-bench run SWEEP.json\n```\n\n";
  section += fmt::format(
      "SWEEP.json is the sweep file{}. The command skips every stage that is in the store already, "
      "and "
      "continues what was interrupted; with an empty store it computes everything.",
      name.empty() ? "" : " named " + name);
  const json& clean = field(context, "tree_clean");
  if (clean.is_boolean() && !clean.get<bool>()) {
    section +=
        " **The program was built from a tree with uncommitted changes: the commit alone does not "
        "give it back.**";
  }
  return section + "\n\n";
}

std::string context_section(const json& results) {
  const json& context = field(results, "context");
  std::string section = "## Context\n\n";
  for (const auto& [key, label] :
       {std::pair{"commit", "commit"}, std::pair{"tree_clean", "tree clean"},
        std::pair{"device", "device"}, std::pair{"processor", "processor"}}) {
    section += fmt::format("- {}: {}\n", label, escaped_or_dash(field(context, key)));
  }
  std::string sets;
  for (const json& set : items(context, "instruction_sets"))
    sets += (sets.empty() ? "" : ", ") + escape_markdown(text(set));
  section += "- instruction sets: " + (sets.empty() ? "–" : sets) + "\n";
  section += "- threads: " + escaped_or_dash(field(context, "threads")) + "\n";
  std::string versions;
  const json& stated = field(context, "versions");
  if (stated.is_object()) {
    for (const auto& [what, version] : stated.items()) {
      versions +=
          (versions.empty() ? "" : ", ") + escape_markdown(what) + " " + escaped_or_dash(version);
    }
  }
  section += "- versions: " + (versions.empty() ? "–" : versions) + "\n";
  return section + "- schema version: " + escaped_or_dash(field(results, "schema_version")) + "\n";
}

/// Every number of every cell, and where in results.json it stands.
Records records_of(const Layout& layout, const json& results) {
  Records records;
  const json& cells = items(results, "cells");
  for (const Group& group : layout.groups) {
    Table table(
        "records",
        {"cell", "seed", "status", "metric", "value", "own spread", "where in results.json"}, 4);
    for (const json* cell : group.cells) {
      const size_t index = static_cast<size_t>(cell - &cells.front());
      const auto shown = [&](const char* key) { return escaped_or_dash(field(*cell, key)); };
      const json& metrics = items(*cell, "metrics");
      if (metrics.empty()) {
        table.add({shown("id"), shown("seed"), shown("status"), "–", "–", "–",
                   fmt::format("/cells/{}", index)});
      }
      for (size_t i = 0; i < metrics.size(); ++i) {
        table.add({shown("id"), shown("seed"), shown("status"),
                   escaped_or_dash(field(metrics[i], "name")),
                   escaped_or_dash(field(metrics[i], "value")),
                   escaped_or_dash(field(metrics[i], "stddev")),
                   fmt::format("/cells/{}/metrics/{}", index, i)});
      }
    }
    records.records.push_back(
        {layout.record_of(group), escape_markdown(group.name), std::move(table)});
  }
  return records;
}

}  // namespace

Document document_of(const json& results) {
  const Layout layout = report::layout_of(results);
  Document document = opening(results, layout);
  document += report::metric_section(layout);
  document += report::failure_section(layout);
  document += report::FigurePlace{"samples", "## Samples\n\n"};
  document += report::known_answer_section(layout);
  document += report::order_section(layout);
  document += report::model_section(layout);
  document += report::tokenizer_section(layout);
  document += report::data_section(layout);
  document += report::minutes_section(layout);
  document += records_of(layout, results);
  document += rerun_section(results);
  document += context_section(results);
  return document;
}

std::string render_markdown(const json& results, const std::vector<FigureSpec>& figures) {
  return report::to_markdown(document_of(results), figures);
}

}  // namespace oar
