#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace oar {

/// How the model is told which position comes next, h_t's `next(position_at[t-1] ->
/// position_at[t])`.
///
/// A name of the registry, or several joined by '+': "relative+rotary". Tables and sines are added
/// to the input; rotary turns the queries of every layer by the next position and the keys by their
/// own; a position token stands before each patch and carries its position (RandAR, arXiv
/// 2412.01827), so that the logits of a patch are read at that token.
struct NextEncoding {
  bool none = false;                ///< the control: not even the first position is told
  bool absolute = false;            ///< table [N, D] of the next position
  bool relative = false;            ///< table [(2 rows - 1)(2 cols - 1), D] of the offset to it
  bool both = false;                ///< short for absolute+relative; never set in what is parsed
  bool relative_separable = false;  ///< tables [2 rows - 1, D] and [2 cols - 1, D], added
  bool sinusoidal = false;          ///< sinusoids [N, D] through a learned matrix [D, D]
  bool rotary = false;              ///< 2-D rotary, target-aware; no parameters
  bool position_token = false;      ///< one more token per patch

  /// The encoding in one spelling: names in the registry's order joined by '+', `both` spelt out.
  std::string canonical_name() const;
};

/// Errors  std::invalid_argument for an unknown or repeated name, listing what is accepted, and for
///         `none` or `position_token` beside what they exclude.
/// Source  arXiv 2504.17069v1: absolute for the current patch, relative for the next.
NextEncoding parse_next_encoding(std::string_view text);

struct NextEncodingInfo {
  std::string name, summary;
};

/// Every encoding there is, in the order of models/any_order/registry.def.
std::vector<NextEncodingInfo> list_next_encodings();

}  // namespace oar
