#include <fmt/format.h>
// jpeglib.h uses FILE and size_t without including them.
#include <cstdio>
//
#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>
#include <csetjmp>
#include <string>
#include <string_view>

#include "datasets/decoded_image.h"
#include "datasets/image_file.h"
#include "datasets/png_chunks.h"

namespace oar {
namespace {

void refuse_absurd_size(const ImageSize& size) {
  if (std::min(size.width, size.height) < kMinImageSide) {
    throw BrokenImage(fmt::format("{}x{} pixels; at least {}x{} are needed", size.width,
                                  size.height, kMinImageSide, kMinImageSide));
  }
  refuse_bomb(size);
}

/// What libjpeg calls on an error or a warning: keep the words, leave libjpeg.
struct JpegErrors {
  jpeg_error_mgr base;  // first, so that libjpeg's pointer to it is a pointer to this
  std::jmp_buf leave;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void leave_jpeg(j_common_ptr jpeg) {
  auto* errors = reinterpret_cast<JpegErrors*>(jpeg->err);
  errors->base.format_message(jpeg, errors->message);
  std::longjmp(errors->leave, 1);
}

void leave_jpeg_on_warning(j_common_ptr jpeg, int level) {
  if (level < 0) leave_jpeg(jpeg);  // levels from 0 up are traces
}

enum class Reading { kHeader, kWhole };

/// Reads a JPEG's size and, if that is not absurd, the rest to its end at an eighth of its size:
/// all codes are decoded, few pixels are made. Only plain data here: longjmp() runs no destructors.
/// Returns false with errors->message set.
bool read_jpeg(const unsigned char* data, size_t size, Reading reading, JpegErrors* errors,
               ImageSize* found) {
  jpeg_decompress_struct jpeg;
  jpeg.err = jpeg_std_error(&errors->base);
  errors->base.error_exit = leave_jpeg;
  errors->base.emit_message = leave_jpeg_on_warning;
  if (setjmp(errors->leave)) {
    jpeg_destroy_decompress(&jpeg);
    return false;
  }
  jpeg_create_decompress(&jpeg);
  jpeg_mem_src(&jpeg, data, size);
  jpeg_read_header(&jpeg, TRUE);
  found->width = jpeg.image_width;
  found->height = jpeg.image_height;
  if (reading == Reading::kWhole && found->width * found->height <= kMaxImagePixels) {
    jpeg.scale_num = 1;
    jpeg.scale_denom = 8;
    jpeg_start_decompress(&jpeg);
    const JSAMPARRAY row =
        jpeg.mem->alloc_sarray(reinterpret_cast<j_common_ptr>(&jpeg), JPOOL_IMAGE,
                               jpeg.output_width * jpeg.output_components, 1);
    while (jpeg.output_scanline < jpeg.output_height) jpeg_read_scanlines(&jpeg, row, 1);
    jpeg_finish_decompress(&jpeg);
  }
  jpeg_destroy_decompress(&jpeg);
  return true;
}

ImageSize size_of_jpeg(std::span<const std::byte> bytes, Reading reading) {
  JpegErrors errors;
  ImageSize size;
  if (!read_jpeg(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), reading,
                 &errors, &size)) {
    throw BrokenImage(fmt::format("broken JPEG: {}", errors.message));
  }
  return size;
}

ImageSize check_jpeg(std::span<const std::byte> bytes) {
  const ImageSize size = size_of_jpeg(bytes, Reading::kWhole);
  refuse_absurd_size(size);
  return size;
}

/// Chunks and size; whether the pixels can be decoded is still open.
ImageSize check_png_outside(std::span<const std::byte> bytes) {
  const ImageSize size = check_png_chunks(bytes);
  refuse_absurd_size(size);
  return size;
}

/// What a file is that is neither JPEG nor PNG, for the message.
std::string content_of(std::string_view text) {
  const auto has = [text](size_t at, std::string_view magic) {
    return text.size() >= at && text.substr(at).starts_with(magic);
  };
  if (has(0, "GIF8")) return "a GIF";
  if (has(0, "RIFF") && has(8, "WEBP")) return "a WebP image";
  if (has(0, "BM")) return "a BMP image";
  if (has(0, "II*") || has(0, "MM\0*")) return "a TIFF image";
  if (has(4, "ftyp")) return "an AVIF or HEIC image";
  const size_t start = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (start != std::string_view::npos && text[start] == '<') return "a web page or XML text";
  return "something else";
}

enum class Kind { kJpeg, kPng };

Kind kind_of(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.empty()) throw BrokenImage("empty file (0 bytes)");
  if (text.starts_with("\xFF\xD8")) return Kind::kJpeg;
  if (text.starts_with("\x89PNG")) return Kind::kPng;
  throw BrokenImage(fmt::format("neither JPEG nor PNG but {}", content_of(text)));
}

}  // namespace

ImageSize stated_size(std::span<const std::byte> bytes) {
  return kind_of(bytes) == Kind::kJpeg ? size_of_jpeg(bytes, Reading::kHeader)
                                       : stated_png_size(bytes);
}

void refuse_bomb(const ImageSize& size) {
  if (size.height > 0 && size.width > kMaxImagePixels / size.height) {
    throw BrokenImage(fmt::format("{}x{} pixels; at most {} million are read", size.width,
                                  size.height, kMaxImagePixels / 1'000'000));
  }
}

ImageSize check_image(std::span<const std::byte> bytes) {
  if (kind_of(bytes) == Kind::kJpeg) return check_jpeg(bytes);
  const ImageSize size = check_png_outside(bytes);
  decode_bgr(bytes);
  return size;
}

torch::Tensor decode_whole_image(std::span<const std::byte> bytes) {
  if (kind_of(bytes) == Kind::kJpeg) {
    check_jpeg(bytes);
  } else {
    check_png_outside(bytes);
  }
  return decode_image(bytes);
}

}  // namespace oar
