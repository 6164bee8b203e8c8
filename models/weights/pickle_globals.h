#pragma once

#include <c10/core/ScalarType.h>

#include <string_view>

#include "models/weights/pickle.h"

namespace oar {

/// A function or class that a pickle may name.
struct AcceptedGlobal {
  std::string_view name;                                    ///< "module.name"
  PickleValue::Global global = PickleValue::Global::kNone;  ///< kNone: named without effect
  c10::ScalarType type = c10::ScalarType::Undefined;        ///< of a storage class
};

/// The accepted global of this name; null for every other. `torch.cuda.FloatStorage` and its like
/// are accepted as their CPU classes: the data is the same.
const AcceptedGlobal* find_accepted_global(std::string_view name);

/// Whether the global is in a pickle only to run code (os.system, builtins.eval, ...). As a
/// placeholder it would be inert, but a file that names one is not a checkpoint that happens to
/// hold an object, and is refused as a whole.
bool runs_code(std::string_view name);

}  // namespace oar
