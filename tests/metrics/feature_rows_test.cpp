#include "metrics/feature_rows.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "metrics/feature_checks.h"
#include "tests/metrics/feature_sets.h"

namespace oar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

const torch::Tensor kRows = torch::tensor({{0.0F, 1.0F}, {10.0F, 11.0F}, {20.0F, 21.0F}});

TEST(FeatureRows, OfATensorAreItsRows) {
  const FeatureRows features = kRows;
  EXPECT_EQ(features.count(), 3);
  EXPECT_EQ(features.dim(), 2);
  EXPECT_TRUE(features.rows(1, 3).equal(kRows.slice(0, 1, 3)));
  EXPECT_TRUE(features.rows(torch::tensor({2, 0, 2}))
                  .equal(kRows.index_select(0, torch::tensor({2, 0, 2}))));
}

TEST(FeatureRows, OfAReaderAreWhatItReads) {
  const FeatureRows features = as_a_file(kRows);
  EXPECT_TRUE(features.rows(1, 3).equal(kRows.slice(0, 1, 3)));
  EXPECT_TRUE(
      features.rows(torch::tensor({2, 0})).equal(kRows.index_select(0, torch::tensor({2, 0}))));
}

TEST(FeatureRows, KeepFloat64AndReadAnyOtherTypeAsFloat32) {
  EXPECT_EQ(FeatureRows(kRows.to(torch::kFloat64)).rows(0, 1).scalar_type(), torch::kFloat64);
  EXPECT_EQ(FeatureRows(kRows.to(torch::kBFloat16)).rows(0, 1).scalar_type(), torch::kFloat32);
}

TEST(FeatureRows, RefuseWhatIsNoMatrixOfFloats) {
  EXPECT_THAT([] { FeatureRows rows = torch::arange(3); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("needs a float matrix [images, features], got Long [3]")));
  EXPECT_THAT(
      [] {
        FeatureRows rows = torch::ones({3, 0});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("got Float [3, 0]")));
}

TEST(FeatureRows, NoticeAReaderThatReadsTooLittle) {
  const FeatureRows broken(9, 2, [](const torch::Tensor&) { return kRows; });
  EXPECT_THROW(broken.rows(0, 9), c10::Error);
}

TEST(FeatureRows, AreVisitedInBlocksThatCoverThemAll) {
  std::vector<int64_t> firsts, sizes;
  for_each_block(torch::ones({7, 1}), 3, [&](int64_t first, const torch::Tensor& rows) {
    firsts.push_back(first);
    sizes.push_back(rows.size(0));
  });
  EXPECT_THAT(firsts, ElementsAre(0, 3, 6));
  EXPECT_THAT(sizes, ElementsAre(3, 3, 1));
}

TEST(CheckFeatures, CountsRowsThatAreNotNumbersOverAllBlocks) {
  torch::Tensor broken = torch::ones({5000, 3});
  broken[4100][2] = std::numeric_limits<float>::infinity();
  broken[4100][1] = -std::numeric_limits<float>::infinity();
  broken[2500][0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT([&] { check_features(as_a_file(broken), 2, "KID", "real"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr(
                  "KID, real images: 2 of 5000 rows hold NaN or Inf, the first is row 2500")));
}

TEST(CheckFeatures, TakesNumbersWhoseSumIsBeyondFloat32) {
  check_features(torch::full({2, 3}, 3e38F), 2, "KID", "real");
}

}  // namespace
}  // namespace oar
