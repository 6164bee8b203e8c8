#pragma once

#include <functional>
#include <future>
#include <optional>
#include <utility>

namespace oar {

/// Makes what will be asked for next, on a thread of its own, while the caller works on what it
/// has.
///
/// get() gives make(request) and begins make(next). A guess that turns out wrong costs its time and
/// nothing else: results are those of calling make() in order. What make() throws comes out of the
/// get() that asks for it, never earlier; the destructor waits for at most one make().
///
/// `make` runs on one thread at a time. Request: copied, compared by ==.
template <typename Request, typename Result>
class Prefetch {
 public:
  explicit Prefetch(std::function<Result(const Request&)> make) : make_(std::move(make)) {}

  Result get(const Request& request, const std::optional<Request>& next) {
    std::optional<Result> result;
    if (ahead_.valid()) {
      std::future<Result> ahead = std::move(ahead_);
      if (guess_ == request) {
        result = ahead.get();
      } else {
        ahead.wait();
      }
    }
    if (!result) result = make_(request);
    if (next) {
      guess_ = *next;
      ahead_ = std::async(std::launch::async, make_, *next);
    }
    return std::move(*result);
  }

 private:
  std::function<Result(const Request&)> make_;
  std::optional<Request> guess_;
  std::future<Result> ahead_;  // waits in its destructor
};

}  // namespace oar
