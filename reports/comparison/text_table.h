#pragma once

#include <string>
#include <vector>

namespace oar {

/// Columns of fixed width, a rule under the headings. The first `left` columns stand left, as does
/// the last; the others stand right. Cells are one line each and cannot steer a terminal already.
std::string text_table(const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& rows, size_t left);

/// "0.012", "<0.001"; "–" for none.
std::string p_text(double p);

/// "5%".
std::string percent_text(double share);

}  // namespace oar
