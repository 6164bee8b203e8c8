#pragma once

#include <cstddef>
#include <span>

/// What `make fuzz` runs, one function a reader. Whatever the bytes say, the answer is what the
/// reader promises or the exception that it documents for bad data: any other exception, an abort,
/// a crash, a hang or a lack of memory is a finding.
namespace oar::fuzz {

/// parse_sweep(). The bytes up to the first NUL are the file, those between further NULs are --set
/// arguments.
void sweep(std::span<const std::byte> bytes);

/// read_safetensors() and its header alone.
void safetensors(std::span<const std::byte> bytes);

/// torch.save's two containers, and the bytes as the pickle of a container that is made around
/// them.
void pickle(std::span<const std::byte> bytes);

/// Tar (plain, gzip, xz, zstd) and zip: entry by entry, and as a source of images or arrays.
void archive(std::span<const std::byte> bytes);

}  // namespace oar::fuzz
