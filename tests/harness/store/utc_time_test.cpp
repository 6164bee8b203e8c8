#include "harness/store/utc_time.h"

#include <gtest/gtest.h>

namespace oar {
namespace {

TEST(IsoTime, IsUtcWithMilliseconds) {
  EXPECT_EQ(iso_time(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(iso_time(951782400'000'000'000), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(iso_time(1'745'487'000'250'999'999), "2025-04-24T09:30:00.250Z");
}

TEST(IsoSeconds, LeavesThemOut) {
  EXPECT_EQ(iso_seconds(1'745'487'000'250'999'999), "2025-04-24T09:30:00Z");
  EXPECT_EQ(time_from_iso(iso_seconds(951782400'000'000'000)), 951782400'000'000'000);
}

TEST(TimeFromIso, UndoesIt) {
  EXPECT_EQ(time_from_iso("2025-04-24T09:30:00.250Z"), 1'745'487'000'250'000'000);
  EXPECT_EQ(time_from_iso("2025-04-24T09:30:00Z"), 1'745'487'000'000'000'000);
  for (const char* other : {"", "yesterday", "2025-04-24", "2025-04-24T09:30:00",
                            "2025-04-24T09:30:99Z", "2025-04-24T09:30:00Z and more"}) {
    EXPECT_EQ(time_from_iso(other), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace oar
