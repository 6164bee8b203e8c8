#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "harness/preference/answers.h"

namespace oar {

/// How often each side was preferred.
struct Tally {
  int64_t a = 0, b = 0, ties = 0;

  int64_t answers() const { return a + b + ties; }

  /// The win rate of A: "no preference" is half a win for each side. Needs an answer.
  double rate() const;
};

/// Where the true share is, with 95 % confidence; 0 .. 1.
struct ShareInterval {
  double low = 0.0, high = 1.0;
};

Tally tally_of(const ViewerAnswers& viewer);
Tally operator+(const Tally& one, const Tally& other);

/// The 95 % interval of a share of `n` independent answers, Wilson's. With ties as halves it is a
/// little too wide, never too narrow: a half spreads less than a win and a loss.
///
/// Errors  std::invalid_argument unless 0 ≤ rate ≤ 1 and n ≥ 1.
/// Source  Wilson, Probable inference, the law of succession, and statistical inference, 1927.
ShareInterval wilson_interval(double rate, int64_t n);

/// The two-sided p of the sign test: so uneven a split of a + b answers, or one more uneven, where
/// both sides are equally good. Answers without a preference do not enter. 1 without any.
double sign_test(int64_t a, int64_t b);

/// The 95 % interval of A's win rate over viewers, of whom these are a sample: each viewer is a
/// cluster, as the answers of one person go together. Student's t with one degree of freedom fewer
/// than viewers, around the rate over all answers; cut to 0 .. 1. Nothing for one viewer, or where
/// all viewers have the same rate: then they tell no spread.
///
/// Source  Cochran, Sampling Techniques, 3rd edition 1977, ratio estimates in cluster sampling.
std::optional<ShareInterval> viewer_interval(const std::vector<Tally>& viewers);

}  // namespace oar
