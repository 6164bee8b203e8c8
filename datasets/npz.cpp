#include "datasets/npz.h"

#include <archive.h>
#include <archive_entry.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <set>
#include <string_view>
#include <utility>

#include "datasets/binary_file.h"
#include "datasets/utf8.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kExtension = ".npy";
// Deflate, the only compression of numpy, makes one byte of at most 1032.
constexpr int64_t kMaxRatio = 1032;

/// Elements in Fortran order, read as if they were in C order, become what they are.
torch::Tensor from_fortran(const torch::Tensor& elements, std::vector<int64_t> shape) {
  std::vector<int64_t> axes(shape.size());
  std::iota(axes.rbegin(), axes.rend(), 0);
  std::reverse(shape.begin(), shape.end());
  return elements.view(shape).permute(axes).contiguous();
}

torch::Tensor read_array(NpzReader& npz) {
  const NpyHeader header = npz.header();
  npz.check_size(header);
  torch::Tensor elements = torch::empty(header.shape, header.dtype(npz.where()));
  const std::span bytes(static_cast<std::byte*>(elements.data_ptr()), elements.nbytes());
  std::array<std::byte, 1> more;  // asking for it makes libarchive compare the checksum
  if (npz.read(bytes) != bytes.size() || npz.read(more) != 0) {
    throw BadData(npz.where() + ": its size is not the one the archive says");
  }
  return header.fortran_order ? from_fortran(elements, header.shape) : elements;
}

/// A zip archive being written.
class ZipWriter {
 public:
  explicit ZipWriter(const fs::path& path) : file_(path), zip_(archive_write_new()) {
    check(archive_write_set_format_zip(zip_));
    check(archive_write_set_options(zip_, "zip:compression=store"));
    check(archive_write_set_bytes_in_last_block(zip_, 1));
    check(archive_write_open(zip_, this, nullptr, &ZipWriter::put, nullptr));
  }
  ~ZipWriter() { archive_write_free(zip_); }
  ZipWriter(const ZipWriter&) = delete;
  ZipWriter& operator=(const ZipWriter&) = delete;

  void start_entry(const std::string& name, int64_t size) {
    const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(),
                                                                              archive_entry_free);
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_size(entry.get(), size);  // and no times: the bytes tell nothing of today
    check(archive_write_header(zip_, entry.get()));
  }

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const la_ssize_t put = archive_write_data(zip_, bytes.data(), bytes.size());
      if (put <= 0) check(ARCHIVE_FATAL);
      bytes = bytes.subspan(put);
    }
  }

  void commit() {
    check(archive_write_close(zip_));
    file_.commit();
  }

 private:
  static la_ssize_t put(archive*, void* self, const void* data, size_t size) {
    auto& writer = *static_cast<ZipWriter*>(self);
    try {
      writer.file_.write_at(writer.end_, {static_cast<const std::byte*>(data), size});
    } catch (...) {  // libarchive is C: the exception goes around it
      writer.failure_ = std::current_exception();
      return -1;
    }
    writer.end_ += static_cast<int64_t>(size);
    return static_cast<la_ssize_t>(size);
  }

  void check(int result) const {
    if (failure_) std::rethrow_exception(failure_);
    TORCH_CHECK(result == ARCHIVE_OK,
                "libarchive cannot write a zip: ", archive_error_string(zip_));
  }

  OutputFile file_;
  int64_t end_ = 0;
  std::exception_ptr failure_;
  archive* zip_;
};

}  // namespace

NpzReader::NpzReader(const fs::path& path) : path_(path), archive_(path, ArchiveFormat::kZip) {}

std::optional<std::string> NpzReader::next() {
  while (std::optional<ArchiveEntry> entry = archive_.next()) {
    if (!entry->path.ends_with(kExtension)) continue;
    entry_ = std::move(*entry);
    const std::string name = entry_.path.substr(0, entry_.path.size() - kExtension.size());
    where_ = fmt::format("{}: array {}", quoted(path_), as_utf8(name));
    return name;
  }
  return std::nullopt;
}

NpyHeader NpzReader::header() {
  return read_npy_header([this](std::span<std::byte> bytes) { return read(bytes); }, where_);
}

void NpzReader::check_size(const NpyHeader& header) const {
  const int64_t expected = header.size + header.data_bytes(where_);
  if (expected != entry_.size) {
    throw BadData(fmt::format("{}: {} bytes, but {} takes {}; it is damaged", where_, entry_.size,
                              header.text(), expected));
  }
  if (expected / kMaxRatio > static_cast<int64_t>(fs::file_size(path_))) {
    throw BadData(fmt::format("{}: {} bytes do not come out of a file that small; it is damaged",
                              where_, expected));
  }
}

std::vector<std::string> npz_names(const fs::path& path) {
  NpzReader npz(path);
  std::vector<std::string> names;
  while (const std::optional<std::string> name = npz.next()) names.push_back(*name);
  return names;
}

std::map<std::string, torch::Tensor> read_npz(const fs::path& path,
                                              const std::vector<std::string>& wanted) {
  NpzReader npz(path);
  std::map<std::string, torch::Tensor> arrays;
  while (const std::optional<std::string> name = npz.next()) {
    if (std::find(wanted.begin(), wanted.end(), *name) == wanted.end()) continue;
    if (arrays.contains(*name)) throw BadData(npz.where() + " comes twice");
    arrays.emplace(*name, read_array(npz));
  }
  return arrays;
}

void write_npz(const fs::path& path, const std::map<std::string, torch::Tensor>& arrays) {
  const Utf8Names names;
  ZipWriter zip(path);
  for (const auto& [name, array] : arrays) {
    const torch::Tensor elements = array.to(torch::kCPU).contiguous();
    const std::vector<std::byte> header = make_npy_header(elements.scalar_type(), elements.sizes());
    const std::span data(static_cast<const std::byte*>(elements.const_data_ptr()),
                         elements.nbytes());
    zip.start_entry(name + std::string(kExtension), std::ssize(header) + std::ssize(data));
    zip.write(header);
    zip.write(data);
  }
  zip.commit();
}

}  // namespace oar
