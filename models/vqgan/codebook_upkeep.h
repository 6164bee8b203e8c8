// Keeps a codebook alive while it is trained.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <string>

namespace oar {

/// What a codebook is when it is first used.
enum class CodebookStart {
  kKMeans,  ///< centres of encoder outputs
  kRandom,  ///< what was drawn with the other weights
};

/// How a codebook starts, and when its dead codes are replaced.
struct UpkeepOptions {
  CodebookStart start = CodebookStart::kKMeans;
  int64_t dead_after = 20;    ///< steps without use after which a code is dead; 0: never
  int64_t restart_until = 0;  ///< first step without restarts, so that the codebook can settle
  int64_t seed = 0;
};

/// Starts a codebook from encoder outputs and moves dead codes to where outputs are.
///
/// Every draw comes from (seed, step), never from a shared stream, and all memory is in `state`: a
/// resumed training makes the same codebook as one that was not interrupted.
///
/// Shapes  vectors float [M, D], the encoder's outputs of one step; codes int64 [M]; codebook float
/// [V, D].
class CodebookUpkeep {
 public:
  CodebookUpkeep(int64_t codebook_size, int64_t embed_dim, UpkeepOptions options);

  /// Remembers the outputs of a step that does not quantise yet.
  void collect(const torch::Tensor& vectors);

  /// Whether `start` is still to be called.
  bool is_started() const;

  /// Writes k-means centres of the remembered outputs and `vectors` into `codebook`, or leaves it
  /// as it was drawn.
  void start(const torch::Tensor& codebook, const torch::Tensor& vectors, int64_t step);

  /// Notes which codes a step used, and replaces the dead ones by outputs of that step.
  ///
  /// Returns the replaced codes, int64 [replaced], possibly none.
  torch::Tensor restart_dead(const torch::Tensor& codebook, const torch::Tensor& vectors,
                             const torch::Tensor& codes, int64_t step);

  /// What must survive an interruption, by name; writing into these tensors restores it.
  std::map<std::string, torch::Tensor> state() const;

 private:
  UpkeepOptions options_;
  torch::Tensor last_used_;  // int64 [V], step
  torch::Tensor pool_;       // float [P, D], a ring of remembered outputs
  torch::Tensor counters_;   // int64 [2]: 1 once started; outputs remembered so far
};

}  // namespace oar
