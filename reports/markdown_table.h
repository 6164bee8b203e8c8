#pragma once

#include <string>
#include <vector>

namespace oar::report {

/// A Markdown table. Cells are Markdown already: user text is escaped before it gets here.
class MarkdownTable {
 public:
  /// The first `left` columns are text and stand left, the others numbers and stand right.
  explicit MarkdownTable(std::vector<std::string> header, size_t left = 1);

  void add(std::vector<std::string> row);

  /// As `add`; but a row whose cells after the first equal those of an earlier row joins it, and
  /// the first cell lists both: recipes that share a tokenizer take one line.
  void join(std::vector<std::string> row);

  bool empty() const { return rows_.empty(); }

  /// The table and a blank line.
  std::string str() const;

 private:
  std::vector<std::string> header_;
  size_t left_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace oar::report
