#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/vqgan/trainer.h"

namespace oar {

/// The curves of a tokenizer's training: what a record keeps and a report draws.
///
/// A point is due every hundredth of training and at its end. Losses are those of the point's own
/// step; how the codebook is used is counted over all batches since the point before: `codes_used`
/// different codes, `perplexity` as CodebookUsage has it, `codes_restarted` in all. Of terms that
/// the options switch off there is no column, and null before a term begins.
class TokenizerCurve {
 public:
  TokenizerCurve(const TrainerOptions& options, int64_t codebook_size);

  /// Takes the losses of a step, of which `steps_done` are done now. Whether it made a point.
  bool note(const VqganLosses& losses, int64_t steps_done);

  /// "images", "loss", "reconstruction", ...: what stands where in a point.
  const std::vector<std::string>& columns() const { return columns_; }
  const nlohmann::json& points() const { return points_; }

  /// What an interrupted training goes on from. A state of before this class has points of three
  /// columns; what it lacks is null.
  nlohmann::json state() const;
  void restore(const nlohmann::json& state);

 private:
  nlohmann::json value_of(const std::string& column, const VqganLosses& losses,
                          int64_t steps_done) const;

  int64_t batch_size_, total_;
  std::vector<std::string> columns_;
  nlohmann::json points_ = nlohmann::json::array();
  std::vector<int64_t> counts_;  // of each code since the last point
  int64_t restarted_ = 0;
};

}  // namespace oar
