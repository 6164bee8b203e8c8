#include "harness/data/image_contents.h"

#include <fmt/format.h>

#include <charconv>
#include <cstddef>
#include <filesystem>
#include <mutex>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <span>
#include <string_view>
#include <system_error>

#include "datasets/decoded_image.h"
#include "datasets/image_file.h"
#include "datasets/parallel.h"
#include "datasets/sha256.h"
#include "datasets/stored_images.h"
#include "datasets/web_shard.h"
#include "harness/stages/recipe_parts.h"

namespace oar {
namespace {

ContentHash hash_from_hex(std::string_view hex) {
  ContentHash hash;
  for (size_t i = 0; i < hash.size(); ++i) {
    std::from_chars(hex.data() + 2 * i, hex.data() + 2 * i + 2, hash[i], 16);
  }
  return hash;
}

ContentHash content_hash(std::span<const std::byte> file) {
  const cv::Mat bgr = decode_bgr(file);
  cv::Mat rgb;
  cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
  const auto pixels = std::as_bytes(std::span(rgb.ptr<uint8_t>(), rgb.total() * rgb.elemSize()));
  return hash_from_hex(sha256_hex(fmt::format("{}x{} {}", rgb.cols, rgb.rows, sha256_hex(pixels))));
}

/// The bytes of a data set's images, which are files unless they lie in archives.
ReadImage reader_of(const DatasetConfig& config) {
  if (config.name == "webdataset") return web_image_reader(config.root);
  return [root = config.root](const ImageRecord& image) { return read_bytes(root / image.file); };
}

}  // namespace

std::string hex_text(const ContentHash& hash) {
  std::string text;
  for (const uint8_t byte : hash) text += fmt::format("{:02x}", byte);
  return text;
}

ImageContents read_contents(const DatasetConfig& config, const DatasetIndex& index, int64_t threads,
                            const ScanProgress& progress) {
  const auto count = static_cast<int64_t>(index.images.size());
  ImageContents contents;
  contents.hashes.resize(index.images.size());
  if (is_generated(config.name)) {
    for (size_t i = 0; i < index.images.size(); ++i) {
      contents.hashes[i] = hash_from_hex(index.images[i].sha256);
    }
    return contents;
  }
  const ReadImage read = reader_of(config);
  std::mutex mutex;
  int64_t done = 0;
  std::vector<std::string> reasons(index.images.size());
  parallel_for(count, threads, [&](int64_t i) {
    try {
      contents.hashes[i] = content_hash(read(index.images[i]));
    } catch (const BrokenImage& error) {
      reasons[i] = error.what();
    } catch (const std::system_error& error) {
      reasons[i] = fmt::format("cannot be read: {}", error.code().message());
    }
    const std::lock_guard lock(mutex);
    if (progress) progress(++done, count);
  });
  for (size_t i = 0; i < index.images.size(); ++i) {
    if (!reasons[i].empty()) contents.broken.push_back({index.images[i].file, reasons[i]});
  }
  return contents;
}

}  // namespace oar
