#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace oar {

/// What a number was computed on and with, for the context block of a result file: processor
/// (model, instruction sets that matter for speed, cores, threads), memory, operating system,
/// compiler, library versions, and the commit this program was built from. `device` is what the run
/// computes on, "cpu" or "cuda:0". What the system does not tell is null, and the commit of a
/// program that was built outside a git tree is "unknown".
///
/// Units  memory in bytes.
nlohmann::json machine_record(const std::string& device);

}  // namespace oar
