#include "reports/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace oar::report {
namespace {

std::string line_of(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const std::string& cell : cells) line += " " + cell + " |";
  return line + "\n";
}

struct MarkdownWriter {
  const std::vector<FigureSpec>& figures;

  std::string operator()(const std::string& markdown) const { return markdown; }
  std::string operator()(const Table& table) const { return to_markdown(table); }
  std::string operator()(const Records&) const { return ""; }
  std::string operator()(const FigurePlace& place) const {
    std::string text;
    for (const FigureSpec& figure : figures) {
      if (figure.section != place.section) continue;
      text += fmt::format("![{}](figures/{}.{})\n\n**{}.** {}\n\n", escape_markdown(figure.alt),
                          figure.id, figure.animated ? "gif" : "png", escape_markdown(figure.title),
                          escape_markdown(figure.caption));
    }
    return text.empty() ? text : place.heading + text;
  }
};

}  // namespace

Table::Table(std::string name, std::vector<std::string> header, size_t left)
    : name_(std::move(name)), header_(std::move(header)), left_(left) {}

void Table::join(Row row) {
  const auto same = [](const TableCell& a, const TableCell& b) { return a.text == b.text; };
  for (Row& earlier : rows_) {
    if (std::equal(earlier.begin() + 1, earlier.end(), row.begin() + 1, row.end(), same)) {
      earlier.front().text += ", " + row.front().text;
      return;
    }
  }
  add(std::move(row));
}

Document& Document::operator+=(std::string markdown) {
  if (markdown.empty()) return *this;
  if (!blocks_.empty() && std::holds_alternative<std::string>(blocks_.back())) {
    std::get<std::string>(blocks_.back()) += markdown;
  } else {
    blocks_.emplace_back(std::move(markdown));
  }
  return *this;
}

Document& Document::operator+=(Table table) {
  blocks_.emplace_back(std::move(table));
  return *this;
}

Document& Document::operator+=(FigurePlace place) {
  blocks_.emplace_back(std::move(place));
  return *this;
}

Document& Document::operator+=(Records records) {
  blocks_.emplace_back(std::move(records));
  return *this;
}

Document& Document::operator+=(Document other) {
  for (Block& block : other.blocks_) {
    std::visit([&](auto& piece) { *this += std::move(piece); }, block);
  }
  return *this;
}

std::vector<const Table*> Document::tables() const {
  std::vector<const Table*> tables;
  for (const Block& block : blocks_) {
    if (const auto* table = std::get_if<Table>(&block)) tables.push_back(table);
  }
  return tables;
}

std::string to_markdown(const Table& table) {
  std::vector<std::string> rule;
  for (size_t i = 0; i < table.header().size(); ++i) {
    rule.emplace_back(i < table.left() ? "---" : "---:");
  }
  std::string text = line_of(table.header()) + line_of(rule);
  for (const Table::Row& row : table.rows()) {
    std::vector<std::string> cells;
    for (const TableCell& cell : row)
      cells.push_back(cell.best ? "**" + cell.text + "**" : cell.text);
    text += line_of(cells);
  }
  return text + "\n";
}

std::string to_markdown(const Document& document, const std::vector<FigureSpec>& figures) {
  std::string text;
  const MarkdownWriter write{figures};
  for (const Document::Block& block : document.blocks()) text += std::visit(write, block);
  return text;
}

}  // namespace oar::report
