#include "datasets/npy_header.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "datasets/utf8.h"

namespace oar {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kMaxText = 1 << 16;  // bytes; only records of many fields need more
constexpr size_t kMaxDimensions = 64;
constexpr int64_t kMaxElements = int64_t{1} << 59;  // times 8 bytes is 2^62
constexpr size_t kAlignment = 64;

struct Type {
  std::string_view descr;
  torch::ScalarType dtype;
};
constexpr std::array<Type, 5> kTypes = {{{"<f4", torch::kFloat32},
                                         {"<f8", torch::kFloat64},
                                         {"|u1", torch::kUInt8},
                                         {"<i4", torch::kInt32},
                                         {"<i8", torch::kInt64}}};

/// Reads the dictionary {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } by hand: no
/// nesting, so nothing in it can be deep.
class HeaderText {
 public:
  HeaderText(std::string_view text, const std::string& where) : rest_(text), where_(where) {}

  NpyHeader parse() {
    NpyHeader header;
    std::vector<std::string> keys;
    expect("{");
    while (!take("}")) {
      const std::string key = quoted_word();
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) refuse("a key comes twice");
      keys.push_back(key);
      expect(":");
      parse_value(key, header);
      if (!take(",")) {
        expect("}");
        break;
      }
    }
    skip_blanks();
    if (!rest_.empty()) refuse("there is more text after the dictionary");
    if (keys.size() != 3) refuse("descr, fortran_order and shape are needed");
    return header;
  }

 private:
  [[noreturn]] void refuse(std::string_view why) const {
    throw BadData(fmt::format("{}: broken .npy header: {}", where_, why));
  }

  void parse_value(std::string_view key, NpyHeader& header) {
    if (key == "descr") {
      header.descr = descr();
    } else if (key == "fortran_order") {
      header.fortran_order = take("True");
      if (!header.fortran_order) expect("False");
    } else if (key == "shape") {
      header.shape = shape();
    } else {
      refuse("an unknown key");
    }
  }

  void skip_blanks() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
  }

  bool take(std::string_view text) {
    skip_blanks();
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  void expect(std::string_view text) {
    if (!take(text)) refuse(fmt::format("no {} where one should be", text));
  }

  std::string quoted_word() {
    const std::string_view quote = take("\"") ? "\"" : "'";
    if (quote == "'") expect("'");
    const size_t length = rest_.find(quote);
    if (length == std::string_view::npos) refuse("a quote is not closed");
    const std::string word(rest_.substr(0, length));
    rest_.remove_prefix(length + 1);
    return word;
  }

  std::string descr() {
    skip_blanks();
    if (rest_.starts_with('[') || rest_.starts_with('(')) {
      throw BadData(
          fmt::format("{}: its elements are records of several types; store each field "
                      "as an array of its own",
                      where_));
    }
    return quoted_word();
  }

  std::vector<int64_t> shape() {
    std::vector<int64_t> shape;
    int64_t elements = 1;  // empty dimensions count as 1: strides have to fit all the same
    expect("(");
    while (!take(")")) {
      shape.push_back(dimension());
      const int64_t factor = std::max<int64_t>(shape.back(), 1);
      if (shape.size() > kMaxDimensions || factor > kMaxElements / elements) {
        refuse("its shape is larger than any array");
      }
      elements *= factor;
      if (!take(",")) {
        expect(")");
        break;
      }
    }
    return shape;
  }

  int64_t dimension() {
    skip_blanks();
    int64_t value = 0;
    size_t digits = 0;
    for (; digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9'; ++digits) {
      if (value > kMaxElements) refuse("its shape is larger than any array");
      value = value * 10 + (rest_[digits] - '0');
    }
    if (digits == 0) refuse("no whole number where a dimension should be");
    rest_.remove_prefix(digits);
    return value;
  }

  std::string_view rest_;
  const std::string& where_;
};

/// Reads exactly this many bytes.
std::string take_bytes(const ByteSource& source, size_t count, const std::string& where) {
  std::string bytes(count, '\0');
  if (source(std::as_writable_bytes(std::span(bytes))) != count) {
    throw BadData(fmt::format("{}: it ends within its .npy header", where));
  }
  return bytes;
}

size_t little_endian(std::string_view bytes) {
  size_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    value |= size_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return value;
}

}  // namespace

std::string NpyHeader::text() const {
  return fmt::format("{} [{}]", as_utf8(descr), fmt::join(shape, ", "));
}

torch::ScalarType NpyHeader::dtype(const std::string& where) const {
  for (const Type& type : kTypes) {
    if (type.descr == descr) return type.dtype;
  }
  std::string why = "is not read";
  if (descr.find('O') != std::string::npos) {
    why = "holds Python objects, which are pickled: loading them would run code";
  } else if (descr.starts_with('>')) {
    why = "is big-endian; store it little-endian";
  }
  throw BadData(
      fmt::format("{}: type {} {}; known: <f4, <f8, |u1, <i4, <i8", where, as_utf8(descr), why));
}

int64_t NpyHeader::data_bytes(const std::string& where) const {
  auto bytes = static_cast<int64_t>(torch::elementSize(dtype(where)));
  for (const int64_t dimension : shape) bytes *= dimension;
  return bytes;
}

NpyHeader read_npy_header(const ByteSource& source, const std::string& where) {
  const std::string start = take_bytes(source, kMagic.size() + 2, where);
  if (!start.starts_with(kMagic)) throw BadData(where + ": it does not start as a .npy file does");
  const int version = static_cast<unsigned char>(start[kMagic.size()]);
  if (version < 1 || version > 3) {
    throw BadData(
        fmt::format("{}: version {} of the .npy format; 1 to 3 are read", where, version));
  }
  const size_t length_bytes = version == 1 ? 2 : 4;
  const size_t length = little_endian(take_bytes(source, length_bytes, where));
  if (length > kMaxText) {
    throw BadData(fmt::format("{}: broken .npy header: {} bytes long; at most {} are read", where,
                              length, kMaxText));
  }
  NpyHeader header = HeaderText(take_bytes(source, length, where), where).parse();
  header.size = static_cast<int64_t>(start.size() + length_bytes + length);
  return header;
}

std::vector<std::byte> make_npy_header(torch::ScalarType dtype, at::IntArrayRef shape) {
  const auto type = std::find_if(kTypes.begin(), kTypes.end(),
                                 [dtype](const Type& known) { return known.dtype == dtype; });
  TORCH_CHECK(type != kTypes.end(), "arrays of ", dtype, " are not written as .npy");
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}",
                                 type->descr, fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
  const size_t front = kMagic.size() + 4;
  text.append(kAlignment - (front + text.size() + 1) % kAlignment, ' ').push_back('\n');
  std::string bytes(kMagic);
  bytes += {'\1', '\0', static_cast<char>(text.size() & 255), static_cast<char>(text.size() >> 8)};
  bytes += text;
  const auto view = std::as_bytes(std::span(bytes));
  return {view.begin(), view.end()};
}

}  // namespace oar
