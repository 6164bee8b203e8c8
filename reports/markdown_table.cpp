#include "reports/markdown_table.h"

#include <algorithm>
#include <utility>

namespace oar::report {
namespace {

std::string line_of(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const std::string& cell : cells) line += " " + cell + " |";
  return line + "\n";
}

}  // namespace

MarkdownTable::MarkdownTable(std::vector<std::string> header, size_t left)
    : header_(std::move(header)), left_(left) {}

void MarkdownTable::add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

void MarkdownTable::join(std::vector<std::string> row) {
  for (std::vector<std::string>& earlier : rows_) {
    if (std::equal(earlier.begin() + 1, earlier.end(), row.begin() + 1, row.end())) {
      earlier.front() += ", " + row.front();
      return;
    }
  }
  add(std::move(row));
}

std::string MarkdownTable::str() const {
  std::vector<std::string> rule;
  for (size_t i = 0; i < header_.size(); ++i) rule.emplace_back(i < left_ ? "---" : "---:");
  std::string table = line_of(header_) + line_of(rule);
  for (const std::vector<std::string>& row : rows_) table += line_of(row);
  return table + "\n";
}

}  // namespace oar::report
