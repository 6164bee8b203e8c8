// The command line of `oar-bench orders`.
#include <CLI/CLI.hpp>

#include "harness/orders_verb/orders_verb.h"

namespace oar {
namespace {

constexpr char kFile[] = "orders: JSON Lines, safetensors, or lists of positions written by hand";

template <typename T>
void add_option(CLI::App* verb, const char* name, T& value, const char* words) {
  verb->add_option(name, value, words)->capture_default_str();
}

void add_distance(CLI::App* verb, double& penalty, std::string& distance) {
  add_option(verb, "--distance-penalty", penalty, "λ, in nats per patch of distance");
  add_option(verb, "--distance", distance, "euclidean, manhattan or chebyshev");
}

void add_make(CLI::App* make, OrdersOptions& options) {
  OrderConfig& order = options.order;
  make->add_option("name", order.name, "a fixed order; see `list orders`")->required();
  make->add_option("out", options.out, "file to write, .jsonl or .safetensors")->required();
  make->get_option("--grid")->required();
  make->add_option("--images", options.images,
                   "an order for each of so many images; without it one that stands for all")
      ->check(CLI::Range(int64_t{1}, int64_t{100000000}));
  add_option(make, "--seed", order.seed, "draws orders that differ between images");
  add_option(make, "--order-seed", order.order_seed, "random_fixed: draws its one order");
  add_option(make, "--groups", order.groups, "locality_groups: how many; 0: LPD's own schedule");
  add_option(make, "--anneal-start", order.anneal_start, "annealed: random until this share");
  add_option(make, "--anneal-end", order.anneal_end, "annealed: raster from this share on");
  add_option(make, "--trained", options.trained, "annealed: share of the training that is done");
  add_distance(make, order.distance_penalty, options.distance);
}

void add_extract(CLI::App* extract, OrdersOptions& options) {
  ExtractOptions& search = options.extract;
  extract->add_option("--run", search.run, "folder of a run's results.json")->required();
  extract->add_option("--cell", search.cell,
                      "id of a cell, or labels that it alone has: oar,seed=0");
  add_option(extract, "--store", search.store, "the store that the sweep ran with");
  add_option(extract, "--model", search.model,
             "role of the model in the cell: any_order, specialist");
  extract->add_option("--split", search.split, "which images: held_out or train")
      ->check(CLI::IsMember({"held_out", "train"}))
      ->capture_default_str();
  extract->add_option("--max-images", search.max_images, "the first so many of them; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  add_option(extract, "--out", options.out, "file to write, .jsonl or .safetensors");
  add_option(extract, "--order", search.order, "see `list orders`");
  add_option(extract, "--confidence", search.confidence,
             "what ranks the open patches, for oar and sampled; see orders/README.md");
  add_distance(extract, search.distance_penalty, search.distance);
  add_option(extract, "--order-temperature", search.order_temperature,
             "sampled: temperature of the softmax of the score");
  add_option(extract, "--seed", search.seed, "draws sampled and random orders");
  SearchOptions& approximate = search.search;
  add_option(extract, "--frontier-radius", approximate.frontier_radius,
             "score open patches within this distance of a placed one; 0: all");
  add_option(extract, "--rescore-every", approximate.rescore_every,
             "score at every so many steps, and rank by the last scores between");
  add_option(extract, "--patches-per-step", approximate.patches_per_step,
             "patches placed together from one scoring");
  add_option(extract, "--search-first", approximate.search_first,
             "score for the first so many patches, then follow the last scores; 0: for all");
  add_option(extract, "--future-candidates", approximate.future_candidates,
             "future_context: most certain patches that are tried at a step; 0: all");
  add_option(extract, "--memory", search.memory, "what the search may allocate: 2GiB, 512MiB");
  add_option(extract, "--device", search.device, "auto, cpu, cuda or cuda:<index>");
  extract->add_flag("--compare-exact", search.compare_exact,
                    "search exactly too, and say how far the two agree");
  extract->add_flag("--quiet", options.quiet, "no progress lines");
}

}  // namespace

CLI::App* add_orders_verb(CLI::App& app, OrdersOptions& options) {
  CLI::App* const verb = app.add_subcommand(
      "orders", "show, compare, convert and make orders, or extract them with a trained model");
  verb->require_subcommand(1);
  const auto action = [&](const char* name, const char* words, decltype(options.action) function) {
    CLI::App* const sub = verb->add_subcommand(name, words);
    sub->callback([&options, function] { options.action = function; });
    return sub;
  };
  CLI::App* const show = action("show", "statistics of a file of orders", show_orders);
  CLI::App* const compare =
      action("compare", "how alike two files of orders are, image by image", compare_order_files);
  CLI::App* const convert =
      action("export", "write orders again as JSON Lines or safetensors", export_orders);
  CLI::App* const make = action("make", "write the orders of a fixed policy", make_order_file);
  CLI::App* const extract = action(
      "extract", "search the orders of images with a model of a finished run", extract_order_file);

  for (CLI::App* sub : {show, compare, convert, make}) {
    sub->add_option("--grid", options.grid, "ROWSxCOLUMNS, where the file does not say: 8x8");
  }
  for (CLI::App* sub : {show, compare, extract}) {
    sub->add_flag("--json", options.json, "print one JSON object instead of a table");
  }
  show->add_option("file", options.file, kFile)->required();
  show->add_option("--image", options.image, "draw the order of this image");
  show->add_flag("--each", options.each, "the numbers of each image too");
  compare->add_option("a", options.file, kFile)->required();
  compare->add_option("b", options.other, kFile)->required();
  convert->add_option("file", options.file, kFile)->required();
  convert->add_option("out", options.out, "file to write, .jsonl or .safetensors")->required();
  add_make(make, options);
  add_extract(extract, options);
  return verb;
}

}  // namespace oar
