#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace oar {

/// Something that a run depends on, as it was found.
struct Finding {
  enum class Level {
    kOk,
    kWarning,  ///< a run works, but slower or with less than it could have
    kProblem,  ///< it would stop a run
  };
  Level level = Level::kOk;
  std::string what;         ///< "threads"
  std::string found;        ///< "2 of 2 processors"
  std::string advice = {};  ///< what to do; empty where nothing is to be done
};

/// "ok", "warning" or "problem".
std::string word_of(Finding::Level level);

/// One line for each, and one more for each piece of advice. Control characters come escaped.
std::string findings_text(const std::vector<Finding>& findings);

nlohmann::ordered_json findings_json(const std::vector<Finding>& findings);

}  // namespace oar
