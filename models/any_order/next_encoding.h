#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace oar {

/// How the model is told which position comes next, h_t's `next(position_at[t-1] ->
/// position_at[t])`.
///
/// A name of the registry, or several joined by '+': "relative+rotary". A learned table is added to
/// the input; rotary turns the queries of every layer by the next position and the keys by their
/// own.
struct NextEncoding {
  bool absolute = false;  ///< table [N, D] of the next position
  bool relative =
      false;            ///< table [(2 rows - 1)(2 cols - 1), D] of the offset to the next position
  bool rotary = false;  ///< 2-D rotary, target-aware; no parameters
};

/// Errors  std::invalid_argument for an unknown or repeated name, listing what is accepted.
/// Source  arXiv 2504.17069v1: absolute for the current patch, relative for the next.
NextEncoding parse_next_encoding(std::string_view text);

struct NextEncodingInfo {
  std::string name, summary;
};

/// Every encoding there is, in the order of models/any_order/registry.def.
std::vector<NextEncodingInfo> list_next_encodings();

}  // namespace oar
