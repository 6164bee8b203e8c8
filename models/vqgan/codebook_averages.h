// A codebook that follows what it stands for, without a gradient.
#pragma once

#include <torch/types.h>

#include <map>
#include <string>

namespace oar {

/// Keeps each row of a codebook at the mean of the encoder's outputs that it stood for, over an
/// exponentially fading past:
///
///     N_i <- γ N_i + (1-γ) n_i      m_i <- γ m_i + (1-γ) Σ z      e_i = m_i / N'_i
///     N'_i = (N_i + ε) N / (N + V ε),  N = Σ N_i,  ε = 1e-5
///
/// of n_i outputs z that got code i in a step. A row that was just made counts as though it had
/// stood for itself once a step. A codebook of normalised codes needs no more: rows are compared at
/// length 1, and a mean has the direction of its sum.
///
/// Shapes  codebook float [V, D]; vectors float [M, D]; codes int64 [M].
/// Source  van den Oord et al., arXiv 1711.00937, appendix A.1; Laplace smoothing as in DeepMind's
///         Sonnet, VectorQuantizerEMA.
class CodebookAverages {
 public:
  CodebookAverages(const torch::Tensor& codebook, double decay);

  /// Forgets all but the rows themselves.
  void start(const torch::Tensor& codebook);
  /// Forgets all but the rows themselves at `rows`, int64: they hold new values.
  void restart(const torch::Tensor& codebook, const torch::Tensor& rows);

  /// Takes the outputs of one step and their codes, and writes the codebook.
  void update(const torch::Tensor& codebook, const torch::Tensor& vectors,
              const torch::Tensor& codes);

  /// `sizes` (N_i) and `sums` (m_i); writing into these tensors restores them.
  std::map<std::string, torch::Tensor> state() const {
    return {{"sizes", sizes_}, {"sums", sums_}};
  }

 private:
  double decay_;
  torch::Tensor sizes_, sums_;  // float [V], [V, D]
};

}  // namespace oar
