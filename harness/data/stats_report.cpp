#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "harness/data/check_report.h"
#include "harness/data/dataset_stats.h"
#include "harness/store/byte_text.h"
#include "harness/store/progress.h"
#include "harness/store/terminal_text.h"

namespace oar {
namespace {

using json = nlohmann::ordered_json;
using Counted = std::vector<std::pair<std::string, int64_t>>;

constexpr size_t kSizesShown = 8, kWordsShown = 20, kClassesShown = 10, kClassesAtTheEnd = 5;
constexpr int64_t kCodesShown = 20'000;  // images whose log P is averaged, at most

std::string text_of(const Spread& spread) {
  return fmt::format("{} .. {}, median {}", count_text(spread.least), count_text(spread.most),
                     count_text(spread.median));
}

json json_of(const Spread& spread) {
  return {{"min", spread.least}, {"median", spread.median}, {"max", spread.most}};
}

/// "name 12, other 7", `begin` to `end` of them.
std::string names_text(const Counted& counted, size_t begin, size_t end) {
  std::string text;
  for (size_t i = begin; i < end; ++i) {
    text += fmt::format("{}{} {}", i == begin ? "" : ", ", one_line(counted[i].first),
                        count_text(counted[i].second));
  }
  return text;
}

std::string first_names(const Counted& counted, size_t most) {
  const size_t shown = std::min(counted.size(), most);
  const std::string rest =
      shown == counted.size()
          ? ""
          : fmt::format(" and {} more", count_text(static_cast<int64_t>(counted.size() - shown)));
  return names_text(counted, 0, shown) + rest;
}

std::string classes_text(const DatasetStats& stats) {
  if (stats.classes.empty()) return "none";
  const size_t count = stats.classes.size();
  std::string text = fmt::format("{}: ", count_text(static_cast<int64_t>(count)));
  if (count <= kClassesShown + kClassesAtTheEnd) {
    text += names_text(stats.classes, 0, count);
  } else {
    text += names_text(stats.classes, 0, kClassesShown) + ", ..., " +
            names_text(stats.classes, count - kClassesAtTheEnd, count);
  }
  if (stats.counts.without_label > 0) {
    text += fmt::format("; {} images without one", count_text(stats.counts.without_label));
  }
  return text;
}

std::string captions_text(const DatasetStats& stats) {
  const int64_t with = stats.counts.images - stats.counts.without_caption;
  if (with == 0) return "captions  none\n";
  return fmt::format(
      "captions  {} images; {} bytes; {} words; {} images without one\nwords     {} different: "
      "{}\n",
      count_text(with), text_of(stats.caption_bytes), text_of(stats.caption_words),
      count_text(stats.counts.without_caption),
      count_text(static_cast<int64_t>(stats.words.size())),
      names_text(stats.words, 0, std::min(stats.words.size(), kWordsShown)));
}

double rate_of(const DatasetStats& stats) {
  return static_cast<double>(stats.counts.images) / stats.load_seconds;
}

double epoch_seconds(const DatasetStats& stats) {
  return static_cast<double>(stats.counts.train) / rate_of(stats);
}

json counted_json(const Counted& counted, size_t most) {
  json rows = json::array();
  for (size_t i = 0; i < std::min(counted.size(), most); ++i) {
    rows.push_back({{"name", counted[i].first}, {"count", counted[i].second}});
  }
  return rows;
}

/// Mean and number of images behind it of -log P under the true model.
std::pair<double, int64_t> surprise_of(const PlantedPath& data) {
  const auto images = static_cast<int64_t>(data.index().images.size());
  const int64_t count = std::min(images, kCodesShown);
  const torch::Tensor log_p = data.log_likelihood(data.codes(0, count));
  return {-log_p.mean().item<double>(), count};
}

}  // namespace

std::string stats_text(const DatasetChoice& choice, const DatasetIndex& index,
                       const DatasetStats& stats) {
  const auto size = choice.section.at("image_size").get<int64_t>();
  const auto mean = stats.channels.mean(), deviation = stats.channels.deviation();
  return fmt::format(
      "data set  {}\nimages    {}; {} left out\nclasses   {}\n"
      "sizes     width {}; height {}; short side {}\n          {}\n{}"
      "pixels    red, green, blue of the {}x{} squares: mean {:.4f}, deviation {:.4f}; {} images "
      "are enlarged\n"
      "on disk   {}\n"
      "loading   {:.0f} images/s; an epoch of the training images takes {}\n",
      title_of(choice), split_text(choice, index), count_text(stats.counts.rejected),
      classes_text(stats), text_of(stats.width), text_of(stats.height), text_of(stats.short_side),
      first_names(stats.sizes, kSizesShown), captions_text(stats), size, size,
      fmt::join(mean, ", "), fmt::join(deviation, ", "), count_text(stats.enlarged),
      stats.bytes == 0 ? "nothing: generated" : byte_text(static_cast<double>(stats.bytes)),
      rate_of(stats), duration_text(epoch_seconds(stats)));
}

nlohmann::ordered_json stats_json(const DatasetChoice& choice, const DatasetStats& stats) {
  return {{"schema_version", 1},
          {"dataset", choice.section},
          {"guessed", choice.because},
          {"images", stats.counts.images},
          {"train", stats.counts.train},
          {"held_out", stats.counts.held_out},
          {"rejected", stats.counts.rejected},
          {"without_class", stats.counts.without_label},
          {"without_caption", stats.counts.without_caption},
          {"classes", counted_json(stats.classes, stats.classes.size())},
          {"width", json_of(stats.width)},
          {"height", json_of(stats.height)},
          {"short_side", json_of(stats.short_side)},
          {"sizes", counted_json(stats.sizes, stats.sizes.size())},
          {"enlarged", stats.enlarged},
          {"mean", stats.channels.mean()},
          {"deviation", stats.channels.deviation()},
          {"caption_bytes", json_of(stats.caption_bytes)},
          {"caption_words", json_of(stats.caption_words)},
          {"vocabulary", stats.words.size()},
          {"words", counted_json(stats.words, kWordsShown)},
          {"bytes", stats.bytes},
          {"images_per_second", rate_of(stats)},
          {"epoch_seconds", epoch_seconds(stats)}};
}

nlohmann::ordered_json planted_stats_json(const DatasetChoice& choice, const PlantedPath& data) {
  const DatasetCounts counts = count_images(data.index());
  const int64_t patches = data.config().path.numel();
  const auto [surprise, measured] = surprise_of(data);
  return {{"schema_version", 1},
          {"dataset", choice.section},
          {"images", counts.images},
          {"train", counts.train},
          {"held_out", counts.held_out},
          {"patches", patches},
          {"codes", data.config().codes},
          {"entropy", data.entropy()},
          {"entropy_if_uniform",
           static_cast<double>(patches) * std::log(static_cast<double>(data.config().codes))},
          {"mean_surprise", surprise},
          {"mean_surprise_of", measured}};
}

std::string planted_stats_text(const DatasetChoice& choice, const PlantedPath& data) {
  const json stats = planted_stats_json(choice, data);
  return fmt::format(
      "data set  {}\nimages    {}\ncodes     {} x {}, {} different\n"
      "entropy   {:.4f} nats an image, exact; -log P of {} images is {:.4f} on average; codes "
      "without a pattern would have {:.4f}\n",
      title_of(choice), split_text(choice, data.index()), choice.section.at("rows").dump(),
      choice.section.at("cols").dump(), data.config().codes, data.entropy(),
      count_text(stats.at("mean_surprise_of")), stats.at("mean_surprise").get<double>(),
      stats.at("entropy_if_uniform").get<double>());
}

}  // namespace oar
