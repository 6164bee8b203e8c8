#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness/preference/answers.h"
#include "harness/verb.h"

namespace oar {

/// Adds `oar-bench preference FILE...`: how often one row of a report was preferred to another, out
/// of the files that a preference page (`oar-bench report DIR --preference A B`) exported.
Verb add_preference_verb(CLI::App& app);

/// What the answers say: {page_id, a, b, pairs, viewers, answers: {a, b, tie}, win_rate,
/// wilson_95: [low, high], viewers_95: [low, high] | null, sign_test_p, left_share, left_p,
/// by_viewer: [{viewer, file, answers, a, b, tie, win_rate, median_seconds}], published}. Shares
/// are 0 .. 1. `left_share` is that of the left side among answers with a preference, null without
/// any.
nlohmann::ordered_json preference_json(const std::vector<ViewerAnswers>& viewers);

/// The same for people.
std::string preference_text(const std::vector<ViewerAnswers>& viewers);

}  // namespace oar
