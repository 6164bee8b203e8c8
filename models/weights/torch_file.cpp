#include "models/weights/torch_file.h"

#include <ATen/ops/as_strided.h>
#include <ATen/ops/empty.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>

#include "models/weights/bytes.h"
#include "models/weights/pickle.h"
#include "models/weights/zip_directory.h"

namespace oar {
namespace {

using Kind = PickleValue::Kind;

constexpr std::string_view kZipSignature("PK\x03\x04", 4);
// 0x1950a86a20f9469cfc6c, little-endian, as LONG1 holds it.
constexpr std::string_view kStreamMagic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
constexpr size_t kStreamMagicReach = 32;  // protocol, frame and opcode come before the number
constexpr int64_t kStreamVersion = 1001;

constexpr int kMaxDepth = 64;      // of containers; deeper ones contain themselves
constexpr size_t kMaxName = 4096;  // bytes of a dotted name
// Containers may be shared, so that a walk takes exponentially longer than the file. No more steps
// are taken than these, nor more than the file's size explains.
constexpr int64_t kMaxVisits = 4'000'000;
constexpr int64_t kFreeVisits = 4'000;
constexpr int64_t kVisitsPerByte = 4;
constexpr int64_t kVisitsPerTensor = 20;  // a tensor takes that much more memory
constexpr size_t kMaxDims = 64;           // what torch's own kernels take

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// ---- From values of a pickle to tensors.

using StorageBytes = std::function<std::span<const std::byte>(const PickleValue& storage)>;

// Makes tensors of the storages that are asked for; each storage is copied out of the file once.
class TensorBuilder {
 public:
  TensorBuilder(std::string file, size_t file_size, StorageBytes bytes_of)
      : file_(std::move(file)), file_size_(file_size), bytes_of_(std::move(bytes_of)) {}

  torch::Tensor build(const PickleValue& tensor, const std::string& name) {
    const PickleValue& storage = *tensor.items[0];
    torch::Tensor flat = storage_tensor(storage, name);
    int64_t begin = 0;
    int64_t count = flat.numel();
    if (!storage.items.empty()) {  // a view of the storage, in files of the oldest torch
      begin = storage.items[0]->integer;
      const int64_t view_count = storage.items[1]->integer;
      if (begin < 0 || view_count < 0 || begin > count || view_count > count - begin) {
        fail(name, fmt::format("its storage view [{}, +{}) lies outside the storage of {} elements",
                               begin, view_count, count));
      }
      count = view_count;
    }
    std::vector<int64_t> sizes = integers(*tensor.items[1], name, "sizes");
    std::vector<int64_t> strides = integers(*tensor.items[2], name, "strides");
    check_layout(sizes, strides, tensor.integer, count, name);
    if (std::find(sizes.begin(), sizes.end(), 0) != sizes.end()) {
      return at::empty(sizes, flat.options());
    }
    return flat.as_strided(sizes, strides, begin + tensor.integer);
  }

 private:
  struct Loaded {
    at::ScalarType type;
    torch::Tensor flat;
  };

  [[noreturn]] void fail(const std::string& name, const std::string& message) const {
    throw BadWeights(fmt::format("{}: tensor {}: {}", file_, printable(name), message));
  }

  const torch::Tensor& storage_tensor(const PickleValue& storage, const std::string& name) {
    const auto found = loaded_.find(storage.text);
    if (found != loaded_.end()) {
      const Loaded& known = found->second;
      if (known.type != storage.type || known.flat.numel() != storage.integer) {
        fail(name,
             fmt::format("its storage {} is {} of {} here and {} of {} elsewhere; the file "
                         "is damaged",
                         printable(storage.text), storage.integer, c10::toString(storage.type),
                         known.flat.numel(), c10::toString(known.type)));
      }
      return known.flat;
    }
    const auto bytes = bytes_of_(storage);
    const auto item_size = static_cast<int64_t>(c10::elementSize(storage.type));
    const auto needed = product(storage.integer, item_size);
    if (!needed || static_cast<uint64_t>(*needed) != bytes.size()) {
      fail(name, fmt::format("its storage {} of {} {} has {} bytes in the file; the file is "
                             "truncated or damaged",
                             printable(storage.text), storage.integer, c10::toString(storage.type),
                             bytes.size()));
    }
    copied_ += bytes.size();
    if (copied_ > file_size_) {
      fail(name, "the storages together are larger than the file; their places overlap");
    }
    const std::string where = fmt::format("{}: storage {}", file_, printable(storage.text));
    torch::Tensor flat = tensor_of_bytes(bytes, storage.type, {storage.integer}, where);
    return loaded_.emplace(storage.text, Loaded{storage.type, flat}).first->second.flat;
  }

