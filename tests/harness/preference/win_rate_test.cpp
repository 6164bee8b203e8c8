#include "harness/preference/win_rate.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace oar {
namespace {

constexpr double kRounding = 1e-12;  // sums of a few terms in double precision

TEST(Tally, CountsNoPreferenceAsHalfAWinForEach) {
  EXPECT_EQ((Tally{6, 3, 1}.rate()), 0.65);
  EXPECT_EQ((Tally{3, 6, 1}.rate()), 0.35);
  EXPECT_EQ((Tally{0, 0, 4}.rate()), 0.5);
}

TEST(Tally, AddsUpAViewersAnswers) {
  ViewerAnswers viewer;
  for (const Preference choice :
       {Preference::kA, Preference::kB, Preference::kA, Preference::kTie, Preference::kA}) {
    viewer.answers.push_back({"0", 0, choice, true, 1});
  }
  const Tally tally = tally_of(viewer);
  EXPECT_EQ(tally.a, 3);
  EXPECT_EQ(tally.b, 1);
  EXPECT_EQ(tally.ties, 1);
  EXPECT_EQ((tally + tally).answers(), 10);
}

// scipy 1.17.1: binomtest(k, n).proportion_ci(0.95, method="wilson").
TEST(WilsonInterval, AgreesWithScipy) {
  const auto expect = [](int64_t k, int64_t n, double low, double high) {
    const ShareInterval found = wilson_interval(static_cast<double>(k) / static_cast<double>(n), n);
    EXPECT_NEAR(found.low, low, kRounding) << k << " of " << n;
    EXPECT_NEAR(found.high, high, kRounding) << k << " of " << n;
  };
  expect(64, 100, 0.5423540245160874, 0.7272877959859567);
  expect(640, 1000, 0.6097662373959409, 0.6691622702281035);
  expect(7, 10, 0.39677814746114526, 0.892208732593699);
  expect(0, 5, 0.0, 0.43448246478317476);
  expect(5, 5, 0.5655175352168251, 1.0);
}

TEST(WilsonInterval, RefusesNoAnswersAndNoShares) {
  EXPECT_THROW(wilson_interval(0.5, 0), std::invalid_argument);
  EXPECT_THROW(wilson_interval(1.5, 10), std::invalid_argument);
}

// scipy 1.17.1: binomtest(a, a + b, 0.5).pvalue.
TEST(SignTest, AgreesWithScipy) {
  EXPECT_NEAR(sign_test(64, 36), 0.006637120515926128, kRounding);
  EXPECT_NEAR(sign_test(640, 360) / 6.63221813607981e-19, 1.0, 1e-9);  // lgamma of 1001 cancels
}

TEST(SignTest, IsASumOfBinomialsOverTwoToTheN) {
  EXPECT_NEAR(sign_test(9, 1), 2.0 * (1 + 10) / 1024, kRounding);
  EXPECT_NEAR(sign_test(3, 7), 2.0 * (1 + 10 + 45 + 120) / 1024, kRounding);
  EXPECT_NEAR(sign_test(0, 5), 2.0 / 32, kRounding);
  EXPECT_EQ(sign_test(5, 5), 1.0);
  EXPECT_EQ(sign_test(0, 0), 1.0);
}

// statsmodels 0.15: OLS of 1, 0 and 0.5 on a constant, .fit(cov_type="cluster", use_t=True), whose
// conf_int() has the same correction viewers / (viewers - 1).
TEST(ViewerInterval, AgreesWithClusterRobustRegression) {
  const auto found = viewer_interval({{12, 3, 1}, {9, 6, 1}, {6, 10, 0}, {8, 2, 2}});
  ASSERT_TRUE(found.has_value());
  EXPECT_NEAR(found->low, 0.31301886443140514, 1e-9);  // the quantile is found by bisection
  EXPECT_NEAR(found->high, 0.9203144689019283, 1e-9);
}

TEST(ViewerInterval, IsWiderThanWilsonsWhereViewersDisagree) {
  const auto found = viewer_interval({{20, 0, 0}, {10, 10, 0}, {0, 20, 0}});
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->low, 0.0);  // cut to shares
  EXPECT_EQ(found->high, 1.0);
  EXPECT_LT(wilson_interval(0.5, 60).high, 0.63);
}

TEST(ViewerInterval, NeedsTwoViewersThatDiffer) {
  EXPECT_FALSE(viewer_interval({{12, 3, 1}}).has_value());
  EXPECT_FALSE(viewer_interval({{12, 3, 1}, {12, 3, 1}}).has_value());
}

}  // namespace
}  // namespace oar
