#include "models/memory/images_at_once.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <string_view>
#include <utility>

namespace oar {

bool is_out_of_memory(const std::exception& error) {
  if (dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
      dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
    return true;
  }
  const auto* const torch_error = dynamic_cast<const c10::Error*>(&error);
  if (torch_error == nullptr) return false;
  // libtorch has no type of its own for these two; the first reads "can't allocate memory" on Linux
  // and "not enough memory" elsewhere.
  const std::string_view text = torch_error->what_without_backtrace();
  return text.find("DefaultCPUAllocator: ") != std::string_view::npos ||
         text.find("CUBLAS_STATUS_ALLOC_FAILED") != std::string_view::npos;
}

bool fits_in_memory(const std::function<void()>& work) {
  try {
    work();
    return true;
  } catch (const std::exception& error) {
    if (!is_out_of_memory(error)) throw;
    return false;
  }
}

ImagesAtOnce::ImagesAtOnce(int64_t wanted, std::string remedy)
    : wanted_(std::max<int64_t>(1, wanted)), count_(wanted_), remedy_(std::move(remedy)) {}

void ImagesAtOnce::at_most(int64_t count) { count_ = std::clamp<int64_t>(count, 1, count_); }

void ImagesAtOnce::halve(int64_t failed) {
  if (failed <= 1) {
    throw OutOfMemory(fmt::format("out of memory with one image at a time; {}", remedy_));
  }
  at_most(failed / 2);
}

void ImagesAtOnce::for_each(int64_t begin, int64_t end,
                            const std::function<void(int64_t begin, int64_t end)>& work) {
  while (begin < end) {
    const int64_t part_end = std::min(end, begin + count_);
    if (fits_in_memory([&] { work(begin, part_end); })) {
      begin = part_end;
    } else {
      halve(part_end - begin);
    }
  }
}

}  // namespace oar
