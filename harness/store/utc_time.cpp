#include "harness/store/utc_time.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace oar {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

}  // namespace

int64_t utc_nanoseconds() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
}

std::string iso_time(int64_t nanoseconds) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(nanoseconds / kSecond),
                     nanoseconds % kSecond / 1'000'000);
}

std::string iso_seconds(int64_t nanoseconds) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(nanoseconds / kSecond));
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
