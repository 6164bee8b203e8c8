#include "harness/measure/byte_size.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace oar {
namespace {

TEST(ByteSize, ReadsBinaryAndDecimalUnits) {
  EXPECT_EQ(bytes_from_text("2GiB"), int64_t{2} << 30);
  EXPECT_EQ(bytes_from_text("512 MiB"), int64_t{512} << 20);
  EXPECT_EQ(bytes_from_text("1.5GB"), 1'500'000'000);
  EXPECT_EQ(bytes_from_text("1000000"), 1'000'000);
}

TEST(ByteSize, SaysHowToWriteOne) {
  for (const char* text : {"", "GiB", "2 gigs", "-1GiB", "0", "nan", "1e30GiB"}) {
    EXPECT_THAT([&] { bytes_from_text(text); },
                ::testing::ThrowsMessage<std::invalid_argument>(
                    ::testing::HasSubstr("write a number and a unit: 2GiB")))
        << text;
  }
}

}  // namespace
}  // namespace oar
