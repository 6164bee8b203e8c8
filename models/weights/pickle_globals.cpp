#include "models/weights/pickle_globals.h"

#include <algorithm>
#include <string>

namespace oar {
namespace {

using Global = PickleValue::Global;
using c10::ScalarType;

// All that torch.save needs for tensors in plain containers. dtypes appear among hyperparameters.
constexpr AcceptedGlobal kAccepted[] = {
    {"collections.OrderedDict", Global::kOrderedDict},
    {"torch.Size", Global::kSize},
    {"torch.device", Global::kDevice},
    {"torch._utils._rebuild_tensor", Global::kRebuildTensor},
    {"torch._utils._rebuild_tensor_v2", Global::kRebuildTensor},
    {"torch._utils._rebuild_parameter", Global::kRebuildParameter},
    {"torch._utils._rebuild_parameter_with_state", Global::kRebuildParameter},
    {"torch.DoubleStorage", Global::kStorageClass, ScalarType::Double},
    {"torch.FloatStorage", Global::kStorageClass, ScalarType::Float},
    {"torch.HalfStorage", Global::kStorageClass, ScalarType::Half},
    {"torch.BFloat16Storage", Global::kStorageClass, ScalarType::BFloat16},
    {"torch.LongStorage", Global::kStorageClass, ScalarType::Long},
    {"torch.IntStorage", Global::kStorageClass, ScalarType::Int},
    {"torch.ShortStorage", Global::kStorageClass, ScalarType::Short},
    {"torch.CharStorage", Global::kStorageClass, ScalarType::Char},
    {"torch.ByteStorage", Global::kStorageClass, ScalarType::Byte},
    {"torch.BoolStorage", Global::kStorageClass, ScalarType::Bool},
    {"torch.float64"},
    {"torch.float32"},
    {"torch.float16"},
    {"torch.bfloat16"},
    {"torch.int64"},
    {"torch.int32"},
    {"torch.int16"},
    {"torch.int8"},
    {"torch.uint8"},
    {"torch.bool"},
};

// Modules with all that is in them, and single functions.
constexpr std::string_view kRunsCode[] = {
    "os",
    "posix",
    "nt",
    "subprocess",
    "sys",
    "shutil",
    "socket",
    "pty",
    "runpy",
    "importlib",
    "ctypes",
    "commands",
    "popen2",
    "webbrowser",
    "code",
    "codeop",
    "pickle",
    "_pickle",
    "cPickle",
    "marshal",
    "pdb",
    "timeit",
    "pip",
    "pydoc",
    "builtins.eval",
    "builtins.exec",
    "builtins.compile",
    "builtins.open",
    "builtins.breakpoint",
    "builtins.__import__",
    "__builtin__.eval",
    "__builtin__.execfile",
    "__builtin__.compile",
    "__builtin__.open",
    "__builtin__.file",
    "__builtin__.__import__",
    "torch.load",
    "torch.hub",
    "torch.storage._load_from_bytes",
    "torch.utils.cpp_extension",
};

}  // namespace

const AcceptedGlobal* find_accepted_global(std::string_view name) {
  constexpr std::string_view kCuda = "torch.cuda.";
  const bool is_cuda = name.starts_with(kCuda) && name.ends_with("Storage");
  const std::string key =
      is_cuda ? "torch." + std::string(name.substr(kCuda.size())) : std::string(name);
  const auto* found = std::find_if(std::begin(kAccepted), std::end(kAccepted),
                                   [&](const auto& accepted) { return accepted.name == key; });
  return found == std::end(kAccepted) ? nullptr : found;
}

bool runs_code(std::string_view name) {
  return std::any_of(std::begin(kRunsCode), std::end(kRunsCode), [&](std::string_view known) {
    return name.starts_with(known) && (name.size() == known.size() || name[known.size()] == '.');
  });
}

}  // namespace oar
