#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace oar {

/// How a caption is made of the columns of a table: the name of one column, or, where the text has
/// a `{`, a text with columns in braces: "{baseColour} {articleType}". `{{` and `}}` are braces.
///
/// Errors  std::invalid_argument for a brace without its partner or with nothing in it; BadData for
///         a column that is not there, with the nearest; `table` is what messages call the table.
class CaptionTemplate {
 public:
  CaptionTemplate(std::string_view text, const std::vector<std::string>& columns,
                  std::string_view table);

  /// The caption of a row. Columns without a value leave nothing, nor two blanks in a row; where no
  /// column has a value the caption is empty.
  std::string fill(const std::vector<std::string>& row) const;

 private:
  struct Piece {
    std::string literal;
    size_t column;  ///< that follows the literal; kNone: none
  };
  static constexpr size_t kNone = static_cast<size_t>(-1);

  std::vector<Piece> pieces_;
};

/// Runs of blanks, tabs and line ends become one blank; none at the ends.
std::string single_spaced(std::string_view text);

}  // namespace oar