  std::vector<int64_t> integers(const PickleValue& tuple, const std::string& name,
                                std::string_view what) const {
    if (tuple.items.size() > kMaxDims) {
      fail(name, fmt::format("{} {}; at most {} dimensions", tuple.items.size(), what, kMaxDims));
    }
    std::vector<int64_t> values;
    for (const PickleValue* item : tuple.items) {
      if (item->kind != Kind::kInt) {
        fail(name,
             fmt::format("{} among its {}; accepted are whole numbers", describe(*item), what));
      }
      if (item->integer < 0) {
        fail(name, fmt::format("{} among its {}; accepted are numbers >= 0", item->integer, what));
      }
      values.push_back(item->integer);
    }
    return values;
  }

  // Every element lies in the storage, and no number that torch derives from the layout overflows.
  // Strides that are never used become 1.
  void check_layout(const std::vector<int64_t>& sizes, std::vector<int64_t>& strides,
                    int64_t offset, int64_t storage_count, const std::string& name) const {
    if (sizes.size() != strides.size()) {
      fail(name, fmt::format("{} sizes and {} strides", sizes.size(), strides.size()));
    }
    // The product without zeros bounds all others; it may exceed the storage (stride 0) only by
    // what the file's size allows, since whoever copies the view pays for each element.
    const bool is_empty = std::find(sizes.begin(), sizes.end(), 0) != sizes.end();
    bool overflow = offset < 0;
    int64_t count = 1;
    int64_t last = offset;
    for (size_t i = 0; i < sizes.size(); ++i) {
      overflow |= __builtin_mul_overflow(count, std::max<int64_t>(sizes[i], 1), &count);
      if (is_empty || sizes[i] == 1) strides[i] = 1;
      if (is_empty) continue;
      int64_t reach = 0;
      overflow |= __builtin_mul_overflow(sizes[i] - 1, strides[i], &reach);
      overflow |= __builtin_add_overflow(last, reach, &last);
    }
    const bool inside = is_empty
                            ? offset <= storage_count
                            : last < storage_count && static_cast<uint64_t>(count) <= file_size_;
    const bool fits = !overflow && inside;
    if (!fits) {
      fail(name,
           fmt::format("sizes [{}], strides [{}], offset {} do not fit its storage of {} "
                       "elements; the file is damaged",
                       fmt::join(sizes, ", "), fmt::join(strides, ", "), offset, storage_count));
    }
  }

  const std::string file_;
  const size_t file_size_;
  const StorageBytes bytes_of_;
  size_t copied_ = 0;
  std::map<std::string, Loaded> loaded_;
};

// Walks the containers and names what it finds.
class Flattener {
 public:
  Flattener(std::string file, size_t file_size, TensorBuilder& builder)
      : file_(std::move(file)),
        max_visits_(file_size < kMaxVisits / kVisitsPerByte
                        ? kFreeVisits + kVisitsPerByte * static_cast<int64_t>(file_size)
                        : kMaxVisits),
        builder_(builder) {}

  TensorMap flatten(const PickleValue& root, bool skip_unknown_objects) {
    const PickleValue* top = &root;
    if (const PickleValue* inner = find_state_dict(root)) {
      top = inner;
    } else {
      skip_ = skip_unknown_objects;
    }
    if (top->kind != Kind::kDict && top->kind != Kind::kList && top->kind != Kind::kTuple) {
      fail(fmt::format("the file holds {}; accepted is a dict of tensors, such as a state_dict",
                       describe(*top)));
    }
    visit(*top, "", 0);
    if (tensors_.empty()) fail("no tensor in the file; accepted is a dict of tensors");
    return std::move(tensors_);
  }

 private:
  [[noreturn]] void fail(const std::string& message) const {
    throw BadWeights(file_ + ": " + message);
  }

  const PickleValue* find_state_dict(const PickleValue& root) const {
    const PickleValue* found = nullptr;
    if (root.kind != Kind::kDict) return found;
    for (size_t i = 0; i + 1 < root.items.size(); i += 2) {
      if (root.items[i]->kind != Kind::kText || root.items[i]->text != "state_dict") continue;
      if (found != nullptr) fail("two entries \"state_dict\"; every name may come once");
      found = root.items[i + 1];
    }
    return found;
  }

