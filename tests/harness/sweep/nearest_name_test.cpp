#include "harness/sweep/nearest_name.h"

#include <gtest/gtest.h>

namespace oar {
namespace {

const std::vector<std::string> kOrders = {"alternate", "hilbert", "oar", "random", "raster"};

TEST(NearestName, OneEditAway) {
  EXPECT_EQ(nearest_name("rastr", kOrders), "raster");     // a letter is missing
  EXPECT_EQ(nearest_name("rasster", kOrders), "raster");   // one too many
  EXPECT_EQ(nearest_name("hilbart", kOrders), "hilbert");  // a wrong one
  EXPECT_EQ(nearest_name("ora", kOrders), "oar");          // two are swapped
}

TEST(NearestName, CaseDoesNotCount) { EXPECT_EQ(nearest_name("RANDOM", kOrders), "random"); }

TEST(NearestName, OneEditPerFourLettersAndOneMore) {
  EXPECT_EQ(nearest_name("altarnete", kOrders), "alternate");  // 9 letters, 2 edits
  EXPECT_EQ(nearest_name("rndm", kOrders), "random");          // 4 letters, 2 edits
  EXPECT_EQ(nearest_name("rxxxer", kOrders), std::nullopt);    // 6 letters, 3 edits
}

TEST(NearestName, TheBeginningOfANameIsEnough) {
  EXPECT_EQ(nearest_name("fashion", {"celeba_hq", "fashion_products"}), "fashion_products");
}

TEST(NearestName, NothingIsNearAnEmptyOrAVeryLongText) {
  EXPECT_EQ(nearest_name("", kOrders), std::nullopt);
  EXPECT_EQ(nearest_name(std::string(101, 'a'), {std::string(101, 'a')}), std::nullopt);
}

TEST(NearestName, TheEarlierOfTwoEquallyNear) {
  EXPECT_EQ(nearest_name("kix", {"kid", "fix"}), "kid");
}

TEST(DidYouMean, IsAQuestionOrEmpty) {
  EXPECT_EQ(did_you_mean("hilbrt", kOrders), "did you mean \"hilbert\"?");
  EXPECT_EQ(did_you_mean("spiral", kOrders), "");
}

}  // namespace
}  // namespace oar
