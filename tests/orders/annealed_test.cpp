#include <ATen/ops/arange.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/orders/steps_of.h"

namespace oar {
namespace {

/// Which of 4,000 images are in raster order when the share `trained` of the training is done.
torch::Tensor is_raster(const OrderConfig& config, double trained) {
  const torch::Tensor orders =
      make_order(config)->position_at(OrderRequest{at::arange(4000), {}, trained});
  return (orders == at::arange(config.grid.size())).all(1);
}

double raster_share(const OrderConfig& config, double trained) {
  return is_raster(config, trained).to(torch::kFloat64).mean().item<double>();
}

TEST(AnnealedOrder, IsThatOfRandomUntilItsStart) {
  const OrderConfig config = order_config("annealed", Grid{4, 4}, 3);
  const torch::Tensor images = at::arange(50);
  const torch::Tensor random =
      make_order(order_config("random", Grid{4, 4}, 3))->position_at(images);
  for (const double trained : {0.0, 0.3, 0.5}) {
    EXPECT_TRUE(make_order(config)->position_at(OrderRequest{images, {}, trained}).equal(random));
  }
}

TEST(AnnealedOrder, IsRasterFromItsEndOnAndWhenGenerating) {
  const OrderConfig config = order_config("annealed", Grid{4, 4});
  for (const double trained : {0.75, 0.9, 1.0}) EXPECT_EQ(raster_share(config, trained), 1.0);
  EXPECT_EQ(steps_of(config), steps_of("raster", Grid{4, 4}));  // nothing said: trained is 1
}

TEST(AnnealedOrder, TurnsToRasterLinearlyInBetween) {
  const OrderConfig config = order_config("annealed", Grid{4, 4});
  for (const double share : {0.2, 0.5, 0.9}) {  // five standard errors of a share of 4,000
    EXPECT_NEAR(raster_share(config, 0.5 + 0.25 * share), share,
                5 * std::sqrt(share * (1 - share) / 4000));
  }
}

TEST(AnnealedOrder, AnImageThatIsRasterStaysRaster) {
  const OrderConfig config = order_config("annealed", Grid{4, 4});
  const torch::Tensor before = is_raster(config, 0.6), after = is_raster(config, 0.7);
  EXPECT_TRUE((before & ~after).logical_not().all().item<bool>());
  EXPECT_LT(before.sum().item<int64_t>(), after.sum().item<int64_t>());
}

TEST(AnnealedOrder, ChangesAtOnceWhereItsStartIsItsEnd) {
  OrderConfig config = order_config("annealed", Grid{4, 4});
  config.anneal_start = config.anneal_end = 0.4;
  EXPECT_EQ(raster_share(config, 0.39), 0.0);
  EXPECT_EQ(raster_share(config, 0.4), 1.0);
}

TEST(AnnealedOrder, OtherSeedsTurnOtherImages) {
  EXPECT_FALSE(is_raster(order_config("annealed", Grid{4, 4}, 1), 0.6)
                   .equal(is_raster(order_config("annealed", Grid{4, 4}, 2), 0.6)));
}

}  // namespace
}  // namespace oar
