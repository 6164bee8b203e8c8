#include "models/memory/kept_memory.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <memory>

namespace oar {
namespace {

constexpr size_t kBytes = 20 << 20, kPage = 4096;

/// Pages that the system had to map while 20 MB were allocated, written and freed.
int64_t faults_of_one_use() {
  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  {
    const std::unique_ptr<char, void (*)(void*)> memory(static_cast<char*>(std::malloc(kBytes)),
                                                        std::free);
    for (size_t i = 0; i < kBytes; i += kPage) const_cast<volatile char*>(memory.get())[i] = 1;
  }
  getrusage(RUSAGE_SELF, &after);
  return after.ru_minflt - before.ru_minflt;
}

TEST(KeepFreedMemory, TheSecondUseOfMemoryMapsNoPages) {
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "another allocator than glibc's";
#endif
  keep_freed_memory();
  faults_of_one_use();
  EXPECT_LT(faults_of_one_use(), static_cast<int64_t>(kBytes / kPage / 10));  // 5120 pages
}

}  // namespace
}  // namespace oar
