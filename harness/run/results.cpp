#include "harness/run/results.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "harness/orders/order_record.h"
#include "harness/store/utc_time.h"

namespace oar {
namespace {

using nlohmann::json;

const char* name_of(CellStatus status) {
  switch (status) {
    case CellStatus::kDone:
      return "done";
    case CellStatus::kFailed:
      return "failed";
    case CellStatus::kDiverged:
      return "diverged";
    case CellStatus::kInterrupted:
      return "interrupted";
  }
  return "failed";
}

const json* record_of(const CellOutcome& cell, const std::string& role) {
  for (const StageOutcome& stage : cell.stages) {
    if (stage.role == role) return &stage.result->record();
  }
  return nullptr;
}

/// A number that says the same on every machine: what it is, which way is better, on how much.
json metric(const std::string& id, const std::string& name, const json& value, const char* unit,
            const json& higher_is_better, int64_t seed) {
  return {{"metric", id},      {"name", name}, {"value", value},
          {"stddev", nullptr}, {"unit", unit}, {"higher_is_better", higher_is_better},
          {"version", 1},      {"seed", seed}};
}

/// How the cell's order compares with what the data set knows. Which numbers there are depends on
/// what it knows.
void add_known_answers(const json& answer, int64_t seed, json& metrics) {
  struct Column {
    const char *id, *name, *unit;
    json higher_is_better;
  };
  static const std::vector<Column> columns = {
      {"excess_nats", "excess nats", "nats/image", false},
      {"path_adjacent_share", "steps along the path", "share", true},
      {"sun_before_clouds", "sun before clouds", "share", nullptr},
      {"background_first_index", "background first", "-1 .. 1", nullptr},
  };
  for (const Column& column : columns) {
    if (!answer.contains(column.id)) continue;
    json entry = metric(column.id, column.name, answer.at(column.id), column.unit,
                        column.higher_is_better, seed);
    entry["num_reference"] = answer.at("images");
    entry["reference"] = answer.at("split");
    entry["peeks"] = answer.at("peeks");
    const std::string error = std::string(column.id) + "_error";
    if (answer.contains(error)) entry["standard_error"] = answer.at(error);
    metrics.push_back(std::move(entry));
  }
}

json metrics_of(const CellOutcome& cell, int64_t seed) {
  json metrics = json::array();
  if (const json* scores = record_of(cell, "scores")) {
    for (json score : scores->at("scores")) {
      score["seed"] = seed;
      metrics.push_back(std::move(score));
    }
  }
  if (const json* statistics = record_of(cell, "order_statistics")) {
    json distance = metric("mean_inter_patch_distance", "inter-patch distance",
                           statistics->at("mean_inter_patch_distance"), "patches", nullptr, seed);
    distance["num_generated"] = statistics->at("num_orders");
    metrics.push_back(std::move(distance));
  }
  if (const json* answer = record_of(cell, "known_answer")) {
    add_known_answers(*answer, seed, metrics);
  }
  if (const json* answer = record_of(cell, "condition")) {
    json followed = metric("condition_accuracy", "condition followed", answer->at("accuracy"),
                           "share", true, seed);
    followed["num_generated"] = answer->at("images");
    followed["chance"] = answer->at("chance");
    metrics.push_back(std::move(followed));
  }
  const json* model = record_of(cell, "specialist");
  if (model == nullptr) model = record_of(cell, "any_order");
  if (model != nullptr) {
    const json& nats = model->at("held_out_nats_per_image");
    for (const std::string order : {"raster", "random"}) {
      if (nats.at("images") == 0) continue;  // nothing is held out
      json likelihood =
          metric("nats_per_image_" + order, fmt::format("held-out nats, {} order", order),
                 nats.at(order), "nats/image", false, seed);
      likelihood["num_reference"] = nats.at("images");
      likelihood["reference"] = "held_out";
      metrics.push_back(std::move(likelihood));
    }
  }
  if (const json* accuracy = record_of(cell, "accuracy")) {
    const auto add = [&](const char* id, const char* name, const char* value) {
      json entry = metric(id, name, accuracy->at(value), "share", true, seed);
      entry["num_reference"] = accuracy->at("images");
      entry["reference"] = accuracy->at("split");
      metrics.push_back(std::move(entry));
    };
    add("code_accuracy", "codes predicted, random order", "accuracy");
    add("code_accuracy_lowest", "the same at the worst step", "lowest");
  }
  if (const json* tokenizer = record_of(cell, "tokenizer")) {
    const json& quality = tokenizer->at("reconstruction");
    const auto add = [&](const char* id, const std::string& name, const json& value,
                         const char* unit, bool higher) {
      json entry = metric(id, name, value, unit, higher, seed);
      entry["num_reference"] = quality.at("images");
      entry["reference"] = quality.at("split");
      entry["device"] = tokenizer->at("device");
      metrics.push_back(std::move(entry));
    };
    add("tokenizer_psnr", "PSNR", quality.at("psnr"), "dB", true);
    add("tokenizer_rfid", fmt::format("rFID[{}]", quality.at("extractor").get<std::string>()),
        quality.at("rfid"), "", false);
    if (quality.contains("rkid")) {  // not in records of before
      add("tokenizer_rkid", fmt::format("rKID[{}]", quality.at("extractor").get<std::string>()),
          quality.at("rkid"), "", false);
      add("tokenizer_codes_used", "codes that these images use", quality.at("codebook_usage"),
          "share", true);
      add("tokenizer_code_perplexity", "perplexity of these codes", quality.at("perplexity"),
          "codes", true);
    }
  }
  return metrics;
}

json gate_record(const Gate& gate) {
  json record = {{"metric", gate.metric}};
  if (gate.max_regression) {
    record["max_regression"] = *gate.max_regression;
    record["relative"] = gate.relative;
  }
  if (gate.max) record["max"] = *gate.max;
  if (gate.min) record["min"] = *gate.min;
  return record;
}

/// Whether the model that all orders of the cell rest on has learned; null where its likelihood or
/// the codes' frequencies are not known.
json training_signature(const CellOutcome& cell) {
  const json *model = record_of(cell, "any_order"), *tokens = record_of(cell, "tokens");
  if (model == nullptr || tokens == nullptr || !tokens->contains("perplexity")) return nullptr;
  const json& nats = model->at("held_out_nats_per_image");
  const json& learned = nats.contains("trained_order") ? nats.at("trained_order") : nats["random"];
  const json& network = model->at("network");
  if (!learned.is_number()) return nullptr;
  const double patches = network.at("rows").get<double>() * network.at("cols").get<double>();
  return signature_record(
      under_trained(learned, patches * std::log(tokens->at("perplexity").get<double>())));
}

/// One stage as the record tells it: what it was, what it cost, who made it, what it found out.
json stage_record(const StageOutcome& stage, const json& run) {
  const json& manifest = stage.result->manifest;
  const json made_by = manifest.value("made_by", json::object());
  json record = {{"role", stage.role},
                 {"stage", stage.node->stage},
                 {"version", stage.node->version},
                 {"key", stage.node->key},
                 {"cached", !made_by.contains("run") || made_by.at("run") != run},
                 {"seconds", seconds_of(manifest)},
                 {"created", manifest.at("created")},
                 {"record", stage.result->record()}};
  if (manifest.contains("cost")) {
    for (const char* name : {"cpu_seconds", "peak_memory", "attempts"}) {
      record[name] = manifest.at("cost").at(name);
    }
  }
  if (made_by.contains("processor")) {
    record["made_by"] = {{"processor", made_by.at("processor").at("model")},
                         {"device", made_by.at("device")},
                         {"threads", made_by.at("threads")},
                         {"commit", made_by.at("commit")}};
  }
  const json& files = manifest.at("files");
  if (const auto weights = files.find("weights.safetensors"); weights != files.end()) {
    record["weights_sha256"] = weights->at("sha256");
  }
  return record;
}

json cell_record(const Cell& cell, const CellOutcome& outcome, const json& run) {
  json stages = json::array();
  for (const StageOutcome& stage : outcome.stages) stages.push_back(stage_record(stage, run));
  json record = {{"id", cell.id},
                 {"labels", cell.labels},
                 {"seed", cell.seed},
                 {"status", name_of(outcome.status)},
                 {"recipe", cell.recipe},
                 {"stages", std::move(stages)},
                 {"metrics", metrics_of(outcome, cell.seed)}};
  if (!outcome.error.empty()) record["error"] = outcome.error;
  if (outcome.out_of_memory) {
    record["signatures"] = {
        signature_record({"memory", true, std::nullopt, std::nullopt, outcome.error})};
  }
  if (const json* statistics = record_of(outcome, "order_statistics")) {
    record["order_statistics"] = *statistics;
    const json learned = training_signature(outcome);
    if (!learned.is_null()) record["order_statistics"]["signatures"].push_back(learned);
    if (const json* orders = record_of(outcome, "orders")) {
      // The orders the model was fine-tuned on may have looked at codes not yet placed.
      record["order_statistics"]["fine_tuned_on_peeking_orders"] = orders->at("peeks");
    }
  }
  return record;
}

}  // namespace

json make_results(const Sweep& sweep, const std::vector<size_t>& cells,
                  const std::vector<CellOutcome>& outcomes, const RunFacts& facts) {
  const json& machine = facts.machine;
  const json& processor = machine.at("processor");
  json context = {{"commit", machine.at("commit")},
                  {"tree_clean", machine.at("tree_clean")},
                  {"device", machine.at("device")},
                  {"processor", processor.at("model")},
                  {"instruction_sets", processor.at("instruction_sets")},
                  {"cores", processor.at("cores")},
                  {"threads", machine.at("threads")},
                  {"memory", machine.at("memory")},
                  {"system", machine.at("system")},
                  {"run", machine.at("run")},
                  {"versions", machine.at("libraries")}};
  if (machine.contains("gpus")) context["gpus"] = machine.at("gpus");
  context["versions"]["oar_bench"] = OAR_VERSION;
  context["versions"]["compiler"] = machine.at("compiler");
  json records = json::array();
  for (size_t i = 0; i < outcomes.size(); ++i) {
    records.push_back(cell_record(sweep.cells[cells[i]], outcomes[i], machine.at("run")));
  }
  json gates = json::array();
  for (const Gate& gate : sweep.gates) gates.push_back(gate_record(gate));
  return {{"schema_version", 1},
          {"name", sweep.name},
          {"created", iso_seconds(utc_nanoseconds())},
          {"context", std::move(context)},
          {"sweep", facts.sweep},
          {"baseline", sweep.baseline ? json(*sweep.baseline) : json(nullptr)},
          {"gates", std::move(gates)},
          {"report",
           {{"rows", sweep.rows},
            {"columns", sweep.columns.empty() ? json(nullptr) : json(sweep.columns)}}},
          {"cells", std::move(records)}};
}

}  // namespace oar
