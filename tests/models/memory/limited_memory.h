#pragma once

#include <c10/core/Allocator.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace oar {

/// While it lives, libtorch's CPU allocator refuses what would go over `limit` bytes at once, with
/// the words that it has for a machine without memory. Tensors may outlive it.
class LimitedMemory : public c10::Allocator {
 public:
  explicit LimitedMemory(int64_t limit = std::numeric_limits<int64_t>::max())
      : before_(c10::GetAllocator(c10::DeviceType::CPU)) {
    now() = peak() = 0;
    max() = limit;
    c10::SetAllocator(c10::DeviceType::CPU, this, /*priority=*/1);
  }
  ~LimitedMemory() override { c10::SetAllocator(c10::DeviceType::CPU, before_, 1); }

  /// The most that was in use at once, bytes.
  int64_t most_used() const { return peak(); }
  int64_t refusals() const { return refused_; }

  c10::DataPtr allocate(size_t bytes) override {
    const int64_t size = static_cast<int64_t>(bytes);
    if (now() + size > max()) {
      ++refused_;
      TORCH_CHECK(false, "DefaultCPUAllocator: can't allocate memory: you tried to allocate ",
                  bytes, " bytes. Error code 12 (Cannot allocate memory)");
    }
    peak() = std::max(peak().load(), now() += size);
    void* const block = std::aligned_alloc(kHeader, (bytes + 2 * kHeader - 1) / kHeader * kHeader);
    std::memcpy(block, &size, sizeof size);
    void* const data = static_cast<char*>(block) + kHeader;
    return {data, data, &release, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }

 private:
  static constexpr size_t kHeader = 64;  // keeps the data aligned as libtorch wants it
  static std::atomic<int64_t>& now() {
    static std::atomic<int64_t> value;
    return value;
  }
  static std::atomic<int64_t>& peak() {
    static std::atomic<int64_t> value;
    return value;
  }
  static std::atomic<int64_t>& max() {
    static std::atomic<int64_t> value;
    return value;
  }
  static void release(void* data) {
    if (data == nullptr) return;
    void* const block = static_cast<char*>(data) - kHeader;
    int64_t size = 0;
    std::memcpy(&size, block, sizeof size);
    now() -= size;
    std::free(block);
  }

  c10::Allocator* before_;
  int64_t refused_ = 0;
};

}  // namespace oar
