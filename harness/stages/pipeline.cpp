#include "harness/stages/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "datasets/sha256.h"
#include "harness/measure/extractors.h"
#include "harness/stages/artifacts.h"
#include "harness/stages/stages.h"
#include "metrics/feature_extractor.h"
#include "models/any_order/next_encoding.h"
#include "models/vqgan/trainer.h"
#include "orders/order_policy.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// SHA-256 over the sorted names and sizes of all files below a folder: a look at directories only.
std::string fingerprint(const fs::path& root) {
  if (!fs::exists(root)) {
    throw BadData(fmt::format(
        "dataset.root: there is no folder \"{}\"; set dataset.root to the folder of your copy "
        "(--set dataset.root=...)",
        root.string()));
  }
  if (!fs::is_directory(root)) {
    throw BadData(fmt::format("dataset.root: \"{}\" is not a folder", root.string()));
  }
  std::vector<std::string> lines;
  for (const auto& entry :
       fs::recursive_directory_iterator(root, fs::directory_options::follow_directory_symlink |
                                                  fs::directory_options::skip_permission_denied)) {
    std::error_code vanished;
    if (!entry.is_regular_file(vanished) || vanished) continue;
    const auto size = entry.file_size(vanished);
    if (!vanished)
      lines.push_back(
          fmt::format("{} {}\n", fs::relative(entry.path(), root).generic_string(), size));
  }
  std::sort(lines.begin(), lines.end());
  std::string all;
  for (const std::string& line : lines) all += line;
  return sha256_hex(std::as_bytes(std::span(all)));
}

DatasetConfig dataset_config_from(const json& part) {
  DatasetConfig config;
  part.at("name").get_to(config.name);
  config.root = part.at("root").get<std::string>();
  part.at("image_size").get_to(config.image_size);
  part.at("max_images").get_to(config.max_images);
  part.at("held_out").get_to(config.held_out);
  part.at("class_column").get_to(config.class_column);
  part.at("caption_column").get_to(config.caption_column);
  part.at("seed").get_to(config.seed);
  return config;
}

bool is_generated(const std::string& dataset) { return dataset == "sunset"; }

template <typename T>
void override_by(const json& part, const char* option, T& value) {
  if (!part.at(option).is_null()) part.at(option).get_to(value);
}

json tokenizer_config(const json& part, int64_t image_size) {
  const std::string preset = part.at("preset");
  VqganConfig network = vqgan_preset(preset, image_size);
  override_by(part, "codebook_size", network.codebook_size);
  override_by(part, "channels", network.ch);
  override_by(part, "channel_multipliers", network.ch_mult);
  override_by(part, "residual_blocks", network.num_res_blocks);
  override_by(part, "embedding_dim", network.embed_dim);
  if (!network.attn_resolutions.empty()) {  // attention stays at the lowest resolution
    network.attn_resolutions = {image_size / network.downsample()};
  }
  check_config(network);
  const std::string weights = part.at("weights");
  if (!weights.empty()) {
    return {{"network", to_json(network)}, {"weights_sha256", sha256_file(weights)}};
  }
  TrainerOptions options = trainer_preset(preset);
  override_by(part, "images_seen", options.images_seen);
  override_by(part, "batch_size", options.batch_size);
  override_by(part, "learning_rate", options.learning_rate);
  override_by(part, "perceptual_weight", options.perceptual_weight);
  override_by(part, "discriminator_weight", options.discriminator_weight);
  override_by(part, "discriminator_start", options.discriminator_start);
  return {{"network", to_json(network)},
          {"preset", preset},
          {"training",
           {{"images_seen", options.images_seen},
            {"batch_size", options.batch_size},
            {"learning_rate", options.learning_rate},
            {"perceptual_weight", options.perceptual_weight},
            {"discriminator_weight", options.discriminator_weight},
            {"discriminator_start", options.discriminator_start},
            {"seed", part.at("seed")}}}};
}

json network_config(const json& part, const Grid& grid, int64_t codebook_size) {
  TransformerConfig config = transformer_preset(part.at("preset"));
  override_by(part, "layers", config.layers);
  override_by(part, "width", config.width);
  override_by(part, "heads", config.heads);
  part.at("next_encoding").get_to(config.next_encoding);
  part.at("dropout").get_to(config.dropout);
  config.grid = grid;
  config.codebook_size = codebook_size;
  check_config(config);
  return {{"layers", config.layers},
          {"width", config.width},
          {"heads", config.heads},
          {"next_encoding", config.next_encoding},
          {"dropout", config.dropout}};
}

