#include "datasets/web_shard.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "datasets/archive_reader.h"
#include "datasets/caption_template.h"
#include "datasets/image_names.h"
#include "datasets/utf8.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int64_t kMaxText = 1'000'000;  // bytes of a .cls, .txt or .json

void walk_tar(const fs::path& path,
              const std::function<void(const ArchiveEntry&, ArchiveReader&)>& on_file) {
  ArchiveReader reader(path, ArchiveFormat::kTar);
  while (const auto entry = reader.next()) {
    if (reader.packed()) {
      throw BadData(fmt::format(
          "{} is compressed, so no image in it can be read by itself; unpack it to a plain .tar "
          "(gunzip, unxz, zstd -d): images hardly compress",
          quoted(path)));
    }
    on_file(*entry, reader);
  }
}

/// A member's key and what follows it: "a.b/7.cls" is "a.b/7" and "cls".
std::pair<std::string, std::string> split_name(const std::string& path) {
  const size_t slash = path.rfind('/');
  const size_t dot = path.find('.', slash == std::string::npos ? 0 : slash + 1);
  if (dot == std::string::npos) return {path, ""};
  std::string kind = path.substr(dot + 1);
  std::transform(kind.begin(), kind.end(), kind.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return {path.substr(0, dot), std::move(kind)};
}

/// A sample while its members are collected.
struct Members {
  WebSample sample;
  std::string json_label, json_caption;
};

/// One shard while it is read.
class ShardReader {
 public:
  explicit ShardReader(const fs::path& path) : path_(path) {}

  WebShard read() {
    walk_tar(path_, [this](const ArchiveEntry& entry, ArchiveReader& reader) {
      if (!is_hidden(entry.path)) add(entry, reader);
    });
    for (auto& [key, members] : of_key_) {
      WebSample& sample = members.sample;
      if (sample.image.empty()) {
        ++shard_.other_files;
        continue;
      }
      if (sample.label.empty()) sample.label = members.json_label;
      if (sample.caption.empty()) sample.caption = members.json_caption;
      shard_.samples.push_back(std::move(sample));
    }
    return std::move(shard_);
  }

 private:
  void add(const ArchiveEntry& entry, ArchiveReader& reader) {
    const auto [key, kind] = split_name(entry.path);
    if (kind == "jpg" || kind == "jpeg" || kind == "png") {
      add_image(entry.path, of_key_[key].sample);
    } else if (kind == "cls") {
      of_key_[key].sample.label = text_of(entry, reader);
    } else if (kind == "txt") {
      of_key_[key].sample.caption = text_of(entry, reader);
    } else if (kind == "json") {
      add_json(entry, text_of(entry, reader), of_key_[key]);
    } else if (kind.find('.') == std::string::npos &&
               named_as(entry.path) == NamedAs::kForeignImage) {
      shard_.rejected.push_back({as_utf8(entry.path), foreign_image_reason(entry.path)});
    } else {
      ++shard_.other_files;
    }
  }

  void add_image(const std::string& path, WebSample& sample) {
    if (as_utf8(path) != path) {
      shard_.rejected.push_back({as_utf8(path), "its name is not UTF-8; rename it"});
    } else if (!sample.image.empty()) {
      shard_.rejected.push_back(
          {path, fmt::format("its sample has an image already, \"{}\"", sample.image)});
    } else {
      sample.image = path;
    }
  }

  void add_json(const ArchiveEntry& entry, const std::string& text, Members& members) const {
    const json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!value.is_object()) refuse(entry, "it is no JSON object");
    const auto text_or_number = [&value](const char* name) -> std::string {
      const auto found = value.find(name);
      if (found == value.end()) return "";
      if (found->is_string()) return single_spaced(found->get<std::string>());
      return found->is_number_unsigned() ? found->dump() : "";
    };
    members.json_label = text_or_number("label");
    members.json_caption = text_or_number("caption");
  }

  std::string text_of(const ArchiveEntry& entry, ArchiveReader& reader) const {
    if (entry.size > kMaxText) refuse(entry, fmt::format("it has more than {} bytes", kMaxText));
    const std::vector<std::byte> bytes = reader.read_all();
    return single_spaced(
        as_utf8(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())));
  }

  [[noreturn]] void refuse(const ArchiveEntry& entry, const std::string& why) const {
    throw BadData(fmt::format("{}: \"{}\" is no label or caption: {}; make the shard again",
                              quoted(path_), as_utf8(entry.path), why));
  }

  const fs::path& path_;
  std::map<std::string, Members> of_key_;
  WebShard shard_;
};

}  // namespace

WebShard read_web_shard(const fs::path& path) { return ShardReader(path).read(); }

std::unordered_map<std::string, TarPlace> places_in_tar(const fs::path& path) {
  std::unordered_map<std::string, TarPlace> places;
  walk_tar(path, [&places](const ArchiveEntry& entry, ArchiveReader&) {
    places.try_emplace(entry.path, TarPlace{entry.offset, entry.size});
  });
  return places;
}

}  // namespace oar
