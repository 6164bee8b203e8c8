#include "models/weights/safetensors.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "models/weights/atomic_file.h"
#include "models/weights/bytes.h"

namespace oar {
namespace {

constexpr uint64_t kMaxHeader = 100'000'000;
constexpr size_t kLengthSize = 8;
constexpr size_t kAlignment = 8;
constexpr int kMaxDepth = 3;  // object of tensors, tensor, shape
constexpr size_t kMaxDims = 64;
constexpr std::string_view kMetadata = "__metadata__";

struct TypeName {
  std::string_view name;
  at::ScalarType type;
};

// In the order in which the reference writer lays out tensors: larger elements first.
constexpr TypeName kTypes[] = {
    {"I64", at::kLong},      {"F64", at::kDouble}, {"F32", at::kFloat}, {"I32", at::kInt},
    {"BF16", at::kBFloat16}, {"F16", at::kHalf},   {"I16", at::kShort}, {"I8", at::kChar},
    {"U8", at::kByte},       {"BOOL", at::kBool},
};

std::string type_names() {
  std::string names;
  for (const auto& type : kTypes) names += (names.empty() ? "" : ", ") + std::string(type.name);
  return names;
}

// ---- Reading.

struct TensorInfo {
  std::string name;
  at::ScalarType type;
  std::vector<int64_t> sizes;
  uint64_t begin, end;  // bytes, from the start of the data
};

struct Header {
  std::vector<TensorInfo> tensors;  // in the order of their data
  std::map<std::string, std::string> metadata;
  size_t data_begin = 0;
};

// JSON as everyone reads it, except that a repeated name is an error: nlohmann's DOM would keep one
// of the two without a word.
nlohmann::json parse_header(std::string_view text, const std::string& file) {
  std::vector<std::set<std::string>> keys;
  const auto check = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if ((event == Event::object_start || event == Event::array_start) && depth >= kMaxDepth) {
      throw BadWeights(fmt::format("{}: the header is nested deeper than {}", file, kMaxDepth));
    }
    if (event == Event::key && !keys.back().insert(value.get<std::string>()).second) {
      throw BadWeights(fmt::format("{}: the header names {} twice; every name may come once", file,
                                   printable(value.get<std::string>())));
    }
    return true;
  };
  try {
    return nlohmann::json::parse(text, check);
  } catch (const nlohmann::json::exception& error) {
    throw BadWeights(fmt::format("{}: the header is not JSON: {}; the file is damaged", file,
                                 printable(error.what())));  // it quotes the file
  }
}

class HeaderReader {
 public:
  HeaderReader(std::span<const std::byte> bytes, std::string file)
      : cursor_(bytes, file, 0, bytes.size()), file_(std::move(file)) {}

  Header read() {
    const auto length = cursor_.take_number<uint64_t>("header length");
    if (length > kMaxHeader) {
      cursor_.fail_at(
          0, fmt::format("a header of {} bytes; accepted are at most {}", length, kMaxHeader));
    }
    const nlohmann::json json = parse_header(cursor_.take_text(length, "the header"), file_);
    if (!json.is_object()) fail("the header is not a JSON object");
    header_.data_begin = cursor_.position();
    for (const auto& [name, value] : json.items()) {
      if (name == kMetadata) {
        read_metadata(value);
      } else {
        header_.tensors.push_back(read_info(name, value));
      }
    }
    check_places(cursor_.remaining());
    return std::move(header_);
  }

 private:
  [[noreturn]] void fail(const std::string& message) const {
    throw BadWeights(file_ + ": " + message);
  }
  [[noreturn]] void fail(const std::string& name, const std::string& message) const {
    fail(fmt::format("tensor {}: {}", printable(name), message));
  }

  void read_metadata(const nlohmann::json& json) {
    if (!json.is_object()) fail("__metadata__ is not an object; accepted is text by name");
    for (const auto& [key, value] : json.items()) {
      if (!value.is_string()) {
        fail(fmt::format("__metadata__ {} is not text; accepted is text by name", printable(key)));
      }
      header_.metadata[key] = value.get<std::string>();
    }
  }

  TensorInfo read_info(const std::string& name, const nlohmann::json& json) const {
    for (const char* field : {"dtype", "shape", "data_offsets"}) {
      if (!json.is_object() || !json.contains(field)) {
        fail(name, fmt::format("no {}; accepted is {{dtype, shape, data_offsets}}", field));
      }
    }
    TensorInfo info{name, type_of(name, json["dtype"]), {}, 0, 0};
    const auto shape = numbers(name, "shape", json["shape"]);
    const auto offsets = numbers(name, "data_offsets", json["data_offsets"]);
    if (shape.size() > kMaxDims) {
      fail(name, fmt::format("{} dimensions; at most {}", shape.size(), kMaxDims));
    }
    if (offsets.size() != 2 || offsets[0] > offsets[1]) {
      fail(name, "data_offsets are not [begin, end] with begin <= end");
    }
    info.sizes = shape;
    info.begin = static_cast<uint64_t>(offsets[0]);
    info.end = static_cast<uint64_t>(offsets[1]);
    check_size(info);
    return info;
  }

  at::ScalarType type_of(const std::string& name, const nlohmann::json& json) const {
    const std::string text = json.is_string() ? json.get<std::string>() : json.dump();
    for (const auto& type : kTypes) {
      if (text == type.name) return type.type;
    }
    fail(name, fmt::format("dtype {}; accepted are {}", printable(text), type_names()));
  }

