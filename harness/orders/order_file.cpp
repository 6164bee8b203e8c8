#include "harness/orders/order_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
#include <system_error>

#include "datasets/binary_file.h"
#include "datasets/dataset.h"
#include "datasets/utf8.h"
#include "harness/orders/order_checks.h"
#include "harness/orders/order_text.h"
#include "models/weights/atomic_file.h"
#include "models/weights/safetensors.h"
#include "orders/order_statistics.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// A tensor of a safetensors file as `type`, int64 or float32; not defined where there is none.
/// `sizes` -1 stands for any but 0.
torch::Tensor tensor_of(const Safetensors& file, const char* name, torch::ScalarType type,
                        const std::vector<int64_t>& sizes, const std::string& where) {
  const auto found = file.tensors.find(name);
  if (found == file.tensors.end()) return {};
  const torch::Tensor& tensor = found->second;
  const bool has_type = type == torch::kInt64
                            ? at::isIntegralType(tensor.scalar_type(), /*includeBool=*/false)
                            : tensor.is_floating_point();
  const bool has_shape = std::equal(
      sizes.begin(), sizes.end(), tensor.sizes().begin(), tensor.sizes().end(),
      [](int64_t wanted, int64_t size) { return wanted < 0 ? size > 0 : wanted == size; });
  if (!has_type || !has_shape) {
    std::vector<std::string> shape;
    for (const int64_t size : sizes) shape.push_back(size < 0 ? "any" : fmt::format("{}", size));
    throw BadData(fmt::format("{}: tensor {} is {} [{}]; accepted: {} [{}]", where, name,
                              toString(tensor.scalar_type()), fmt::join(tensor.sizes().vec(), ", "),
                              type == torch::kInt64 ? "integers" : "floating point",
                              fmt::join(shape, ", ")));
  }
  return tensor.to(type).contiguous();
}

/// Metadata is text; what reads as JSON stands for itself: `8` is a number, `true` is true.
OrderHeader header_of(const std::map<std::string, std::string>& metadata, const std::string& file) {
  json fields = json::object();
  for (const char* name : {"schema_version", "rows", "cols", "peeks"}) {
    const auto found = metadata.find(name);
    if (found == metadata.end()) continue;
    fields[name] = json::parse(found->second, nullptr, /*allow_exceptions=*/false);
    if (fields[name].is_discarded()) fields[name] = found->second;
  }
  if (const auto found = metadata.find("order"); found != metadata.end()) {
    fields["order"] = found->second;
  }
  return checked_header(fields, file + ": metadata");
}

OrderSet orders_of(const Safetensors& file, const std::string& name, std::optional<Grid> given) {
  OrderSet set;
  set.position_at = tensor_of(file, "position_at", torch::kInt64, {-1, -1}, name);
  if (!set.position_at.defined()) {
    throw BadData(fmt::format(
        "{}: there is no tensor position_at in it; accepted: integers [images, patches]", name));
  }
  const int64_t count = set.position_at.size(0), n = set.position_at.size(1);
  const OrderHeader header = header_of(file.metadata, name);
  set.grid = agreed_grid(header.grid, given, name, n);
  set.order = header.order;
  set.peeks = header.peeks;
  if (set.grid.size() != n) {
    throw BadData(
        fmt::format("{}: position_at has {} entries an image; accepted: {}, one for each "
                    "patch of a {}x{} grid",
                    name, n, set.grid.size(), set.grid.rows, set.grid.cols));
  }
  set.image = tensor_of(file, "image", torch::kInt64, {count}, name);
  set.label = tensor_of(file, "label", torch::kInt64, {count}, name);
  set.log_likelihood = tensor_of(file, "log_likelihood", torch::kFloat32, {count, n}, name);
  check_orders(set, [&name](int64_t i) { return fmt::format("{}: row {}", name, i); });
  return set;
}

