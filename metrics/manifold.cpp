#include "metrics/manifold.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/distance_screen.h"
#include "metrics/feature_checks.h"

namespace oar {
namespace {

using Block = DistanceScreen::Block;

constexpr int64_t kRows = 2048;  // of a block of products: 16 MiB of float32
constexpr int64_t kChunk = 64;   // pairs looked at together
constexpr int64_t kSpare = 8;    // neighbours kept beyond the k-th, as the screen may confuse them
constexpr float kNever = std::numeric_limits<float>::infinity();

// The squared distances of every image to its `k` nearest others, ascending: count rows of k.
struct Neighbours {
  int64_t k = 0;
  std::vector<double> squared;

  double radius(int64_t image, int64_t which) const {
    return squared[static_cast<size_t>(image * k + which - 1)];
  }
};

// ---- nearest others ----

struct Candidate {
  float closeness = -kNever;  // optimistic: the image may be farther
  int64_t image = -1;
};

// The `capacity` closest candidates of every image of a set.
class CandidateLists {
 public:
  CandidateLists(int64_t count, int64_t capacity)
      : capacity_(capacity),
        all_(static_cast<size_t>(count * capacity)),
        worst_(static_cast<size_t>(count), -kNever) {}

  // Whoever is not in the list of `image` is no closer than this.
  float worst(int64_t image) const { return worst_[static_cast<size_t>(image)]; }
  const float* worst_from(int64_t image) const { return worst_.data() + image; }

  std::span<Candidate> of(int64_t image) {
    return {all_.data() + image * capacity_, static_cast<size_t>(capacity_)};
  }

  void offer(int64_t image, Candidate candidate) {
    const std::span<Candidate> list = of(image);
    if (candidate.closeness <= list.back().closeness) return;
    size_t at = list.size() - 1;
    for (; at > 0 && list[at - 1].closeness < candidate.closeness; --at) list[at] = list[at - 1];
    list[at] = candidate;
    worst_[static_cast<size_t>(image)] = list.back().closeness;
  }

 private:
  int64_t capacity_;
  std::vector<Candidate> all_;  // per image, closest first
  std::vector<float> worst_;
};

// Offers the pairs of one block of products to the lists of the images in its rows.
void offer_to_rows(const Block& x, const Block& y, const float* products, CandidateLists& lists) {
  at::parallel_for(0, x.size(), 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* const row = products + i * y.size();
      const float own = x.offset[static_cast<size_t>(i)];
      const int64_t image = x.begin + i;
      for (int64_t first = 0; first < y.size(); first += kChunk) {
        const int64_t last = std::min(first + kChunk, y.size());
        const float worst = lists.worst(image);
        int any = 0;
        for (int64_t j = first; j < last; ++j) {
          any |= static_cast<int>(row[j] - (own + y.offset[static_cast<size_t>(j)]) > worst);
        }
        if (any == 0) continue;
        for (int64_t j = first; j < last; ++j) {
          const float closeness = row[j] - (own + y.offset[static_cast<size_t>(j)]);
          if (y.begin + j != image) lists.offer(image, {closeness, y.begin + j});
        }
      }
    }
  });
}

// The same for the images in its columns.
void offer_to_columns(const Block& x, const Block& y, const float* products,
                      CandidateLists& lists) {
  const int64_t chunks = (y.size() + kChunk - 1) / kChunk;
  at::parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < x.size(); ++i) {
      const float* const row = products + i * y.size();
      const float own = x.offset[static_cast<size_t>(i)];
      for (int64_t first = begin * kChunk; first < std::min(end * kChunk, y.size());
           first += kChunk) {
        const int64_t last = std::min(first + kChunk, y.size());
        const float* const worst = lists.worst_from(y.begin);
        int any = 0;
        for (int64_t j = first; j < last; ++j) {
          any |= static_cast<int>(row[j] - (own + y.offset[static_cast<size_t>(j)]) > worst[j]);
        }
        if (any == 0) continue;
        for (int64_t j = first; j < last; ++j) {
          const float closeness = row[j] - (own + y.offset[static_cast<size_t>(j)]);
          lists.offer(y.begin + j, {closeness, x.begin + i});
        }
      }
    }
  });
}

