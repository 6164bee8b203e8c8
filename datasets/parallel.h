#pragma once

#include <cstdint>
#include <functional>

namespace oar {

/// Calls body(0) .. body(count - 1) on several threads, each number once, handed out in order.
///
/// `threads` of 0 means one per processor. If bodies throw, no new ones start, and the exception of
/// the lowest number is thrown here: the same one whatever the thread count.
void parallel_for(int64_t count, int64_t threads, const std::function<void(int64_t)>& body);

}  // namespace oar
