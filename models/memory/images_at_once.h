#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>

namespace oar {

/// Whether this error says that memory ran out: a GPU's (c10::OutOfMemoryError), the host's
/// (libtorch's allocator, known by its name; std::bad_alloc), or a workspace of cuBLAS.
bool is_out_of_memory(const std::exception& error);

/// Not even one image fits into memory.
struct OutOfMemory : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// How many images are computed at once: as many as wanted until memory runs out, then half, and
/// half again. What was learned stays for the work that follows.
class ImagesAtOnce {
 public:
  /// `remedy` ends the message of OutOfMemory: "choose a smaller model (model.preset)".
  ImagesAtOnce(int64_t wanted, std::string remedy);

  int64_t count() const { return count_; }
  bool reduced() const { return count_ < wanted_; }

  /// From now on at most this many. Larger numbers change nothing.
  void at_most(int64_t count);

  /// Half of those who just failed to fit.
  ///
  /// Errors  OutOfMemory where that was one image.
  void halve(int64_t failed);

  /// Calls work(begin, end) on consecutive parts of [begin, end), each of at most count() images.
  /// A part that runs out of memory is tried again in halves: `work` must leave nothing behind
  /// where it throws.
  ///
  /// Errors  OutOfMemory; what else `work` throws.
  void for_each(int64_t begin, int64_t end,
                const std::function<void(int64_t begin, int64_t end)>& work);

 private:
  int64_t wanted_, count_;
  std::string remedy_;
};

/// Calls `work`. False, with nothing of its graph left, if memory ran out.
bool fits_in_memory(const std::function<void()>& work);

}  // namespace oar
