#include "reports/html_page.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <optional>

#include "reports/file_text.h"
#include "reports/html_text.h"

namespace oar::report {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLargestSvg = 300'000;  // bytes; larger ones hold pictures of pixels anyway

constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #ffffff; --soft: #f3f4f6; --line: #c9ced6;
  --link: #0b57d0; --quiet: #4b5563; --mark: #fff3c4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --paper: #14171a; --soft: #20252b;
  --line: #4a5159; --link: #8ab4f8; --quiet: #b0b7c0; --mark: #4d430f; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; }
h2 { font-size: 1.25rem; margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1.05rem; }
a { color: var(--link); }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; padding: 0; list-style: none; }
nav a { display: inline-block; padding: .3rem 0; }
.skip { position: absolute; left: -999rem; }
.skip:focus { position: static; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top;
  overflow-wrap: normal; }
td { white-space: nowrap; }
th.text, td.text { text-align: left; white-space: normal; min-width: 6rem; }
thead th { background: var(--soft); vertical-align: bottom; }
tbody th { text-align: left; font-weight: 600; }
td a { color: inherit; text-decoration: underline dotted; }
thead button { all: unset; cursor: pointer; font-weight: 600; }
thead button:focus-visible { outline: 2px solid var(--link); }
th[aria-sort="ascending"] button::after { content: " \25B2"; }
th[aria-sort="descending"] button::after { content: " \25BC"; }
.best { font-weight: 700; background: var(--mark); }
figure { margin: 1.5rem 0; }
figure img { width: 100%; max-width: 46rem; height: auto; background: #ffffff; border: 1px solid var(--line); }
figcaption, .caption { color: var(--quiet); font-size: .9rem; }
pre { overflow-x: auto; padding: .75rem; background: var(--soft); }
code { background: var(--soft); }
details { border: 1px solid var(--line); margin: .5rem 0; padding: .25rem .75rem; }
summary { cursor: pointer; padding: .35rem 0; }
details:target { border-color: var(--link); }
.note { padding: .5rem .75rem; background: var(--mark); }
@media print { nav, .skip { display: none; } body { max-width: none; } }
)";

constexpr std::string_view kScript = R"(
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const value = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.v === undefined ? cell.textContent.trim() : cell.dataset.v;
    return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
  };
  const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b
    : typeof a === "number" ? -1 : typeof b === "number" ? 1
    : a.localeCompare(b, undefined, {numeric: true});
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    heads.forEach((other) => other.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const sorted = rows.slice().sort((a, b) => (up ? 1 : -1) * compare(value(a, column), value(b, column)));
    sorted.forEach((row) => body.append(row));
  }));
}
const open = () => {
  const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  if (target && target.tagName === "DETAILS") { target.open = true; target.scrollIntoView(); }
};
addEventListener("hashchange", open);
open();
)";

/// 'sha256-...' as a Content-Security-Policy names a script.
std::string policy_hash(std::string_view script) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest = {};
  unsigned size = 0;
  EVP_Digest(script.data(), script.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::array<unsigned char, 2 * EVP_MAX_MD_SIZE> text = {};
  const int length = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(size));
  return "'sha256-" + std::string(text.begin(), text.begin() + length) + "'";
}

/// The picture as a data URI; nothing if it is not there.
std::optional<std::string> picture_of(const FigureSpec& figure, const fs::path& folder) {
  const auto read = [&](const char* ending, const char* media_type,
                        size_t largest) -> std::optional<std::string> {
    const auto bytes = content_of(folder / "figures" / (figure.id + ending));
    if (!bytes || bytes->empty() || bytes->size() > largest) return std::nullopt;
    return data_uri(media_type, *bytes);
  };
  if (figure.animated) return read(".gif", "image/gif", SIZE_MAX);
  const auto vector = read(".svg", "image/svg+xml", kLargestSvg);
  return vector ? vector : read(".png", "image/png", SIZE_MAX);
}

/// Writes the blocks of a document one after the other.
class PageWriter {
 public:
  PageWriter(const std::vector<FigureSpec>& figures, const fs::path& folder)
      : figures_(figures), folder_(folder) {}

  void operator()(const std::string& markdown) { add_prose(html_of(markdown)); }
  void operator()(const Table& table) { add_table(table, plain_of(last_heading_)); }

  void operator()(const FigurePlace& place) {
    bool first = true;
    for (const FigureSpec& figure : figures_) {
      if (figure.section != place.section) continue;
      const auto picture = picture_of(figure, folder_);
      if (!picture) continue;
      if (first) add_prose(html_of(place.heading));
      first = false;
      body_ += fmt::format(
          "<figure id=\"figure-{}\"><img src=\"{}\" alt=\"{}\" loading=\"lazy\">"
          "<figcaption><b>{}.</b> {}</figcaption></figure>\n",
          figure.id, *picture, escape_html(one_line(figure.alt)),
          escape_html(one_line(figure.title)), escape_html(one_line(figure.caption)));
    }
  }

