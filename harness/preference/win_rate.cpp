#include "harness/preference/win_rate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "reports/interval.h"

namespace oar {
namespace {

constexpr double kNormal95 = 1.959963984540054;  // P(|Z| <= it) = 0.95

}  // namespace

double Tally::rate() const {
  return (static_cast<double>(a) + static_cast<double>(ties) / 2) / static_cast<double>(answers());
}

Tally operator+(const Tally& one, const Tally& other) {
  return {one.a + other.a, one.b + other.b, one.ties + other.ties};
}

Tally tally_of(const ViewerAnswers& viewer) {
  Tally tally;
  for (const Answer& answer : viewer.answers) {
    switch (answer.choice) {
      case Preference::kA:
        ++tally.a;
        break;
      case Preference::kB:
        ++tally.b;
        break;
      case Preference::kTie:
        ++tally.ties;
        break;
    }
  }
  return tally;
}

ShareInterval wilson_interval(double rate, int64_t n) {
  if (n < 1 || !(rate >= 0 && rate <= 1)) {
    throw std::invalid_argument(fmt::format(
        "Wilson's interval needs a share of 0 .. 1 of an answer at least, got {} of {}", rate, n));
  }
  const double count = static_cast<double>(n), z2 = kNormal95 * kNormal95;
  const double middle = (rate + z2 / (2 * count)) / (1 + z2 / count);
  const double reach = kNormal95 / (1 + z2 / count) *
                       std::sqrt(rate * (1 - rate) / count + z2 / (4 * count * count));
  return {std::max(0.0, middle - reach), std::min(1.0, middle + reach)};
}

double sign_test(int64_t a, int64_t b) {
  const int64_t n = a + b;
  double tail = 0.0;  // P(at most so many of n heads)
  for (int64_t k = 0; k <= std::min(a, b); ++k) {
    tail += std::exp(
        std::lgamma(static_cast<double>(n) + 1) - std::lgamma(static_cast<double>(k) + 1) -
        std::lgamma(static_cast<double>(n - k) + 1) - static_cast<double>(n) * std::numbers::ln2);
  }
  return std::min(1.0, 2 * tail);
}

std::optional<ShareInterval> viewer_interval(const std::vector<Tally>& viewers) {
  const auto clusters = static_cast<double>(viewers.size());
  if (viewers.size() < 2) return std::nullopt;
  Tally all;
  for (const Tally& viewer : viewers) all = all + viewer;
  const double rate = all.rate();
  double squares = 0.0;  // of what each viewer's wins differ from what the rate expects of them
  for (const Tally& viewer : viewers) {
    const double residual = static_cast<double>(viewer.answers()) * (viewer.rate() - rate);
    squares += residual * residual;
  }
  const double error =
      std::sqrt(squares * clusters / (clusters - 1)) / static_cast<double>(all.answers());
  if (error < 1e-12) return std::nullopt;
  const double reach = error * report::student_quantile(0.95, std::ssize(viewers) - 1);
  return ShareInterval{std::max(0.0, rate - reach), std::min(1.0, rate + reach)};
}

}  // namespace oar
