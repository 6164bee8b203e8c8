#include "reports/html_text.h"

#include <fmt/format.h>
#include <md4c-html.h>
#include <openssl/evp.h>

#include <stdexcept>
#include <utility>

namespace oar::report {
namespace {

void append(const MD_CHAR* text, MD_SIZE size, void* out) {
  static_cast<std::string*>(out)->append(text, size);
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '&':
        escaped += "&amp;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&apos;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string html_of(const std::string& markdown) {
  std::string html;
  const unsigned flags = MD_FLAG_TABLES | MD_FLAG_NOHTML;
  if (md_html(markdown.data(), static_cast<MD_SIZE>(markdown.size()), append, &html, flags, 0) !=
      0) {
    throw std::runtime_error("a report's text cannot be turned into HTML");
  }
  return html;
}

std::string html_of_line(const std::string& markdown) {
  // In a table a line is never a heading or a list, whatever it begins with.
  const std::string html = html_of("|x|\n|---|\n| " + markdown + " |\n");
  const size_t begin = html.find("<td>"), end = html.find("</td>");
  if (begin == std::string::npos || end == std::string::npos) return escape_html(markdown);
  return html.substr(begin + 4, end - begin - 4);
}

std::string plain_of(const std::string& html) {
  static constexpr std::pair<std::string_view, char> kEntities[] = {
      {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}};
  std::string plain;
  for (size_t at = 0; at < html.size(); ++at) {
    if (html[at] == '<') {
      at = html.find('>', at);
      if (at == std::string::npos) break;
      continue;
    }
    char shown = html[at];
    for (const auto& [entity, character] : kEntities) {
      if (html.compare(at, entity.size(), entity) != 0) continue;
      shown = character;
      at += entity.size() - 1;
      break;
    }
    plain += shown;
  }
  return plain;
}

std::string data_uri(std::string_view media_type, std::string_view bytes) {
  std::string encoded(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  encoded.resize(static_cast<size_t>(length));
  return fmt::format("data:{};base64,{}", media_type, encoded);
}

}  // namespace oar::report
