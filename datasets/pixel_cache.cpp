#include "datasets/pixel_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <torch/types.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

#include "datasets/parallel.h"
#include "datasets/sha256.h"
#include "datasets/square.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

constexpr int kVersion = 1;  // raised when the same settings give other pixels
constexpr char kExtension[] = ".pixels";
constexpr int64_t kChecksumBytes = 8;

/// 64 bits over bytes, eight at a time; not against forgery. Never 0, which a hole in a file reads.
uint64_t checksum(const uint8_t* bytes, size_t size, uint64_t start) {
  uint64_t sum = start ^ size;
  const auto take = [&sum](uint64_t word) {
    sum = (sum ^ word) * 0x9e3779b97f4a7c15ULL;
    sum ^= sum >> 29;
  };
  for (; size >= 8; bytes += 8, size -= 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes, 8);
    take(word);
  }
  uint64_t rest = 0;
  std::memcpy(&rest, bytes, size);
  take(rest);
  return sum == 0 ? 1 : sum;
}

/// Bytes that a file takes on disk: holes take none.
int64_t bytes_on_disk(const fs::path& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 ? int64_t{found.st_blocks} * 512 : 0;
}

struct OtherFile {
  fs::file_time_type used;
  fs::path path;
  int64_t bytes = 0;
};

std::vector<OtherFile> other_files(const fs::path& folder, const fs::path& own) {
  std::vector<OtherFile> others;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != kExtension || entry.path() == own) continue;
    std::error_code vanished;  // by another process that makes room
    const auto used = entry.last_write_time(vanished);
    if (!vanished) others.push_back({used, entry.path(), bytes_on_disk(entry.path())});
  }
  std::sort(others.begin(), others.end(),
            [](const OtherFile& a, const OtherFile& b) { return a.used < b.used; });
  return others;
}

/// Bytes that the file `own` may grow to, once the least recently used others are gone.
int64_t make_room(const PixelCacheConfig& config, const fs::path& own, int64_t wanted) {
  std::vector<OtherFile> others = other_files(config.folder, own);
  int64_t taken = 0;
  for (const OtherFile& other : others) taken += other.bytes;
  const auto free = static_cast<int64_t>(fs::space(config.folder).available);
  const int64_t limit = std::min(config.max_bytes, taken + bytes_on_disk(own) + free / 2);
  const int64_t granted = std::min(wanted, limit);
  for (const OtherFile& other : others) {
    if (taken + granted <= limit) break;
    std::error_code vanished;
    fs::remove(other.path, vanished);
    taken -= other.bytes;
  }
  return granted;
}

/// Reads all of it; false at a hole's end or on an error.
bool read_at(int file, uint8_t* bytes, int64_t size, int64_t offset) {
  while (size > 0) {
    const ssize_t got = ::pread(file, bytes, static_cast<size_t>(size), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes += got;
    size -= got;
    offset += got;
  }
  return true;
}

bool write_at(int file, const uint8_t* bytes, int64_t size, int64_t offset) {
  while (size > 0) {
    const ssize_t done = ::pwrite(file, bytes, static_cast<size_t>(size), offset);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes += done;
    size -= done;
    offset += done;
  }
  return true;
}

}  // namespace

struct PixelCache::State {
  int file = -1;
  int64_t pixels = 0;  ///< bytes of one square
  int64_t slots = 0;
  std::vector<uint64_t> starts;  ///< of the checksums: from the images' SHA-256
  std::atomic<bool> full{false};
  mutable std::mutex mutex;
  std::string trouble;

  int64_t slot_bytes() const { return kChecksumBytes + pixels; }

  void stop(const std::string& why) {
    const std::lock_guard lock(mutex);
    full = true;
    if (trouble.empty()) trouble = why;
  }
};

PixelCache::PixelCache(const PixelCacheConfig& config, const DatasetConfig& dataset,
                       const DatasetIndex& index)
    : state_(std::make_unique<State>()) {
  const Square square = square_of(dataset);
  const auto images = static_cast<int64_t>(index.images.size());
  state_->pixels = 3 * square.size * square.size;
  std::string content =
      fmt::format("{}\n{} {} {}\n", kVersion, square.crop, square.resize, square.size);
  for (const ImageRecord& image : index.images) {
    content += image.sha256 + "\n";
    const auto* hash = reinterpret_cast<const uint8_t*>(image.sha256.data());
    state_->starts.push_back(checksum(hash, image.sha256.size(), 0));
  }
  const fs::path path = config.folder / (sha256_hex(content) + kExtension);
  try {
    fs::create_directories(config.folder);
    state_->slots = make_room(config, path, images * state_->slot_bytes()) / state_->slot_bytes();
    state_->file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (state_->file < 0) {
      throw std::system_error(errno, std::generic_category(),
                              fmt::format("cannot open \"{}\"", path.string()));
    }
    fs::last_write_time(path, fs::file_time_type::clock::now());
  } catch (const std::system_error& error) {  // fs::filesystem_error is one too
    state_->slots = 0;
    state_->stop(error.what());
  }
}

