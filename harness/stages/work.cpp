#include "harness/stages/work.h"

#include <algorithm>
#include <cmath>

namespace oar::work {
namespace {

double square(double x) { return x * x; }

/// One token through every block and the head, without attention.
double per_token(const Network& network) {
  const auto width = static_cast<double>(network.width);
  return 12.0 * static_cast<double>(network.layers) * square(width) +
         width * static_cast<double>(network.codebook_size);
}

}  // namespace

double dataset(int64_t images, int64_t side) {
  return static_cast<double>(images) * square(static_cast<double>(side));
}

double tokenizer_pass(const VqganConfig& network) {
  double sum = 0;
  for (size_t level = 0; level < network.ch_mult.size(); ++level) {
    const double side =
        std::ldexp(static_cast<double>(network.image_size), -static_cast<int>(level));
    const auto channels = static_cast<double>(network.channels(static_cast<int64_t>(level)));
    sum += static_cast<double>(network.num_res_blocks + 1) * 9.0 * square(channels * side);
  }
  return sum;
}

double tokenizer_training(const VqganConfig& network, int64_t images_seen) {
  return 6.0 * tokenizer_pass(network) * static_cast<double>(images_seen);
}

double forward(const Network& network) {
  const auto n = static_cast<double>(network.grid.size());
  return n * per_token(network) +
         static_cast<double>(network.layers) * static_cast<double>(network.width) * square(n);
}

double training(const Network& network, int64_t images_seen) {
  return 3.0 * forward(network) * static_cast<double>(images_seen);
}

double search(const Network& network, const nlohmann::json& identity, bool is_learned) {
  if (!is_learned || identity.at("confidence") == "location") return forward(network);
  const auto n = static_cast<double>(network.grid.size());
  const nlohmann::json options = identity.value("search", nlohmann::json::object());
  double open = n / 2;  // on average, and at every step that scores
  if (const auto radius = options.value("frontier_radius", 0.0); radius > 0) {
    open = std::min(open, square(2 * radius + 1) * std::sqrt(n));
  }
  double steps = n;
  if (const auto first = options.value("search_first", 0.0); first > 0) {
    steps = std::min(steps, first);
  }
  steps /= std::max(options.value("rescore_every", 1.0), options.value("patches_per_step", 1.0));
  double candidates = open * steps;
  if (identity.at("confidence") == "future_context") {
    const auto tried = options.value("future_candidates", 0.0);
    candidates *= 1 + (tried > 0 ? std::min(tried, open) : open);
  }
  const double attention =
      2.0 * static_cast<double>(network.layers) * static_cast<double>(network.width) * n / 3;
  return forward(network) + candidates * (per_token(network) + attention);
}

}  // namespace oar::work
