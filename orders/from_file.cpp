#include <ATen/ops/arange.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>
#include <unordered_map>

#include "orders/given_orders.h"
#include "orders/order_statistics.h"

namespace oar {
namespace {

/// Orders that somebody else decided, `given`: one for all images, or one for each image of a data
/// set, found by OrderRequest::source.
///
/// Errors  std::invalid_argument if an order is not one of the grid, an image has two orders, or an
///         image is asked for that has none.
class FromFile : public OrderPolicy {
 public:
  explicit FromFile(const OrderConfig& config) : OrderPolicy(config) {
    check_given_orders(config);
    const int64_t orders = config.given.size(0);
    if (orders == 1 && !config.given_image.defined()) return;  // one for all
    const torch::Tensor images = config.given_image.defined() ? config.given_image.contiguous()
                                                              : at::arange(orders, torch::kInt64);
    for (int64_t i = 0; i < orders; ++i) {
      const int64_t image = images.const_data_ptr<int64_t>()[i];
      const auto [first, is_new] = order_of_.emplace(image, i);
      if (!is_new) {
        throw std::invalid_argument(fmt::format(
            "order \"from_file\": orders {} and {} are both of image {}; an image has one order",
            first->second, i, image));
      }
    }
  }
  bool is_learned() const override { return false; }

  torch::Tensor position_at(const OrderRequest& request) const override {
    const torch::Tensor& given = config().given;
    const torch::Tensor source =
        (request.source.defined() ? request.source : request.images).contiguous();
    TORCH_CHECK(source.sizes() == request.images.sizes(), "order from_file: ", source.sizes(),
                " sources of ", request.images.sizes(), " images");
    if (order_of_.empty()) return given.expand({source.size(0), given.size(1)});
    torch::Tensor rows = torch::empty_like(source);
    for (int64_t b = 0; b < source.size(0); ++b) {
      const int64_t image = source.const_data_ptr<int64_t>()[b];
      const auto found = order_of_.find(image);
      if (found == order_of_.end()) {
        throw std::invalid_argument(fmt::format(
            "order \"from_file\": no order is given for image {}; orders of {} images are: extract "
            "those of the whole data set, or give a single order for all",
            image, order_of_.size()));
      }
      rows.mutable_data_ptr<int64_t>()[b] = found->second;
    }
    return given.index_select(0, rows);
  }

 private:
  std::unordered_map<int64_t, int64_t> order_of_;  // row of `given` by image; empty: one for all
};

}  // namespace

void check_given_orders(const OrderConfig& config) {
  const torch::Tensor& given = config.given;
  if (!given.defined()) {
    throw std::invalid_argument(fmt::format(
        "order \"{}\" needs orders, and none are given; name a file of them", config.name));
  }
  const auto shape = [](const torch::Tensor& t) {
    return fmt::format("{}", fmt::join(t.sizes().vec(), ", "));
  };
  if (given.dim() != 2 || given.size(0) == 0 || given.size(1) != config.grid.size()) {
    throw std::invalid_argument(fmt::format(
        "order \"{}\": a {}x{} grid takes orders [images >= 1, {}], got [{}]", config.name,
        config.grid.rows, config.grid.cols, config.grid.size(), shape(given)));
  }
  step_of(given);  // names the order that is no permutation
  const torch::Tensor& image = config.given_image;
  if (image.defined() && (image.dim() != 1 || image.size(0) != given.size(0) ||
                          image.scalar_type() != torch::kInt64)) {
    throw std::invalid_argument(
        fmt::format("order \"{}\": {} orders take as many int64 image numbers, got [{}]",
                    config.name, given.size(0), shape(image)));
  }
}

std::unique_ptr<OrderPolicy> make_from_file(const OrderConfig& config) {
  return std::make_unique<FromFile>(config);
}

}  // namespace oar
