#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <system_error>
#include <utility>

#include "datasets/image_file.h"
#include "datasets/image_source_kinds.h"
#include "datasets/utf8.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxLine = 4096;  // bytes, as long as Linux lets a path be

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\v\f";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

class ListSource : public ImageSource {
 public:
  explicit ListSource(const fs::path& path) : path_(path) {
    description_ = "list " + quoted(path);
    std::vector<std::byte> bytes;
    try {
      bytes = read_bytes(path);
    } catch (const std::system_error& error) {
      throw BadData(error.what());
    }
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // byte-order mark
    for (int64_t line = 1; !text.empty(); ++line) {
      const size_t length = std::min(text.find('\n'), text.size());
      add(line, trimmed(text.substr(0, length)));
      text.remove_prefix(std::min(length + 1, text.size()));
    }
    refuse_if_no_list();
  }

  void read(const std::function<void(SourceImage)>& visit) const override {
    for (int64_t rank = 0; rank < count(); ++rank) {
      SourceImage image;
      image.rank = rank;
      image.name = names_[rank];
      read_image_file(files_[rank], image);
      visit(std::move(image));
    }
  }

 private:
  [[noreturn]] void refuse(int64_t line, const std::string& why) const {
    throw BadData(fmt::format("{}, line {}: {}", quoted(path_), line, why));
  }

  void add(int64_t line, std::string_view entry) {
    if (entry.empty() || entry.starts_with('#')) return;
    if (entry.size() > kMaxLine || entry.find('\0') != std::string_view::npos) {
      refuse(line, "no path of a file; a list holds one on each line");
    }
    const fs::path file = (path_.parent_path() / entry).lexically_normal();
    const auto [first, is_new] = first_line_.emplace(file.string(), line);
    if (!is_new) {
      refuse(line,
             fmt::format("\"{}\" is listed on line {} already, and would weigh twice in every "
                         "number; list each image once",
                         as_utf8(entry), first->second));
    }
    std::error_code ignored;
    const fs::file_status status = fs::status(file, ignored);
    if (fs::is_directory(status)) {
      refuse(line, fmt::format("\"{}\" is a folder; list its files, or give the folder itself",
                               as_utf8(entry)));
    }
    if (fs::exists(status)) ++existing_;
    files_.push_back(file);
    names_.push_back(as_utf8(entry));
  }

  void refuse_if_no_list() {
    if (files_.empty()) {
      throw BadData(
          fmt::format("{} lists no files; write the path of an image on each line", quoted(path_)));
    }
    if (existing_ > 0) return;
    throw BadData(fmt::format(
        "{} is text, but none of its {} names a file, such as \"{}\"; paths are relative to the "
        "list's folder",
        quoted(path_), counted(count(), "line"), names_.front()));
  }

  fs::path path_;
  std::vector<fs::path> files_;
  std::map<std::string, int64_t> first_line_;  ///< of each file
  int64_t existing_ = 0;
};

}  // namespace

std::unique_ptr<ImageSource> open_list(const fs::path& path) {
  return std::make_unique<ListSource>(path);
}

}  // namespace oar
