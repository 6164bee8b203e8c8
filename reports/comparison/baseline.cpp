#include "reports/comparison/baseline.h"

#include <initializer_list>
#include <utility>

#include "reports/fields.h"

namespace oar {
namespace {

using nlohmann::json;
using report::field;
using report::items;

/// The members of `object` with these names, where it has them.
json members(const json& object, std::initializer_list<const char*> names) {
  json kept = json::object();
  for (const char* name : names) {
    if (object.is_object() && object.contains(name)) kept[name] = object[name];
  }
  return kept;
}

json stage_of(const json& stage) {
  json kept = members(stage, {"stage", "role", "key", "cached", "seconds"});
  kept["record"] = members(field(stage, "record"), {"sha256"});
  return kept;
}

json cell_of(const json& cell) {
  json kept = members(cell, {"id", "labels", "seed", "status", "error", "metrics"});
  kept["recipe"] = members(field(cell, "recipe"), {"dataset", "tokenizer", "evaluate"});
  kept["stages"] = json::array();
  for (const json& stage : items(cell, "stages")) kept["stages"].push_back(stage_of(stage));
  return kept;
}

}  // namespace

json baseline_of(const json& results) {
  json kept =
      members(results, {"schema_version", "name", "created", "baseline", "gates", "report"});
  kept["context"] = members(
      field(results, "context"),
      {"commit", "tree_clean", "device", "processor", "instruction_sets", "threads", "versions"});
  kept["cells"] = json::array();
  for (const json& cell : items(results, "cells")) kept["cells"].push_back(cell_of(cell));
  return kept;
}

}  // namespace oar