/// The members of `object` with these names.
json pick(const json& object, std::initializer_list<const char*> names) {
  json picked = json::object();
  for (const char* name : names) picked[name] = object.at(name);
  return picked;
}

/// What decides which patch is next. A fixed order has no confidence and no penalty, so that cells
/// that differ only there share their samples.
json order_part(const json& part) {
  json order = pick(part, {"order", "distance_penalty", "distance", "confidence"});
  const std::vector<OrderInfo> orders = list_orders();
  const bool learned = std::any_of(orders.begin(), orders.end(), [&](const OrderInfo& info) {
    return info.name == part.at("order") && info.is_learned;
  });
  if (!learned) {
    order["distance_penalty"] = 0.0;
    order["confidence"] = "likelihood";
  }
  if (order["distance_penalty"] == 0.0) order["distance"] = "euclidean";
  return order;
}

}  // namespace

std::vector<PlannedStage> plan_cell(const Recipe& recipe, int64_t seed,
                                    const Environment& environment) {
  std::vector<PlannedStage> plan;
  const auto add = [&plan](const std::string& role, StageNode node, StageFunction function) {
    plan.push_back({role, std::move(node), std::move(function)});
    return plan.back().node;
  };

  const json& dataset_part = part(recipe, "dataset");
  const DatasetConfig dataset_config = dataset_config_from(dataset_part);
  json dataset_identity = dataset_part;
  dataset_identity.erase("root");
  if (!is_generated(dataset_config.name))
    dataset_identity["files"] = fingerprint(dataset_config.root);
  const StageNode dataset =
      add("dataset", make_node("dataset", 1, dataset_identity),
          [=](StageContext& context) { return run_dataset(context, dataset_config); });

  const json& tokenizer_part = part(recipe, "tokenizer");
  const json tokenizer_identity = tokenizer_config(tokenizer_part, dataset_config.image_size);
  const std::string tokenizer_weights = tokenizer_part.at("weights");
  const StageNode tokenizer =
      add("tokenizer", make_node("tokenizer", 1, tokenizer_identity, {{"dataset", dataset}}),
          [=](StageContext& context) {
            return run_tokenizer(context, dataset_config, tokenizer_weights, environment);
          });
  const StageNode tokens =
      add("tokens",
          make_node("tokens", 1, json::object(), {{"dataset", dataset}, {"tokenizer", tokenizer}}),
          [=](StageContext& context) { return run_tokens(context, dataset_config, environment); });

  const VqganConfig vqgan = vqgan_config_from(tokenizer_identity.at("network"));
  const int64_t side = dataset_config.image_size / vqgan.downsample();
  const json& model_part = part(recipe, "model");
  const json& train_part = part(recipe, "train");
  const json any_order_identity = {
      {"network", network_config(model_part, {side, side}, vqgan.codebook_size)},
      {"condition", model_part.at("condition")},
      {"condition_dropout",
       model_part.at("condition") == "none" ? json(0.0) : model_part.at("condition_dropout")},
      {"train", train_part},
      {"seed", seed}};
  StageNode model =
      add("any_order",
          make_node("any_order", 1, any_order_identity, {{"dataset", dataset}, {"tokens", tokens}}),
          [=](StageContext& context) { return run_any_order(context, environment); });

  if (relabels(recipe)) {
    const json& relabel = part(recipe, "relabel");
    json orders_identity = order_part(relabel);
    orders_identity["max_images"] = relabel.at("max_images");
    const StageNode orders =
        add("orders",
            make_node("orders", 1, orders_identity,
                      {{"dataset", dataset}, {"tokens", tokens}, {"model", model}}),
            [=](StageContext& context) { return run_orders(context, environment); });
    json specialist_identity =
        pick(relabel, {"images_seen", "batch_size", "learning_rate", "random_share"});
    specialist_identity.update(pick(train_part, {"warmup", "weight_decay", "gradient_clip"}));
    specialist_identity["condition_dropout"] = any_order_identity.at("condition_dropout");
    specialist_identity["seed"] = seed;
    model = add(
        "specialist",
        make_node("specialist", 1, specialist_identity,
                  {{"dataset", dataset}, {"tokens", tokens}, {"model", model}, {"orders", orders}}),
        [=](StageContext& context) { return run_specialist(context, environment); });
  }

  const json& generate = part(recipe, "generate");
  json samples_identity = order_part(generate);
  samples_identity.update(
      pick(generate, {"temperature", "top_k", "top_p", "guidance_scale", "num_samples"}));
  samples_identity["seed"] = seed;
  const int64_t batch_size = generate.at("batch_size");
  const StageNode samples =
      add("samples",
          make_node("samples", 1, samples_identity,
                    {{"dataset", dataset}, {"tokenizer", tokenizer}, {"model", model}}),
          [=](StageContext& context) { return run_samples(context, batch_size, environment); });

  const json& evaluate = part(recipe, "evaluate");
  const std::string features = evaluate.at("features"), weights = evaluate.at("weights");
  const json extractor = {{"features", features},
                          {"weights_sha256", extractor_sha256(features, weights)}};
  const StageNode generated = add(
      "generated_features", make_node("features", 1, extractor, {{"samples", samples}}),
      [=](StageContext& context) { return run_generated_features(context, weights, environment); });
  json reference_identity = extractor;
  reference_identity["split"] = evaluate.at("reference");
  reference_identity["max_images"] = evaluate.at("max_reference");
  const StageNode reference = add(
      "reference_features", make_node("features", 1, reference_identity, {{"dataset", dataset}}),
      [=](StageContext& context) {
        return run_reference_features(context, dataset_config, weights, environment);
      });
  add("scores",
      make_node("scores", 2,
                pick(evaluate, {"metrics", "kid_subsets", "kid_subset_size", "isc_splits"}),
                {{"generated", generated}, {"reference", reference}}),
      [](StageContext& context) { return run_scores(context); });
  add("order_statistics", make_node("order_statistics", 1, json::object(), {{"samples", samples}}),
      [](StageContext& context) { return run_order_statistics(context); });
  return plan;
}

