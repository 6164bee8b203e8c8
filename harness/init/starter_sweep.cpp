#include "harness/init/starter_sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "harness/sweep/json_file.h"
#include "harness/sweep/mistakes.h"
#include "harness/sweep/nearest_name.h"

namespace oar {
namespace {

/// What all of them share. @about@, @name@ and @defaults@ are filled in.
constexpr char kSweep[] = R"({
  "x-about": @about@,
  "version": 1,
  "name": @name@,
  "defaults": {
@defaults@
  },
  "recipes": {
    "raster": { "train.order": "raster", "generate.order": "raster" },
    "oar": { "generate.order": "oar" }
  },
  "matrix": { "recipe": ["raster", "oar"] },
  "seeds": [0],
  "baseline": { "recipe": "raster" }
}
)";

constexpr char kGenerated[] =
    R"(    "dataset": { "name": @dataset@, "image_size": 32, "max_images": 1500 },
    "tokenizer": { "preset": "nano", "images_seen": 3200 },
    "model": { "preset": "nano" },
    "train": { "order": "random", "images_seen": 8000, "batch_size": 32 },
    "generate": { "confidence": "max_probability", "num_samples": 150, "batch_size": 50 },
    "evaluate": { "reference": "train", "max_reference": 500, "kid_subset_size": 100 })";

constexpr char kFolder[] =
    R"(    "dataset": { "name": @dataset@, "root": @root@, "image_size": 64, "max_images": 2000 },
    "tokenizer": { "preset": "tiny", "images_seen": 3200, "batch_size": 16 },
    "model": { "preset": "nano" },
    "train": { "order": "random", "images_seen": 8000, "batch_size": 32 },
    "generate": { "confidence": "max_probability", "num_samples": 150, "batch_size": 50 },
    "evaluate": { "reference": "train", "max_reference": 500, "kid_subset_size": 100 })";

constexpr char kTokens[] =
    R"(    "dataset": { "name": @dataset@, "rows": 4, "cols": 4, "codes": 4, "noise": 0.25 },
    "model": { "layers": 2, "width": 64, "heads": 4, "dropout": 0.0 },
    "train": { "order": "random", "images_seen": 64000, "batch_size": 32, "learning_rate": 0.002 },
    "generate": { "confidence": "max_probability", "num_samples": 100, "batch_size": 100 },
    "evaluate": { "known_answer_images": 300 })";

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The text with every @key@ replaced by a JSON text.
std::string filled(std::string text, const std::vector<std::pair<std::string, std::string>>& with) {
  for (const auto& [key, value] : with) {
    const auto at = text.find(key);
    if (at != std::string::npos) text.replace(at, key.size(), value);
  }
  return text;
}

}  // namespace

std::string starter_sweep(const StarterOptions& options, const KnownNames& known) {
  const std::string& dataset = options.dataset;
  if (!contains(known.datasets, dataset)) {
    const std::string nearest = did_you_mean(dataset, known.datasets);
    throw std::invalid_argument(fmt::format("no data set is called {}.\n  {}{}", shown(dataset),
                                            known_line(known.datasets),
                                            nearest.empty() ? "" : "\n  " + nearest));
  }
  const bool generated = contains(known.generated_datasets, dataset);
  if (generated && !options.root.empty()) {
    throw std::invalid_argument(fmt::format(
        "--root {}: the data set \"{}\" is generated and reads no folder; leave --root out",
        shown(options.root), dataset));
  }
  const char* defaults = kFolder;
  if (generated) defaults = contains(known.token_datasets, dataset) ? kTokens : kGenerated;
  const std::string root = options.root.empty() ? "data/" + dataset : options.root;
  const std::string about = fmt::format(
      "A first sweep on {}: raster order against an order that the model finds itself. Sizes for "
      "a look in minutes; no claim about orders follows from them.",
      dataset);
  // The user's own texts last, so that nothing in them is taken for a placeholder.
  return filled(kSweep, {{"@about@", canonical_json(about)},
                         {"@defaults@", defaults},
                         {"@dataset@", canonical_json(dataset)},
                         {"@root@", canonical_json(root)},
                         {"@name@", canonical_json(options.name)}});
}

}  // namespace oar
