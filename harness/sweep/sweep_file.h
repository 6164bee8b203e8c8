#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/sweep/gates.h"
#include "harness/sweep/json_file.h"
#include "harness/sweep/matrix.h"
#include "harness/sweep/recipe.h"

namespace oar {

/// The matrix key, label and report axis that names a recipe, and the one that stands for the
/// seeds.
inline constexpr char kRecipe[] = "recipe";
inline constexpr char kSeed[] = "seed";

/// Cells of a sweep, seeds counted.
inline constexpr std::size_t kMaxCells = 10000;

/// Worker processes that a sweep may ask for.
inline constexpr int64_t kMaxParallel = 1024;

/// The members of a sweep file, `x-` keys aside.
const std::vector<std::string>& sweep_members();

/// What a sweep file says, each value checked by itself; sweep.h turns it into cells.
struct SweepFile {
  std::string name;
  Settings defaults;
  std::vector<std::pair<std::string, Settings>> recipes;  ///< as written
  Matrix matrix;                                          ///< values in canonical form
  std::vector<int64_t> seeds = {0};
  bool fail_fast = false;
  int64_t max_parallel = 1;
  bool stop_on_diverge = false;
  std::optional<Combination> baseline;  ///< values in canonical form
  std::vector<Gate> gates;
  std::string rows;
  std::string columns;

  std::vector<std::string> label_keys;  ///< axes, then what includes bring: the order in an id

  /// What a value of a matrix or include key sets, by key and canonical_json(value).
  std::map<std::pair<std::string, std::string>, Settings> label_settings;
};

/// Reads every member of the file. What is wrong goes to `mistakes`, and the result is whole only
/// where none was added.
SweepFile read_sweep_file(const JsonFile& file, const KnownNames& known, Mistakes& mistakes);

/// A label's value as an id shows it: as canonical JSON, but texts bare where nothing in them could
/// be taken for another part of the id or steer a terminal.
std::string label_text(const nlohmann::json& value);

/// True where writing one key changes the other: they are equal, or one is the other's section.
bool overlaps(const std::string& a, const std::string& b);

}  // namespace oar
