#include "reports/preference_page.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include "reports/fields.h"
#include "reports/file_text.h"
#include "reports/html_page.h"
#include "reports/html_text.h"
#include "reports/preference_parts.h"
#include "reports/summary.h"
#include "reports/text.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using report::field;
using report::Group;
using report::items;
using report::Layout;
using report::one_line;
using report::text;

std::string sha256(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest = {};
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string hex;
  for (unsigned i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

const Group& find_row(const Layout& layout, const std::string& row) {
  std::string known;
  for (const Group& group : layout.groups) {
    if (group.name == row) return group;
    known += (known.empty() ? "" : ", ") + one_line(group.name);
  }
  throw std::invalid_argument(
      fmt::format("--preference: no row of the report is called \"{}\".\n  known: {}",
                  one_line(row), known.empty() ? "none" : known));
}

/// The finished cell of each seed that has images.
std::map<std::string, const json*> cells_with_images(const Group& group) {
  std::map<std::string, const json*> cells;
  for (const json* cell : group.done()) {
    if (!items(field(*cell, "samples"), "images").empty()) {
      cells.emplace(text(field(*cell, "seed")), cell);
    }
  }
  if (cells.empty()) {
    throw std::invalid_argument(fmt::format(
        "--preference: results.json names no images of row \"{}\". A finished cell has them in "
        "samples.images, unless its data are codes from the start; run the sweep again with this "
        "version: it trains nothing anew.",
        one_line(group.name)));
  }
  return cells;
}

/// The bytes of an image of the record, which must lie below its folder.
std::string read_image(const fs::path& folder, const json& name) {
  const fs::path relative = text(name);
  const bool leaves = relative.is_absolute() || relative.empty() ||
                      std::any_of(relative.begin(), relative.end(),
                                  [](const fs::path& part) { return part == ".."; });
  if (leaves) {
    throw std::invalid_argument(
        fmt::format("results.json: samples.images: found \"{}\"; accepted: a path below the folder "
                    "of results.json",
                    one_line(text(name))));
  }
  return bytes_of(folder / relative);
}

std::string image_uri(const std::string& bytes, const json& name) {
  const char* const type = bytes.starts_with("\x89PNG")        ? "image/png"
                           : bytes.starts_with("\xff\xd8\xff") ? "image/jpeg"
                                                               : nullptr;
  if (type == nullptr) {
    throw std::invalid_argument("results.json: samples.images: \"" + one_line(text(name)) +
                                "\" is neither PNG nor JPEG");
  }
  return report::data_uri(type, bytes);
}

/// The pairs of a page, their identity, and which image of each is A's.
class Pairs {
 public:
  Pairs(fs::path folder, std::string row_a, std::string row_b)
      : folder_(std::move(folder)), row_a_(std::move(row_a)), row_b_(std::move(row_b)) {}

  /// Adds what cells of one seed have in common.
  void add(const json& a, const json& b) {
    const json& of_a = field(a, "samples");
    const json& of_b = field(b, "samples");
    const json &conditions = items(of_a, "conditions"), &other = items(of_b, "conditions");
    const size_t count = std::min(of_a["images"].size(), of_b["images"].size());
    for (size_t k = 0; k < count; ++k) {
      const json condition = k < conditions.size() ? conditions[k] : json();
      if (condition != (k < other.size() ? other[k] : json())) {
        throw std::invalid_argument(fmt::format(
            "--preference: sample {} of seed {} was drawn for different conditions: {} in \"{}\", "
            "{} in \"{}\". Only images of one condition are a pair.",
            k, text(field(a, "seed")), condition.dump(), one_line(row_a_),
            (k < other.size() ? other[k] : json()).dump(), one_line(row_b_)));
      }
      add_pair(field(a, "seed"), k, condition, of_a["images"][k], of_b["images"][k]);
    }
  }

  /// What the page's script reads. Of a pair the image of the lower hash is the first. `key` says
  /// whose that is only together with the digits of the page: it is not there to be read.
  json data() const {
    const std::string page = sha256(hashes_);
    std::string key;
    for (size_t i = 0; i < first_is_a_.size(); ++i) {
      const char digit = page[i % page.size()];
      const bool odd = ((digit <= '9' ? digit - '0' : digit - 'a' + 10) & 1) != 0;
      key += first_is_a_[i] != odd ? '1' : '0';
    }
    return {{"page_id", page}, {"a", row_a_}, {"b", row_b_}, {"key", key}, {"pairs", pairs_}};
  }

  bool empty() const { return pairs_.empty(); }

 private:
  void add_pair(const json& seed, size_t sample, const json& condition, const json& a,
                const json& b) {
    const std::string bytes_a = read_image(folder_, a), bytes_b = read_image(folder_, b);
    const std::string hash_a = sha256(bytes_a), hash_b = sha256(bytes_b);
    hashes_ += fmt::format("{} {} {} {}\n", text(seed), sample, hash_a, hash_b);
    const bool a_first = hash_a <= hash_b;
    first_is_a_.push_back(a_first);
    json images = {image_uri(bytes_a, a), image_uri(bytes_b, b)};
    if (!a_first) std::swap(images[0], images[1]);
    json pair = {{"seed", text(seed)}, {"sample", sample}, {"images", std::move(images)}};
    if (condition.is_string()) pair["condition"] = condition;
    if (condition.is_number()) pair["condition"] = "class " + condition.dump();
    pairs_.push_back(std::move(pair));
  }

  fs::path folder_;
  std::string row_a_, row_b_, hashes_;
  std::vector<bool> first_is_a_;
  json pairs_ = json::array();
};

/// JSON that can stand inside of a script element: nothing in it ends the element.
std::string inside_script(const json& value) {
  const std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  std::string escaped;
  for (const char c : text) escaped += c == '<' ? std::string("\\u003c") : std::string(1, c);
  return escaped;
}

}  // namespace

std::string render_preference_page(const json& results, const fs::path& folder,
                                   const std::string& row_a, const std::string& row_b) {
  const Layout layout = report::layout_of(results);
  const Group &a = find_row(layout, row_a), &b = find_row(layout, row_b);
  if (&a == &b) {
    throw std::invalid_argument(
        fmt::format("--preference: \"{}\" twice; name two rows to compare", one_line(row_a)));
  }
  const auto cells_a = cells_with_images(a), cells_b = cells_with_images(b);
  Pairs pairs(folder, row_a, row_b);
  for (const auto& [seed, cell] : cells_a) {
    if (const auto other = cells_b.find(seed); other != cells_b.end()) {
      pairs.add(*cell, *other->second);
    }
  }
  if (pairs.empty()) {
    throw std::invalid_argument(
        fmt::format("--preference: \"{}\" and \"{}\" have no seed in common, so no two of their "
                    "images were drawn alike",
                    one_line(row_a), one_line(row_b)));
  }
  const std::string body =
      fmt::format("{}<script type=\"application/json\" id=\"pairs\">{}</script>\n",
                  report::preference_body(), inside_script(pairs.data()));
  const std::string name = text(field(results, "name"));
  return report::html_page("Which image is better?" + (name.empty() ? "" : " " + name),
                           report::preference_style(), body, report::preference_script());
}

}  // namespace oar
