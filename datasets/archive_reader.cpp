#include "datasets/archive_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <locale.h>

#include <algorithm>
#include <utility>

#include "datasets/utf8.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBlock = 1 << 18;  // bytes libarchive reads at a time
constexpr size_t kMaxName = 4096;   // bytes
constexpr size_t kTarRecord = 512;  // bytes; an archive ends with records of zeros
constexpr size_t kFirstPiece = 1 << 20;

/// Only filters that libarchive has built in: for the others it would start programs.
void support_filters(archive* handle) {
  if (archive_zlib_version() != nullptr) archive_read_support_filter_gzip(handle);
  if (archive_liblzma_version() != nullptr) archive_read_support_filter_xz(handle);
  if (archive_libzstd_version() != nullptr) archive_read_support_filter_zstd(handle);
}

void support_format(archive* handle, ArchiveFormat format) {
  if (format == ArchiveFormat::kZip) {
    archive_read_support_format_zip_seekable(handle);  // the list at the end counts, as for unzip
    return;
  }
  support_filters(handle);
  archive_read_support_format_tar(handle);
  // What follows the first end mark is read too, as in `cat a.tar b.tar`: left out in silence, it
  // would make fewer images.
  archive_read_set_option(handle, "tar", "read_concatenated_archives", "1");
}

bool climbs_out(const fs::path& path) {
  return path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end();
}

}  // namespace

Utf8Names::Utf8Names() {
  static const locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (utf8 != nullptr) before_ = uselocale(utf8);
}

Utf8Names::~Utf8Names() {
  if (before_ != nullptr) uselocale(static_cast<locale_t>(before_));
}

struct ArchiveReader::Handle {
  archive* reader = archive_read_new();
  archive_entry* entry = nullptr;  // the reader's

  ~Handle() { archive_read_free(reader); }
};

ArchiveReader::ArchiveReader(fs::path path, ArchiveFormat format, ArchiveLimits limits)
    : path_(std::move(path)), limits_(limits), handle_(std::make_unique<Handle>()) {
  const Utf8Names names;
  support_format(handle_->reader, format);
  if (archive_read_open_filename(handle_->reader, path_.c_str(), kBlock) != ARCHIVE_OK) fail();
}

ArchiveReader::~ArchiveReader() = default;

std::optional<ArchiveEntry> ArchiveReader::next() {
  const Utf8Names names;
  while (advance()) {
    check_entry();
    const auto type = archive_entry_filetype(handle_->entry);
    if (type == AE_IFREG) return entry_;
  }
  return std::nullopt;
}

bool ArchiveReader::advance() {
  const int result = archive_read_next_header(handle_->reader, &handle_->entry);
  if (result == ARCHIVE_EOF) {
    check_end();
    return false;
  }
  if (result != ARCHIVE_OK && result != ARCHIVE_WARN) fail();  // it warns of attributes
  const char* name = archive_entry_pathname(handle_->entry);
  entry_.path = name == nullptr ? "" : name;
  entry_.size = archive_entry_size(handle_->entry);
  entry_.offset = archive_filter_bytes(handle_->reader, 0);  // headers are read, the file is not
  return true;
}

/// A tar that was cut off between two files, or within one that was passed over, ends without the
/// records of zeros that close it; libarchive takes that for an end like any other.
void ArchiveReader::check_end() const {
  if (archive_format(handle_->reader) == ARCHIVE_FORMAT_ZIP) return;
  const int64_t after_last = archive_read_header_position(handle_->reader);
  if (archive_filter_bytes(handle_->reader, 0) - after_last >= static_cast<int64_t>(kTarRecord)) {
    return;
  }
  throw BadData(
      fmt::format("{}: cut off after \"{}\": the end mark of a tar archive is missing; "
                  "copy it again",
                  quoted(path_), as_utf8(entry_.path)));
}

void ArchiveReader::check_entry() {
  const fs::path path = entry_.path;
  archive_entry* entry = handle_->entry;
  if (entry_.path.empty()) refuse("its name is empty or not to be read");
  if (entry_.path.size() > kMaxName) refuse("its name is too long");
  if (climbs_out(path)) refuse("its path leads out of the archive");
  entry_.path = path.lexically_normal().string();
  const auto type = archive_entry_filetype(entry);
  if (type == AE_IFLNK || archive_entry_hardlink(entry) != nullptr) {
    refuse("it is a link; put the file itself into the archive");
  }
  if (type != AE_IFREG && type != AE_IFDIR) refuse("it is a device, pipe or the like");
  if (archive_entry_is_encrypted(entry))
    refuse("it is encrypted; make an archive without password");
  if (entry_.size < 0) refuse("its size is negative");
  if (++entries_ > limits_.entries) refuse(fmt::format("more than {} entries", limits_.entries));
  if (entry_.size > limits_.unpacked - unpacked_) {
    refuse(fmt::format("with it the archive unpacks to more than {} bytes", limits_.unpacked));
  }
  unpacked_ += entry_.size;
}

size_t ArchiveReader::read(std::span<std::byte> bytes) {
  const Utf8Names names;
  size_t done = 0;
  while (done < bytes.size()) {
    const la_ssize_t got =
        archive_read_data(handle_->reader, bytes.data() + done, bytes.size() - done);
    if (got < 0) fail();
    if (got == 0) break;
    done += got;
  }
  return done;
}

bool ArchiveReader::packed() const {
  return archive_filter_code(handle_->reader, 0) != ARCHIVE_FILTER_NONE;
}

std::vector<std::byte> ArchiveReader::read_all() {
  const auto size = static_cast<size_t>(entry_.size);
  std::vector<std::byte> bytes;
  size_t done = 0;
  do {  // by doubling, as the size is only what the archive says; one more byte shows the end
    bytes.resize(std::min(size, std::max(kFirstPiece, 2 * done)) + 1);
    done += read(std::span(bytes).subspan(done));
    if (done > size) refuse("it is longer than the archive says");
  } while (done == bytes.size());
  if (done < size) refuse("it is shorter than the archive says");
  bytes.resize(done);
  return bytes;
}

void ArchiveReader::refuse(const std::string& why) const {
  throw BadData(
      fmt::format("{}: entry \"{}\" is refused: {}", quoted(path_), as_utf8(entry_.path), why));
}

void ArchiveReader::fail() const {
  const char* error = archive_error_string(handle_->reader);
  std::string words = error == nullptr ? "no reason given" : as_utf8(error);
  while (words.ends_with('\n')) words.pop_back();
  const std::string at =
      entry_.path.empty() ? "" : fmt::format(" at or after \"{}\"", as_utf8(entry_.path));
  throw BadData(
      fmt::format("{}: the archive is damaged or cut off{} (libarchive: {}); copy it again",
                  quoted(path_), at, words));
}

}  // namespace oar
