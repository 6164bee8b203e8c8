#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/weights/zip_directory.h"

namespace oar {

/// `value` in `size` little-endian bytes.
inline std::string little(uint64_t value, int size) {
  std::string out;
  for (int i = 0; i < size; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

/// The bytes of values as they lie in memory.
template <typename T>
std::string raw(std::initializer_list<T> values) {
  std::string out(values.size() * sizeof(T), '\0');
  if (values.size() > 0) std::memcpy(out.data(), values.begin(), out.size());
  return out;
}

inline std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// Pickle opcodes of protocol 2 as text, so that a test shows what a file says.
namespace pickle {

using namespace std::string_literals;

inline std::string program(const std::string& body) { return "\x80\x02"s + body + "."; }
inline std::string text(std::string_view s) { return "X"s + little(s.size(), 4) + std::string(s); }
inline std::string integer(int64_t value) { return "\x8a\x08"s + little(value, 8); }
inline std::string none() { return "N"; }
inline std::string global(const std::string& module, const std::string& name) {
  return "c"s + module + "\n" + name + "\n";
}
inline std::string put(int index) { return "q"s + little(index, 1); }
inline std::string get(int index) { return "h"s + little(index, 1); }

template <typename... Items>
std::string tuple(const Items&... items) {
  return "("s + (""s + ... + items) + "t";
}
template <typename... Items>
std::string list(const Items&... items) {
  return "]("s + (""s + ... + items) + "e";
}
template <typename... Items>
std::string dict(const Items&... keys_and_values) {
  return "}("s + (""s + ... + keys_and_values) + "u";
}
inline std::string ordered_dict() { return global("collections", "OrderedDict") + ")R"; }

/// One call: a callee and a tuple of arguments.
inline std::string call(const std::string& callee, const std::string& arguments) {
  return callee + arguments + "R";
}

inline std::string integers(const std::vector<int64_t>& values) {
  std::string out = "(";
  for (const int64_t value : values) out += integer(value);
  return out + "t";
}

/// A storage as torch's persistent id: the zip container has five fields, the old one six.
inline std::string storage(const std::string& type, const std::string& key, int64_t count,
                           bool old_container = false) {
  return "("s + text("storage") + global("torch", type) + text(key) + text("cpu") + integer(count) +
         (old_container ? none() : "") + "tQ";
}

inline std::string tensor(const std::string& storage, int64_t offset,
                          const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides) {
  return call(global("torch._utils", "_rebuild_tensor_v2"),
              "(" + storage + integer(offset) + integers(sizes) + integers(strides) + "\x89" +
                  ordered_dict() + "t");
}

}  // namespace pickle

/// Files of a zip archive, stored, in this order. `zip64`: sizes and places as torch writes large
/// ones.
inline std::string zip(const std::vector<std::pair<std::string, std::string>>& files,
                       bool zip64 = false, uint16_t method = 0) {
  std::string out, directory;
  const std::string fixed = little(20, 2) + little(0, 2) + little(method, 2) + little(0, 4);
  for (const auto& [name, content] : files) {
    const std::string crc = little(crc32(as_bytes(content)), 4);
    const std::string sizes = little(content.size(), 4) + little(content.size(), 4);
    const size_t offset = out.size();
    out += "PK\x03\x04" + fixed + crc + sizes + little(name.size(), 2) + little(0, 2) + name;
    out += content;
    const std::string extra = little(1, 2) + little(24, 2) + little(content.size(), 8) +
                              little(content.size(), 8) + little(offset, 8);
    directory += "PK\x01\x02" + little(20, 2) + fixed + crc + (zip64 ? little(~0ull, 8) : sizes) +
                 little(name.size(), 2) + little(zip64 ? extra.size() : 0, 2) + little(0, 2) +
                 little(0, 8) + (zip64 ? little(~0ull, 4) : little(offset, 4)) + name +
                 (zip64 ? extra : "");
  }
  const size_t begin = out.size();
  out += directory;
  if (zip64) {
    const size_t end = out.size();
    out += "PK\x06\x06" + little(44, 8) + little(45, 2) + little(45, 2) + little(0, 8) +
           little(files.size(), 8) + little(files.size(), 8) + little(directory.size(), 8) +
           little(begin, 8);
    out += "PK\x06\x07" + little(0, 4) + little(end, 8) + little(1, 4);
  }
  out += "PK\x05\x06" + little(0, 4) + little(zip64 ? 0xffff : files.size(), 2) +
         little(zip64 ? 0xffff : files.size(), 2) + little(zip64 ? ~0ull : directory.size(), 4) +
         little(zip64 ? ~0ull : begin, 4) + little(0, 2);
  return out;
}

/// A file of torch.save since 1.6.
inline std::string torch_zip(const std::string& program,
                             const std::vector<std::pair<std::string, std::string>>& storages,
                             bool zip64 = false) {
  std::vector<std::pair<std::string, std::string>> files = {{"archive/data.pkl", program},
                                                            {"archive/byteorder", "little"}};
  for (const auto& [key, bytes] : storages) files.emplace_back("archive/data/" + key, bytes);
  files.emplace_back("archive/version", "3\n");
  return zip(files, zip64);
}

/// A file of torch.save before 1.6; each storage is its key, element count and bytes.
struct OldStorage {
  std::string key;
  int64_t count;
  std::string bytes;
};
inline std::string torch_stream(const std::string& program,
                                const std::vector<OldStorage>& storages) {
  std::string out = pickle::program("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19") +
                    pickle::program(pickle::integer(1001)) +
                    pickle::program(pickle::dict(pickle::text("little_endian"), "\x88")) + program;
  std::string keys = "](";
  for (const auto& storage : storages) keys += pickle::text(storage.key);
  out += pickle::program(keys + "e");
  for (const auto& storage : storages) out += little(storage.count, 8) + storage.bytes;
  return out;
}

/// A safetensors file of this header and data, with the header's length before it.
inline std::string safetensors(const std::string& header, const std::string& data) {
  return little(header.size(), 8) + header + data;
}

/// A folder of its own, removed with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "oar-weights-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace oar
