#include "reports/figures.h"

#include <algorithm>
#include <cctype>
#include <iterator>

#include "reports/fields.h"
#include "reports/figures_parts.h"

namespace oar {

using nlohmann::json;

std::vector<FigureSpec> figures_of(const json& results) {
  const report::Layout layout = report::layout_of(results);
  const std::vector<report::FigureRow> rows = report::figure_rows(layout);
  std::vector<FigureSpec> figures;
  for (const auto& section :
       {report::metric_figures, report::sample_figures, report::known_answer_figures,
        report::path_figures, report::step_figures, report::time_figures, report::model_figures,
        report::tokenizer_figures, report::tokenizer_curve_figures}) {
    std::vector<FigureSpec> more = section(rows);
    std::move(more.begin(), more.end(), std::back_inserter(figures));
  }
  return figures;
}

json to_json(const FigureSpec& figure) {
  return {{"id", figure.id},           {"section", figure.section}, {"title", figure.title},
          {"caption", figure.caption}, {"alt", figure.alt},         {"animated", figure.animated},
          {"drawing", figure.drawing}};
}

bool is_exhibit_path(std::string_view path) {
  constexpr std::string_view kFolder = "exhibits/", kEnding = ".png";
  if (!path.starts_with(kFolder) || !path.ends_with(kEnding)) return false;
  const std::string_view inside = path.substr(kFolder.size());
  const size_t slash = inside.find('/');
  if (slash == std::string_view::npos) return false;
  const auto is_name = [](std::string_view name) {
    return !name.empty() && name.front() != '.' &&
           std::all_of(name.begin(), name.end(), [](unsigned char c) {
             return c < 128 && (std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.');
           });
  };
  return is_name(inside.substr(0, slash)) && is_name(inside.substr(slash + 1)) &&
         inside.size() > slash + 1 + kEnding.size();
}

}  // namespace oar
