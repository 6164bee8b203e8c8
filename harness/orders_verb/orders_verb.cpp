#include "harness/orders_verb/orders_verb.h"

#include <ATen/ops/arange.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "datasets/utf8.h"
#include "harness/exit_code.h"
#include "harness/orders/order_file.h"
#include "harness/orders/order_record.h"
#include "harness/orders_verb/matched_orders.h"
#include "harness/orders_verb/order_tables.h"
#include "harness/store/progress.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

OrderSet read(const fs::path& file, const OrdersOptions& options) {
  std::optional<Grid> grid;
  if (!options.grid.empty()) grid = grid_from_text(options.grid);
  return read_orders(file, grid);
}

/// The record of a set of orders. An order nobody knows counts as learned: its jumps are judged.
nlohmann::json record_of(const OrderSet& orders, const OrderStatistics& statistics) {
  SignatureEvidence evidence;
  if (const auto info = find_order(orders.order)) evidence.is_learned = info->is_learned;
  return order_record(statistics, failure_signatures(statistics, evidence));
}

json header_of(const fs::path& file, const OrderSet& orders) {
  return {{"schema_version", 1},
          {"file", as_utf8(file.string())},
          {"order", orders.order.empty() ? json(nullptr) : json(orders.order)},
          {"peeks", orders.peeks ? json(*orders.peeks) : json(nullptr)}};
}

std::string title_of(const fs::path& file, const OrderSet& orders) {
  std::string title = file.string();
  if (!orders.order.empty()) title += fmt::format(", order {}", orders.order);
  if (orders.peeks) title += *orders.peeks ? " (peeks)" : " (does not peek)";
  return title + "\n";
}

int64_t row_of_image(const OrderSet& orders, int64_t image, const fs::path& file) {
  const int64_t count = orders.position_at.size(0);
  const torch::Tensor numbers =
      orders.image.defined() ? orders.image : at::arange(count, torch::kInt64);
  const torch::Tensor rows = (numbers == image).nonzero();
  if (rows.size(0) > 0) return rows[0].item<int64_t>();
  throw std::invalid_argument(
      fmt::format("--image {}: {} has {} orders, of images from {} to {}", image, file.string(),
                  count_text(count), numbers.min().item<int64_t>(), numbers.max().item<int64_t>()));
}

void check_folder_of(const fs::path& file) {
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  if (fs::is_directory(folder)) return;
  throw std::invalid_argument(
      fmt::format("{}: there is no folder {}; make it first", quoted(file), quoted(folder)));
}

}  // namespace

int show_orders(const OrdersOptions& options, std::ostream& out) {
  const OrderSet orders = read(options.file, options);
  std::optional<int64_t> row;
  if (options.image) row = row_of_image(orders, *options.image, options.file);
  const OrderStatistics statistics =
      order_statistics(orders.position_at, orders.grid, orders.log_likelihood);
  const nlohmann::json record = record_of(orders, statistics);
  nlohmann::json images = nlohmann::json::array();
  if (options.each || row) images = image_records(statistics.each, orders.image);
  torch::Tensor steps;
  if (row) steps = step_of(orders.position_at.narrow(0, *row, 1)).squeeze(0);
  if (options.json) {
    json report = header_of(options.file, orders);
    report["statistics"] = record;
    if (options.each) report["images"] = images;
    if (row) {
      report["image"] = images[*row];
      report["image"]["step_of"] = std::vector<int64_t>(
          steps.const_data_ptr<int64_t>(), steps.const_data_ptr<int64_t>() + steps.numel());
    }
    out << report.dump(2) << "\n";
    return kAllDone;
  }
  out << title_of(options.file, orders) << render_statistics(record, orders.peeks.value_or(false));
  if (options.each) out << "\n" << render_images(images);
  if (row) {
    out << fmt::format("\nimage {}: the step of each patch\n", *options.image)
        << render_steps(steps, orders.grid) << render_images(nlohmann::json::array({images[*row]}));
  }
  return kAllDone;
}

