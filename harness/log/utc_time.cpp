#include "harness/log/utc_time.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <ctime>

namespace oar {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

}  // namespace

std::string iso_time(int64_t nanoseconds) {
  const std::time_t seconds = nanoseconds / kSecond;
  std::tm utc = {};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     nanoseconds % kSecond / 1'000'000);
}

std::optional<int64_t> time_from_iso(const std::string& text) {
  std::tm utc = {};
  double seconds = 0;
  int read = 0;
  const int fields =
      std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%lfZ%n", &utc.tm_year, &utc.tm_mon,
                  &utc.tm_mday, &utc.tm_hour, &utc.tm_min, &seconds, &read);
  if (fields != 6 || read != static_cast<int>(text.size()) || !(seconds >= 0 && seconds < 61)) {
    return std::nullopt;
  }
  utc.tm_year -= 1900;
  utc.tm_mon -= 1;
  return timegm(&utc) * kSecond + std::llround(seconds * 1e3) * 1'000'000;
}

}  // namespace oar
