#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

namespace oar {

/// What ranks an open patch, in nats; higher goes first.
enum class Confidence {
  kLikelihood,      ///< log P(the code there): the true code when labelling, the drawn one when
                    ///< generating
  kMaxProbability,  ///< max over codes of log P(code)
  kEntropy,         ///< minus the entropy of the code
  kMargin,          ///< log P of the most likely code minus log P of the second
  kFutureContext,   ///< mean fall of the other open patches' entropy, were its most likely code
                    ///< known
  kLocation,        ///< log P(it is the next patch) of a model with a location head
};

/// `likelihood`, `max_probability`, `entropy`, `margin`, `future_context` or `location`; else
/// std::invalid_argument.
Confidence confidence_from_name(const std::string& name);
std::string name_of(Confidence confidence);

/// True where the rank of a patch depends on the code it gets: a labelling order peeks at codes not
/// yet placed, and a generating one draws every code before it chooses.
inline bool depends_on_code(Confidence confidence) { return confidence == Confidence::kLikelihood; }

/// float32 [B, R] of `log_probabilities` [B, R, V]; `codes` [B, R] is read by kLikelihood only.
///
/// Errors  std::logic_error for kFutureContext and kLocation, which more than these numbers decide.
torch::Tensor confidence_of(Confidence kind, const torch::Tensor& log_probabilities,
                            const torch::Tensor& codes);

}  // namespace oar
