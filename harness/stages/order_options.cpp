#include "harness/stages/order_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "datasets/dataset.h"
#include "datasets/sha256.h"
#include "harness/orders/order_file.h"

namespace oar {
namespace {

using nlohmann::json;

OrderInfo info_of(const json& section) {
  return find_order(section.at("order").get<std::string>()).value();
}

/// Adds what one order reads and others do not.
void add_own_options(const json& section, json& identity) {
  const std::string order = section.at("order");
  const auto copy = [&](const char* option) {
    if (section.contains(option)) identity[option] = section.at(option);
  };
  if (order == "random_fixed") copy("order_seed");
  if (order == "locality_groups") copy("groups");
  if (order == "sampled") copy("order_temperature");
  if (order == "annealed") {
    copy("anneal_start");
    copy("anneal_end");
  }
  if (!info_of(section).reads_file) return;
  const std::string file = section.at("order_file");
  if (file.empty()) {
    throw std::invalid_argument(
        fmt::format("the order \"{}\" needs a file, and order_file is empty; write one with "
                    "`oar-bench orders`",
                    order));
  }
  if (!std::filesystem::is_regular_file(file)) {
    throw std::invalid_argument(fmt::format(
        "order_file: there is no file \"{}\", which the order \"{}\" reads; paths begin where the "
        "program runs; `oar-bench orders extract` and `orders make` write such files",
        file, order));
  }
  identity["order_file_sha256"] = sha256_file(file);
}

/// The search options that are not at their defaults.
json search_options(const json& section, const std::string& confidence) {
  const bool asks_head = confidence == "location";
  json options = json::object();
  const json defaults = {
      {"frontier_radius", 0}, {"rescore_every", 1}, {"patches_per_step", 1}, {"search_first", 0}};
  for (const auto& [name, value] : defaults.items()) {
    if (asks_head && name == "frontier_radius") continue;  // a head ranks every patch at once
    if (section.at(name) != value) options[name] = section.at(name);
  }
  if (confidence == "future_context")
    options["future_candidates"] = section.at("future_candidates");
  return options;
}

}  // namespace

json search_identity(const json& section) {
  const OrderInfo info = info_of(section);
  json identity = {{"order", info.name},
                   {"distance_penalty", 0.0},
                   {"distance", "euclidean"},
                   {"confidence", "likelihood"}};
  add_own_options(section, identity);
  if (!info.is_learned) return identity;
  for (const char* option : {"distance_penalty", "confidence"}) {
    identity[option] = section.at(option);
  }
  if (section.at("distance_penalty") != 0.0) identity["distance"] = section.at("distance");
  if (info.own_confidence) identity["confidence"] = name_of(*info.own_confidence);
  const json search = search_options(section, identity["confidence"]);
  if (!search.empty()) identity["search"] = search;
  return identity;
}

json training_identity(const json& section) {
  if (info_of(section).is_learned) {
    throw std::invalid_argument(
        fmt::format("train.order \"{}\" is found by a model that is trained already; train on a "
                    "fixed order, then relabel with this one",
                    section.at("order").get<std::string>()));
  }
  json identity = json::object();
  for (const char* option : {"order", "images_seen", "batch_size", "learning_rate", "warmup",
                             "weight_decay", "gradient_clip"}) {
    identity[option] = section.at(option);
  }
  add_own_options(section, identity);
  const bool draws_at_random = section.at("order") == "random" || section.at("order") == "annealed";
  if (draws_at_random && section.at("distance_penalty") != 0.0) {
    identity["distance_penalty"] = section.at("distance_penalty");
    identity["distance"] = section.at("distance");
  }
  return identity;
}

OrderConfig order_config_from(const json& config, const Grid& grid, uint64_t seed,
                              const std::string& order_file) {
  OrderConfig order;
  order.name = config.at("order");
  order.grid = grid;
  order.seed = seed;
  order.distance_penalty = config.value("distance_penalty", 0.0);
  order.distance = distance_from_name(config.value("distance", "euclidean"));
  order.order_seed = config.value("order_seed", uint64_t{0});
  order.order_temperature = config.value("order_temperature", 1.0);
  order.anneal_start = config.value("anneal_start", order.anneal_start);
  order.anneal_end = config.value("anneal_end", order.anneal_end);
  order.groups = config.value("groups", int64_t{0});
  if (config.contains("order_file_sha256")) {
    if (sha256_file(order_file) != config.at("order_file_sha256")) {
      throw BadData(
          fmt::format("{}: the file changed since the sweep began; run it again", order_file));
    }
    const OrderSet orders = read_orders(order_file, grid);
    order.given = orders.position_at;
    order.given_image = orders.image;
  }
  return order;
}

RolloutOptions rollout_options_from(const json& config) {
  RolloutOptions options;
  options.confidence = confidence_from_name(config.at("confidence"));
  const json search = config.value("search", json::object());
  SearchOptions& into = options.search;
  into.frontier_radius = search.value("frontier_radius", into.frontier_radius);
  into.rescore_every = search.value("rescore_every", into.rescore_every);
  into.patches_per_step = search.value("patches_per_step", into.patches_per_step);
  into.search_first = search.value("search_first", into.search_first);
  into.future_candidates = search.value("future_candidates", into.future_candidates);
  return options;
}

bool peeks(const OrderPolicy& policy, const RolloutOptions& options) {
  return policy.is_learned() &&
         depends_on_code(policy.own_confidence().value_or(options.confidence));
}

}  // namespace oar
