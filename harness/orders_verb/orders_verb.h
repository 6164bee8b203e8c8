#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>

#include "harness/orders_verb/extract.h"
#include "orders/order_policy.h"

namespace CLI {
class App;
}

namespace oar {

/// What `oar-bench orders` was asked to do.
struct OrdersOptions {
  int (*action)(const OrdersOptions&, std::ostream& out) = nullptr;  ///< one of those below
  std::filesystem::path file;                  ///< what `show` and `export` read; A of `compare`
  std::filesystem::path other;                 ///< B of `compare`
  std::filesystem::path out = "orders.jsonl";  ///< what `export`, `make` and `extract` write
  std::string grid;                            ///< --grid RxC; empty: the file's own
  std::optional<int64_t> image;                ///< of `show`: draws the order of this image
  bool each = false;                           ///< of `show`: the numbers of each image too
  bool json = false;
  bool quiet = false;
  OrderConfig order;                   ///< of `make`; its distance is filled in from below
  std::string distance = "euclidean";  ///< of `make`
  std::optional<int64_t> images;       ///< of `make`; nothing: one order that stands for all
  double trained = 1.0;                ///< of `make`, where the order is `annealed`
  ExtractOptions extract;
};

/// Adds the verb with its five actions. Parsing a command line fills `options`, which must outlive
/// the app.
CLI::App* add_orders_verb(CLI::App& app, OrdersOptions& options);

/// Runs what was asked, on standard output.
///
/// Errors  those of read_orders(), write_orders(), make_order(), compare_orders() and
///         extract_orders().
int run_orders_verb(const OrdersOptions& options);

/// The actions; each returns the program's exit code.
int show_orders(const OrdersOptions& options, std::ostream& out);
int compare_order_files(const OrdersOptions& options, std::ostream& out);
int export_orders(const OrdersOptions& options, std::ostream& out);
int make_order_file(const OrdersOptions& options, std::ostream& out);
int extract_order_file(const OrdersOptions& options, std::ostream& out);

}  // namespace oar
