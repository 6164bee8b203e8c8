#include "metrics/metric.h"

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace oar {
namespace {

constexpr MetricInfo kMetrics[] = {
#define METRIC(name, title, higher, reads, sentence) {#name, title, higher, reads, sentence},
#include "metrics/metrics.def"
#undef METRIC
};

}  // namespace

std::span<const MetricInfo> list_metrics() { return kMetrics; }

const MetricInfo& find_metric(std::string_view name) {
  std::string known;
  for (const MetricInfo& metric : kMetrics) {
    if (metric.name == name) return metric;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", metric.name);
  }
  throw std::invalid_argument(fmt::format("no metric is called \"{}\"; known: {}", name, known));
}

}  // namespace oar
