#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "datasets/dataset.h"
#include "harness/data/dataset_choice.h"
#include "harness/data/faults.h"

namespace oar {

/// What a check found, and of what.
struct CheckResult {
  const DatasetChoice& choice;
  const DatasetIndex& index;  ///< not copied: it has a few hundred bytes for each image
  Faults faults;
  int64_t tiny = 0;    ///< pixels, see find_faults()
  double seconds = 0;  ///< that the check took
};

/// One line: "fashion_products in "/data/fashion" (it holds styles.csv)".
std::string title_of(const DatasetChoice& choice);

/// One line: "8,583: 7,725 to train on, 858 held out (split hash, held_out 0.1, seed 0)".
std::string split_text(const DatasetChoice& choice, const DatasetIndex& index);

/// A section for each kind of fault with its count and the first names, or all of them.
std::string check_text(const CheckResult& result, bool all_names);

/// One object with every name; the keys stay as they are. `exit_code` is what the program returns.
nlohmann::ordered_json check_json(const CheckResult& result, int exit_code);

}  // namespace oar
