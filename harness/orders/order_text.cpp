#include "harness/orders/order_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <vector>

#include "datasets/dataset.h"
#include "harness/orders/json_values.h"
#include "harness/orders/order_checks.h"

namespace oar {
namespace {

using nlohmann::json;

/// One order as the text has it.
struct Entry {
  int64_t line = 0;
  std::optional<int64_t> image, label;
  std::vector<int64_t> position_at;
  std::optional<std::vector<float>> log_likelihood;
};

class TextReader {
 public:
  TextReader(std::string_view text, const std::string& file) : file_(file) {
    for (const JsonValue& value : split_json_values(text, file_)) {
      const json parsed = parse_json_value(value, file_);
      const bool is_first = entries_.empty() && !header_;
      if (is_first && parsed.is_object() && parsed.contains("schema_version")) {
        header_ = checked_header(parsed, where(value.line));
      } else {
        entries_.push_back(entry(parsed, value.line));
      }
    }
    if (entries_.empty()) {
      throw BadData(fmt::format(
          "{}: no orders are in it; accepted: one {{\"position_at\": [...]}} a line", file_));
    }
  }

  OrderSet orders(std::optional<Grid> given) const {
    const auto count = static_cast<int64_t>(entries_.size());
    const OrderHeader header = header_.value_or(OrderHeader{});
    OrderSet set;
    set.grid = agreed_grid(header.grid, given, file_,
                           static_cast<int64_t>(entries_.front().position_at.size()));
    set.order = header.order;
    set.peeks = header.peeks;
    const int64_t n = set.grid.size();
    set.position_at = torch::empty({count, n}, torch::kInt64);
    for (int64_t i = 0; i < count; ++i) {
      copy_row("position_at", entries_[i].line, entries_[i].position_at,
               set.position_at[i].mutable_data_ptr<int64_t>(), n);
    }
    set.image = numbers("image", &Entry::image);
    set.label = numbers("label", &Entry::label);
    if (all_have("log_likelihood", &Entry::log_likelihood)) {
      set.log_likelihood = torch::empty({count, n}, torch::kFloat32);
      for (int64_t i = 0; i < count; ++i) {
        copy_row("log_likelihood", entries_[i].line, *entries_[i].log_likelihood,
                 set.log_likelihood[i].mutable_data_ptr<float>(), n);
      }
    }
    check_orders(set, [this](int64_t i) { return where(entries_[i].line); });
    return set;
  }

 private:
  std::string where(int64_t line) const { return fmt::format("{}:{}", file_, line); }

  [[noreturn]] void refuse(int64_t line, const std::string& what, const json& found,
                           const char* accepted) const {
    throw BadData(
        fmt::format("{}: {} is {}; accepted: {}", where(line), what, shown_value(found), accepted));
  }

  template <typename T>
  std::vector<T> list(const json& values, const char* name, bool (*accepts)(const json&),
                      const char* accepted, int64_t line) const {
    if (!values.is_array()) refuse(line, name, values, accepted);
    std::vector<T> result;
    result.reserve(values.size());
    for (const json& value : values) {
      if (!accepts(value)) {
        refuse(line, fmt::format("{}[{}]", name, result.size()), value, accepted);
      }
      result.push_back(value.get<T>());
    }
    return result;
  }

  std::vector<int64_t> positions(const json& values, int64_t line) const {
    return list<int64_t>(
        values, "position_at", [](const json& value) { return value.is_number_integer(); },
        "a list of integers, the patch of each step", line);
  }

  std::optional<int64_t> integer(const json& value, const char* name, int64_t line) const {
    if (!value.contains(name)) return std::nullopt;
    if (!value.at(name).is_number_integer()) refuse(line, name, value.at(name), "an integer");
    return value.at(name).get<int64_t>();
  }

