#include "reports/settings.h"

#include <string>
#include <utility>

#include "reports/fields.h"
#include "reports/summary.h"

namespace oar::report {

using nlohmann::json;

json settings_of(const json& cell, const json& metric) {
  json settings = json::object();
  for (const char* key : {"version", "num_generated", "num_reference", "reference", "extractor",
                          "weights_sha256", "convention", "unit", "k"}) {
    if (!field(metric, key).is_null()) settings[key] = field(metric, key);
  }
  // Records of before there was a choice do not say float32.
  const json& precision = field(metric, "precision");
  if (!precision.is_null() && precision != "float32") settings["precision"] = precision;
  // KID's subsets and IS's splits: stated by the metric itself, or else by the recipe.
  const std::string metric_name = text(field(metric, "metric"));
  for (const auto& [owner, key] :
       {std::pair{"kid", "kid_subsets"}, std::pair{"kid", "kid_subset_size"},
        std::pair{"isc", "isc_splits"}}) {
    if (metric_name != owner) continue;
    const json& own = field(metric, key);
    const json& value = own.is_null() ? field(field(field(cell, "recipe"), "evaluate"), key) : own;
    if (!value.is_null()) settings[key] = value;
  }
  const json& recipe = field(cell, "recipe");
  const json& dataset = field(recipe, "dataset");
  const std::string codes = codes_text(recipe);
  if (!field(dataset, "name").is_null()) settings["dataset.name"] = field(dataset, "name");
  if (!codes.empty()) {
    settings["dataset.codes"] = codes;
  } else if (!field(dataset, "image_size").is_null()) {
    settings["dataset.image_size"] = field(dataset, "image_size");
  }
  return settings;
}

}  // namespace oar::report
