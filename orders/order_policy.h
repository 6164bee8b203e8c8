#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orders/confidence.h"
#include "orders/counter_random.h"
#include "orders/grid.h"

namespace oar {

/// What a policy sees before it names the next patch of each image of a batch.
struct StepState {
  int64_t step = 0;      ///< number of patches already placed, the same for every image
  torch::Tensor images;  ///< int64 [B] on the CPU: the image's own counter, key of random numbers
  torch::Tensor filled;  ///< bool [B, N], true where a token is placed
  torch::Tensor last;    ///< int64 [B], position placed at step - 1; not defined at step 0
  torch::Tensor
      confidence;  ///< float32 [B, N], read at open positions only; learned orders need it
};

/// Whose orders are asked for.
struct OrderRequest {
  torch::Tensor images;  ///< int64 [B] on the CPU: counter of each image, key of its random numbers
  torch::Tensor source;  ///< int64 [B] on the CPU: the data set's image each one is of; not
                         ///< defined: `images` themselves
  double trained = 1.0;  ///< share of the training that is done, 0 .. 1; `annealed` reads it
};

/// Settings of an order policy; one that does not use a setting ignores it.
struct OrderConfig {
  std::string name;
  Grid grid;
  double distance_penalty = 0.0;             ///< λ, nats per patch; 0 switches it off
  Distance distance = Distance::kEuclidean;  ///< what λ multiplies
  uint64_t seed = 0;
  Stream stream = Stream::kGenerationOrder;  ///< which random numbers a random order draws
  uint64_t order_seed = 0;         ///< draws the one order of `random_fixed`, whatever `seed` is
  double order_temperature = 1.0;  ///< `sampled`: of the softmax of the score, nats; > 0
  double anneal_start = 0.5;       ///< `annealed`: share of training up to which all are random
  double anneal_end = 0.75;        ///< `annealed`: share of training from which all are raster
  int64_t groups = 0;         ///< `locality_groups`: number of groups; 0: as many as LPD's schedule
  torch::Tensor given;        ///< orders of a file: int64 [M, N]; `from_file` takes one order for
                              ///< all or one per image, `drawn_from_file` any number
  torch::Tensor given_image;  ///< `from_file`: int64 [M], the image of each order; not defined:
                              ///< order i is that of image i
};

/// Decides which patch of each image is generated next.
///
/// A fixed order is known before the first patch (raster, random): position_at() gives all of it.
/// A learned order looks at the model's confidence at every open patch, one step at a time: next().
///
/// Shapes  B images, N = rows * cols patches; positions are row-major, 0 .. N-1.
/// Units   distances in patches, centre to centre; the penalty λ in nats per patch.
/// Errors  std::invalid_argument if a shape disagrees with the grid; std::logic_error on a full
/// grid. Source  arXiv 2504.17069v1, any-given-order generation with the distance penalty λ.
class OrderPolicy {
 public:
  explicit OrderPolicy(OrderConfig config) : config_(std::move(config)) {}
  virtual ~OrderPolicy() = default;

  /// Registry name, snake_case. A policy whose order changes takes a new name, so that results
  /// stored under the old one keep their meaning.
  std::string_view name() const { return config_.name; }
  const OrderConfig& config() const { return config_; }

  /// Whether the order depends on the model's confidence, so that every open patch must be scored.
  virtual bool is_learned() const = 0;

  /// What ranks the open patches of this learned order, whatever the recipe's option says:
  /// nothing for the orders that take the option (oar, sampled) and for fixed ones.
  virtual std::optional<Confidence> own_confidence() const { return std::nullopt; }

  /// λ · distance of a learned order that takes the best score and nothing else, so that scoring
  /// and choosing may be one kernel: float32 [N, N], from row to column. Not defined for others.
  virtual torch::Tensor greedy_penalty() const { return {}; }

  /// The whole order of each image: int64 [B, N] on the CPU. Fixed orders only.
  virtual torch::Tensor position_at(const OrderRequest& request) const;
  torch::Tensor position_at(const torch::Tensor& images) const {
    return position_at(OrderRequest{images, {}, 1.0});
  }

  /// The next position of every image: int64 [B], open in `state.filled`. Ties: lowest position.
  torch::Tensor next(const StepState& state) const;

 protected:
  virtual torch::Tensor choose(const StepState& state) const;

 private:
  OrderConfig config_;
};

/// Makes the policy that `config.name` names.
///
/// Errors  std::invalid_argument for an unknown name, an empty grid, a setting out of range or
///         orders that are not of the grid.
std::unique_ptr<OrderPolicy> make_order(const OrderConfig& config);

/// One line of orders/registry.def.
struct OrderInfo {
  std::string name;
  std::string summary;
  std::string checked_against;  ///< what the tests compare it with, beside the contract tests
  bool is_learned = false;
  std::optional<Confidence> own_confidence;
  bool reads_file = false;  ///< it has no orders but those that are given
};

/// Every policy there is, in the registry's order.
std::vector<OrderInfo> list_orders();

/// The policy called `name`; nothing if there is none.
std::optional<OrderInfo> find_order(std::string_view name);

}  // namespace oar