  Entry entry(const json& value, int64_t line) const {
    Entry entry;
    entry.line = line;
    if (value.is_array()) {
      entry.position_at = positions(value, line);
      return entry;
    }
    if (!value.contains("position_at")) {
      refuse(line, "an order without position_at", value,
             "{\"position_at\": [...]}, or a plain list");
    }
    entry.position_at = positions(value.at("position_at"), line);
    entry.image = integer(value, "image", line);
    entry.label = integer(value, "label", line);
    if (value.contains("log_likelihood")) {
      entry.log_likelihood = list<float>(
          value.at("log_likelihood"), "log_likelihood",
          [](const json& number) { return number.is_number(); },
          "a list of numbers, the nats of each step", line);
    }
    return entry;
  }

  template <typename T>
  void copy_row(const char* name, int64_t line, const std::vector<T>& row, T* to, int64_t n) const {
    if (static_cast<int64_t>(row.size()) != n) {
      throw BadData(
          fmt::format("{}: {} has {} entries; accepted: {}, one for each patch of the grid",
                      where(line), name, row.size(), n));
    }
    std::copy(row.begin(), row.end(), to);
  }

  /// True if all entries have the field, false if none has.
  template <typename T>
  bool all_have(const char* name, std::optional<T> Entry::*field) const {
    const bool first = (entries_.front().*field).has_value();
    for (const Entry& entry : entries_) {
      if ((entry.*field).has_value() == first) continue;
      throw BadData(
          fmt::format("{}: {} is {} here and {} on line {}; accepted: in all orders, or in none",
                      where(entry.line), name, first ? "missing" : "given",
                      first ? "given" : "missing", entries_.front().line));
    }
    return first;
  }

  torch::Tensor numbers(const char* name, std::optional<int64_t> Entry::*field) const {
    if (!all_have(name, field)) return {};
    std::vector<int64_t> values;
    for (const Entry& entry : entries_) values.push_back(*(entry.*field));
    return torch::tensor(values, torch::kInt64);
  }

  const std::string& file_;
  std::optional<OrderHeader> header_;
  std::vector<Entry> entries_;
};

template <typename T>
void append_list(fmt::memory_buffer& text, const char* name, const torch::Tensor& row) {
  const torch::Tensor values = row.contiguous();
  const T* value = values.const_data_ptr<T>();
  fmt::format_to(std::back_inserter(text), "\"{}\":[{}", name, value[0]);
  for (int64_t t = 1; t < values.size(0); ++t) {
    fmt::format_to(std::back_inserter(text), ",{}", value[t]);
  }
  text.push_back(']');
}

}  // namespace

OrderSet parse_order_text(std::string_view text, const std::string& file,
                          std::optional<Grid> grid) {
  return TextReader(text, file).orders(grid);
}

std::string order_text(const OrderSet& orders) {
  fmt::memory_buffer text;
  const auto out = std::back_inserter(text);
  fmt::format_to(out, "{{\"schema_version\":1,\"rows\":{},\"cols\":{}", orders.grid.rows,
                 orders.grid.cols);
  if (!orders.order.empty()) fmt::format_to(out, ",\"order\":{}", json(orders.order).dump());
  if (orders.peeks) fmt::format_to(out, ",\"peeks\":{}", *orders.peeks);
  fmt::format_to(out, "}}\n");
  for (int64_t i = 0; i < orders.position_at.size(0); ++i) {
    const auto integer = [&](const char* name, const torch::Tensor& values) {
      if (values.defined()) fmt::format_to(out, "\"{}\":{},", name, values[i].item<int64_t>());
    };
    text.push_back('{');
    integer("image", orders.image);
    integer("label", orders.label);
    append_list<int64_t>(text, "position_at", orders.position_at[i]);
    if (orders.log_likelihood.defined()) {
      text.push_back(',');
      append_list<float>(text, "log_likelihood", orders.log_likelihood[i]);
    }
    fmt::format_to(out, "}}\n");
  }
  return fmt::to_string(text);
}

}  // namespace oar
