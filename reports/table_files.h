#pragma once

#include <string>

#include "reports/document.h"

namespace oar::report {

/// A table as CSV (RFC 4180, UTF-8, "\n"): each column of the page, and where numbers over seeds
/// stand behind a cell the columns `<heading>: mean`, `: sd`, `: 95 % half-width` and `: n` in full
/// precision beside it. Text of users that a spreadsheet would take for a formula gets an
/// apostrophe in front.
std::string to_csv(const Table& table);

/// A table for LaTeX, ready to be pasted: needs booktabs and nothing else, any engine. The best of
/// a column is bold where that is decided; the caption says how its numbers were measured.
std::string to_tex(const Table& table);

/// Text as LaTeX shows it.
std::string escape_tex(const std::string& text);

}  // namespace oar::report