  void visit(const PickleValue& value, const std::string& name, int depth) {
    visits_ += 1 + static_cast<int64_t>(name.size() / 16);
    if (value.kind == Kind::kTensor) visits_ += kVisitsPerTensor;
    if (visits_ > max_visits_)
      fail("more entries than any set of tensors has; the file is damaged");
    if (depth > kMaxDepth) {
      fail(fmt::format("{}: containers nested deeper than {}, or one that contains itself",
                       printable(name), kMaxDepth));
    }
    switch (value.kind) {
      case Kind::kTensor:
        if (!tensors_.emplace(name, builder_.build(value, name)).second) {
          fail(fmt::format("two tensors are named {}; every name may come once", printable(name)));
        }
        return;
      case Kind::kDict:
        for (size_t i = 0; i + 1 < value.items.size(); i += 2) {
          visit(*value.items[i + 1], join(name, key_text(*value.items[i], name)), depth + 1);
        }
        return;
      case Kind::kTuple:
      case Kind::kList:
        for (size_t i = 0; i < value.items.size(); ++i) {
          visit(*value.items[i], join(name, std::to_string(i)), depth + 1);
        }
        return;
      case Kind::kOpaque:
      case Kind::kGlobal:
      case Kind::kStorage:
        if (!skip_) {
          fail(fmt::format("{} is {}; accepted here are tensors in dicts, lists and tuples",
                           printable(name), describe(value)));
        }
        return;
      case Kind::kInert:
      case Kind::kBool:
      case Kind::kInt:
      case Kind::kText:
        return;
    }
  }

  std::string key_text(const PickleValue& key, const std::string& name) const {
    if (key.kind == Kind::kText) return key.text;
    if (key.kind == Kind::kInt) return std::to_string(key.integer);
    fail(fmt::format("in the dict {} a key is {}; accepted are text and whole numbers",
                     printable(name), describe(key)));
  }

  std::string join(const std::string& prefix, const std::string& key) const {
    std::string name = prefix.empty() ? key : prefix + "." + key;
    if (name.size() > kMaxName) {
      fail(fmt::format("the name {} has {} bytes; accepted are {}", printable(name), name.size(),
                       kMaxName));
    }
    return name;
  }

  const std::string file_;
  const int64_t max_visits_;
  TensorBuilder& builder_;
  TensorMap tensors_;
  int64_t visits_ = 0;
  bool skip_ = false;
};

// ---- The two containers.

const std::string& data_pickle_of(const std::map<std::string, ZipEntry>& entries,
                                  const std::string& file) {
  constexpr std::string_view kPickle = "data.pkl";
  const std::string* found = nullptr;
  for (const auto& [name, entry] : entries) {
    if (name != kPickle && !name.ends_with("/data.pkl")) continue;
    if (found != nullptr) {
      throw BadWeights(fmt::format("{}: two pickles, {} and {}; accepted is one", file,
                                   printable(*found), printable(name)));
    }
    found = &name;
  }
  if (found == nullptr) {
    throw BadWeights(fmt::format(
        "{}: a zip archive without data.pkl; accepted are archives that torch.save wrote", file));
  }
  return *found;
}

std::span<const std::byte> content_of(std::span<const std::byte> archive, const ZipEntry& entry,
                                      const std::string& entry_name, const std::string& file) {
  const auto content = archive.subspan(entry.begin, entry.size);
  if (crc32(content) != entry.crc32) {
    throw BadWeights(fmt::format(
        "{}: at byte {}: {} does not have the checksum that the archive states; the file is "
        "damaged, copy it again (or it was saved without checksums: save it again with them)",
        file, entry.begin, printable(entry_name)));
  }
  return content;
}

struct StreamStorage {
  at::ScalarType type = at::kByte;
  int64_t count = 0;
  std::span<const std::byte> bytes;
  bool is_read = false;
};

// The parts of the old container before the object.
void read_stream_opening(ByteCursor& cursor, std::string_view file) {
  read_pickle(cursor, false);
  const auto opening = file.substr(0, std::min(cursor.position(), kStreamMagicReach));
  if (opening.find(kStreamMagic) == opening.npos) {
    cursor.fail_at(0, "a pickle, but not one of torch.save; accepted are its files of tensors");
  }
  const Pickle version = read_pickle(cursor, false);
  if (version.root->kind != Kind::kInt || version.root->integer != kStreamVersion) {
    cursor.fail(fmt::format("the container's version is {} {}; accepted is {}",
                            describe(*version.root), version.root->integer, kStreamVersion));
  }
  const Pickle system = read_pickle(cursor, false);
  const auto& items = system.root->items;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i]->text == "little_endian" && items[i + 1]->integer == 0) {
      cursor.fail("the file was saved on a big-endian machine; convert it to safetensors there");
    }
  }
}

