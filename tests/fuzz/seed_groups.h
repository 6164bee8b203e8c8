#pragma once

#include <string>
#include <vector>

#include "tests/fuzz/archive_seeds.h"
#include "tests/fuzz/sweep_seeds.h"
#include "tests/fuzz/weights_seeds.h"

namespace oar {

/// The seeds of one fuzzer; its corpus is tests/fuzz/corpus/<target>.
struct SeedGroup {
  std::string target;  ///< a function of targets.h
  std::vector<SeedFile> seeds;
};

inline std::vector<SeedGroup> seed_groups() {
  SeedGroup safetensors{"safetensors", {}}, pickle{"pickle", {}};
  for (const SeedFile& seed : weights_seeds()) {
    const bool is_safetensors = seed.name.find("safetensors") != std::string::npos;
    (is_safetensors ? safetensors : pickle).seeds.push_back(seed);
  }
  return {{"sweep", sweep_seeds()}, safetensors, pickle, {"archive", archive_seeds()}};
}

}  // namespace oar
