#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace oar::example {

using nlohmann::json;

inline json metric(const std::string& metric, const std::string& name, json value,
                   json higher_is_better) {
  return {{"metric", metric},
          {"name", name},
          {"value", std::move(value)},
          {"higher_is_better", std::move(higher_is_better)},
          {"version", 1}};
}

/// A FID of 500 images against 900.
inline json fid(json value) {
  json entry = metric("fid", "FID[efficientnet_lite0]", std::move(value), false);
  entry.update({{"num_generated", 500},
                {"num_reference", 900},
                {"reference", "train"},
                {"extractor", "efficientnet_lite0"},
                {"weights_sha256", std::string(64, 'a')},
                {"convention", "torch_fidelity"},
                {"device", "cpu"}});
  return entry;
}

inline json distance(double patches) {
  json entry = metric("mean_inter_patch_distance", "inter-patch distance", patches, nullptr);
  entry["unit"] = "patches";
  return entry;
}

/// The paper's rows as the ready sweeps spell them.
inline json recipe(const std::string& name, const std::string& dataset = "sunset") {
  const std::string trained = name == "raster" ? "raster" : "random";
  const std::string generated = name == "raster" || name == "random" ? name : "oar";
  json relabel;
  if (name == "oar_finetuned") relabel = {{"order", "oar"}, {"images_seen", 250}};
  return {{"dataset", {{"name", dataset}, {"image_size", 64}}},
          {"train", {{"order", trained}, {"images_seen", 1000}}},
          {"relabel", relabel},
          {"generate", {{"order", generated}, {"distance_penalty", 0.5}}}};
}

inline json cell(const std::string& name, int seed, json metrics) {
  return {{"id", "recipe=" + name + ",seed=" + std::to_string(seed)},
          {"labels", {{"recipe", name}}},
          {"seed", seed},
          {"status", "done"},
          {"recipe", recipe(name)},
          {"stages", json::array()},
          {"metrics", std::move(metrics)}};
}

inline json failed(json cell, const std::string& status, const std::string& error) {
  cell["status"] = status;
  cell["error"] = error;
  return cell;
}

inline json stage(const std::string& name, const std::string& key, double seconds,
                  json record = json::object()) {
  return {{"stage", name},   {"role", name},       {"key", key},
          {"cached", false}, {"seconds", seconds}, {"record", std::move(record)}};
}

inline json results(std::vector<json> cells) {
  return {{"schema_version", 1},
          {"name", "quickstart"},
          {"created", "2026-01-01T00:00:00Z"},
          {"context",
           {{"commit", "0123abcd"},
            {"tree_clean", true},
            {"device", "cpu"},
            {"processor", "a processor"},
            {"instruction_sets", {"avx2", "fma"}},
            {"threads", 2},
            {"versions",
             {{"oar_bench", "0.1.0"},
              {"libtorch", "2.11.0"},
              {"opencv", "4.6.0"},
              {"compiler", "g++ 12.2.0"}}}}},
          {"report", {{"rows", "recipe"}, {"columns", nullptr}}},
          {"cells", std::move(cells)}};
}

}  // namespace oar::example