  void operator()(const Records& records) {
    if (records.records.empty()) return;
    add_prose(html_of(
        "## Records\n\nWhat the numbers above were computed from, cell by cell; the last column is "
        "the place in results.json.\n\n"));
    for (const Records::Record& record : records.records) {
      const std::string title = html_of_line(record.title);
      body_ += fmt::format("<details id=\"{}\"><summary>{}</summary>\n", record.anchor, title);
      add_table(record.table, plain_of(title));
      body_ += "</details>\n";
    }
  }

  const std::string& body() const { return body_; }
  const std::string& contents() const { return contents_; }

 private:
  /// Headings get a name to be found by, and those of sections a line in the contents.
  void add_prose(const std::string& html) {
    size_t done = 0;
    for (size_t at = html.find("<h2>"); at != std::string::npos; at = html.find("<h2>", done)) {
      const size_t end = html.find("</h2>", at);
      last_heading_ = html.substr(at + 4, end - at - 4);
      body_ += html.substr(done, at - done) + fmt::format("<h2 id=\"section-{}\">", ++sections_);
      contents_ += fmt::format("<li><a href=\"#section-{}\">{}</a></li>", sections_, last_heading_);
      done = at + 4;
    }
    body_ += html.substr(done);
  }

  void add_table(const Table& table, const std::string& name) {
    body_ += fmt::format(
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{}\">"
        "<table class=\"sortable\"><thead><tr>",
        escape_html("Table: " + name));
    for (size_t i = 0; i < table.header().size(); ++i) {
      const std::string heading = html_of_line(table.header()[i]);
      body_ += fmt::format(
          "<th scope=\"col\" aria-sort=\"none\"{}><button type=\"button\"{}>{}</button></th>",
          i < table.left() ? " class=\"text\"" : "", heading.empty() ? " aria-label=\"sort\"" : "",
          heading);
    }
    body_ += "</tr></thead><tbody>\n";
    for (const Table::Row& row : table.rows()) {
      body_ += "<tr>";
      for (size_t i = 0; i < row.size(); ++i) add_cell(row[i], i, table.left());
      body_ += "</tr>\n";
    }
    body_ += "</tbody></table></div>\n";
  }

  void add_cell(const TableCell& cell, size_t column, size_t left) {
    std::string shown = html_of_line(cell.text);
    if (!cell.record.empty()) shown = fmt::format("<a href=\"#{}\">{}</a>", cell.record, shown);
    const std::string value =
        cell.spread && cell.spread->n > 0 ? fmt::format(" data-v=\"{}\"", cell.spread->mean) : "";
    std::string classes = column < left ? "text" : "";
    if (cell.best) classes += classes.empty() ? "best" : " best";
    if (!classes.empty()) classes = fmt::format(" class=\"{}\"", classes);
    const bool head = column == 0;
    body_ += fmt::format("<{}{}{}>{}</{}>", head ? "th scope=\"row\"" : "td", classes, value, shown,
                         head ? "th" : "td");
  }

  const std::vector<FigureSpec>& figures_;
  const fs::path& folder_;
  std::string body_, contents_, last_heading_;
  int sections_ = 0;
};

}  // namespace

std::string html_page(std::string_view title, std::string_view style, std::string_view body,
                      std::string_view script) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
      "style-src 'unsafe-inline'; script-src {}\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n{}<script>{}</script>\n</body>\n"
      "</html>\n",
      policy_hash(script), escape_html(one_line(title)), style, body, script);
}

std::string to_html(const Document& document, std::string_view title,
                    const std::vector<FigureSpec>& figures, const fs::path& folder,
                    std::string_view note) {
  PageWriter writer(figures, folder);
  for (const Document::Block& block : document.blocks()) std::visit(writer, block);
  std::string body = writer.body();
  // The contents stand after the title and what belongs to it.
  const size_t first = body.find("<h2 ");
  std::string contents =
      fmt::format("<nav aria-label=\"Contents\"><ul>{}</ul></nav>\n", writer.contents());
  if (!note.empty())
    contents += fmt::format("<p class=\"note\">{}</p>\n", escape_html(one_line(note)));
  body.insert(first == std::string::npos ? body.size() : first, contents);
  return html_page(title, kStyle,
                   "<a class=\"skip\" href=\"#main\">Skip to the report</a>\n<main id=\"main\">\n" +
                       body + "</main>\n",
                   kScript);
}

}  // namespace oar::report
