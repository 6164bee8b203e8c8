// The entry point of libFuzzer, around the function of targets.h that OAR_FUZZ_TARGET names.

#include <cstdint>

#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  oar::fuzz::OAR_FUZZ_TARGET(std::as_bytes(std::span(data, size)));
  return 0;
}
