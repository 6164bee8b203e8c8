#include "orders/locality_groups.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <numeric>
#include <tuple>
#include <utility>

#include "orders/order_policy.h"

namespace oar {
namespace {

/// Gives one patch to, or takes it from, the group whose rounded size is most off, until the sizes
/// add up to `total`. The first group keeps its one patch.
void even_out(std::vector<int64_t>& sizes, const std::vector<double>& exact, int64_t total) {
  int64_t missing = total - std::accumulate(sizes.begin(), sizes.end(), int64_t{0});
  for (const int64_t change = missing > 0 ? 1 : -1; missing != 0; missing -= change) {
    const auto want = [&](size_t g) {  // how much better the group is with the change
      return static_cast<double>(change) * (exact[g] - static_cast<double>(sizes[g]));
    };
    size_t best = 0;
    for (size_t g = 1; g < sizes.size(); ++g) {
      if (sizes[g] + change > 0 && (best == 0 || want(g) > want(best))) best = g;
    }
    sizes[best] += change;
  }
}

/// LPD's schedule of one image: group after group, its patches near what is known and not close to
/// each other.
class Schedule {
 public:
  /// A random key of patch p in group g; patches that are equally good go lowest key first.
  using Key = std::function<uint64_t(int64_t g, int64_t p)>;

  Schedule(const Grid& grid, Key key)
      : grid_(grid),
        key_(std::move(key)),
        too_close_(std::max(1.0, std::sqrt(static_cast<double>(grid.size())) / 8)),
        support_(grid.size(), 0.0),
        filled_(grid.size(), false) {}

  std::vector<int64_t> position_at(const std::vector<int64_t>& group_sizes) {
    std::vector<int64_t> order;
    for (size_t g = 0; g < group_sizes.size(); ++g) {
      for (const int64_t p : next_group(static_cast<int64_t>(g), group_sizes[g])) {
        order.push_back(p);
        fill(p);
      }
    }
    return order;
  }

 private:
  /// Best supported patches first, as long as a direct neighbour's worth of support is left, none
  /// close to another of the group; the rest by farthest_points().
  std::vector<int64_t> next_group(int64_t g, int64_t size) const {
    std::vector<int64_t> group, crowded, weak;
    for (const int64_t p : open_by_support(g)) {
      if (support_[p] < 1) {
        weak.push_back(p);
      } else if (static_cast<int64_t>(group.size()) == size || is_crowded(p, group)) {
        crowded.push_back(p);
      } else {
        group.push_back(p);
      }
    }
    weak.insert(weak.end(), crowded.begin(), crowded.end());
    add_farthest(group, weak, size);
    return group;
  }

  std::vector<int64_t> open_by_support(int64_t g) const {
    std::vector<int64_t> open;
    std::vector<uint64_t> key(grid_.size());
    for (int64_t p = 0; p < grid_.size(); ++p) {
      if (filled_[p]) continue;
      open.push_back(p);
      key[p] = key_(g, p);
    }
    std::sort(open.begin(), open.end(), [&](int64_t a, int64_t b) {
      return std::tuple(-support_[a], key[a], a) < std::tuple(-support_[b], key[b], b);
    });
    return open;
  }

  bool is_crowded(int64_t p, const std::vector<int64_t>& group) const {
    return std::any_of(group.begin(), group.end(), [&](int64_t other) {
      return std::max(std::abs(grid_.row(p) - grid_.row(other)),
                      std::abs(grid_.col(p) - grid_.col(other))) <= too_close_;
    });
  }

  /// Adds of `candidates` the one farthest from all of the group, again and again, until it has
  /// `size` patches; the first of equals. The first patch of an empty group is the first candidate.
  /// Where all are wanted they go in the order they have.
  void add_farthest(std::vector<int64_t>& group, const std::vector<int64_t>& candidates,
                    int64_t size) const {
    const int64_t wanted = size - static_cast<int64_t>(group.size());
    if (static_cast<int64_t>(candidates.size()) <= wanted) {
      group.insert(group.end(), candidates.begin(), candidates.end());
      return;
    }
    std::vector<int64_t> nearest(candidates.size(), std::numeric_limits<int64_t>::max());
    const auto keep_away_from = [&](int64_t p) {  // from candidates: squared distances
      for (size_t i = 0; i < candidates.size(); ++i) {
        const int64_t down = grid_.row(candidates[i]) - grid_.row(p);
        const int64_t right = grid_.col(candidates[i]) - grid_.col(p);
        nearest[i] = std::min(nearest[i], down * down + right * right);
      }
    };
    for (const int64_t p : group) keep_away_from(p);
    while (static_cast<int64_t>(group.size()) < size) {
      const auto farthest = std::max_element(nearest.begin(), nearest.end()) - nearest.begin();
      group.push_back(candidates[farthest]);
      keep_away_from(candidates[farthest]);
    }
  }

