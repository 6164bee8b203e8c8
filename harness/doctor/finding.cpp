#include "harness/doctor/finding.h"

#include <fmt/format.h>

#include "harness/store/terminal_text.h"

namespace oar {

std::string word_of(Finding::Level level) {
  switch (level) {
    case Finding::Level::kOk:
      return "ok";
    case Finding::Level::kWarning:
      return "warning";
    case Finding::Level::kProblem:
      break;
  }
  return "problem";
}

std::string findings_text(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    text += fmt::format("{:<8} {:<26} {}\n", word_of(finding.level), finding.what,
                        one_line(finding.found));
    if (!finding.advice.empty()) text += fmt::format("{:35} {}\n", "", one_line(finding.advice));
  }
  return text;
}

nlohmann::ordered_json findings_json(const std::vector<Finding>& findings) {
  auto list = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"level", word_of(finding.level)},
                    {"what", finding.what},
                    {"found", finding.found},
                    {"advice", finding.advice.empty() ? nlohmann::ordered_json(nullptr)
                                                      : nlohmann::ordered_json(finding.advice)}});
  }
  return list;
}

}  // namespace oar
