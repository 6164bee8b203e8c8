#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "reports/comparison/comparison.h"
#include "reports/comparison/gate.h"

namespace oar {

/// A comparison and the verdicts of gates, for people and for programs. Text that users wrote
/// cannot leave its place in any of these formats: control characters are gone, the format's own
/// are escaped.

/// A table of what was tested, best known first: worse, then better; equal numbers are counted.
/// Says which test it was, its smallest possible p, and that Holm's correction was made.
std::string comparison_text(const Comparison& comparison);
nlohmann::json comparison_json(const Comparison& comparison);

std::string gate_text(const GateReport& report);
nlohmann::json gate_json(const GateReport& report);

/// For a summary page of a pipeline.
std::string gate_markdown(const GateReport& report);

/// JUnit XML, as GitLab and Jenkins read it: a regression is a failure, what cannot be decided an
/// error.
std::string gate_junit(const GateReport& report);

/// Workflow commands of GitHub Actions: `::error` for a regression, `::warning` for what cannot be
/// decided, one line each.
std::string gate_github(const GateReport& report);

/// Text inside XML elements and attributes.
std::string escape_xml(std::string_view text);

/// The message of a workflow command; a property's value also escapes ':' and ','.
std::string escape_github(std::string_view text, bool property);

}  // namespace oar
