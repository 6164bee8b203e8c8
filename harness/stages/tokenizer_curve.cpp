#include "harness/stages/tokenizer_curve.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace oar {
namespace {

using nlohmann::json;

int64_t used(const std::vector<int64_t>& counts) {
  return std::count_if(counts.begin(), counts.end(), [](int64_t count) { return count > 0; });
}

double perplexity(const std::vector<int64_t>& counts) {
  const auto all = static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
  double entropy = 0;
  for (const int64_t count : counts) {
    const double share = static_cast<double>(count) / all;
    if (count > 0) entropy -= share * std::log(share);
  }
  return std::exp(entropy);
}

}  // namespace

TokenizerCurve::TokenizerCurve(const TrainerOptions& options, int64_t codebook_size)
    : batch_size_(options.batch_size),
      total_(options.total_steps()),
      columns_({"images", "loss", "reconstruction"}),
      counts_(static_cast<size_t>(codebook_size)) {
  if (options.perceptual_weight > 0) columns_.emplace_back("perceptual");
  for (const char* name : {"codebook", "codes_used", "perplexity"}) columns_.emplace_back(name);
  if (options.dead_after > 0) columns_.emplace_back("codes_restarted");
  if (options.discriminator_weight == 0) return;
  for (const char* name : {"generator", "adaptive_weight", "discriminator"}) {
    columns_.emplace_back(name);
  }
}

json TokenizerCurve::value_of(const std::string& column, const VqganLosses& losses,
                              int64_t steps_done) const {
  const bool quantises = losses.codes.defined();
  const auto begun = [](double value, bool has) { return has ? json(value) : json(nullptr); };
  if (column == "images") return steps_done * batch_size_;
  if (column == "loss") return losses.total;
  if (column == "reconstruction") return losses.reconstruction;
  if (column == "perceptual") return losses.perceptual;
  if (column == "codebook") return begun(losses.codebook, quantises);
  if (column == "perplexity") return begun(perplexity(counts_), quantises);
  if (column == "codes_used") return quantises ? json(used(counts_)) : json(nullptr);
  if (column == "codes_restarted") return quantises ? json(restarted_) : json(nullptr);
  if (column == "discriminator") return begun(losses.discriminator, losses.discriminator != 0);
  const bool adversarial = losses.adaptive_weight != 0;
  return begun(column == "generator" ? losses.generator : losses.adaptive_weight, adversarial);
}

bool TokenizerCurve::note(const VqganLosses& losses, int64_t steps_done) {
  if (losses.codes.defined()) {
    const torch::Tensor counts =
        losses.codes.bincount({}, static_cast<int64_t>(counts_.size())).cpu();
    const int64_t* more = counts.const_data_ptr<int64_t>();
    for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += more[i];
    restarted_ += losses.codes_restarted;
  }
  const bool due = steps_done % std::max<int64_t>(1, total_ / 100) == 0 || steps_done == total_;
  if (!due) return false;
  json point = json::array();
  for (const std::string& column : columns_) point.push_back(value_of(column, losses, steps_done));
  points_.push_back(std::move(point));
  std::fill(counts_.begin(), counts_.end(), 0);
  restarted_ = 0;
  return true;
}

json TokenizerCurve::state() const {
  return {{"points", points_}, {"counts", counts_}, {"restarted", restarted_}};
}

void TokenizerCurve::restore(const json& state) {
  if (state.is_array()) {
    points_ = state;
    for (json& point : points_) {
      while (point.size() < columns_.size()) point.push_back(nullptr);
    }
    return;
  }
  points_ = state.at("points");
  state.at("counts").get_to(counts_);
  state.at("restarted").get_to(restarted_);
}

}  // namespace oar
