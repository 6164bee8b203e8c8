#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "reports/document.h"

namespace oar::report {

/// A page that is one file: nothing is loaded from anywhere, and its own script is the only one
/// that may run (Content-Security-Policy by hash). `body` and `head` are HTML; `title` is text.
std::string html_page(std::string_view title, std::string_view style, std::string_view body,
                      std::string_view script);

/// The document as such a page, readable on a phone, light and dark: tables that sort, pictures out
/// of `folder`/figures inside the file, every number a link to the records it was computed from.
///
/// Pictures are taken as SVG while they are small, else as PNG; those that cannot be read are left
/// out. `note` is a text under the heading: why there are no pictures; empty for none.
std::string to_html(const Document& document, std::string_view title,
                    const std::vector<FigureSpec>& figures, const std::filesystem::path& folder,
                    std::string_view note);

}  // namespace oar::report