class NearestOthers {
 public:
  NearestOthers(const DistanceScreen& screen, const FeatureRows& features, int64_t k)
      : screen_(screen),
        features_(features),
        capacity_(std::min(k + kSpare, features.count() - 1)),
        lists_(features.count(), capacity_) {
    found_.k = k;
    found_.squared.resize(static_cast<size_t>(features.count() * k));
  }

  Neighbours find() {
    screen_all_pairs();
    std::vector<int64_t> unsettled;
    for (int64_t first = 0; first < features_.count(); first += kChunk) {
      settle(first, std::min(first + kChunk, features_.count()), unsettled);
    }
    for (size_t first = 0; first < unsettled.size(); first += kRows) {
      const size_t end = std::min(first + kRows, unsettled.size());
      compare_with_all({unsettled.begin() + static_cast<int64_t>(first),
                        unsettled.begin() + static_cast<int64_t>(end)});
    }
    return found_;
  }

 private:
  void screen_all_pairs() {
    const int64_t count = features_.count();
    for (int64_t i = 0; i < count; i += kRows) {
      const Block x = screen_.block(features_, i, std::min(i + kRows, count));
      for (int64_t j = i; j < count; j += kRows) {
        const Block y = j == i ? x : screen_.block(features_, j, std::min(j + kRows, count));
        const torch::Tensor products = DistanceScreen::products(x, y);
        offer_to_rows(x, y, products.const_data_ptr<float>(), lists_);
        if (j > i) offer_to_columns(x, y, products.const_data_ptr<float>(), lists_);
      }
    }
  }

  // Exact distances to the candidates of images begin .. end - 1; those whose nearest may be
  // missing among them are left over.
  void settle(int64_t begin, int64_t end, std::vector<int64_t>& unsettled) {
    const torch::Tensor rows = features_.rows(begin, end);
    std::vector<int64_t> others;
    for (int64_t image = begin; image < end; ++image) {
      for (const Candidate& candidate : lists_.of(image)) others.push_back(candidate.image);
    }
    const torch::Tensor near = features_.rows(torch::tensor(others, torch::kInt64));
    std::vector<char> settled(static_cast<size_t>(end - begin));
    at::parallel_for(0, end - begin, 1, [&](int64_t first, int64_t last) {
      std::vector<double> distances(static_cast<size_t>(capacity_));
      for (int64_t i = first; i < last; ++i) {
        for (int64_t c = 0; c < capacity_; ++c) {
          distances[static_cast<size_t>(c)] =
              screen_.squared_distance(rows, i, near, i * capacity_ + c);
        }
        std::sort(distances.begin(), distances.end());
        const auto nearest = distances.begin() + found_.k;
        std::copy(distances.begin(), nearest, found_.squared.begin() + (begin + i) * found_.k);
        const double farthest = *(nearest - 1);
        const double beyond = -2.0 * static_cast<double>(lists_.worst(begin + i));
        settled[static_cast<size_t>(i)] = static_cast<char>(farthest == 0 || farthest <= beyond ||
                                                            capacity_ == features_.count() - 1);
      }
    });
    for (int64_t i = 0; i < end - begin; ++i) {
      if (settled[static_cast<size_t>(i)] == 0) unsettled.push_back(begin + i);
    }
  }

