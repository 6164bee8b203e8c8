#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "reports/document.h"
#include "reports/summary.h"

namespace oar::report {

/// What † behind a number says.
inline constexpr char kPeekingMark[] =
    "† under an order that peeks: chosen by looking at codes that are not yet placed. Such an "
    "order "
    "carries information about the image itself, so its likelihood is no bound and compares with "
    "none.";

/// The parts of the report, in the order of the page. Each is a heading and what belongs
/// to it, or empty when the results hold nothing for it.

/// The table of recipes and metrics, one for each value of the columns' label, its captions, and
/// the published numbers.
Document metric_section(const Layout& layout);

/// Cells that failed, diverged or were interrupted, each with its reason.
Document failure_section(const Layout& layout);

/// PSNR, reconstruction FID, codebook usage and perplexity of each tokenizer.
Document tokenizer_section(const Layout& layout);

/// Held-out likelihood and final loss of each model.
Document model_section(const Layout& layout);

/// Orders against what the data set knows: excess nats, steps along the hidden path, sun before
/// clouds.
Document known_answer_section(const Layout& layout);

/// Order statistics, what peeks, signs of known failures, and mean steps as text for grids up to
/// 8x8.
Document order_section(const Layout& layout);

/// Images read, split and dropped, with the reasons for the dropped ones.
Document data_section(const Layout& layout);

/// Minutes of each stage; a stage that several recipes share is listed once.
Document minutes_section(const Layout& layout);

/// One value as a table shows it: the entry, its own spread, how many seeds it has where they are
/// fewer than the row's.
std::string entry_text(const Group& group, const MetricColumn& column, const Entry& entry);

/// "n=3", or "n=2 of 3" where cells did not end.
std::string seeds_text(const Group& group);

/// "failed", "failed, diverged", ...: the statuses of the cells that are not done, each once.
std::string statuses_text(const Group& group);

/// A cell that shows numbers, with those behind it and where their record is.
TableCell number_cell(std::string text, const Spread& spread, std::string record);

/// True for the metrics of the first table; the tokenizer's and the held-out likelihood have tables
/// of their own.
bool is_sample_metric(const std::string& metric);
/// True for those of the models: held-out likelihood, codes predicted.
bool is_model_metric(const std::string& metric);

}  // namespace oar::report