  std::vector<int64_t> numbers(const std::string& name, std::string_view field,
                               const nlohmann::json& json) const {
    std::vector<int64_t> values;
    if (!json.is_array()) fail(name, fmt::format("{} is not a list of numbers", field));
    for (const auto& value : json) {
      if (!value.is_number_unsigned() || value.get<uint64_t>() > uint64_t{INT64_MAX}) {
        fail(name, fmt::format("{} among its {}; accepted are whole numbers from 0 to 2^63 - 1",
                               printable(value.dump()), field));
      }
      values.push_back(value.get<int64_t>());
    }
    return values;
  }

  // The factors are multiplied without the zeros first: an empty tensor with wild other sizes
  // would overflow inside torch.
  void check_size(const TensorInfo& info) const {
    std::optional<int64_t> bytes = static_cast<int64_t>(c10::elementSize(info.type));
    bool is_empty = false;
    for (const int64_t size : info.sizes) {
      is_empty = is_empty || size == 0;
      if (bytes) bytes = product(*bytes, std::max<int64_t>(size, 1));
    }
    if (!bytes) fail(info.name, "its shape has more elements than any file can hold");
    const uint64_t needed = is_empty ? 0 : static_cast<uint64_t>(*bytes);
    if (info.end - info.begin != needed) {
      fail(info.name, fmt::format("its shape needs {} bytes, its data_offsets [{}, {}] hold {}",
                                  needed, info.begin, info.end, info.end - info.begin));
    }
  }

  void check_places(size_t data_size) {
    auto& tensors = header_.tensors;
    std::sort(tensors.begin(), tensors.end(), [](const TensorInfo& a, const TensorInfo& b) {
      return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
    });
    uint64_t end = 0;
    for (const TensorInfo& info : tensors) {
      if (info.begin != end) {
        fail(info.name, fmt::format("its data begins at {}, but the tensors before it end at {}; "
                                    "accepted is data without overlap or hole",
                                    info.begin, end));
      }
      end = info.end;
      if (end > data_size) {
        fail(info.name, fmt::format("its data ends at {}, but the file has {} bytes of data; the "
                                    "file is truncated or damaged",
                                    end, data_size));
      }
    }
    if (end != data_size) {
      fail(
          fmt::format("the tensors end at {}, but the file has {} bytes of data; the file is "
                      "damaged",
                      end, data_size));
    }
  }

  ByteCursor cursor_;
  const std::string file_;
  Header header_;
};

// ---- Writing.

struct Placed {
  const std::string* name;
  torch::Tensor tensor;
  size_t rank;  // of its type in kTypes
};

size_t rank_of(const std::string& name, const torch::Tensor& tensor) {
  if (!tensor.defined()) {
    throw std::invalid_argument(fmt::format("tensor {} has no value to write", printable(name)));
  }
  for (size_t i = 0; i < std::size(kTypes); ++i) {
    if (tensor.scalar_type() == kTypes[i].type) return i;
  }
  throw std::invalid_argument(fmt::format("tensor {} is {}; safetensors holds {}", printable(name),
                                          c10::toString(tensor.scalar_type()), type_names()));
}

std::string header_text(const std::vector<Placed>& placed,
                        const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  if (!metadata.empty()) json[std::string(kMetadata)] = metadata;
  size_t offset = 0;
  for (const Placed& item : placed) {
    const size_t end = offset + item.tensor.nbytes();
    json[*item.name] = {{"dtype", kTypes[item.rank].name},
                        {"shape", item.tensor.sizes().vec()},
                        {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text;
  try {
    text = json.dump();
  } catch (const nlohmann::json::exception& error) {
    throw std::invalid_argument(
        fmt::format("a tensor's name or the metadata is not UTF-8: {}", error.what()));
  }
  text.append((kAlignment - text.size() % kAlignment) % kAlignment, ' ');
  return text;
}

}  // namespace

bool is_safetensors(std::span<const std::byte> file) {
  return file.size() > kLengthSize && file[kLengthSize] == std::byte{'{'};
}

Safetensors read_safetensors(std::span<const std::byte> file, const std::string& name) {
  Header header = HeaderReader(file, name).read();
  Safetensors result{.tensors = {}, .metadata = std::move(header.metadata)};
  const auto data = file.subspan(header.data_begin);
  for (const TensorInfo& info : header.tensors) {
    result.tensors[info.name] =
        tensor_of_bytes(data.subspan(info.begin, info.end - info.begin), info.type, info.sizes,
                        fmt::format("{}: tensor {}", name, printable(info.name)));
  }
  return result;
}

std::map<std::string, std::string> read_safetensors_header(std::span<const std::byte> file,
                                                           const std::string& name) {
  return HeaderReader(file, name).read().metadata;
}

void write_safetensors(const std::filesystem::path& path, const TensorMap& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<Placed> placed;
  for (const auto& [name, tensor] : tensors) {
    if (name == kMetadata) {
      throw std::invalid_argument("a tensor cannot be named __metadata__: the format uses it");
    }
    placed.push_back({&name, tensor, rank_of(name, tensor)});
  }
  std::stable_sort(placed.begin(), placed.end(),
                   [](const Placed& a, const Placed& b) { return a.rank < b.rank; });

  const std::string header = header_text(placed, metadata);
  std::array<std::byte, kLengthSize> length;
  for (size_t i = 0; i < kLengthSize; ++i) length[i] = std::byte(header.size() >> (8 * i) & 0xff);

  AtomicFile file(path);
  file.write(length);
  file.write(std::as_bytes(std::span(header)));
  for (const Placed& item : placed) {
    const torch::Tensor data = item.tensor.detach().to(at::kCPU).contiguous();
    file.write({static_cast<const std::byte*>(data.const_data_ptr()), data.nbytes()});
  }
  file.commit();
}

}  // namespace oar
