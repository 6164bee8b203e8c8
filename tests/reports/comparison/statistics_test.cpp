#include "reports/comparison/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <stdexcept>
#include <vector>

namespace oar {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

// scipy 1.17.1: scipy.stats.t.sf(t, df)
TEST(StudentUpperTail, IsThatOfScipy) {
  struct Golden {
    double t;
    int64_t degrees;
    double p;
  };
  for (const Golden& golden : {Golden{0.5, 1, 0.35241638234956674},
                               {2.0, 2, 0.09175170953613698},
                               {-1.5, 2, 0.8638034375544994},
                               {4.303, 2, 0.02499626249260725},
                               {12.0, 3, 0.0006225079003946681},
                               {30.0, 9, 1.2418523520791317e-10},
                               {0.0, 5, 0.5},
                               {2.2, 29, 0.017963379575341287}}) {
    EXPECT_NEAR(student_upper_tail(golden.t, golden.degrees) / golden.p, 1.0, 1e-12)
        << "t = " << golden.t << ", degrees " << golden.degrees;
  }
}

// scipy.stats.ttest_rel(new, base), and with alternative="less"
TEST(PairedTTest, IsThatOfScipy) {
  const std::vector<double> base = {12.1, 11.8, 12.6, 12.0, 12.3};
  const std::vector<double> now = {11.7, 11.9, 12.0, 11.6, 12.1};
  std::vector<double> differences;
  for (size_t i = 0; i < base.size(); ++i) differences.push_back(now[i] - base[i]);
  const PairedTest test = paired_t_test(differences);
  EXPECT_NEAR(test.two_sided(), 0.06429011098598748, 1e-12);
  EXPECT_NEAR(test.below, 0.03214505549299374, 1e-12);
  EXPECT_NEAR(test.mean / test.standard_error, -2.535462764185555, 1e-12);
}

TEST(PairedTTest, EqualDifferencesHaveNoDoubt) {
  const PairedTest worse = paired_t_test({0.1, 0.1, 0.1});  // their spread is rounding alone
  EXPECT_EQ(worse.standard_error, 0.0);
  EXPECT_EQ(worse.above, 0.0);
  EXPECT_EQ(worse.below, 1.0);
  EXPECT_EQ(paired_t_test({0.0, 0.0, 0.0}).two_sided(), 1.0);
}

TEST(PairedTTest, RefusesASinglePair) { EXPECT_THROW(paired_t_test({0.1}), std::invalid_argument); }

TEST(SmallestAssumptionFreeP, ASignTestNeedsSixPairsForFivePercent) {
  EXPECT_EQ(smallest_assumption_free_p(3), 0.25);
  EXPECT_GT(smallest_assumption_free_p(5), 0.05);
  EXPECT_LT(smallest_assumption_free_p(6), 0.05);
}

// By hand: 4 * 0.005, 3 * 0.01, 2 * 0.03, then 1 * 0.04 is raised to the 0.06 before it.
TEST(Holm, MultipliesTheSmallestByAllAndNeverFallsBehind) {
  EXPECT_THAT(holm({0.01, 0.04, 0.03, 0.005}),
              ElementsAre(DoubleNear(0.03, 1e-15), DoubleNear(0.06, 1e-15), DoubleNear(0.06, 1e-15),
                          DoubleNear(0.02, 1e-15)));
  EXPECT_THAT(holm({0.7, 0.6}), ElementsAre(1.0, 1.0));
  EXPECT_TRUE(holm({}).empty());
}

// The noncentral t integrated over the spread with scipy.integrate.quad.
TEST(PairedTPower, IsThatOfTheNoncentralT) {
  EXPECT_NEAR(paired_t_power(1.0, 5, 0.05), 0.40139, 1e-3);
  EXPECT_NEAR(paired_t_power(2.0, 3, 0.05), 0.47075, 1e-3);
  EXPECT_NEAR(paired_t_power(0.5, 30, 0.05), 0.75396, 1e-3);
  EXPECT_NEAR(paired_t_power(3.0, 4, 0.01), 0.61993, 1e-3);
  EXPECT_NEAR(paired_t_power(0.0, 4, 0.05), 0.05, 1e-4);  // without a change it is the level
}

TEST(SmallestEffect, IsWhereThePowerIsReached) {
  EXPECT_NEAR(smallest_effect(3, 0.05, 0.8), 3.26404, 5e-3);
  EXPECT_NEAR(smallest_effect(5, 0.05, 0.8), 1.68200, 5e-3);
  EXPECT_NEAR(smallest_effect(10, 0.05, 0.8), 0.99600, 5e-3);
  EXPECT_NEAR(smallest_effect(3, 0.0025, 0.8), 14.6467, 2e-2);
  EXPECT_NEAR(smallest_effect(20, 0.01, 0.8), 0.83844, 5e-3);
}

}  // namespace
}  // namespace oar
