#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/archive_reader.h"
#include "tests/datasets/test_folder.h"

namespace oar {

/// One entry of an archive that a test makes.
struct TestEntry {
  std::string path;
  Bytes content;
  int type = AE_IFREG;
  std::string link_to = "";  ///< of AE_IFLNK
  bool hard_link = false;    ///< to link_to
};

inline Bytes bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

inline TestEntry picture_entry(const std::string& path, int variant = 0) {
  return {path, encode(make_picture(20, 16, variant), path.ends_with(".png") ? ".png" : ".jpg")};
}

/// An archive of these entries in their order. `kind` is "zip", "zip stored", "zip encrypted", or
/// "tar" with one of libarchive's filters: "tar", "tar gzip", "tar xz", "tar zstd".
inline Bytes make_archive(const std::string& kind, const std::vector<TestEntry>& entries) {
  const auto check = [](int result) {
    if (result != ARCHIVE_OK) throw std::logic_error("the archive of the test cannot be made");
  };
  const Utf8Names names;
  Bytes bytes(1 << 20);
  size_t used = 0;
  const std::unique_ptr<archive, decltype(&archive_write_free)> out(archive_write_new(),
                                                                    archive_write_free);
  if (kind.starts_with("zip")) {
    check(archive_write_set_format_zip(out.get()));
    if (kind == "zip stored") check(archive_write_zip_set_compression_store(out.get()));
    if (kind == "zip encrypted") {
      check(archive_write_set_options(out.get(), "zip:encryption=traditional"));
      check(archive_write_set_passphrase(out.get(), "secret"));
    }
  } else {
    check(archive_write_set_format_pax_restricted(out.get()));
    if (kind != "tar") check(archive_write_add_filter_by_name(out.get(), kind.substr(4).c_str()));
  }
  check(archive_write_set_bytes_in_last_block(out.get(), 1));
  check(archive_write_open_memory(out.get(), bytes.data(), bytes.size(), &used));
  for (const TestEntry& entry : entries) {
    const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> about(archive_entry_new(),
                                                                              archive_entry_free);
    archive_entry_set_pathname(about.get(), entry.path.c_str());
    archive_entry_set_filetype(about.get(), entry.type);
    archive_entry_set_perm(about.get(), 0644);
    archive_entry_set_size(about.get(), std::ssize(entry.content));
    if (entry.type == AE_IFLNK) archive_entry_set_symlink(about.get(), entry.link_to.c_str());
    if (entry.hard_link) archive_entry_set_hardlink(about.get(), entry.link_to.c_str());
    check(archive_write_header(out.get(), about.get()));
    if (!entry.content.empty()) {
      archive_write_data(out.get(), entry.content.data(), entry.content.size());
    }
  }
  check(archive_write_close(out.get()));
  bytes.resize(used);
  return bytes;
}

/// Makes the first entry of a zip say that it is of another size, both before it and in the list at
/// the end.
inline void set_zip_size(Bytes& zip, uint32_t size) {
  for (const size_t place : {find_bytes(zip, "PK\3\4") + 22, find_bytes(zip, "PK\1\2") + 24}) {
    for (int i = 0; i < 4; ++i) zip[place + i] = std::byte(size >> (8 * i) & 255);
  }
}

}  // namespace oar
