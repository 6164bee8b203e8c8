#pragma once

#include <string>
#include <vector>

#include "tests/reports/example_results.h"

namespace oar::example {

/// The order of a 4x4 grid that begins `seed` patches later.
inline json turned_raster(int seed) {
  json position_at = json::array();
  for (int t = 0; t < 16; ++t) position_at.push_back((t + seed) % 16);
  return position_at;
}

inline json exhibits(const std::string& folder, const std::string& prefix = "") {
  json paths = json::array();
  for (const char* name : {"000.png", "001.png"}) {
    paths.push_back("exhibits/" + folder + "/" + prefix + name);
  }
  return paths;
}

inline json curve(double from, double to) {
  json points = json::array();
  for (int i = 0; i < 5; ++i) points.push_back({100 * (i + 1), from + (to - from) * i / 4});
  return points;
}

/// A cell that holds something for every figure. `planted` knows a path, else a sun.
inline json whole_cell(const std::string& name, int seed, bool planted) {
  json one = cell(name, seed, json::array({fid(20.0 + seed), distance(2.0 + seed)}));
  json nats = metric("nats_per_image_random", "held-out nats, random order", 250.0 - seed, false);
  nats.update({{"unit", "nats/image"}, {"num_reference", 8}});
  one["metrics"].push_back(nats);
  const std::string folder = name + std::to_string(seed);
  one["samples"] = {{"grid", {4, 4}},
                    {"position_at", {turned_raster(seed), turned_raster(seed + 1)}},
                    {"images", exhibits(folder)},
                    {"conditions", {"day", nullptr}},
                    {"draws_before_choosing", name == "oar"}};
  one["reconstructions"] = {{"originals", exhibits("tokenizer", "original_")},
                            {"reconstructed", exhibits("tokenizer", "reconstructed_")}};
  json steps = json::array(), spread = json::array(), blobs = json::array(), nat = json::array();
  for (int row = 0; row < 4; ++row) {
    steps.push_back({4.0 * row, 4.0 * row + 1, 4.0 * row + 2, 4.0 * row + 3});
    spread.push_back({0.5, 1.0, 1.5, 2.0});
  }
  for (int t = 0; t < 16; ++t) {
    blobs.push_back(1 + t % 3);
    nat.push_back(-4.0 + 0.1 * t);
  }
  one["order_statistics"] = {{"peeks", false},
                             {"draws_before_choosing", name == "oar"},
                             {"histogram", {{"edges", {0, 1, 2, 3}}, {"counts", {0, 12, 3}}}},
                             {"mean_inter_patch_distance", 1.8},
                             {"mean_step_of", steps},
                             {"stddev_step_of", spread},
                             {"blobs", blobs},
                             {"log_likelihood", nat}};
  const json answer = planted ? json{{"images", 8},
                                     {"split", "held_out"},
                                     {"excess_nats", 0.5},
                                     {"path_adjacent_share", 0.9},
                                     {"peeks", name == "oar"},
                                     {"random_path_adjacent_share", 0.4},
                                     {"absolute_tau_to_path", 0.7}}
                              : json{{"images", 8},
                                     {"split", "held_out"},
                                     {"peeks", false},
                                     {"sun_before_clouds", 0.6},
                                     {"random_sun_before_clouds", 0.5},
                                     {"sun_starts_before_clouds", 0.7},
                                     {"random_sun_starts_before_clouds", 0.45},
                                     {"background_first_index", 0.2}};
  one["stages"] = {stage("tokenizer", "t", 1,
                         {{"reconstruction", {{"psnr", 21.3}}}, {"curve", curve(0.5, 0.1)}}),
                   stage("any_order", "a" + std::to_string(seed), 1, {{"curve", curve(5, 4)}}),
                   stage("specialist", "s" + folder, 1, {{"curve", curve(4, 3)}}),
                   stage("known_answer", "k" + folder, 1, answer)};
  return one;
}

/// Two recipes over two seeds, and a third that has oar's λ changed.
inline json all_figures() {
  std::vector<json> cells = {whole_cell("raster", 0, true), whole_cell("raster", 1, true),
                             whole_cell("oar", 0, false), whole_cell("oar", 1, false)};
  json other = cell("oar", 0, json::array({fid(18.0)}));
  other["id"] = "recipe=oar,λ=1,seed=0";
  other["labels"]["generate.distance_penalty"] = 1.0;
  other["recipe"]["generate"]["distance_penalty"] = 1.0;
  cells.push_back(other);
  return results(cells);
}

}  // namespace oar::example
