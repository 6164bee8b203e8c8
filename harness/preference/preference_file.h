#pragma once

#include <filesystem>
#include <string>

namespace oar {

/// Writes `out`/preference.html, which asks people whether the images of `row_a` or `row_b` of the
/// results in `folder` are better (reports/preference_page.h), and says so. Returns the exit code.
///
/// Errors  std::system_error with the path; what render_preference_page() throws.
int write_preference_page(const std::filesystem::path& folder, const std::filesystem::path& out,
                          const std::string& row_a, const std::string& row_b);

}  // namespace oar