  // Without the screen: exact distances of `images` to all others.
  void compare_with_all(const std::vector<int64_t>& images) {
    const torch::Tensor own = features_.rows(torch::tensor(images, torch::kInt64));
    const auto k = static_cast<size_t>(found_.k);
    std::vector<std::vector<double>> nearest(
        images.size(), std::vector<double>(k, std::numeric_limits<double>::infinity()));
    for_each_block(features_, kRows, [&](int64_t begin, const torch::Tensor& rows) {
      at::parallel_for(0, own.size(0), 1, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i) {
          std::vector<double>& list = nearest[static_cast<size_t>(i)];
          for (int64_t j = 0; j < rows.size(0); ++j) {
            if (begin + j == images[static_cast<size_t>(i)]) continue;
            const double distance = screen_.squared_distance(own, i, rows, j);
            if (distance >= list.back()) continue;
            list.insert(std::upper_bound(list.begin(), list.end(), distance), distance);
            list.pop_back();
          }
        }
      });
    });
    for (size_t i = 0; i < images.size(); ++i) {
      std::copy(nearest[i].begin(), nearest[i].end(),
                found_.squared.begin() + images[i] * found_.k);
    }
  }

  const DistanceScreen& screen_;
  const FeatureRows& features_;
  int64_t capacity_;
  CandidateLists lists_;
  Neighbours found_;
};

// ---- who lies in whose ball ----

struct Radii {
  std::vector<double> real_prc, real_density, generated_prc;  // squared
};

// Half of a squared radius in float32, rounded up: a pair within the ball has closeness >= −this.
float reach(double squared_radius) {
  return std::nextafter(static_cast<float>(squared_radius / 2), kNever);
}

class Balls {
 public:
  Balls(const DistanceScreen& screen, Radii radii)
      : screen_(screen),
        radii_(std::move(radii)),
        realistic_(radii_.generated_prc.size()),
        recalled_(radii_.real_prc.size()),
        dense_(radii_.real_prc.size()) {
    for (size_t i = 0; i < radii_.real_prc.size(); ++i) {
      real_reach_.push_back(reach(std::max(radii_.real_prc[i], radii_.real_density[i])));
    }
    for (const double radius : radii_.generated_prc) generated_reach_.push_back(reach(radius));
  }

  // Takes all pairs of a real and a generated block.
  void visit(const Block& real, const Block& generated) {
    const torch::Tensor all = DistanceScreen::products(real, generated);
    const float* const products = all.const_data_ptr<float>();
    const float* const reach_j = generated_reach_.data() + generated.begin;
    at::parallel_for(0, real.size(), 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const float* const row = products + i * generated.size();
        const float own = real.offset[static_cast<size_t>(i)];
        const float reach_i = real_reach_[static_cast<size_t>(real.begin + i)];
        for (int64_t first = 0; first < generated.size(); first += kChunk) {
          const int64_t last = std::min(first + kChunk, generated.size());
          const auto lies_near = [&](int64_t j) {
            const float closeness = row[j] - (own + generated.offset[static_cast<size_t>(j)]);
            const float needed = reach_i > reach_j[j] ? reach_i : reach_j[j];
            return static_cast<int>(closeness + needed >= 0);
          };
          int any = 0;
          for (int64_t j = first; j < last; ++j) any |= lies_near(j);
          if (any == 0) continue;
          for (int64_t j = first; j < last; ++j) {
            if (lies_near(j) != 0) decide(real, i, generated, j, row[j]);
          }
        }
      }
    });
  }

  ManifoldScores scores(int64_t nearest_k) const {
    const auto real = static_cast<double>(recalled_.size());
    const auto generated = static_cast<double>(realistic_.size());
    const auto inside = std::accumulate(dense_.begin(), dense_.end(), int64_t{0});
    const auto share = [](const auto& flags, double all) {
      return static_cast<double>(
                 std::count_if(flags.begin(), flags.end(), [](const auto& f) { return f != 0; })) /
             all;
    };
    return {share(realistic_, generated), share(recalled_, real),
            static_cast<double>(inside) / (static_cast<double>(nearest_k) * generated),
            share(dense_, real)};
  }

 private:
  void decide(const Block& real, int64_t i, const Block& generated, int64_t j, float product) {
    const auto at_i = static_cast<size_t>(i), at_j = static_cast<size_t>(j);
    const auto image_i = static_cast<size_t>(real.begin + i);
    const auto image_j = static_cast<size_t>(generated.begin + j);
    const float closeness = product - (real.offset[at_i] + generated.offset[at_j]);
    const double lowest = -2.0 * static_cast<double>(closeness);
    const double highest = lowest + real.slack[at_i] + generated.slack[at_j];
    double exact = -1;
    const auto distance = [&] {
      if (exact < 0) exact = screen_.squared_distance(real.rows, i, generated.rows, j);
      return exact;
    };
    const auto in_closed = [&](double radius) {
      return highest < radius || (lowest <= radius && distance() <= radius);
    };
    const auto in_open = [&](double radius) {
      return highest < radius || (lowest <= radius && distance() < radius);
    };
    if (in_open(radii_.real_density[image_i])) ++dense_[image_i];
    if (recalled_[image_i] == 0 && in_closed(radii_.generated_prc[image_j])) recalled_[image_i] = 1;
    std::atomic<char>& realistic = realistic_[image_j];  // the only one that other rows touch
    if (realistic.load(std::memory_order_relaxed) == 0 && in_closed(radii_.real_prc[image_i])) {
      realistic.store(1, std::memory_order_relaxed);
    }
  }

  const DistanceScreen& screen_;
  Radii radii_;
  std::vector<float> real_reach_, generated_reach_;
  std::vector<std::atomic<char>> realistic_;  // per generated image
  std::vector<char> recalled_;                // per real image
  std::vector<int64_t> dense_;                // per real image: generated ones in its ball
};

