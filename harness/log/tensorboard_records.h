#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace oar {

/// CRC-32C (Castagnoli), as iSCSI defines it: 0xE3069283 for "123456789".
///
/// Source  RFC 3720, appendix B.4.
uint32_t crc32c(std::string_view bytes);

/// A record as TensorFlow frames it: length (uint64), masked CRC of the length (uint32), the bytes,
/// masked CRC of the bytes (uint32), all little-endian.
///
/// Source  tensorflow/core/lib/io/record_writer.h: mask(c) = ((c >> 15) | (c << 17)) + 0xa282ead8.
std::string framed_record(std::string_view bytes);

/// Messages of tensorflow/core/util/event.proto, encoded. `wall_time` in seconds since 1970.
std::string file_version_event(double wall_time);
std::string scalar_event(double wall_time, int64_t step, std::string_view tag, float value);

/// Says that the run began anew at `step`: TensorBoard forgets what stands there from an earlier
/// attempt at this step or later.
std::string session_start_event(double wall_time, int64_t step);

}  // namespace oar
