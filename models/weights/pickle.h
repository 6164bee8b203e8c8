#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "models/weights/bytes.h"

namespace oar {

/// One value of a pickle. Which fields mean something depends on the kind.
struct PickleValue {
  enum class Kind : uint8_t {
    kInert,    ///< None, a float, a long integer, bytes, a dtype: nothing here needs its value
    kBool,     ///< `integer`
    kInt,      ///< `integer`
    kText,     ///< `text`
    kTuple,    ///< `items`
    kList,     ///< `items`
    kDict,     ///< `items`: key, value, key, value, ... in the file's order, repeats included
    kGlobal,   ///< one of the accepted functions and classes: `text`, `global`
    kStorage,  ///< `text` key, `type`, `integer` elements; `items` empty or {view offset, count}
    kTensor,   ///< `items` {storage, sizes, strides}, `integer` the offset in elements
    kOpaque,   ///< an object that was not built: `text` is its class
  };
  enum class Global : uint8_t {
    kNone,
    kOrderedDict,
    kSize,
    kDevice,
    kStorageClass,
    kRebuildTensor,
    kRebuildParameter,
  };

  Kind kind = Kind::kInert;
  Global global = Global::kNone;
  c10::ScalarType type = c10::ScalarType::Undefined;
  int64_t integer = 0;
  std::string text;
  std::vector<PickleValue*> items;
};

/// The result of a pickle. Values point to each other, in circles too if the file says so; `arena`
/// owns them all.
struct Pickle {
  std::deque<PickleValue> arena;
  std::vector<PickleValue*> storages;  ///< one for every persistent id, in the file's order
  PickleValue* root = nullptr;
};

/// Runs the pickle at the cursor, up to its STOP, and leaves the cursor behind it. Protocols 0 to
/// 4 as torch writes them. A global is looked up in a table of what torch.save needs for tensors in
/// plain containers, and "calling" one builds a PickleValue: no opcode can reach code outside this
/// reader.
///
/// `skip_unknown_objects`: see ReadOptions.
///
/// Errors  BadWeights with the byte and the name of the opcode or global that is refused, for a
///         damaged pickle, and for more values than any set of tensors has.
/// Source  CPython Lib/pickletools.py; torch/_utils.py; torch/serialization.py, persistent_id.
Pickle read_pickle(ByteCursor& cursor, bool skip_unknown_objects);

/// The kind, as a Python reader knows it, for messages.
std::string describe(const PickleValue& value);

}  // namespace oar
