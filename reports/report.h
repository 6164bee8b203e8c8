#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "reports/document.h"

namespace oar {

/// The report before it has a format; see render_markdown.
report::Document document_of(const nlohmann::json& results);

/// Renders the results of a sweep as a Markdown report that a newcomer can read: what was run, the
/// table of recipes and metrics, cells that did not end, tokenizer, models, orders, minutes, how to
/// run it again, and the context.
///
/// One row joins the cells that differ only in their seed: the mean, and with two or more seeds the
/// half of its 95 % interval, by Student's t. Only cells with status `done` give numbers. Values of
/// one metric that were measured in different ways (extractor, weights, N, reference, convention,
/// version, data set) stand in different columns and are never averaged. A field that is missing
/// prints as "–", a value that is not finite as "not finite"; neither is an error. Text that came
/// from users is escaped, so that it can neither break a table nor become a link or HTML.
///
/// Units   as the record states them; stage times in minutes.
/// Errors  none for any JSON value; ask `validate_results` what is wrong with a file.
std::string render_markdown(const nlohmann::json& results,
                            const std::vector<FigureSpec>& figures = {});

/// Renders the table of recipes and metrics in fixed width for a terminal, then one line per cell
/// that did not end.
///
/// The numbers are those of `render_markdown`; captions, published numbers and everything else stay
/// in the report. Control characters of user text are replaced by spaces, so that no record can
/// steer the terminal.
std::string render_table(const nlohmann::json& results);

/// Lists everything in which `results` departs from the schema in reports/README.md; empty when it
/// follows it.
///
/// Each entry says where, what was found and what is accepted:
/// `cells[2].status: found "finished"; accepted: done, failed, diverged, interrupted`. Unknown
/// fields are allowed, so that a later harness may write more than this reader knows.
std::vector<std::string> validate_results(const nlohmann::json& results);

}  // namespace oar