int compare_order_files(const OrdersOptions& options, std::ostream& out) {
  const MatchedOrders matched =
      match_orders({options.file.string(), read(options.file, options)},
                   {options.other.string(), read(options.other, options)});
  const nlohmann::json record =
      comparison_record(compare_orders(matched.a, matched.b, matched.grid));
  if (options.json) {
    json report = {{"schema_version", 1},
                   {"a", as_utf8(options.file.string())},
                   {"b", as_utf8(options.other.string())},
                   {"only_in_a", matched.only_in_a},
                   {"only_in_b", matched.only_in_b}};
    report.update(json(record));
    out << report.dump(2) << "\n";
    return kAllDone;
  }
  out << render_comparison(record);
  for (const auto& [file, left_out] :
       {std::pair{options.file, matched.only_in_a}, std::pair{options.other, matched.only_in_b}}) {
    if (left_out == 0) continue;
    out << fmt::format("  left out: {} images that only {} has\n", count_text(left_out),
                       file.string());
  }
  return kAllDone;
}

int export_orders(const OrdersOptions& options, std::ostream& out) {
  check_order_file_name(options.out);
  const OrderSet orders = read(options.file, options);
  write_orders(options.out, orders);
  out << fmt::format("{}: {} orders, grid {}x{}\n", options.out.string(),
                     count_text(orders.position_at.size(0)), orders.grid.rows, orders.grid.cols);
  return kAllDone;
}

int make_order_file(const OrdersOptions& options, std::ostream& out) {
  check_order_file_name(options.out);
  OrderConfig config = options.order;
  if (const auto info = find_order(config.name); info && info->reads_file) {
    throw std::invalid_argument(
        fmt::format("the order \"{}\" is in a file already; `oar-bench orders export` writes it "
                    "again in another format",
                    config.name));
  }
  config.grid = grid_from_text(options.grid);
  config.distance = distance_from_name(options.distance);
  const auto policy = make_order(config);
  if (policy->is_learned()) {
    throw std::invalid_argument(fmt::format(
        "order \"{}\" is learned: a model decides it, image by image; `oar-bench orders "
        "extract` searches it",
        config.name));
  }
  const torch::Tensor images = at::arange(options.images.value_or(1), torch::kInt64);
  OrderSet orders;
  orders.grid = config.grid;
  if (options.images) orders.image = images;  // without, one order stands for all
  orders.position_at = policy->position_at({images, {}, options.trained}).contiguous();
  orders.order = config.name;
  orders.peeks = false;
  write_orders(options.out, orders);
  out << fmt::format("{}: order {}, grid {}x{}, {}\n", options.out.string(), config.name,
                     config.grid.rows, config.grid.cols,
                     options.images ? fmt::format("{} images", count_text(*options.images))
                                    : "one for all images");
  return kAllDone;
}

int extract_order_file(const OrdersOptions& options, std::ostream& out) {
  check_order_file_name(options.out);
  check_folder_of(options.out);  // before hours of search
  Progress progress(ProgressOptions::standard_error(options.quiet));
  const Extraction found = extract_orders(options.extract, progress);
  write_orders(options.out, found.orders);
  const nlohmann::json record = record_of(
      found.orders,
      order_statistics(found.orders.position_at, found.orders.grid, found.orders.log_likelihood));
  if (options.json) {
    json report = header_of(options.out, found.orders);
    report["search"] = found.search;
    report["statistics"] = record;
    report["agreement"] = found.agreement;
    out << report.dump(2) << "\n";
    return kAllDone;
  }
  out << title_of(options.out, found.orders) << render_statistics(record, *found.orders.peeks)
      << render_search(found.search, found.agreement);
  return kAllDone;
}

int run_orders_verb(const OrdersOptions& options) { return options.action(options, std::cout); }

}  // namespace oar
