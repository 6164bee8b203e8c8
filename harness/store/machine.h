#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace oar {

/// What a number was computed on and with, for the context block of a result file:
///
///     device        what the run computes on, "cpu" or "cuda:0"
///     processor     model, instruction_sets that matter for speed, cores, threads
///     memory        bytes
///     gpus          see gpu_records()
///     system        name, kernel, architecture
///     compiler      and build: type ("Release"), flags, sanitizers (true or false)
///     libraries     versions by name; MPI and the CUDA runtime where they are loaded
///     commit        that this program was built from, and tree_clean
///
/// What the system does not tell is null, and the commit of a program that was built outside a git
/// tree is "unknown".
nlohmann::json machine_record(const std::string& device);

/// [{"name": "NVIDIA H200", "driver": "580.65.06"}, ...]: every GPU that NVIDIA's kernel module
/// shows, whether it is used or not, by PCI address; null where there is no such module. No CUDA is
/// needed.
nlohmann::json gpu_records(const std::filesystem::path& module = "/proc/driver/nvidia");

}  // namespace oar
