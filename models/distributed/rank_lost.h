#pragma once

#include <stdexcept>

namespace oar {

/// Another process of this job has died or does not answer: nothing more can be computed together.
/// What was stored remains, and the same command continues from it.
struct RankLost : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace oar
