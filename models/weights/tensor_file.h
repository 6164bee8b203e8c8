#pragma once

#include <torch/types.h>

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace torch::nn {
class Module;
}

namespace oar {

/// Tensors by dotted name, e.g. "encoder.conv_in.weight".
using TensorMap = std::map<std::string, torch::Tensor>;

/// A weights file, or a set of tensors, that cannot be what was asked for. The message starts with
/// the file and names the byte or the tensor.
struct BadWeights : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct ReadOptions {
  /// Pickles only. False: a global outside the accepted few is refused by name. True: objects of
  /// unknown classes become inert placeholders and are left out, as long as none is the whole file
  /// or lies inside its `state_dict`; Lightning checkpoints carry such objects beside their
  /// weights. Nothing is imported or called either way, and globals that can only be there to run
  /// code (os.system, builtins.eval, ...) stay refused.
  bool skip_unknown_objects = false;
};

/// Reads the tensors of a weights file. The format is found from the content, not from the file's
/// name: safetensors, torch's zip container (torch.save since 1.6) or torch's old pickle stream.
///
/// A pickle here is data, never a program: tensors, dict, OrderedDict, list, tuple, text, numbers
/// and None are built, every other opcode and global is refused. Nested containers flatten into
/// names with dots; where the top level is a dict with a dict `state_dict`, only its content is
/// read. Values that are not tensors are left out. The tensors are on the CPU and independent of
/// the file; those that share a storage in the file share it in memory too, as after torch.load.
///
/// Shapes  as in the file; strided views stay views.
/// Errors  BadWeights for everything about the content; std::system_error if the file cannot be
///         read. The file must not be shortened in place while it is read.
/// Source  safetensors format description 0.x; torch/serialization.py, formats "zip" and "legacy".
TensorMap read_tensors(const std::filesystem::path& path, const ReadOptions& options = {});

/// The same for a file that is already in memory; `name` stands for the file in messages.
TensorMap read_tensors(std::span<const std::byte> bytes, const std::string& name,
                       const ReadOptions& options = {});

/// Writes tensors of any device and layout as safetensors, atomically: `path` holds either its old
/// content or the whole new file. The same tensors and metadata give the same bytes, which are
/// those of the reference writer: larger element types first, then by name, so that every tensor
/// is aligned to its element.
///
/// Errors  std::invalid_argument for an element type or a name the format has no place for;
///         std::system_error with the path if writing fails.
void write_safetensors(const std::filesystem::path& path, const TensorMap& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// The `__metadata__` of a safetensors file; empty if it has none.
///
/// Errors  as read_tensors.
std::map<std::string, std::string> read_safetensors_metadata(const std::filesystem::path& path);

/// Copies `tensors[prefix + name]` into every parameter and buffer `name` of the module. Tensors
/// under other prefixes are not looked at, so that one map can hold several modules: a prefix
/// includes its dot ("model."). All of the map is checked before the first value is written. Float
/// types convert to each other; any other difference of type is an error.
///
/// `source` stands for the file in messages. `ignored` lists what may be there beyond the module's
/// own, after the prefix: a full name, or everything under a name that ends in a dot ("loss.").
///
/// Errors  BadWeights that lists the missing, mis-shaped, mis-typed and unexpected tensors.
void load_state(torch::nn::Module& module, const TensorMap& tensors, const std::string& prefix,
                const std::string& source, const std::vector<std::string>& ignored = {});

/// A copy on the CPU of every parameter and buffer, named `prefix + name`.
TensorMap state_of(const torch::nn::Module& module, const std::string& prefix = "");

}  // namespace oar
