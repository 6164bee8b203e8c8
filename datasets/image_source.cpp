#include "datasets/image_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>
#include <system_error>

#include "datasets/image_file.h"
#include "datasets/image_source_kinds.h"
#include "datasets/utf8.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using namespace std::string_view_literals;

constexpr std::string_view kAccepted =
    "give a folder of .jpg, .jpeg and .png files, a text file that lists such files, a .tar (also "
    ".tar.gz, .tar.xz, .tar.zst) or .zip of them, or a .npz or .npy with an array uint8 [N, H, W, "
    "3]";
constexpr size_t kStart = 1 << 16;  // bytes that decide what a file is

[[noreturn]] void refuse(const fs::path& path, std::string_view found) {
  throw BadData(fmt::format("{} {}; {}", quoted(path), found, kAccepted));
}

std::string start_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string start(kStart, '\0');
  file.read(start.data(), kStart);
  if (file.bad() || (!file && !file.eof())) {
    throw BadData(fmt::format("cannot read {}; check its permissions", quoted(path)));
  }
  start.resize(file.gcount());
  return start;
}

bool is_tar(std::string_view start, const fs::path& path) {
  constexpr std::array kCompressed = {"\x1F\x8B"sv, "\xFD\x37zXZ\0"sv, "\x28\xB5\x2F\xFD"sv};
  const bool compressed = std::any_of(kCompressed.begin(), kCompressed.end(),
                                      [&](auto magic) { return start.starts_with(magic); });
  const bool posix = start.size() > 262 && start.substr(257, 5) == "ustar";
  return compressed || posix || path.extension() == ".tar";  // tars before POSIX have no magic
}

bool is_text(std::string_view start) {
  const auto is_control = [](unsigned char c) { return c < ' ' && (c < '\t' || c > '\r'); };
  return std::none_of(start.begin(), start.end(), is_control);
}

bool is_image(std::string_view start) {
  return start.starts_with("\xFF\xD8") || start.starts_with("\x89PNG");
}

}  // namespace

std::string counted(int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

void read_image_file(const fs::path& path, SourceImage& image) {
  try {
    if (!fs::is_regular_file(path)) {
      image.unreadable = fs::exists(path) ? "is not a regular file" : "there is no such file";
    } else if (fs::file_size(path) > static_cast<uintmax_t>(kMaxImageBytes)) {
      image.unreadable = fmt::format("larger than {} MB", kMaxImageBytes / 1'000'000);
    } else {
      image.bytes = read_bytes(path);
    }
  } catch (const std::system_error& error) {  // fs::filesystem_error is one too
    image.unreadable = fmt::format("cannot be read: {}", error.code().message());
  }
}

std::unique_ptr<ImageSource> open_image_source(const fs::path& path, const SourceOptions& options) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) refuse(path, "does not exist");
  if (error) {
    throw BadData(
        fmt::format("cannot read {}: {}; check its permissions", quoted(path), error.message()));
  }
  if (fs::is_directory(status)) return open_folder(path, options);
  if (!fs::is_regular_file(status)) refuse(path, "is neither a file nor a folder");

  const std::string start = start_of(path);
  if (start.empty()) refuse(path, "is an empty file");
  if (start.starts_with("\x93NUMPY")) return open_npy(path);
  if (start.starts_with("PK\3\4") || start.starts_with("PK\5\6")) return open_zip(path);
  if (is_tar(start, path)) return open_tar(path);
  if (is_image(start)) refuse(path, "is a single image");
  if (is_text(start)) return open_list(path);
  refuse(path, "is none of the files that are read");
}

}  // namespace oar