PixelCache::~PixelCache() {
  if (state_->file >= 0) ::close(state_->file);
}

bool PixelCache::read(int64_t image, uint8_t* pixels) const {
  if (image >= state_->slots) return false;
  std::vector<uint8_t> slot(static_cast<size_t>(state_->slot_bytes()));
  if (!read_at(state_->file, slot.data(), state_->slot_bytes(), image * state_->slot_bytes())) {
    return false;
  }
  uint64_t sum = 0;
  std::memcpy(&sum, slot.data(), sizeof sum);
  const uint8_t* kept = slot.data() + kChecksumBytes;
  const auto size = static_cast<size_t>(state_->pixels);
  if (sum == 0 || sum != checksum(kept, size, state_->starts.at(image))) return false;
  std::memcpy(pixels, kept, size);
  return true;
}

void PixelCache::write(int64_t image, const uint8_t* pixels) {
  if (image >= state_->slots || state_->full) return;
  const auto size = static_cast<size_t>(state_->pixels);
  std::vector<uint8_t> slot(static_cast<size_t>(state_->slot_bytes()));
  const uint64_t sum = checksum(pixels, size, state_->starts.at(image));
  std::memcpy(slot.data(), &sum, sizeof sum);
  std::memcpy(slot.data() + kChecksumBytes, pixels, size);
  if (!write_at(state_->file, slot.data(), state_->slot_bytes(), image * state_->slot_bytes())) {
    state_->stop(std::generic_category().message(errno));
  }
}

std::string PixelCache::trouble() const {
  const std::lock_guard lock(state_->mutex);
  return state_->trouble;
}

namespace {

class CachedDataset : public Dataset {
 public:
  CachedDataset(std::unique_ptr<Dataset> dataset, const DatasetConfig& config,
                const PixelCacheConfig& cache, CacheNote note)
      : dataset_(std::move(dataset)),
        size_(config.image_size),
        cache_(cache, config, dataset_->index()),
        note_(std::move(note)) {
    say_trouble();
  }
  ~CachedDataset() override { say_trouble(); }
  CachedDataset(const CachedDataset&) = delete;
  CachedDataset& operator=(const CachedDataset&) = delete;

  const DatasetIndex& index() const override { return dataset_->index(); }

  torch::Tensor load(const std::vector<int64_t>& images) const override {
    const auto count = static_cast<int64_t>(images.size());
    torch::Tensor batch = torch::empty({count, 3, size_, size_}, torch::kUInt8);
    auto* pixels = batch.data_ptr<uint8_t>();
    const int64_t bytes = 3 * size_ * size_;
    std::vector<char> found(images.size());
    parallel_for(count, 0, [&](int64_t i) {
      index().images.at(images[i]);  // throws if there is no such image
      found[i] = static_cast<char>(cache_.read(images[i], pixels + i * bytes));
    });
    std::vector<int64_t> places, missing;
    for (int64_t i = 0; i < count; ++i) {
      if (found[i] != 0) continue;
      places.push_back(i);
      missing.push_back(images[i]);
    }
    if (missing.empty()) return batch;
    const torch::Tensor decoded = dataset_->load(missing);
    const auto* from = decoded.const_data_ptr<uint8_t>();
    for (size_t i = 0; i < missing.size(); ++i, from += bytes) {
      std::memcpy(pixels + places[i] * bytes, from, bytes);
      cache_.write(missing[i], from);
    }
    return batch;
  }

  torch::Tensor load(const std::vector<int64_t>& images,
                     const std::vector<View>& views) const override {
    const bool whole =
        std::all_of(views.begin(), views.end(), [](const View& view) { return view.side >= 1.0; });
    if (!whole) return dataset_->load(images, views);
    torch::Tensor batch = load(images);
    for (size_t i = 0; i < images.size(); ++i) {
      torch::Tensor image = batch[static_cast<int64_t>(i)];
      if (views.at(i).mirrored) image.copy_(mirrored(image));
    }
    return batch;
  }

  std::optional<torch::Tensor> masks(const std::vector<int64_t>& images) const override {
    return dataset_->masks(images);
  }

 private:
  void say_trouble() {
    const std::string trouble = cache_.trouble();
    if (!trouble.empty() && note_) std::exchange(note_, nullptr)(trouble);
  }

  std::unique_ptr<Dataset> dataset_;
  int64_t size_;
  mutable PixelCache cache_;
  CacheNote note_;
};

}  // namespace

std::unique_ptr<Dataset> with_pixel_cache(std::unique_ptr<Dataset> dataset,
                                          const DatasetConfig& config,
                                          const PixelCacheConfig& cache, CacheNote note) {
  if (cache.folder.empty()) return dataset;
  return std::make_unique<CachedDataset>(std::move(dataset), config, cache, std::move(note));
}

}  // namespace oar
