#include "reports/table_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "reports/html_text.h"

namespace oar::report {
namespace {

std::string plain_of_line(const std::string& markdown) { return plain_of(html_of_line(markdown)); }

bool is_number(const std::string& text) {
  if (text.empty()) return false;
  char* end = nullptr;
  std::strtod(text.c_str(), &end);
  return *end == '\0';
}

std::string csv_field(std::string text) {
  constexpr std::string_view kFormula = "=+-@\t\r";
  if (!text.empty() && kFormula.find(text.front()) != std::string_view::npos && !is_number(text)) {
    text.insert(text.begin(), '\'');
  }
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string csv_line(const std::vector<std::string>& fields) {
  std::string line;
  for (size_t i = 0; i < fields.size(); ++i) line += (i == 0 ? "" : ",") + csv_field(fields[i]);
  return line + "\n";
}

/// What reports print beside ASCII, in words that every engine of TeX knows.
constexpr std::pair<std::string_view, std::string_view> kTexWords[] = {
    {"±", "$\\pm$"},  {"↑", "$\\uparrow$"}, {"↓", "$\\downarrow$"}, {"λ", "$\\lambda$"},
    {"τ", "$\\tau$"}, {"ρ", "$\\rho$"},     {"×", "$\\times$"},     {"†", "$\\dagger$"},
    {"−", "$-$"},     {"–", "--"},          {"…", "\\dots{}"},      {"²", "$^2$"}};

}  // namespace

std::string to_csv(const Table& table) {
  const size_t columns = table.header().size();
  std::vector<bool> has_numbers(columns, false);
  for (const Table::Row& row : table.rows()) {
    for (size_t i = 0; i < columns; ++i)
      has_numbers[i] = has_numbers[i] || row[i].spread.has_value();
  }
  std::vector<std::string> line;
  for (size_t i = 0; i < columns; ++i) {
    const std::string heading = plain_of_line(table.header()[i]);
    line.push_back(heading);
    if (!has_numbers[i]) continue;
    for (const char* what : {": mean", ": sd", ": 95 % half-width", ": n"}) {
      line.push_back(heading + what);
    }
  }
  std::string csv = csv_line(line);
  for (const Table::Row& row : table.rows()) {
    line.clear();
    for (size_t i = 0; i < columns; ++i) {
      line.push_back(plain_of_line(row[i].text));
      if (!has_numbers[i]) continue;
      const Spread spread = row[i].spread.value_or(Spread{});
      const auto number = [&](int64_t needed, double value) {
        return spread.n >= needed ? fmt::format("{}", value) : std::string();
      };
      line.push_back(number(1, spread.mean));
      line.push_back(number(2, spread.stddev));
      line.push_back(number(2, spread.half_width));
      line.push_back(std::to_string(spread.n));
    }
    csv += csv_line(line);
  }
  return csv;
}

std::string escape_tex(const std::string& text) {
  std::string escaped;
  for (size_t at = 0; at < text.size(); ++at) {
    const auto word = std::find_if(
        std::begin(kTexWords), std::end(kTexWords),
        [&](const auto& pair) { return text.compare(at, pair.first.size(), pair.first) == 0; });
    if (word != std::end(kTexWords)) {
      escaped += word->second;
      at += word->first.size() - 1;
      continue;
    }
    switch (text[at]) {
      case '\\':
        escaped += "\\textbackslash{}";
        break;
      case '~':
        escaped += "\\textasciitilde{}";
        break;
      case '^':
        escaped += "\\textasciicircum{}";
        break;
      case '<':
        escaped += "\\textless{}";
        break;
      case '>':
        escaped += "\\textgreater{}";
        break;
      case '[':  // after \\ these two would be its options
      case '*':
        escaped += fmt::format("{{{}}}", text[at]);
        break;
      case '{':
      case '}':
      case '$':
      case '&':
      case '#':
      case '_':
      case '%':
        escaped += '\\';
        escaped += text[at];
        break;
      default:
        escaped += text[at];
    }
  }
  return escaped;
}

std::string to_tex(const Table& table) {
  const auto tex = [](const std::string& markdown) { return escape_tex(plain_of_line(markdown)); };
  std::string columns;
  for (size_t i = 0; i < table.header().size(); ++i) columns += i < table.left() ? 'l' : 'r';
  std::string text = "% needs \\usepackage{booktabs}\n\\begin{table}\n\\centering\n";
  text += fmt::format("\\begin{{tabular}}{{{}}}\n\\toprule\n", columns);
  const auto add_row = [&](const std::vector<std::string>& cells) {
    for (size_t i = 0; i < cells.size(); ++i) text += (i == 0 ? "" : " & ") + cells[i];
    text += " \\\\\n";
  };
  std::vector<std::string> cells;
  for (const std::string& heading : table.header()) cells.push_back(tex(heading));
  add_row(cells);
  text += "\\midrule\n";
  for (const Table::Row& row : table.rows()) {
    cells.clear();
    for (const TableCell& cell : row) {
      cells.push_back(cell.best ? "\\textbf{" + tex(cell.text) + "}" : tex(cell.text));
    }
    add_row(cells);
  }
  text += "\\bottomrule\n\\end{tabular}\n";
  if (!table.caption.empty()) {
    // The caption's lines are a list; in LaTeX they follow each other.
    std::string caption = plain_of(html_of(table.caption));
    std::replace(caption.begin(), caption.end(), '\n', ' ');
    text += "\\caption{" + escape_tex(one_line(caption)) + "}\n";
  }
  return text + fmt::format("\\label{{tab:{}}}\n\\end{{table}}\n", table.name());
}

}  // namespace oar::report
