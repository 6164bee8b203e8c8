#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace oar {

/// A picture of a report: what it shows, in words and as data. Every number in it is computed here;
/// reports/plots/plot_results.py only lays it out.
struct FigureSpec {
  std::string id;       ///< name of its files: [a-z0-9_]+
  std::string section;  ///< "results", "samples", "orders", "models", "tokenizer", "known_answers"
  std::string title;    ///< one line of plain text, as are caption and alt: no format's escapes
  std::string caption;  ///< the question it answers, what a mark is, N, seeds, units, what is left
                        ///< out
  std::string alt;      ///< for readers who do not see it
  bool animated = false;   ///< <id>.gif in place of <id>.png, <id>.svg and <id>.pdf
  nlohmann::json drawing;  ///< `kind` and the data of that kind, see reports/README.md
};

/// The pictures that these results hold something for, in the order of the report.
///
/// Errors  none for any JSON value.
std::vector<FigureSpec> figures_of(const nlohmann::json& results);

/// The specification as figures.json holds it.
nlohmann::json to_json(const FigureSpec& figure);

/// True for the path of an exhibit: "exhibits/<folder>/<file>.png" out of letters, digits, "_", "-"
/// and ".", none of the parts beginning with a dot. Reports open such files, and no others.
bool is_exhibit_path(std::string_view path);

}  // namespace oar
