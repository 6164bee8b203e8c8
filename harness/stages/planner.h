#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "harness/stages/pipeline.h"
#include "harness/stages/recipe_parts.h"
#include "harness/stages/work.h"

namespace oar {

/// Plans cells one after the other, and what they share once.
///
/// A cell is a path through a tree of steps: its images, its model, its fine-tuning, its samples,
/// its scores. A step is known by the one before it and by the numbers of the sections of the
/// recipe that it reads, equal sections having one number; a step that an earlier cell has taken is
/// looked up. `stages` in the order in which they were added comes with inputs before their users.
class Planner {
 public:
  using Roles = std::vector<std::pair<std::string, size_t>>;  ///< role, position among the stages

  explicit Planner(const Environment& environment) : environment_(environment) {}

  /// Errors  those of plan_sweep(), naming no cell. The planner is of no use afterwards.
  Roles add_cell(const Recipe& recipe, int64_t seed);

  std::vector<PlannedStage> stages() && { return std::move(stages_); }

 private:
  /// What the steps up to one have made, for those after it. Stages by their position.
  struct Made {
    Grid grid;
    int64_t codebook_size = 0, images = 0, train_images = 0;
    double condition_dropout = 0;
    size_t dataset = 0, tokens = 0, any_order = 0, model = 0, samples = 0;
    size_t tokenizer = SIZE_MAX;  ///< SIZE_MAX: the data are codes
    size_t captions = SIZE_MAX;   ///< SIZE_MAX: the model reads none
    double pixels_work = 0;       ///< of one image through the decoder
    bool has_tokenizer() const { return tokenizer != SIZE_MAX; }
  };
  struct Step {
    int64_t number = 0;
    Roles added;
    Made made;
  };
  enum Kind : int64_t {
    kData,
    kModel,
    kFineTuning,
    kSamples,
    kReference,
    kScores,
    kStatistics,
    kAnswer,
    kAccuracy
  };

  const Step& step(Kind kind, const Step& before, std::vector<int64_t> reads,
                   const std::function<void(Step&)>& make);
  int64_t number_of(const char* section);  ///< of the current cell's section
  size_t add(Step& step, const std::string& role, StageNode node, double work, double size,
             StageFunction function);

  void add_images(Step& step);
  void add_codes(Step& step);
  void add_captions(Step& step);
  void add_model(Step& step);
  void add_round(Step& step, int64_t round, const std::string& suffix);
  void add_samples(Step& step);
  void add_reference(Step& step);
  void add_scores(Step& step, size_t reference);
  void add_order_statistics(Step& step);
  void add_condition_answer(Step& step);
  void add_known_answer(Step& step);
  void add_accuracy(Step& step);

  void check_order(const Step& step, const char* section, const nlohmann::json& identity);
  void check_location_head(bool has_placer) const;
  bool has_placer(const Made& made) const;
  using Inputs = std::vector<std::pair<std::string, StageNode>>;
  Inputs with_captions(const Made& made, Inputs inputs) const;
  const nlohmann::json& section(const char* name) const { return part(*recipe_, name); }
  const nlohmann::json& identity_of_model(const Made& made);
  const nlohmann::json& identity_of_search(const char* section);
  const nlohmann::json& extractor_identity();
  const std::string& hash_of_file(const std::string& path);
  StageNode input(size_t stage) const;
  work::Network network_of(const Made& made) const;

  Environment environment_;
  const Recipe* recipe_ = nullptr;  ///< of the cell that is being added
  int64_t seed_ = 0;
  std::vector<PlannedStage> stages_;
  std::unordered_map<std::string, size_t> stage_of_key_;
  std::unordered_map<nlohmann::json, int64_t> sections_;
  std::map<std::string_view, int64_t> numbers_;  ///< of the sections of the cell at hand
  std::map<std::vector<int64_t>, Step> steps_;
  std::map<int64_t, bool> tokens_only_;  ///< by section
  std::map<std::vector<int64_t>, nlohmann::json> models_;
  std::map<int64_t, nlohmann::json> searches_;  ///< by section
  std::set<std::vector<int64_t>> checked_orders_;
  std::map<std::string, FolderContents> folders_;
  std::map<std::string, std::string> file_hashes_;
  std::map<std::pair<std::string, std::string>, nlohmann::json> extractors_;
};

}  // namespace oar
