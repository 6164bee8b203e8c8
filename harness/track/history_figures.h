#pragma once

#include <vector>

#include "harness/track/history.h"
#include "reports/figures.h"

namespace oar {

/// One picture for each metric of the last record, a panel for each of its rows: means over
/// commits, the band each was expected in, the first commit outside it. The drawing is of the kind
/// `history`: y_label and panels of {title, commits, means, low, high (null without a band),
/// outside}.
std::vector<FigureSpec> history_figures(const std::vector<HistorySeries>& all);

}  // namespace oar