std::string contents_of(const fs::path& path) {
  if (fs::is_directory(path)) {
    throw std::system_error(EISDIR, std::generic_category(), path.string());
  }
  const InputFile file(path);
  std::string text(static_cast<size_t>(file.size()), '\0');
  text.resize(file.read_at(0, std::as_writable_bytes(std::span(text))));
  return text;
}

void check_fit(const OrderSet& orders, const fs::path& path) {
  step_of(orders.position_at);  // names the order that is no permutation
  const auto fits = [](const torch::Tensor& tensor, at::IntArrayRef sizes) {
    return !tensor.defined() || tensor.sizes() == sizes;
  };
  const auto rows = orders.position_at.sizes().slice(0, 1);
  if (orders.position_at.size(1) != orders.grid.size() || orders.grid.size() > kMaxPatches ||
      !fits(orders.image, rows) || !fits(orders.label, rows) ||
      !fits(orders.log_likelihood, orders.position_at.sizes())) {
    throw std::invalid_argument(fmt::format(
        "{}: grid, orders and what is known of them do not fit each other", path.string()));
  }
}

bool is_safetensors_name(const fs::path& path) { return path.extension() == ".safetensors"; }

}  // namespace

OrderSet read_orders(const fs::path& path, std::optional<Grid> grid) {
  const std::string contents = contents_of(path);
  const auto bytes = std::as_bytes(std::span(contents));
  // A safetensors file opens with the length of its header, whose last byte is 0; no text has one.
  if (!is_safetensors(bytes) || contents[7] != '\0') {
    return parse_order_text(contents, path.string(), grid);
  }
  try {
    return orders_of(read_safetensors(bytes, path.string()), path.string(), grid);
  } catch (const BadWeights& error) {
    throw BadData(error.what());
  }
}

void check_order_file_name(const fs::path& path) {
  if (is_safetensors_name(path) || path.extension() == ".jsonl") return;
  throw std::invalid_argument(
      fmt::format("{}: orders are written as JSON Lines or safetensors; let the name end in .jsonl "
                  "or .safetensors",
                  path.string()));
}

void write_orders(const fs::path& path, const OrderSet& orders) {
  check_order_file_name(path);
  check_fit(orders, path);
  if (!is_safetensors_name(path)) {
    write_file_atomically(path, std::string_view(order_text(orders)));
    return;
  }
  TensorMap tensors = {{"position_at", orders.position_at.to(torch::kInt16)}};
  if (orders.image.defined()) tensors["image"] = orders.image;
  if (orders.label.defined()) tensors["label"] = orders.label;
  if (orders.log_likelihood.defined()) tensors["log_likelihood"] = orders.log_likelihood;
  std::map<std::string, std::string> metadata = {{"schema_version", "1"},
                                                 {"rows", fmt::format("{}", orders.grid.rows)},
                                                 {"cols", fmt::format("{}", orders.grid.cols)}};
  if (!orders.order.empty()) metadata["order"] = orders.order;
  if (orders.peeks) metadata["peeks"] = *orders.peeks ? "true" : "false";
  write_safetensors(path, tensors, metadata);
}

Grid grid_from_text(std::string_view text) {
  Grid grid;
  const char* const end = text.data() + text.size();
  const auto rows = std::from_chars(text.data(), end, grid.rows);
  const bool has_cross = rows.ec == std::errc() && rows.ptr != end && *rows.ptr == 'x';
  const auto cols = has_cross ? std::from_chars(rows.ptr + 1, end, grid.cols) : rows;
  if (has_cross && cols.ec == std::errc() && cols.ptr == end && grid.rows >= 1 && grid.cols >= 1 &&
      grid.rows <= kMaxPatches && grid.cols <= kMaxPatches && grid.size() <= kMaxPatches) {
    return grid;
  }
  throw std::invalid_argument(fmt::format(
      "a grid is written ROWSxCOLUMNS, as in 8x8, with at most {} patches; found \"{}\"",
      kMaxPatches, as_utf8(text)));
}

}  // namespace oar
