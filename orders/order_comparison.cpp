#include "orders/order_comparison.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>

#include "orders/order_statistics.h"
#include "orders/rank_correlation.h"

namespace oar {
namespace {

double mean_of(const torch::Tensor& values) {
  return values.to(torch::kFloat64).mean().item<double>();
}
double stddev_of(const torch::Tensor& values) {
  return values.std(/*unbiased=*/false).item<double>();
}

}  // namespace

OrderComparison compare_orders(const torch::Tensor& a, const torch::Tensor& b, const Grid& grid) {
  if (a.sizes() != b.sizes() || a.dim() != 2 || a.size(0) == 0 || a.size(1) != grid.size()) {
    throw std::invalid_argument(fmt::format(
        "two sets of orders of a {}x{} grid must both be [images >= 1, {}]; they are [{}] and [{}]",
        grid.rows, grid.cols, grid.size(), fmt::join(a.sizes().vec(), ", "),
        fmt::join(b.sizes().vec(), ", ")));
  }
  OrderComparison result;
  result.num_orders = a.size(0);
  result.tau = kendall_tau(a, b);
  result.rho = spearman_rho(a, b);
  result.mean_tau = mean_of(result.tau);
  result.stddev_tau = stddev_of(result.tau);
  result.mean_rho = mean_of(result.rho);
  result.stddev_rho = stddev_of(result.rho);
  const torch::Tensor equal = a.cpu() == b.cpu();
  result.equal_share = mean_of(equal);
  result.identical_share = mean_of(equal.all(1));
  result.mean_jump_a = mean_of(jumps_of(a, grid));
  result.mean_jump_b = mean_of(jumps_of(b, grid));
  return result;
}

}  // namespace oar
