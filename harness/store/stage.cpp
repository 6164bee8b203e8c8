#include "harness/store/stage.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "datasets/dataset.h"
#include "harness/store/file_lock.h"
#include "harness/store/interrupt.h"
#include "models/distributed/rank_lost.h"
#include "models/memory/budget_too_small.h"
#include "models/memory/images_at_once.h"

namespace oar {
namespace {

StageResult result_of(const Store& store, const StageNode& node, nlohmann::json manifest,
                      bool cached) {
  return {cached, std::move(manifest), store.folder(node)};
}

}  // namespace

MissingInput::MissingInput(const StageNode& node, const StageInput& input,
                           const std::string& problem)
    : std::runtime_error(
          fmt::format("{}: its input \"{}\", {}/{}, {}; run the sweep again to make it",
                      node.label(), input.role, input.stage, input.key.substr(0, 12), problem)),
      key(input.key) {}

StageFailed::StageFailed(StageFailure noted)
    : std::runtime_error(noted.message), failure(std::move(noted)) {}

std::optional<StageFailure> failure_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const StageFailed& noted) {
    return noted.failure;
  } catch (const Interrupted&) {
    return std::nullopt;
  } catch (const std::system_error&) {
    return std::nullopt;
  } catch (const MissingInput&) {
    return std::nullopt;
  } catch (const RankLost&) {
    return std::nullopt;
  } catch (const Diverged& diverged) {
    return StageFailure{"diverged", diverged.what(), false, utc_nanoseconds()};
  } catch (const BudgetTooSmall& memory) {
    return StageFailure{kOutOfMemory, memory.what(), false, utc_nanoseconds()};
  } catch (const OutOfMemory& memory) {
    return StageFailure{kOutOfMemory, memory.what(), false, utc_nanoseconds()};
  } catch (const BadData& bad) {
    return StageFailure{"failed", bad.what(), true, utc_nanoseconds()};
  } catch (const c10::Error& failed) {
    return StageFailure{"failed", failed.what_without_backtrace(), false, utc_nanoseconds()};
  } catch (const std::exception& failed) {
    return StageFailure{"failed", failed.what(), false, utc_nanoseconds()};
  }
}

StageContext::StageContext(const Store& store, const StageNode& node, Progress& progress,
                           CostMeter& meter, const RunSettings& settings)
    : store_(store), node_(node), progress_(progress), meter_(meter), settings_(settings) {}

void StageContext::curve(const std::string& name, int64_t step, double value) {
  if (settings_.log == nullptr) return;
  settings_.log->write("curve", {{"name", name}, {"step", step}, {"value", value}});
}

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

void StageContext::save_cost_if_due() { meter_.save_if_due(); }

void StageContext::stop_if_requested() {
  save_cost_if_due();
  if (stop_requested()) throw Interrupted();
}

std::optional<StageResult> StageRunner::find(const StageNode& node) const {
  Artifact artifact = store_.inspect(node);
  if (artifact.state != Artifact::State::kComplete) return std::nullopt;
  store_.touch(node.stage, node.key);
  return result_of(store_, node, std::move(artifact.manifest), true);
}

StageResult StageRunner::run(const StageNode& node, const StageFunction& function) {
  if (auto found = find(node)) {
    progress_.cached();
    return *std::move(found);
  }
  check_inputs(node);
  std::filesystem::create_directories(store_.folder(node).parent_path());
  const FileLock lock(store_.lock_file(node), [&](const std::string& holder) {
    progress_.say(fmt::format("waits for {}, which is at work on {}", holder, node.label()));
  });
  StageResult result = run_locked(node, function);
  if (result.cached) progress_.cached();
  return result;
}

std::optional<StageResult> StageRunner::try_run(const StageNode& node,
                                                const StageFunction& function,
                                                std::string* holder) {
  if (auto found = find(node)) return found;
  std::filesystem::create_directories(store_.folder(node).parent_path());
  const auto lock = FileLock::try_lock(store_.lock_file(node), holder);
  if (!lock) return std::nullopt;
  check_inputs(node);
  return run_locked(node, function);
}

void StageRunner::follow(const StageNode& node, const StageFunction& function) {
  CostMeter meter;
  StageContext context(store_, node, progress_, meter, settings_);
  function(context);
}

/// Under the key's lock, and with sound inputs.
StageResult StageRunner::run_locked(const StageNode& node, const StageFunction& function) {
  const Artifact artifact = store_.inspect(node);  // somebody may have made it while we waited
  if (artifact.state == Artifact::State::kComplete) {
    return result_of(store_, node, artifact.manifest, true);
  }
  if (artifact.state == Artifact::State::kDamaged) {
    const auto aside = store_.set_aside(node.stage, node.key);
    progress_.say(fmt::format("{} is damaged: {}; moved to {} and made again", node.label(),
                              artifact.problem, aside.string()));
  }
  if (settings_.since > 0) {
    const auto noted = store_.noted_failure(node);
    if (noted && noted->time >= settings_.since) throw StageFailed(*noted);
  }
  store_.open_work(node);
  if (store_.sealed(node)) {  // killed between the manifest and the rename
    store_.publish(node);
    return *find(node);
  }
  try {
    return make(node, function);
  } catch (...) {
    if (const auto failure = failure_of(std::current_exception())) {
      store_.note_failure(node, *failure);
    }
    throw;
  }
}

/// Hashes each input once: what is read is what was written, or it is moved aside.
void StageRunner::check_inputs(const StageNode& node) {
  for (const StageInput& input : node.inputs) {
    if (sound_.count(input.key)) continue;
    const Artifact artifact = store_.inspect(input.stage, input.key);
    if (artifact.state == Artifact::State::kMissing) {
      throw MissingInput(node, input, "is not in the store");
    }
    const std::string problem = store_.damage(input.stage, input.key);
    if (problem.empty()) {
      sound_.insert(input.key);
      continue;
    }
    std::string holder;  // whoever holds it is about to do the same, or has done it
    const auto lock = FileLock::try_lock(store_.lock_file(input.stage, input.key), &holder);
    if (lock && store_.inspect(input.stage, input.key).state != Artifact::State::kMissing &&
        !store_.damage(input.stage, input.key).empty()) {
      const auto aside = store_.set_aside(input.stage, input.key);
      progress_.say(fmt::format("{}/{} is damaged: {}; moved to {}, to be made again", input.stage,
                                input.key.substr(0, 12), problem, aside.string()));
    }
    throw MissingInput(node, input, "is damaged: " + problem);
  }
}

StageResult StageRunner::make(const StageNode& node, const StageFunction& function) {
  if (interrupt_requested()) throw Interrupted();
  CostMeter meter(store_.scratch(node) / "attempts.json");
  StageContext context(store_, node, progress_, meter, settings_);
  StageFacts facts;
  facts.made_by = settings_.made_by;
  try {
    facts.record = function(context);
  } catch (...) {
    progress_.abandon();
    try {
      meter.save();
    } catch (const std::exception&) {  // the disk may be full: the stage's own error matters more
    }
    throw;
  }
  facts.cost = meter.cost();
  store_.finish(node, facts);
  progress_.end();
  return result_of(store_, node, store_.inspect(node).manifest, false);
}

}  // namespace oar
