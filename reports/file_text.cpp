#include "reports/file_text.h"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

namespace oar {

std::string bytes_of(const std::filesystem::path& file) {
  const auto fail = [&] {
    throw std::system_error(errno != 0 ? errno : EIO, std::generic_category(),
                            "cannot read " + file.string());
  };
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in) fail();
  std::string bytes;
  try {
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  } catch (const std::ios_base::failure&) {  // libstdc++, of a folder
    fail();
  }
  if (in.bad()) fail();
  return bytes;
}

std::optional<std::string> content_of(const std::filesystem::path& file) try {
  return bytes_of(file);
} catch (const std::system_error&) {
  return std::nullopt;
}

}  // namespace oar
