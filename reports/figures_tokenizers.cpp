#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "reports/fields.h"
#include "reports/figures_parts.h"

namespace oar::report {
namespace {

using nlohmann::json;

/// A column of a tokenizer's curve and how it is shown.
struct Quantity {
  const char* column;
  const char* title;
  const char* unit;
};
constexpr Quantity kQuantities[] = {
    {"loss", "all terms together", "loss"},
    {"reconstruction", "reconstruction", "mean difference, pixels -1 to 1"},
    {"perceptual", "perceptual term", "loss, unweighted"},
    {"codebook", "codebook term", "loss"},
    {"codes_used", "codes in use", "different codes"},
    {"perplexity", "perplexity", "codes"},
    {"codes_restarted", "codes restarted", "codes"},
    {"generator", "generator's term", "loss, unweighted"},
    {"discriminator", "discriminator", "hinge loss"},
};

/// One trained tokenizer.
struct Trained {
  std::string key;
  json curve, columns;
  size_t look = 0;
  std::vector<std::string> rows;  ///< names of those that use it
};

std::vector<Trained> trained_of(const std::vector<FigureRow>& rows) {
  std::vector<Trained> found;
  for (const FigureRow& row : rows) {
    for (const json* cell : row.group->done()) {
      const json& stage = last_stage(*cell, "tokenizer");
      const json& record = field(stage, "record");
      const json& curve = items(record, "curve");
      if (curve.empty()) continue;
      const std::string key = text(field(stage, "key"));
      auto same = std::find_if(found.begin(), found.end(),
                               [&](const Trained& t) { return t.key == key && t.curve == curve; });
      if (same == found.end()) {
        json columns = items(record, "curve_columns");
        // Records of before columns had names.
        if (columns.empty()) columns = {"images", "loss", "reconstruction"};
        same = found.insert(found.end(), {key, curve, std::move(columns), row.look, {}});
      }
      if (same->rows.empty() || same->rows.back() != row.name) same->rows.push_back(row.name);
    }
  }
  return found;
}

/// The points of one column that are numbers; no line where there are none.
Line line_of(const Trained& tokenizer, const std::string& column) {
  Line line;
  line.name = listed(tokenizer.rows);
  line.look = tokenizer.look;
  const auto at = std::find(tokenizer.columns.begin(), tokenizer.columns.end(), column);
  if (at == tokenizer.columns.end()) return line;
  const auto index = static_cast<size_t>(at - tokenizer.columns.begin());
  std::vector<double> values;
  for (const json& point : tokenizer.curve) {
    if (!point.is_array() || point.size() <= index) continue;
    const auto images = number(point[0]), value = number(point[index]);
    if (!images || !value || !std::isfinite(*images) || !std::isfinite(*value)) continue;
    line.x.push_back(*images);
    values.push_back(*value);
  }
  if (!values.empty()) line.curves.push_back(std::move(values));
  return line;
}

}  // namespace

std::vector<FigureSpec> tokenizer_curve_figures(const std::vector<FigureRow>& rows) {
  std::vector<Trained> tokenizers = trained_of(rows);
  const size_t all = tokenizers.size();
  if (all > kMostOverlaid) tokenizers.resize(kMostOverlaid);
  json panels = json::array();
  for (const Quantity& quantity : kQuantities) {
    json lines = json::array();
    for (const Trained& tokenizer : tokenizers) {
      const Line line = line_of(tokenizer, quantity.column);
      if (!line.curves.empty()) lines.push_back(line_json(line));
    }
    if (lines.empty()) continue;
    panels.push_back({{"title", quantity.title},
                      {"x_label", "images seen"},
                      {"y_label", quantity.unit},
                      {"lines", std::move(lines)}});
  }
  if (panels.empty()) return {};
  FigureSpec figure;
  figure.id = "tokenizer_curves";
  figure.section = "tokenizer";
  figure.title = "Training of the tokenizer";
  figure.caption =
      "Has the tokenizer learned all it can, and does it use its codebook? Losses of single "
      "batches; codes in use, their perplexity and restarts over all batches since the point "
      "before. A term begins where its line does. One line for each trained tokenizer.";
  figure.caption += left_out(tokenizers.size(), all, "tokenizers");
  figure.alt = fmt::format("Curves of {} quantities over images seen for {} {}.", panels.size(),
                           tokenizers.size(), tokenizers.size() == 1 ? "tokenizer" : "tokenizers");
  figure.drawing = {{"kind", "lines"}, {"panels", std::move(panels)}, {"others_behind", false}};
  return {std::move(figure)};
}

}  // namespace oar::report
