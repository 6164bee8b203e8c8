#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace oar {

/// A page that asks a person, pair by pair, which of two images is better: sample k of row A and of
/// row B, drawn with one seed and for one condition. It is one HTML file with its images inside,
/// loads nothing, and keeps the answers in the browser until they are exported as JSON.
///
/// It is blind: sides and order are random for each viewer (or by `?seed=N`), and neither the text
/// of the page nor its images' names or order say which row an image belongs to, until the export.
/// Rows are named as in the report's tables over all columns (`oar`, `oar / relative`).
///
/// The export: {schema_version: 1, page_id, viewer, order_seed, a, b, of, pairs: [{sample, seed,
/// left: "a" | "b", choice: "a" | "b" | "tie", milliseconds}]}. `page_id` is a SHA-256 over the
/// images, `viewer` a random name, `of` the number of pairs; those answered are in `pairs`, in the
/// order in which they were shown. `oar-bench preference` reads it.
///
/// Errors  std::invalid_argument with the known rows for a row that is not there; for rows without
///         images, without a common seed, or with different conditions; for a file that lies
///         outside of `folder` or is neither PNG nor JPEG. std::system_error with the path of an
///         image that cannot be read.
std::string render_preference_page(const nlohmann::json& results,
                                   const std::filesystem::path& folder, const std::string& row_a,
                                   const std::string& row_b);

}  // namespace oar
