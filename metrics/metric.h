#pragma once

#include <span>
#include <string_view>

namespace oar {

/// What a metric needs to know of a set of images.
enum class Reads {
  kMoments,   ///< mean and covariance of the features: a statistics file will do
  kSpatial,   ///< mean and covariance of the spatial features
  kFeatures,  ///< the features of every image, on both sides
  kLogits,    ///< the logits of every generated image; the real ones are not looked at
};

/// One line of metrics.def.
struct MetricInfo {
  std::string_view name;   ///< as options and records spell it
  std::string_view title;  ///< as papers write it
  bool higher_is_better;
  Reads reads;
  std::string_view sentence;
};

/// Every metric, in the order of metrics.def.
std::span<const MetricInfo> list_metrics();

/// Errors  std::invalid_argument for an unknown name, with the known ones.
const MetricInfo& find_metric(std::string_view name);

}  // namespace oar
