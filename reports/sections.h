#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "reports/summary.h"

namespace oar::report {

/// What † behind a number says.
inline constexpr char kPeekingMark[] =
    "† under an order that peeks: chosen by looking at codes that are not yet placed. Such an "
    "order "
    "carries information about the image itself, so its likelihood is no bound and compares with "
    "none.";

/// The parts of the Markdown report, in the order of the page. Each is a heading and what belongs
/// to it, or empty when the results hold nothing for it.

/// The table of recipes and metrics, one for each value of the columns' label, its captions, and
/// the published numbers.
std::string metric_section(const Layout& layout);

/// Cells that failed, diverged or were interrupted, each with its reason.
std::string failure_section(const Layout& layout);

/// PSNR, reconstruction FID, codebook usage and perplexity of each tokenizer.
std::string tokenizer_section(const Layout& layout);

/// Held-out likelihood and final loss of each model.
std::string model_section(const Layout& layout);

/// Orders against what the data set knows: excess nats, steps along the hidden path, sun before
/// clouds.
std::string known_answer_section(const Layout& layout);

/// Order statistics, what peeks, signs of known failures, and mean steps as text for grids up to
/// 8x8.
std::string order_section(const Layout& layout);

/// Images read, split and dropped, with the reasons for the dropped ones.
std::string data_section(const Layout& layout);

/// Minutes of each stage; a stage that several recipes share is listed once.
std::string minutes_section(const Layout& layout);

/// One value as a table shows it: the entry, its own spread, how many seeds it has where they are
/// fewer than the row's.
std::string entry_text(const Group& group, const MetricColumn& column, const Entry& entry);

/// "n=3", or "n=2 of 3" where cells did not end.
std::string seeds_text(const Group& group);

/// "failed", "failed, diverged", ...: the statuses of the cells that are not done, each once.
std::string statuses_text(const Group& group);

/// True for the metrics of the first table; the tokenizer's and the held-out likelihood have tables
/// of their own.
bool is_sample_metric(const std::string& metric);

}  // namespace oar::report
