#pragma once

#include <stdexcept>

namespace oar {

/// A memory budget in which not even the smallest part of the work fits; the message says what it
/// would take.
struct BudgetTooSmall : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

}  // namespace oar
