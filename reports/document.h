#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "reports/figures.h"
#include "reports/text.h"

namespace oar::report {

/// One cell of a table.
struct TableCell {
  TableCell(std::string markdown) : text(std::move(markdown)) {}  // a plain text is a cell
  TableCell(const char* markdown) : text(markdown) {}

  std::string text;              ///< Markdown: user text is escaped before it gets here
  std::optional<Spread> spread;  ///< the numbers behind it, for files that programs read
  std::string record;            ///< anchor of what it was computed from; empty: none
  bool best = false;             ///< the best of its column, and decidedly so
};

/// A table whose first `left` columns are text and stand left, the others numbers and stand right.
class Table {
 public:
  using Row = std::vector<TableCell>;

  /// `name` is that of its files: [a-z0-9_]+; `header` is Markdown.
  Table(std::string name, std::vector<std::string> header, size_t left = 1);

  void add(Row row) { rows_.push_back(std::move(row)); }
  TableCell& cell(size_t row, size_t column) { return rows_[row][column]; }

  /// As `add`; but a row whose cells after the first equal those of an earlier row joins it, and
  /// the first cell lists both: recipes that share a tokenizer take one line.
  void join(Row row);

  bool empty() const { return rows_.empty(); }
  const std::string& name() const { return name_; }
  const std::vector<std::string>& header() const { return header_; }
  size_t left() const { return left_; }
  const std::vector<Row>& rows() const { return rows_; }

  std::string caption;  ///< Markdown: how its numbers were measured

 private:
  std::string name_;
  std::vector<std::string> header_;
  size_t left_;
  std::vector<Row> rows_;
};

/// Where the pictures of a section belong. `heading` is Markdown that appears with them alone.
struct FigurePlace {
  std::string section;
  std::string heading;
};

/// The records behind the numbers, one for each row of the report.
struct Records {
  struct Record {
    std::string anchor;  ///< as in TableCell::record
    std::string title;   ///< Markdown
    Table table;
  };
  std::vector<Record> records;
};

/// A report before it has a format: pieces of Markdown, tables, places of pictures, in the order of
/// the page.
class Document {
 public:
  using Block = std::variant<std::string, Table, FigurePlace, Records>;

  Document() = default;
  Document(std::string markdown) { *this += std::move(markdown); }
  Document(const char* markdown) { *this += std::string(markdown); }

  Document& operator+=(std::string markdown);
  Document& operator+=(const char* markdown) { return *this += std::string(markdown); }
  Document& operator+=(Table table);
  Document& operator+=(FigurePlace place);
  Document& operator+=(Records records);
  Document& operator+=(Document other);

  bool empty() const { return blocks_.empty(); }
  const std::vector<Block>& blocks() const { return blocks_; }

  /// Every table, in the order of the page.
  std::vector<const Table*> tables() const;

 private:
  std::vector<Block> blocks_;
};

/// The document as Markdown with these figures, all of them drawn: links to figures/<id>.png, or
/// .gif. Records are left to other formats.
std::string to_markdown(const Document& document, const std::vector<FigureSpec>& figures);

/// A table as Markdown, and a blank line.
std::string to_markdown(const Table& table);

}  // namespace oar::report