// The storages named by the object, with their places in the file.
std::map<std::string, StreamStorage> read_stream_storages(ByteCursor& cursor,
                                                          const Pickle& object) {
  std::map<std::string, StreamStorage> storages;
  for (const PickleValue* named : object.storages) {
    auto& storage = storages[named->text];
    storage.type = named->type;  // the builder refuses a key with two types or counts
    storage.count = named->integer;
  }
  const Pickle keys = read_pickle(cursor, false);
  if (keys.root->kind != Kind::kList) {
    cursor.fail(fmt::format("the list of storages is {}", describe(*keys.root)));
  }
  for (const PickleValue* key : keys.root->items) {
    const auto found = storages.find(key->text);
    if (key->kind != Kind::kText || found == storages.end() || found->second.is_read) {
      cursor.fail(
          fmt::format("the list of storages has {}, which no tensor names or which comes "
                      "twice; the file is damaged",
                      describe(*key)));
    }
    StreamStorage& storage = found->second;
    const size_t at = cursor.position();
    const auto count = cursor.take_number<int64_t>("element count of a storage");
    if (count != storage.count) {
      cursor.fail_at(at, fmt::format("storage {} has {} elements, its tensors say {}; the file is "
                                     "damaged",
                                     printable(key->text), count, storage.count));
    }
    const auto size = product(count, static_cast<int64_t>(c10::elementSize(storage.type)));
    if (!size) cursor.fail_at(at, fmt::format("a storage of {} elements", count));
    storage.bytes = cursor.take(static_cast<uint64_t>(*size), "storage " + printable(key->text));
    storage.is_read = true;
  }
  return storages;
}

}  // namespace

bool is_torch_zip(std::span<const std::byte> file) {
  return text_of(file).starts_with(kZipSignature);
}

bool is_torch_stream(std::span<const std::byte> file) { return text_of(file).starts_with('\x80'); }

TensorMap read_torch_zip(std::span<const std::byte> file, const std::string& name,
                         const ReadOptions& options) {
  const auto entries = read_zip_directory(file, name);
  const std::string pickle_name = data_pickle_of(entries, name);
  const std::string folder =
      pickle_name.substr(0, pickle_name.size() - std::string_view("data.pkl").size());
  if (const auto order = entries.find(folder + "byteorder"); order != entries.end()) {
    const auto text = text_of(content_of(file, order->second, order->first, name));
    if (text != "little") {
      throw BadWeights(fmt::format("{}: byte order {}; accepted is \"little\", save it again there",
                                   name, printable(text)));
    }
  }
  const ZipEntry& entry = entries.at(pickle_name);
  content_of(file, entry, pickle_name, name);
  ByteCursor cursor(file, name, entry.begin, entry.begin + entry.size);
  const Pickle object = read_pickle(cursor, options.skip_unknown_objects);

  TensorBuilder builder(name, file.size(), [&](const PickleValue& storage) {
    const auto found = entries.find(folder + "data/" + storage.text);
    if (found == entries.end()) {
      throw BadWeights(fmt::format("{}: storage {} is not in the archive; the file is damaged",
                                   name, printable(storage.text)));
    }
    return content_of(file, found->second, found->first, name);
  });
  return Flattener(name, file.size(), builder).flatten(*object.root, options.skip_unknown_objects);
}

TensorMap read_torch_stream(std::span<const std::byte> file, const std::string& name,
                            const ReadOptions& options) {
  ByteCursor cursor(file, name, 0, file.size());
  read_stream_opening(cursor, text_of(file));
  const Pickle object = read_pickle(cursor, options.skip_unknown_objects);
  const auto storages = read_stream_storages(cursor, object);
  TensorBuilder builder(name, file.size(), [&](const PickleValue& storage) {
    const StreamStorage& found = storages.at(storage.text);
    if (!found.is_read) {
      throw BadWeights(fmt::format("{}: storage {} is not in the file; the file is damaged", name,
                                   printable(storage.text)));
    }
    return found.bytes;
  });
  return Flattener(name, file.size(), builder).flatten(*object.root, options.skip_unknown_objects);
}

}  // namespace oar
