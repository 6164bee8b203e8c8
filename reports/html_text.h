#pragma once

#include <string>
#include <string_view>
namespace oar::report {

/// Text as HTML and XML show it, also between quotes.
std::string escape_html(std::string_view text);

/// Markdown as HTML. Raw HTML in it stays text.
std::string html_of(const std::string& markdown);

/// One line of Markdown, such as a cell of a table, as HTML without a paragraph around it.
std::string html_of_line(const std::string& markdown);

/// HTML of html_of() without its tags and entities: the text that a reader sees.
std::string plain_of(const std::string& html);

/// "data:image/png;base64,..." of bytes.
std::string data_uri(std::string_view media_type, std::string_view bytes);

}  // namespace oar::report
