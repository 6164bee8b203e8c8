#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "datasets/image_file.h"

namespace oar {

/// Size of a PNG whose every chunk is there with the right checksum.
///
/// Errors  BrokenImage naming the chunk that is cut off, damaged or missing.
/// Source  PNG (Portable Network Graphics) Specification, third edition, sections 5 and 11.
ImageSize check_png_chunks(std::span<const std::byte> bytes);

/// Size as the header says it; nothing behind the header is looked at.
///
/// Errors  BrokenImage without a header.
ImageSize stated_png_size(std::span<const std::byte> bytes);

/// The PNG without the chunks that do not change pixels here (text, times, colour profiles).
/// libpng prints warnings about those, which nobody reading a progress line can act on.
std::vector<std::byte> without_side_chunks(std::span<const std::byte> png);

/// The PNG without those and without tRNS, the chunk that makes a palette entry, a grey level or a
/// colour transparent: it decodes to its colours alone.
std::vector<std::byte> without_transparency(std::span<const std::byte> png);

}  // namespace oar
