#include "orders/confidence.h"

#include <ATen/ops/log_softmax.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <stdexcept>
#include <utility>

namespace oar {
namespace {

constexpr std::array<std::pair<const char*, Confidence>, 6> kNames = {{
    {"likelihood", Confidence::kLikelihood},
    {"max_probability", Confidence::kMaxProbability},
    {"entropy", Confidence::kEntropy},
    {"margin", Confidence::kMargin},
    {"future_context", Confidence::kFutureContext},
    {"location", Confidence::kLocation},
}};

}  // namespace

Confidence confidence_from_name(const std::string& name) {
  std::vector<std::string> known;
  for (const auto& [text, confidence] : kNames) {
    if (name == text) return confidence;
    known.emplace_back(text);
  }
  throw std::invalid_argument(
      fmt::format("no confidence is called \"{}\"; known: {}", name, fmt::join(known, ", ")));
}

std::string name_of(Confidence confidence) {
  for (const auto& [text, known] : kNames) {
    if (known == confidence) return text;
  }
  throw std::logic_error("name_of: not a Confidence");
}

torch::Tensor confidence_of(Confidence kind, const torch::Tensor& log_probabilities,
                            const torch::Tensor& codes) {
  switch (kind) {
    case Confidence::kLikelihood:
      return log_probabilities.gather(-1, codes.unsqueeze(-1)).squeeze(-1);
    case Confidence::kMaxProbability:
      return log_probabilities.amax(-1);
    case Confidence::kEntropy:
      return (log_probabilities.exp() * log_probabilities).nan_to_num(0.0).sum(-1);
    case Confidence::kMargin: {
      if (log_probabilities.size(-1) < 2) return torch::zeros_like(log_probabilities.select(-1, 0));
      const torch::Tensor best = std::get<0>(log_probabilities.topk(2, -1));
      return best.select(-1, 0) - best.select(-1, 1);
    }
    case Confidence::kFutureContext:
    case Confidence::kLocation:
      break;
  }
  throw std::logic_error(
      fmt::format("confidence_of: {} is not a function of one patch's "
                  "probabilities",
                  name_of(kind)));
}

}  // namespace oar
