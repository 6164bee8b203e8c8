#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "datasets/image_file.h"
#include "datasets/image_source_kinds.h"
#include "datasets/npy.h"
#include "datasets/npz.h"
#include "datasets/utf8.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxImages = 10'000'000;
constexpr std::string_view kUsual = "arr_0";  // what numpy.savez calls an array without a name

bool holds_images(const NpyHeader& header) {
  return header.descr == "|u1" && header.shape.size() == 4 && header.shape[3] == 3;
}

/// Refuses shapes whose images are no images, and orders that cannot be read one by one.
void check_images(const NpyHeader& header, const std::string& where) {
  const auto refuse = [&](const std::string& why) {
    throw BadData(fmt::format("{}: {} is refused: {}", where, header.text(), why));
  };
  const int64_t count = header.shape[0], height = header.shape[1], width = header.shape[2];
  if (header.fortran_order) {
    refuse(
        "it is in Fortran order, which scatters each image over the file; store it by "
        "numpy.ascontiguousarray");
  }
  if (count == 0) refuse("there are no images in it");
  if (count > kMaxImages) {
    refuse(fmt::format("more than {} images", kMaxImages));
  }
  if (std::min(height, width) < kMinImageSide) {
    refuse(fmt::format("images of at least {0}x{0} pixels are needed", kMinImageSide));
  }
  if (width > kMaxImagePixels / height) {
    refuse(
        fmt::format("images of at most {} million pixels are read", kMaxImagePixels / 1'000'000));
  }
}

/// An array of images; where it lies, the two below know.
class ArraySource : public ImageSource {
 public:
  void read(const std::function<void(SourceImage)>& visit) const override {
    const ByteSource source = elements();
    const int64_t height = header_.shape[1], width = header_.shape[2];
    std::vector<std::byte> bytes(height * width * 3);
    for (int64_t rank = 0; rank < count(); ++rank) {
      if (source(bytes) != bytes.size()) {
        throw BadData(fmt::format("{} ends within {}; it is cut off", description_, names_[rank]));
      }
      SourceImage image;
      image.rank = rank;
      image.name = names_[rank];
      image.pixels = planes_of(reinterpret_cast<const uint8_t*>(bytes.data()), height, width);
      visit(std::move(image));
    }
    std::array<std::byte, 1> more;  // asking for it makes libarchive compare the checksum
    if (source(more) != 0) throw BadData(description_ + " is longer than its shape");
  }

 protected:
  ArraySource(std::string description, const std::string& name, NpyHeader header)
      : header_(std::move(header)) {
    description_ = std::move(description);
    check_images(header_, description_);
    for (int64_t i = 0; i < header_.shape[0]; ++i) names_.push_back(fmt::format("{}[{}]", name, i));
  }

  [[noreturn]] void refuse_changed() const {
    throw BadData(fmt::format("{} has changed since it was opened; start again", description_));
  }

  NpyHeader header_;

 private:
  /// The elements from the first on.
  virtual ByteSource elements() const = 0;
};

class NpySource : public ArraySource {
 public:
  NpySource(const fs::path& path, NpyHeader header)
      : ArraySource("array " + quoted(path), "array", std::move(header)), path_(path) {}

 private:
  ByteSource elements() const override {
    const auto file = std::make_shared<InputFile>(path_);
    if (check_npy(*file) != header_) refuse_changed();
    return [file, at = header_.size](std::span<std::byte> bytes) mutable {
      const size_t got = file->read_at(at, bytes);
      at += static_cast<int64_t>(got);
      return got;
    };
  }

  fs::path path_;
};

class NpzSource : public ArraySource {
 public:
  NpzSource(const fs::path& path, const std::string& name, NpyHeader header)
      : ArraySource(fmt::format("array {} of {}", as_utf8(name), quoted(path)), as_utf8(name),
                    std::move(header)),
        path_(path),
        array_(name) {}

 private:
  ByteSource elements() const override {
    const auto npz = std::make_shared<NpzReader>(path_);
    while (const std::optional<std::string> name = npz->next()) {
      if (*name != array_) continue;
      if (npz->header() != header_) refuse_changed();
      npz->check_size(header_);
      return [npz](std::span<std::byte> bytes) { return npz->read(bytes); };
    }
    refuse_changed();
  }

  fs::path path_;
  std::string array_;
};

/// An array of a .npz that may hold the images.
struct Candidate {
  std::string name;
  NpyHeader header;
};

/// The arrays of images in a .npz; `found` lists what the others are.
std::vector<Candidate> find_arrays(const fs::path& path, std::vector<std::string>& found) {
  NpzReader npz(path);
  std::vector<Candidate> candidates;
  while (const std::optional<std::string> name = npz.next()) {
    try {
      const NpyHeader header = npz.header();
      found.push_back(fmt::format("{} {}", as_utf8(*name), header.text()));
      if (!holds_images(header)) continue;
      npz.check_size(header);
      candidates.push_back({*name, header});
    } catch (const BadData& error) {
      if (*name == kUsual) throw;
      found.push_back(as_utf8(*name) + " (not readable)");
    }
  }
  return candidates;
}

}  // namespace

std::unique_ptr<ImageSource> open_npz(const fs::path& path) {
  std::vector<std::string> found;
  std::vector<Candidate> candidates = find_arrays(path, found);
  const auto usual = [](const Candidate& candidate) { return candidate.name == kUsual; };
  const auto chosen = std::find_if(candidates.begin(), candidates.end(), usual);
  if (std::count_if(candidates.begin(), candidates.end(), usual) > 1) {
    throw BadData(fmt::format("{}: two arrays are called {}", quoted(path), kUsual));
  }
  if (chosen != candidates.end()) candidates = {*chosen};
  if (candidates.size() != 1) {
    throw BadData(fmt::format(
        "{}: {} array of images, uint8 [N, H, W, 3], is needed, called {} if there are others; it "
        "holds {}",
        quoted(path), candidates.empty() ? "an" : "one", kUsual, fmt::join(found, ", ")));
  }
  return std::make_unique<NpzSource>(path, candidates[0].name, candidates[0].header);
}

std::unique_ptr<ImageSource> open_npy(const fs::path& path) {
  try {
    NpyHeader header = check_npy(InputFile(path));
    if (!holds_images(header)) {
      throw BadData(
          fmt::format("{}: an array of images, uint8 [N, H, W, 3], is needed; it holds {}",
                      quoted(path), header.text()));
    }
    return std::make_unique<NpySource>(path, std::move(header));
  } catch (const std::system_error& error) {
    throw BadData(error.what());
  }
}

}  // namespace oar
