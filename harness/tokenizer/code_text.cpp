#include "harness/tokenizer/code_text.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <span>
#include <string_view>
#include <vector>

#include "datasets/dataset.h"
#include "datasets/image_file.h"
#include "datasets/utf8.h"

namespace oar {
namespace {

constexpr std::string_view kBlanks = " \t\r";
constexpr size_t kMostShown = 20;  // characters of what is no code

/// The words of a line.
std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (size_t begin = line.find_first_not_of(kBlanks); begin != std::string_view::npos;) {
    const size_t end = std::min(line.find_first_of(kBlanks, begin), line.size());
    words.push_back(line.substr(begin, end - begin));
    begin = line.find_first_not_of(kBlanks, end);
  }
  return words;
}

}  // namespace

std::string code_text(const torch::Tensor& codes) {
  const torch::Tensor rows = codes.to(torch::kLong).cpu().contiguous();
  std::string text;
  for (int64_t row = 0; row < rows.size(0); ++row) {
    for (int64_t col = 0; col < rows.size(1); ++col) {
      text += fmt::format("{}{}", col == 0 ? "" : " ", rows[row][col].item<int64_t>());
    }
    text += "\n";
  }
  return text;
}

torch::Tensor read_codes(const std::filesystem::path& file, int64_t codebook_size) {
  const std::vector<std::byte> bytes = read_bytes(file);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::vector<int64_t> codes;
  int64_t rows = 0, cols = 0, line = 0;
  const auto refuse = [&](const std::string& found, const std::string& accepted) {
    throw BadData(
        fmt::format("{}:{}: found {}; accepted: {}", file.string(), line, found, accepted));
  };
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::vector<std::string_view> words = words_of(text.substr(begin, end - begin));
    begin = end + 1;
    ++line;
    if (words.empty()) continue;
    if (rows > 0 && std::ssize(words) != cols) {
      refuse(fmt::format("{} codes", words.size()),
             fmt::format("{}, as in the rows before: a line is a row of patches", cols));
    }
    for (const std::string_view word : words) {
      int64_t code = -1;
      const auto [rest, error] = std::from_chars(word.data(), word.data() + word.size(), code);
      if (error != std::errc() || rest != word.data() + word.size() || code < 0 ||
          code >= codebook_size) {
        refuse("\"" + as_utf8(std::string(word.substr(0, kMostShown))) + "\"",
               fmt::format("codes 0 to {}", codebook_size - 1));
      }
      codes.push_back(code);
    }
    cols = std::ssize(words);
    ++rows;
  }
  if (rows == 0) refuse("no code", "a line of codes for each row of patches");
  torch::Tensor grid = at::empty({rows, cols}, torch::kLong);
  std::copy(codes.begin(), codes.end(), grid.data_ptr<int64_t>());
  return grid;
}

}  // namespace oar
