#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "datasets/dataset.h"
#include "datasets/planted_path.h"
#include "harness/data/dataset_choice.h"

namespace oar {

/// How often each value of 0 .. 255 occurs in each channel: red, green, blue. Exact, so the order
/// of the images decides nothing.
class ChannelHistogram {
 public:
  /// Shapes  images uint8 [B, 3, H, W].
  void add(const torch::Tensor& images);

  /// Units  0 .. 1, as 255 is 1. Both are NaN where nothing was added; `deviation` divides by n.
  std::array<double, 3> mean() const;
  std::array<double, 3> deviation() const;

 private:
  std::array<std::array<int64_t, 256>, 3> counts_{};
};

/// Least, middle and largest of some numbers; of an even count, the lower of the two in the middle.
struct Spread {
  int64_t least = 0, median = 0, most = 0;
};
Spread spread_of(std::vector<int64_t> values);

/// Words of captions: ASCII letters in lower case, without punctuation around them.
std::vector<std::string> words_of(const std::string& caption);

/// What a data set consists of.
struct DatasetStats {
  DatasetCounts counts;
  std::vector<std::pair<std::string, int64_t>> classes;  ///< with their images, most first
  Spread width, height, short_side;                      ///< pixels, as stored
  std::vector<std::pair<std::string, int64_t>> sizes;    ///< "224x224", most frequent first
  Spread caption_bytes, caption_words;                   ///< of the images with a caption
  std::vector<std::pair<std::string, int64_t>> words;    ///< the vocabulary, most frequent first
  int64_t enlarged = 0;       ///< images whose short side is below image_size
  int64_t bytes = 0;          ///< of the images' files; 0 where they are generated
  ChannelHistogram channels;  ///< of the squares, as the model sees them
  double load_seconds = 0;    ///< to load every square once
};

/// All but `channels` and `load_seconds`: what the index and the sizes of the files tell.
DatasetStats stats_of_index(const DatasetConfig& config, const DatasetIndex& index);

/// Loads every square once, in batches: `channels` and `load_seconds`. `progress` as for
/// make_dataset().
void add_pixels(const Dataset& dataset, int64_t image_size, const ScanProgress& progress,
                DatasetStats& stats);

std::string stats_text(const DatasetChoice& choice, const DatasetIndex& index,
                       const DatasetStats& stats);
nlohmann::ordered_json stats_json(const DatasetChoice& choice, const DatasetStats& stats);

/// A data set of codes: its sizes, and its exact entropy beside the mean -log P of its images.
///
/// Units  nats.
nlohmann::ordered_json planted_stats_json(const DatasetChoice& choice, const PlantedPath& data);
std::string planted_stats_text(const DatasetChoice& choice, const PlantedPath& data);

}  // namespace oar