  /// Each known patch supports its eight neighbours by 1 / distance.
  void fill(int64_t p) {
    filled_[p] = true;
    for (int64_t row = grid_.row(p) - 1; row <= grid_.row(p) + 1; ++row) {
      for (int64_t col = grid_.col(p) - 1; col <= grid_.col(p) + 1; ++col) {
        if (row < 0 || row >= grid_.rows || col < 0 || col >= grid_.cols) continue;
        const bool diagonal = row != grid_.row(p) && col != grid_.col(p);
        support_[row * grid_.cols + col] += diagonal ? kDiagonalSupport : 1;
      }
    }
  }

  /// 1/√2 in 20 bits, so that sums do not depend on the order of their terms and equals stay equal.
  static constexpr double kDiagonalSupport = 741455.0 / (1 << 20);

  Grid grid_;
  Key key_;
  double too_close_;             // Chebyshev distance, patches
  std::vector<double> support_;  // of each patch by known ones
  std::vector<bool> filled_;
};

/// Groups of patches for decoding in parallel, one after the other in one order: the members of a
/// group are next to known patches, so that these tell what they are, and far from each other, so
/// that they need not be told about one another. Another order for every image; all ties are drawn.
///
/// Source  LPD, arXiv 2507.01957, locality-aware generation ordering, and its published schedule
/// with proximity threshold 1 and repulsion threshold 2 on 16x16, 4 on 32x32 (√N / 8 here, at least
/// 1). LPD's first group is a single patch; with `groups` 1 the only group is all patches, and as
/// nothing is left to choose it is a uniformly random order.
class LocalityGroups : public OrderPolicy {
 public:
  explicit LocalityGroups(const OrderConfig& config)
      : OrderPolicy(config),
        group_sizes_(locality_group_sizes(config.grid.size(), config.groups)) {}
  bool is_learned() const override { return false; }

  torch::Tensor position_at(const OrderRequest& request) const override {
    const int64_t n = config().grid.size();
    torch::Tensor orders = torch::empty({request.images.size(0), n}, torch::kInt64);
    const int64_t* images = request.images.const_data_ptr<int64_t>();
    int64_t* order = orders.mutable_data_ptr<int64_t>();
    at::parallel_for(0, request.images.size(0), 1, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        Schedule schedule(config().grid, [&, image = images[b]](int64_t g, int64_t p) {
          return random_bits(
              config().seed, config().stream,
              {static_cast<uint64_t>(image), static_cast<uint64_t>(g), static_cast<uint64_t>(p)});
        });
        std::ranges::copy(schedule.position_at(group_sizes_), order + b * n);
      }
    });
    return orders;
  }

 private:
  std::vector<int64_t> group_sizes_;
};

}  // namespace

std::vector<int64_t> locality_group_sizes(int64_t num_patches, int64_t groups) {
  TORCH_CHECK(0 <= groups && groups <= num_patches, groups, " groups of ", num_patches, " patches");
  const auto n = static_cast<double>(num_patches);
  if (groups == 0) {
    const double power = std::log(48.0 / 20.0) / std::log(1024.0 / 256.0);
    groups = std::clamp<int64_t>(std::llround(20 * std::pow(n / 256, power)), 1, num_patches);
  }
  if (groups == 1) return {num_patches};
  std::vector<double> exact;
  std::vector<int64_t> sizes;
  const double angle = std::numbers::pi / 2 / static_cast<double>(groups);
  for (int64_t g = 0; g < groups; ++g) {
    const auto before = static_cast<double>(g);
    exact.push_back(n * (std::cos(angle * before) - std::cos(angle * (before + 1))));
    sizes.push_back(g == 0 ? 1 : std::max<int64_t>(1, std::llround(exact.back())));
  }
  even_out(sizes, exact, num_patches);
  return sizes;
}

std::unique_ptr<OrderPolicy> make_locality_groups(const OrderConfig& config) {
  return std::make_unique<LocalityGroups>(config);
}

}  // namespace oar