std::vector<double> radii_of(const Neighbours& neighbours, int64_t count, int64_t k) {
  std::vector<double> radii;
  for (int64_t image = 0; image < count; ++image) radii.push_back(neighbours.radius(image, k));
  return radii;
}

void check_neighbours(std::string_view option, int64_t k, int64_t images, std::string_view side) {
  if (k < 1) {
    throw std::invalid_argument(
        fmt::format("precision and recall: {} must be >= 1, got {}", option, k));
  }
  if (k < images) return;
  throw std::invalid_argument(
      fmt::format("precision and recall: {} = {} needs at least {} {} images, got {}; use more "
                  "images or fewer neighbours",
                  option, k, k + 1, side, images));
}

}  // namespace

ManifoldScores manifold_metrics(const FeatureRows& real, const FeatureRows& generated,
                                int64_t prc_neighborhood, int64_t nearest_k) {
  constexpr auto kName = "precision and recall";
  check_same_dim(real.dim(), generated.dim(), kName);
  check_neighbours("prc_neighborhood", prc_neighborhood, real.count(), "real");
  check_neighbours("prc_neighborhood", prc_neighborhood, generated.count(), "generated");
  check_neighbours("nearest_k", nearest_k, real.count(), "real");
  check_features(real, 2, kName, "real");
  check_features(generated, 2, kName, "generated");

  const DistanceScreen screen(real, generated);
  const Neighbours around_real =
      NearestOthers(screen, real, std::max(prc_neighborhood, nearest_k)).find();
  const Neighbours around_generated = NearestOthers(screen, generated, prc_neighborhood).find();
  Balls balls(screen, {radii_of(around_real, real.count(), prc_neighborhood),
                       radii_of(around_real, real.count(), nearest_k),
                       radii_of(around_generated, generated.count(), prc_neighborhood)});
  for (int64_t i = 0; i < real.count(); i += kRows) {
    const Block x = screen.block(real, i, std::min(i + kRows, real.count()));
    for (int64_t j = 0; j < generated.count(); j += kRows) {
      balls.visit(x, screen.block(generated, j, std::min(j + kRows, generated.count())));
    }
  }
  return balls.scores(nearest_k);
}

}  // namespace oar
