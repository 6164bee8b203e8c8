#include "harness/data/dataset_stats.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <limits>
#include <numeric>
#include <set>
#include <string_view>
#include <system_error>
#include <unordered_map>

#include "harness/stages/recipe_parts.h"

namespace oar {
namespace {

constexpr int64_t kBatchBytes = 64'000'000;  // of the squares that are in memory at once
constexpr int64_t kLargestBatch = 256;       // images, so that progress is seen

/// Most frequent first, equal ones by name.
template <typename Counts>
std::vector<std::pair<std::string, int64_t>> by_count(const Counts& counts) {
  std::vector<std::pair<std::string, int64_t>> sorted(counts.begin(), counts.end());
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  return sorted;
}

void add_captions(const DatasetIndex& index, DatasetStats& stats) {
  std::vector<int64_t> bytes, words;
  std::unordered_map<std::string, int64_t> vocabulary;
  for (const ImageRecord& image : index.images) {
    if (image.caption.empty()) continue;
    const std::vector<std::string> found = words_of(image.caption);
    for (const std::string& word : found) ++vocabulary[word];
    bytes.push_back(static_cast<int64_t>(image.caption.size()));
    words.push_back(static_cast<int64_t>(found.size()));
  }
  stats.caption_bytes = spread_of(std::move(bytes));
  stats.caption_words = spread_of(std::move(words));
  stats.words = by_count(vocabulary);
}

void add_sizes(const DatasetConfig& config, const DatasetIndex& index, DatasetStats& stats) {
  std::vector<int64_t> width, height, short_side;
  std::map<std::pair<int64_t, int64_t>, int64_t> sizes;
  for (const ImageRecord& image : index.images) {
    width.push_back(image.width);
    height.push_back(image.height);
    short_side.push_back(std::min(image.width, image.height));
    ++sizes[{image.width, image.height}];
    if (short_side.back() < config.image_size) ++stats.enlarged;
  }
  stats.width = spread_of(std::move(width));
  stats.height = spread_of(std::move(height));
  stats.short_side = spread_of(std::move(short_side));
  std::map<std::string, int64_t> named;
  for (const auto& [size, count] : sizes) {
    named[fmt::format("{}x{}", size.first, size.second)] = count;
  }
  stats.sizes = by_count(named);
}

int64_t size_of(const std::filesystem::path& file) {
  std::error_code vanished;
  const auto size = std::filesystem::file_size(file, vanished);
  return vanished ? 0 : static_cast<int64_t>(size);
}

/// Of the files that the images lie in: each its own, or archives of many.
int64_t bytes_on_disk(const DatasetConfig& config, const DatasetIndex& index) {
  if (is_generated(config.name)) return 0;
  if (std::filesystem::is_regular_file(config.root)) return size_of(config.root);
  int64_t bytes = 0;
  std::set<std::string> archives;
  for (const ImageRecord& image : index.images) {
    const size_t end = config.name == "webdataset" ? image.file.find(".tar/") : std::string::npos;
    if (end == std::string::npos) {
      bytes += size_of(config.root / image.file);
      continue;
    }
    const auto [archive, is_new] = archives.insert(image.file.substr(0, end + 4));
    if (is_new) bytes += size_of(config.root / *archive);
  }
  return bytes;
}

}  // namespace

void ChannelHistogram::add(const torch::Tensor& images) {
  const torch::Tensor whole = images.contiguous();
  const int64_t plane = whole.size(2) * whole.size(3);
  const auto* pixels = whole.const_data_ptr<uint8_t>();
  for (int64_t i = 0; i < whole.size(0) * 3; ++i) {
    auto& counts = counts_[i % 3];
    for (int64_t p = 0; p < plane; ++p) ++counts[pixels[i * plane + p]];
  }
}

std::array<double, 3> ChannelHistogram::mean() const {
  std::array<double, 3> means{};
  for (size_t c = 0; c < 3; ++c) {
    double sum = 0, count = 0;
    for (size_t value = 0; value < 256; ++value) {
      count += static_cast<double>(counts_[c][value]);
      sum += static_cast<double>(counts_[c][value]) * static_cast<double>(value);
    }
    means[c] = sum / count / 255;
  }
  return means;
}

std::array<double, 3> ChannelHistogram::deviation() const {
  const std::array<double, 3> means = mean();
  std::array<double, 3> deviations{};
  for (size_t c = 0; c < 3; ++c) {
    double sum = 0, count = 0;
    for (size_t value = 0; value < 256; ++value) {
      const double off = static_cast<double>(value) / 255 - means[c];
      count += static_cast<double>(counts_[c][value]);
      sum += static_cast<double>(counts_[c][value]) * off * off;
    }
    deviations[c] = std::sqrt(sum / count);
  }
  return deviations;
}

Spread spread_of(std::vector<int64_t> values) {
  if (values.empty()) return {};
  const auto middle = values.begin() + static_cast<int64_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  const int64_t median = *middle;
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return {*least, median, *most};
}

std::vector<std::string> words_of(const std::string& caption) {
  constexpr std::string_view kBlank = " \t\r\n\v\f";
  constexpr std::string_view kPunctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
  std::vector<std::string> words;
  for (size_t begin = 0; begin < caption.size();) {
    const size_t end = std::min(caption.find_first_of(kBlank, begin), caption.size());
    std::string word = caption.substr(begin, end - begin);
    begin = end + 1;
    const size_t first = word.find_first_not_of(kPunctuation);
    if (first == std::string::npos) continue;
    word = word.substr(first, word.find_last_not_of(kPunctuation) - first + 1);
    for (char& letter : word) {
      if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    }
    words.push_back(std::move(word));
  }
  return words;
}

DatasetStats stats_of_index(const DatasetConfig& config, const DatasetIndex& index) {
  DatasetStats stats;
  stats.counts = count_images(index);
  std::map<std::string, int64_t> classes;
  for (size_t i = 0; i < index.classes.size(); ++i) {
    classes[index.classes[i]] = stats.counts.per_class[i];
  }
  stats.classes = by_count(classes);
  add_sizes(config, index, stats);
  add_captions(index, stats);
  stats.bytes = bytes_on_disk(config, index);
  return stats;
}

void add_pixels(const Dataset& dataset, int64_t image_size, const ScanProgress& progress,
                DatasetStats& stats) {
  const auto count = static_cast<int64_t>(dataset.index().images.size());
  const int64_t batch =
      std::clamp<int64_t>(kBatchBytes / (3 * image_size * image_size), 1, kLargestBatch);
  for (int64_t begin = 0; begin < count; begin += batch) {
    std::vector<int64_t> images(std::min(batch, count - begin));
    std::iota(images.begin(), images.end(), begin);
    const auto start = std::chrono::steady_clock::now();
    const torch::Tensor squares = dataset.load(images);
    stats.load_seconds +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    stats.channels.add(squares);
    if (progress) progress(begin + static_cast<int64_t>(images.size()), count);
  }
}

}  // namespace oar
