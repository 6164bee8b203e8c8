#pragma once

#include <fmt/format.h>

#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "tests/fuzz/seed_file.h"
#include "tests/models/weights/pickle_bytes.h"

namespace oar {
namespace seeds {

/// One entry of a tar archive: its header, its content, and zeros up to a whole record. `size` is
/// what the header says.
inline std::string tar_entry(const std::string& name, const std::string& content, char type = '0',
                             const std::string& link = "", int64_t size = -1) {
  std::string header(512, '\0');
  const auto put = [&](size_t at, const std::string& text) {
    header.replace(at, text.size(), text);
  };
  put(0, name);
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, fmt::format("{:011o}", size < 0 ? std::ssize(content) : size));
  put(136, "00000000000");
  put(148, std::string(8, ' '));
  put(156, std::string(1, type));
  put(157, link);
  put(257, std::string("ustar\00000", 8));
  const int sum = std::accumulate(header.begin(), header.end(), 0, [](int total, char c) {
    return total + static_cast<unsigned char>(c);
  });
  put(148, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  return header + content + std::string((512 - content.size() % 512) % 512, '\0');
}

inline std::string tar(const std::string& entries) { return entries + std::string(1024, '\0'); }

/// numpy's array of two images of one pixel.
inline std::string two_pixels(const std::string& shape = "(2, 1, 1, 3)") {
  std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': " + shape + ", }";
  header += std::string((64 - (10 + header.size() + 1) % 64) % 64, ' ') + "\n";
  return "\x93NUMPY" + std::string("\1\0", 2) + little(header.size(), 2) + header + "abcdef";
}

}  // namespace seeds

/// Archives as they should be, and those that lie about sizes, climb out, or link elsewhere.
/// The refusal is that of the reader of their format, entry by entry.
inline std::vector<SeedFile> archive_seeds() {
  using namespace seeds;
  const auto one = [](const std::string& name) { return tar(tar_entry(name, "abc")); };
  return {
      {"tar_plain",
       tar(tar_entry("a/", "", '5') + tar_entry("a/b.png", "png") + tar_entry("c.txt", "text")),
       ""},
      {"tar_empty", tar(""), ""},
      {"tar_hidden", one(".hidden.png"), ""},
      {"tar_dots", one("./a/./b.jpg"), ""},
      {"tar_not_utf8", one("\xff.png"), ""},
      {"tar_twice", tar(tar_entry("a.png", "1") + tar_entry("a.png", "2")), ""},
      {"tar_climbs", one("../../etc/passwd.png"), "leads out of the archive"},
      {"tar_climbs_inside", one("a/../../b.png"), "leads out of the archive"},
      {"tar_absolute", one("/etc/passwd.png"), "leads out of the archive"},
      {"tar_link", tar(tar_entry("a.png", "", '2', "/etc/passwd")), "it is a link"},
      {"tar_hard_link", tar(tar_entry("a.png", "", '1', "/etc/passwd")), "it is a link"},
      {"tar_device", tar(tar_entry("a.png", "", '3')), "device"},
      {"tar_pipe", tar(tar_entry("a.png", "", '6')), "device"},
      {"tar_long_size", tar(tar_entry("a.png", "abc", '0', "", 0777777777LL)), "unpacks to more"},
      {"tar_cut_off", tar_entry("a.png", "abc"), "cut off"},
      {"zip_plain", zip({{"a/b.png", "png"}, {"c.txt", "text"}}), ""},
      {"zip_climbs", zip({{"../../a.png", "png"}}), "leads out of the archive"},
      {"zip_absolute", zip({{"/etc/a.png", "png"}}), "leads out of the archive"},
      {"zip_twice", zip({{"a.png", "1"}, {"a.png", "2"}}), ""},
      {"npz_plain", zip({{"arr_0.npy", two_pixels()}}), ""},
      {"npz_huge", zip({{"arr_0.npy", two_pixels("(9223372036854775807, 64, 64, 3)")}}), ""},
      {"npz_negative", zip({{"arr_0.npy", two_pixels("(-1, 1, 1, 3)")}}), ""},
  };
}

}  // namespace oar
