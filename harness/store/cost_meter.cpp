#include "harness/store/cost_meter.h"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>

#include "models/weights/atomic_file.h"

namespace oar {
namespace {

using nlohmann::json;

double processor_seconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Linux forgets the highest resident size so far; where that is not allowed the figure is the
/// whole process's.
void restart_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

int64_t peak_memory() {
  std::ifstream in("/proc/self/status");
  for (std::string word; in >> word;) {
    int64_t kibibytes = 0;
    if (word == "VmHWM:" && in >> kibibytes) return kibibytes * 1024;
  }
  return 0;
}

}  // namespace

json to_json(const StageCost& cost) {
  return {{"seconds", cost.seconds},
          {"cpu_seconds", cost.cpu_seconds},
          {"peak_memory", cost.peak_memory > 0 ? json(cost.peak_memory) : json(nullptr)},
          {"attempts", cost.attempts}};
}

CostMeter::CostMeter(std::filesystem::path file)
    : file_(std::move(file)), cpu_start_(processor_seconds()) {
  restart_peak();
  std::ifstream in(file_);
  const json stored = json::parse(in, nullptr, /*allow_exceptions=*/false);
  const auto number = [&](const char* name) -> double {
    if (!stored.is_object() || !stored.contains(name) || !stored[name].is_number()) return 0;
    return stored[name].get<double>();
  };
  earlier_ = {number("seconds"), number("cpu_seconds"), static_cast<int64_t>(number("peak_memory")),
              static_cast<int64_t>(number("attempts"))};
}

StageCost CostMeter::cost() const {
  const auto elapsed = std::chrono::steady_clock::now() - start_;
  return {earlier_.seconds + std::chrono::duration<double>(elapsed).count(),
          earlier_.cpu_seconds + processor_seconds() - cpu_start_,
          std::max(earlier_.peak_memory, peak_memory()), earlier_.attempts + 1};
}

void CostMeter::save() {
  if (file_.empty()) return;
  json attempts = to_json(cost());
  attempts["schema_version"] = 1;
  write_file_atomically(file_, attempts.dump() + "\n");
}

}  // namespace oar
