#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace oar::report {

/// The values of one metric over seeds.
struct Spread {
  int64_t n = 0;  ///< values that are finite
  int64_t not_finite =
      0;  ///< values that are NaN, infinite or null; they enter neither mean nor stddev
  double mean = 0.0;
  double stddev = 0.0;      ///< sample standard deviation (n - 1); 0 with fewer than two values
  double half_width = 0.0;  ///< of the 95 % interval of the mean, by Student's t; 0 as above
};

/// Mean and sample standard deviation of the finite values.
Spread spread_of(const std::vector<double>& values);

/// So many significant digits, without an exponent between 1e-4 and 1e7; "not finite" for NaN and
/// infinities.
std::string format_number(double value, int digits = 4);

/// "12.84 ± 0.31": half of the 95 % interval with two significant digits and the mean with as many
/// decimals; a single value as `format_number`; "–" for none, "not finite" where there are only
/// such. Values that are not finite beside finite ones are counted: "12.84 ± 0.31 (2 not finite)".
std::string format_spread(const Spread& spread);

/// User text on one line: control characters become spaces, runs of spaces one, bytes that are not
/// UTF-8 '?'.
std::string one_line(std::string_view text);

/// User text that Markdown shows as it is, in or outside a table: one line, with pipes, backticks,
/// HTML, emphasis, links and formulas made harmless. Names such as `oar_finetuned` and
/// `FID[efficientnet_lite0]` stay readable as they are.
std::string escape_markdown(std::string_view text);

/// `text` cut after `limit` characters with "…"; characters are code points.
std::string shorten(const std::string& text, size_t limit);

/// Number of code points: the width in a terminal of all that reports print themselves.
size_t width_of(std::string_view text);

}  // namespace oar::report