void check_against_data(const Recipe& recipe, const json& record) {
  if (record.at("train") == 0) {
    throw BadData("no image is left for training; lower dataset.held_out or bring more images");
  }
  if (get<std::string>(recipe, "model.condition") == "class" && record.at("classes").empty()) {
    throw BadData(
        "model.condition is \"class\", but the data set has no classes; set dataset.class_column, "
        "or "
        "use condition \"none\"");
  }
  const auto reference = get<std::string>(recipe, "evaluate.reference");
  const auto limit = get<int64_t>(recipe, "evaluate.max_reference");
  int64_t images = record.at(reference).get<int64_t>();
  if (limit > 0) images = std::min(images, limit);
  if (images < 2) {
    throw BadData(
        fmt::format("the reference split \"{}\" has {} images, and scores need at least 2; change "
                    "evaluate.reference, evaluate.max_reference or dataset.held_out",
                    reference, images));
  }
  const json& metrics = value_of(recipe, "evaluate.metrics");
  const auto subset = get<int64_t>(recipe, "evaluate.kid_subset_size");
  if (std::find(metrics.begin(), metrics.end(), "kid") != metrics.end() && subset > images) {
    throw BadData(
        fmt::format("evaluate.kid_subset_size is {}, but the reference split \"{}\" has {} images; "
                    "set it to {} "
                    "or less",
                    subset, reference, images, images));
  }
}

KnownNames known_names() {
  KnownNames known;
  for (const auto& [name, summary] : list_datasets()) {
    known.datasets.push_back(name);
    if (is_generated(name)) known.generated_datasets.push_back(name);
  }
  known.class_column_datasets = {"fashion_products"};
  known.unlabelled_datasets = {"celeba_hq"};
  known.tokenizers = {"vqgan"};
  for (const OrderInfo& order : list_orders()) {
    known.orders.push_back(order.name);
    if (order.is_learned) known.learned_orders.push_back(order.name);
  }
  for (const NextEncodingInfo& encoding : list_next_encodings()) {
    known.next_encodings.push_back(encoding.name);
  }
  for (const auto& [name, summary] : list_feature_extractors()) {
    known.features.push_back(name);
    if (name != "efficientnet_lite0") known.brought_features.push_back(name);
  }
  return known;
}

}  // namespace oar
