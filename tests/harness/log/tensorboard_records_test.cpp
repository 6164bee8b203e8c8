#include "harness/log/tensorboard_records.h"

#include <gtest/gtest.h>

#include <cstdio>

namespace oar {
namespace {

std::string hex(const std::string& bytes) {
  std::string text;
  for (const unsigned char byte : bytes) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", byte);
    text += digits;
  }
  return text;
}

TEST(Crc32c, GivesThePublishedCheckValues) {  // the first from its catalogue, then RFC 3720, B.4
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
  EXPECT_EQ(crc32c(""), 0u);
}

// The same events written by tensorboard 2.21 itself (RecordWriter, event_pb2).
TEST(TensorboardRecords, AreTheBytesThatTensorboardWrites) {
  EXPECT_EQ(hex(framed_record(file_version_event(1745487000.25))),
            "1800000000000000a37f4b22"
            "09000010268102da411a0d627261696e2e4576656e743a32"
            "89f61dc8");
  EXPECT_EQ(hex(framed_record(scalar_event(1745487001.5, 12800, "loss", 3.21f))),
            "1b000000000000001a0d9e13"
            "09000060268102da411080642a0d0a0b0a046c6f737315a4704d40"
            "75156ee2");
  EXPECT_EQ(hex(framed_record(scalar_event(1745487001.5, 0, "\u03bb", 0.0f))),
            "16000000000000004f61be28"
            "09000060268102da412a0b0a090a02cebb1500000000"
            "29082524");
  EXPECT_EQ(hex(framed_record(session_start_event(1745487002, 640))),
            "100000000000000095fbfe18"
            "09000080268102da411080053a020801"
            "38a3db02");
}

}  // namespace
}  // namespace oar
