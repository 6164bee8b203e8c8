#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "tests/harness/program.h"

namespace oar {

/// One call that the failing disk has seen: `write`, `store/tokens/0123.lock`.
struct DiskCall {
  std::string call, path;
};

/// What makes the disk fail; see failing_disk.cpp.
struct Fault {
  std::string call, path, action = "ENOSPC";
  int nth = 1;
  bool lasts = false;
};

/// The program over a failing disk, and two sweeps of two seconds: `tiny` has every stage in it,
/// `planted` has four cells and no images.
class FaultTest : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    environment_ = {{"OMP_NUM_THREADS", "1"}, {"OMP_WAIT_POLICY", "PASSIVE"}};
    folder_ = std::filesystem::canonical(folder_);
    std::ofstream(folder_ / "tiny.json") << R"({
      "version": 1,
      "name": "tiny",
      "defaults": {
        "dataset": {"name": "sunset", "image_size": 32, "max_images": 24, "held_out": 0.25},
        "tokenizer": {"preset": "nano", "images_seen": 8, "batch_size": 4, "codebook_size": 16,
                      "perceptual_weight": 0},
        "model": {"layers": 1, "width": 32, "heads": 2},
        "train": {"images_seen": 64, "batch_size": 8},
        "relabel": {"max_images": 4, "images_seen": 16, "batch_size": 8},
        "generate": {"num_samples": 6, "batch_size": 3},
        "evaluate": {"max_reference": 6, "kid_subset_size": 3, "kid_subsets": 2, "isc_splits": 2}
      },
      "recipes": {"oar_finetuned": {}}
    })";
    std::ofstream(folder_ / "planted.json") << R"({
      "version": 1,
      "name": "planted",
      "defaults": {
        "dataset": {"name": "planted_path", "rows": 4, "cols": 4, "codes": 8, "max_images": 60,
                    "held_out": 0.2},
        "model": {"layers": 1, "width": 32, "heads": 2},
        "train": {"images_seen": 2000, "batch_size": 8},
        "relabel": {"max_images": 8, "images_seen": 64, "batch_size": 8},
        "generate": {"num_samples": 8, "batch_size": 4}
      },
      "recipes": {
        "raster": {"train.order": "raster", "relabel": null, "generate.order": "raster"},
        "oar_finetuned": {}
      },
      "seeds": [0, 1]
    })";
  }

  std::vector<std::string> arguments(const std::string& store,
                                     const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all = {"run",          sweep_,     "--store", store,    "--out",
                                    store + "-out", "--device", "cpu",     "--quiet"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  Outcome run_sweep(const std::string& store, const std::vector<std::string>& more = {}) {
    disk_is_sound();
    return run(arguments(store, more));
  }

  /// The sweep over a disk that has this fault. What the disk has seen is in disk_calls().
  Outcome run_with(const Fault& fault, const std::string& store,
                   const std::vector<std::string>& more = {}) {
    watch_disk();
    environment_["FAULT_CALL"] = fault.call;
    environment_["FAULT_PATH"] = fault.path;
    environment_["FAULT_DO"] = fault.action;
    environment_["FAULT_NTH"] = std::to_string(fault.nth);
    if (fault.lasts) environment_["FAULT_LASTS"] = "1";
    return run(arguments(store, more));
  }
  Outcome run_watched(const std::string& store, const std::vector<std::string>& more = {}) {
    watch_disk();
    return run(arguments(store, more));
  }
  void watch_disk() {
    disk_is_sound();
    std::filesystem::remove(folder_ / "calls.txt");
    environment_["LD_PRELOAD"] = OAR_FAILING_DISK;
    environment_["FAULT_ROOT"] = folder_.string();
    environment_["FAULT_LOG"] = (folder_ / "calls.txt").string();
  }
  void disk_is_sound() {
    std::erase_if(environment_, [](const auto& variable) {
      return variable.first == "LD_PRELOAD" || variable.first.starts_with("FAULT_");
    });
  }
  std::vector<DiskCall> disk_calls() const {
    std::ifstream in(folder_ / "calls.txt");
    std::vector<DiskCall> calls;
    for (DiskCall call; in >> call.call >> call.path;) calls.push_back(call);
    return calls;
  }
  /// Whether the disk has failed in the last run.
  bool struck() const {
    for (const DiskCall& call : disk_calls()) {
      if (call.call == "FAULT") return true;
    }
    return false;
  }

  nlohmann::json results(const std::string& store) const {
    std::ifstream in(folder_ / (store + "-out") / "results.json");
    return nlohmann::json::parse(in);
  }

  /// Every number of a run, without times, dates and what was cached.
  nlohmann::json numbers(const std::string& store) const {
    nlohmann::json numbers = nlohmann::json::array();
    for (const nlohmann::json& cell : results(store).at("cells")) {
      nlohmann::json stages = nlohmann::json::array();
      for (const nlohmann::json& stage : cell.at("stages")) {
        stages.push_back({stage.at("role"), stage.at("key"), stage.at("record")});
      }
      numbers.push_back({cell.at("id"), cell.at("status"), cell.at("metrics"), stages});
    }
    return numbers;
  }

  /// Every file of every finished artifact, by its path in the store; of a manifest all but when,
  /// where and how long.
  std::map<std::string, std::string> artifacts(const std::string& store) const {
    namespace fs = std::filesystem;
    static const std::regex artifact("[a-z_]+/[0-9a-f]{32}/.*");
    std::map<std::string, std::string> files;
    if (!fs::exists(folder_ / store)) return files;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / store)) {
      const std::string name = fs::relative(entry.path(), folder_ / store).string();
      if (!entry.is_regular_file() || !std::regex_match(name, artifact)) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      std::string bytes{std::istreambuf_iterator<char>(in), {}};
      if (entry.path().filename() == "manifest.json") {
        nlohmann::json manifest = nlohmann::json::parse(bytes);
        for (const char* varies : {"created", "cost", "made_by", "sha256", "seconds"}) {
          manifest.erase(varies);
        }
        bytes = manifest.dump();
      }
      files.emplace(name, std::move(bytes));
    }
    return files;
  }

  /// Files that differ between two stores, or that one of them lacks.
  std::vector<std::string> differences(const std::string& one, const std::string& other) const {
    const auto a = artifacts(one), b = artifacts(other);
    std::vector<std::string> names;
    for (const auto& [name, bytes] : a) {
      if (!b.contains(name) || b.at(name) != bytes) names.push_back(name);
    }
    for (const auto& [name, bytes] : b) {
      if (!a.contains(name)) names.push_back(name);
    }
    return names;
  }

  std::string sweep_ = "tiny.json";
};

}  // namespace oar
