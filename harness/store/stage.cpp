#include "harness/store/stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <utility>

#include "harness/store/file_lock.h"
#include "harness/store/interrupt.h"
#include "models/weights/atomic_file.h"

namespace oar {
namespace {

StageResult result_of(const Store& store, const StageNode& node, const nlohmann::json& manifest,
                      bool cached) {
  return {cached, manifest.at("seconds").get<double>(), manifest.at("record"), store.folder(node)};
}

std::optional<StageResult> find_cached(const Store& store, const StageNode& node) {
  const Artifact artifact = store.inspect(node);
  if (artifact.state != Artifact::State::kComplete) return std::nullopt;
  return result_of(store, node, artifact.manifest, true);
}

}  // namespace

AttemptClock::AttemptClock(std::filesystem::path file) : file_(std::move(file)) {
  std::ifstream in(file_);
  const auto stored = nlohmann::json::parse(in, nullptr, /*allow_exceptions=*/false);
  if (stored.is_object() && stored.contains("seconds") && stored["seconds"].is_number()) {
    earlier_ = stored["seconds"].get<double>();
  }
}

double AttemptClock::seconds() const {
  const auto elapsed = std::chrono::steady_clock::now() - start_;
  return earlier_ + std::chrono::duration<double>(elapsed).count();
}

void AttemptClock::save() {
  const nlohmann::json attempts = {{"schema_version", 1}, {"seconds", seconds()}};
  write_file_atomically(file_, attempts.dump() + "\n");
}

StageContext::StageContext(const Store& store, const StageNode& node, Progress& progress,
                           AttemptClock& clock)
    : store_(store), node_(node), progress_(progress), clock_(clock) {}

const StageInput& StageContext::find(const std::string& role) const {
  for (const auto& input : node_.inputs) {
    if (input.role == role) return input;
  }
  throw std::logic_error(fmt::format("{} has no input \"{}\"", node_.label(), role));
}

bool StageContext::has_input(const std::string& role) const {
  return std::any_of(node_.inputs.begin(), node_.inputs.end(),
                     [&](const StageInput& input) { return input.role == role; });
}

std::filesystem::path StageContext::input(const std::string& role) const {
  const StageInput& input = find(role);
  return store_.folder(input.stage, input.key);
}

nlohmann::json StageContext::input_record(const std::string& role) const {
  const StageInput& input = find(role);
  return store_.inspect(input.stage, input.key).manifest.at("record");
}

bool StageContext::stop_requested() const { return interrupt_requested(); }

void StageContext::stop_if_requested() {
  clock_.save_if_due();
  if (stop_requested()) throw Interrupted();
}

StageResult StageRunner::run(const StageNode& node, const StageFunction& function) {
  if (auto found = find_cached(store_, node)) {
    progress_.cached();
    return *found;
  }
  check_inputs(node);
  std::filesystem::create_directories(store_.folder(node).parent_path());
  const FileLock lock(store_.lock_file(node), [&](const std::string& holder) {
    progress_.say(fmt::format("waits for {}, which is at work on {}", holder, node.label()));
  });
  const Artifact artifact = store_.inspect(node);  // somebody may have made it while we waited
  if (artifact.state == Artifact::State::kComplete) {
    progress_.cached();
    return result_of(store_, node, artifact.manifest, true);
  }
  if (artifact.state == Artifact::State::kDamaged) {
    const auto aside = store_.set_aside(node);
    progress_.say(fmt::format("{} is damaged: {}; moved to {} and made again", node.label(),
                              artifact.problem, aside.string()));
  }
  store_.open_work(node);
  if (store_.sealed(node)) {  // killed between the manifest and the rename
    store_.publish(node);
    progress_.cached();
    return *find_cached(store_, node);
  }
  return make(node, function);
}

void StageRunner::check_inputs(const StageNode& node) const {
  for (const auto& input : node.inputs) {
    const Artifact artifact = store_.inspect(input.stage, input.key);
    if (artifact.state == Artifact::State::kComplete) continue;
    const bool damaged = artifact.state == Artifact::State::kDamaged;
    throw std::runtime_error(
        fmt::format("{}: its input \"{}\", {}/{}, {}; run the sweep again to make it", node.label(),
                    input.role, input.stage, input.key.substr(0, 12),
                    damaged ? "is damaged: " + artifact.problem : "is not in the store"));
  }
}

StageResult StageRunner::make(const StageNode& node, const StageFunction& function) {
  if (interrupt_requested()) throw Interrupted();
  AttemptClock clock(store_.scratch(node) / "attempts.json");
  StageContext context(store_, node, progress_, clock);
  nlohmann::json record;
  try {
    record = function(context);
  } catch (...) {
    progress_.abandon();
    try {
      clock.save();
    } catch (const std::exception&) {  // the disk may be full: the stage's own error matters more
    }
    throw;
  }
  const double seconds = clock.seconds();
  const auto folder = store_.finish(node, record, seconds);
  progress_.end();
  return {false, seconds, std::move(record), folder};
}

}  // namespace oar
