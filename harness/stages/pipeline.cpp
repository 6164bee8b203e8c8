#include "harness/stages/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "datasets/planted_path.h"
#include "datasets/sha256.h"
#include "harness/measure/extractors.h"
#include "harness/stages/artifacts.h"
#include "harness/stages/order_options.h"
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

bool is_token_dataset(const std::string& dataset) {
  const auto known = list_token_datasets();
  return std::any_of(known.begin(), known.end(),
                     [&](const auto& entry) { return entry.first == dataset; });
}

/// The options of `dataset` that a data set of that kind reads: others are no part of its identity.
json dataset_identity(json part) {
  const bool tokens = is_token_dataset(part.at("name"));
  for (const char* of_images : {"image_size", "class_column", "caption_column"}) {
    if (tokens) part.erase(of_images);
  }
  for (const char* of_tokens : {"rows", "cols", "codes", "noise", "path"}) {
    if (!tokens) part.erase(of_tokens);
  }
  part.erase("root");
  return part;
}

/// The one order that `name` gives every image: int64 [N].
torch::Tensor path_of(const std::string& name, const Grid& grid, uint64_t seed) {
  OrderConfig config;
  config.name = name;
  config.grid = grid;
  config.order_seed = seed;
  return make_order(config)->position_at(torch::zeros({1}, torch::kInt64))[0];
}

/// Whether a fixed order is one for all images, in any training and run.
bool is_path(const OrderInfo& order) {
  if (order.is_learned) return false;
  OrderConfig config;
  config.name = order.name;
  config.grid = Grid{4, 4};
  try {
    const torch::Tensor first = make_order(config)->position_at({torch::arange(8), {}, 0.0});
    config.seed = 1;
    const torch::Tensor second = make_order(config)->position_at({torch::arange(8), {}, 0.0});
    return first.equal(second) && first.equal(first.slice(0, 0, 1).expand_as(first));
  } catch (const std::invalid_argument&) {
    return false;  // from_file has no order without its file
  }
}

PlantedPathConfig planted_path_from(const json& part) {
  PlantedPathConfig config;
  config.path =
      path_of(part.at("path"), {part.at("rows"), part.at("cols")}, part.at("seed").get<uint64_t>());
  part.at("codes").get_to(config.codes);
  part.at("noise").get_to(config.noise);
  part.at("max_images").get_to(config.images);
  part.at("held_out").get_to(config.held_out);
  part.at("seed").get_to(config.seed);
  return config;
}

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
          {"next_encoding", parse_next_encoding(config.next_encoding).canonical_name()},
          {"dropout", config.dropout}};
}

/// The members of `object` with these names.
json pick(const json& object, std::initializer_list<const char*> names) {
  json picked = json::object();
  for (const char* name : names) picked[name] = object.at(name);
  return picked;
}

/// The stages of one cell, each added after its inputs.
class CellPlan {
 public:
  CellPlan(const Recipe& recipe, int64_t seed, const Environment& environment)
      : recipe_(recipe), seed_(seed), environment_(environment) {
    const bool tokens_only = is_token_dataset(part(recipe, "dataset").at("name"));
    tokens_only ? add_codes() : add_images();
    add_model();
    if (relabels(recipe)) add_fine_tuning();
    add_samples();
    if (!tokens_only) add_scores();
    add("order_statistics",
        make_node("order_statistics", 2, json::object(), {{"samples", *samples_}}),
        [](StageContext& context) { return run_order_statistics(context); });
    add_known_answer();
  }

  std::vector<PlannedStage> stages() && { return std::move(stages_); }

 private:
  StageNode add(const std::string& role, StageNode node, StageFunction function) {
    stages_.push_back({role, std::move(node), std::move(function)});
    return stages_.back().node;
  }

  /// Images from files or a generator, and the tokenizer that turns them into codes.
  void add_images() {
    const Environment environment = environment_;
    const json& dataset_part = part(recipe_, "dataset");
    const DatasetConfig config = dataset_config_from(dataset_part);
    json identity = dataset_identity(dataset_part);
    if (!is_generated(config.name)) identity["files"] = fingerprint(config.root);
    dataset_ = add("dataset", make_node("dataset", 1, identity),
                   [=](StageContext& context) { return run_dataset(context, config); });

    const json& tokenizer_part = part(recipe_, "tokenizer");
    const json tokenizer = tokenizer_config(tokenizer_part, config.image_size);
    const std::string weights = tokenizer_part.at("weights");
    tokenizer_ = add("tokenizer", make_node("tokenizer", 1, tokenizer, {{"dataset", *dataset_}}),
                     [=](StageContext& context) {
                       return run_tokenizer(context, config, weights, environment);
                     });
    tokens_ = add("tokens",
                  make_node("tokens", 1, json::object(),
                            {{"dataset", *dataset_}, {"tokenizer", *tokenizer_}}),
                  [=](StageContext& context) { return run_tokens(context, config, environment); });
    const VqganConfig vqgan = vqgan_config_from(tokenizer.at("network"));
    const int64_t side = config.image_size / vqgan.downsample();
    grid_ = {side, side};
    codebook_size_ = vqgan.codebook_size;
  }

  /// planted_path: codes from the start, and no tokenizer.
  void add_codes() {
    const json& dataset_part = part(recipe_, "dataset");
    const PlantedPathConfig config = planted_path_from(dataset_part);
    const Grid grid{dataset_part.at("rows"), dataset_part.at("cols")};
    dataset_ = add("dataset", make_node("dataset", 1, dataset_identity(dataset_part)),
                   [=](StageContext& context) { return run_planted_dataset(context, config); });
    tokens_ = add("tokens", make_node("tokens", 1, json::object(), {{"dataset", *dataset_}}),
                  [=](StageContext& context) { return run_planted_tokens(context, config, grid); });
    grid_ = grid;
    codebook_size_ = config.codes;
  }

  void add_model() {
    const Environment environment = environment_;
    const json& model_part = part(recipe_, "model");
    const json& train = part(recipe_, "train");
    condition_dropout_ = model_part.at("condition") == "none"
                             ? 0.0
                             : model_part.at("condition_dropout").get<double>();
    const json identity = {{"network", network_config(model_part, grid_, codebook_size_)},
                           {"condition", model_part.at("condition")},
                           {"condition_dropout", condition_dropout_},
                           {"train", training_identity(train)},
                           {"seed", seed_}};
    const std::string order_file = train.at("order_file");
    check_order(identity.at("train"), order_file);
    model_ =
        add("any_order",
            make_node("any_order", 1, identity, {{"dataset", *dataset_}, {"tokens", *tokens_}}),
            [=](StageContext& context) { return run_any_order(context, order_file, environment); });
    any_order_ = model_;
  }

  /// Labels the training images and fine-tunes the model on the orders found, as often as the
  /// recipe says; each round labels with the model of the one before.
  void add_fine_tuning() {
    const int64_t rounds = part(recipe_, "relabel").at("rounds");
    for (int64_t round = 1; round <= rounds; ++round) {
      add_round(round, round == rounds ? "" : fmt::format("_round_{}", round));
    }
  }

  void add_round(int64_t round, const std::string& suffix) {
    const Environment environment = environment_;
    const json& relabel = part(recipe_, "relabel");
    json orders_identity = search_identity(relabel);
    if (orders_identity.at("confidence") == "location") {
      throw std::invalid_argument(
          "relabel.order cannot be a location head's: its labels are what the head learns from; "
          "search for them, with \"oar\" for one");
    }
    orders_identity["max_images"] = relabel.at("max_images");
    if (orders_identity.at("order") ==
        "sampled") {  // noise of its own in every replicate and round
      orders_identity["seed"] = random_bits(static_cast<uint64_t>(seed_), Stream::kOrderNoise,
                                            {static_cast<uint64_t>(round)}) >>
                                1;
    }
    const StageNode orders =
        add("orders" + suffix,
            make_node("orders", 2, orders_identity,
                      {{"dataset", *dataset_}, {"tokens", *tokens_}, {"model", *model_}}),
            [=](StageContext& context) { return run_orders(context, environment); });
    json identity = pick(relabel, {"images_seen", "batch_size", "learning_rate", "random_share"});
    identity.update(pick(part(recipe_, "train"), {"warmup", "weight_decay", "gradient_clip"}));
    identity["condition_dropout"] = condition_dropout_;
    identity["seed"] = seed_;
    if (round > 1) identity["round"] = round;
    if (relabel.at("location_head") == "on") {
      json network = any_order_->config.at("network");
      network.update({{"rows", grid_.rows},
                      {"cols", grid_.cols},
                      {"codebook_size", codebook_size_},
                      {"num_classes", 0},
                      {"location_after", location_block(network.at("layers"))}});
      check_config(transformer_config_from(network));  // before anything is trained
      identity["location"] = {{"weight", relabel.at("location_weight")},
                              {"distance_penalty", relabel.at("location_distance_penalty")}};
      if (relabel.at("location_distance_penalty") != 0.0) {
        identity["location"]["distance"] = relabel.at("distance");
      }
    }
    model_ = add(
        "specialist" + suffix,
        make_node(
            "specialist", 2, identity,
            {{"dataset", *dataset_}, {"tokens", *tokens_}, {"model", *model_}, {"orders", orders}}),
        [=](StageContext& context) { return run_specialist(context, environment); });
  }

  /// Refuses an order that its grid, or its file, does not allow: before anything is trained.
  void check_order(const json& identity, const std::string& order_file) const {
    make_order(order_config_from(identity, grid_, 0, order_file));
  }

  void check_generation(const json& identity) const {
    const json& generate = part(recipe_, "generate");
    const auto order = make_order(order_config_from(identity, grid_, 0, generate.at("order_file")));
    if (order->name() == "from_file") {  // refuses a file that lacks a generated image
      order->position_at(torch::arange(generate.at("num_samples").get<int64_t>(), torch::kInt64));
    }
    if (identity.at("confidence") != "location") return;
    const bool has_head = relabels(recipe_) && part(recipe_, "relabel").at("location_head") == "on";
    if (!has_head || has_placer()) {
      throw std::invalid_argument(
          "generate.order asks a location head for the places, and the model that chooses them has "
          "none; set relabel.location_head to \"on\" and generate.placed_by to \"model\"");
    }
  }

  bool generates_by_search() const {
    return find_order(get<std::string>(recipe_, "generate.order")).value().is_learned;
  }

  /// Whether the places are chosen by the model before fine-tuning.
  bool has_placer() const {
    return part(recipe_, "generate").at("placed_by") == "any_order" &&
           model_->key != any_order_->key && generates_by_search();
  }

  void add_samples() {
    const Environment environment = environment_;
    const json& generate = part(recipe_, "generate");
    json identity = search_identity(generate);
    check_generation(identity);
    identity.update(
        pick(generate, {"temperature", "top_k", "top_p", "guidance_scale", "num_samples"}));
    identity["seed"] = seed_;
    std::vector<std::pair<std::string, StageNode>> inputs = {{"dataset", *dataset_},
                                                             {"model", *model_}};
    if (tokenizer_) inputs.insert(inputs.begin() + 1, {"tokenizer", *tokenizer_});
    if (has_placer()) inputs.emplace_back("placer", *any_order_);
    const int64_t batch_size = generate.at("batch_size");
    const std::string order_file = generate.at("order_file");
    samples_ =
        add("samples", make_node("samples", 2, identity, inputs), [=](StageContext& context) {
          return run_samples(context, batch_size, order_file, environment);
        });
  }

  /// Features of generated and real images, and what they are scored by.
  void add_scores() {
    const Environment environment = environment_;
    const DatasetConfig config = dataset_config_from(part(recipe_, "dataset"));
    const json& evaluate = part(recipe_, "evaluate");
    const std::string features = evaluate.at("features"), weights = evaluate.at("weights");
    const json extractor = {{"features", features},
                            {"weights_sha256", extractor_sha256(features, weights)}};
    const StageNode generated =
        add("generated_features", make_node("features", 1, extractor, {{"samples", *samples_}}),
            [=](StageContext& context) {
              return run_generated_features(context, weights, environment);
            });
    json identity = extractor;
    identity["split"] = evaluate.at("reference");
    identity["max_images"] = evaluate.at("max_reference");
    const StageNode reference =
        add("reference_features", make_node("features", 1, identity, {{"dataset", *dataset_}}),
            [=](StageContext& context) {
              return run_reference_features(context, config, weights, environment);
            });
    add("scores",
        make_node("scores", 2,
                  pick(evaluate, {"metrics", "kid_subsets", "kid_subset_size", "isc_splits"}),
                  {{"generated", generated}, {"reference", reference}}),
        [](StageContext& context) { return run_scores(context); });
  }

  /// Where the data set knows the truth: how the cell's order does against it.
  void add_known_answer() {
    const json& dataset_part = part(recipe_, "dataset");
    const std::string name = dataset_part.at("name");
    StageFunction function;
    const Environment environment = environment_;
    const std::string order_file = part(recipe_, "generate").at("order_file");
    if (name == "planted_path") {
      const PlantedPathConfig config = planted_path_from(dataset_part);
      function = [=](StageContext& context) {
        return run_planted_answer(context, config, order_file, environment);
      };
    } else if (name == "sunset") {
      const DatasetConfig config = dataset_config_from(dataset_part);
      function = [=](StageContext& context) {
        return run_sunset_answer(context, config, order_file, environment);
      };
    } else {
      return;
    }
    json identity = search_identity(part(recipe_, "generate"));
    identity["images"] = part(recipe_, "evaluate").at("known_answer_images");
    identity["seed"] = seed_;
    std::vector<std::pair<std::string, StageNode>> inputs = {
        {"dataset", *dataset_}, {"tokens", *tokens_}, {"model", *model_}};
    if (has_placer()) inputs.emplace_back("placer", *any_order_);
    add("known_answer", make_node("known_answer", 2, identity, inputs), function);
  }

  const Recipe& recipe_;
  int64_t seed_;
  Environment environment_;
  std::vector<PlannedStage> stages_;
  Grid grid_;
  int64_t codebook_size_ = 0;
  double condition_dropout_ = 0;
  // Nodes that later stages read; the tokenizer is left out where the data are codes.
  std::optional<StageNode> dataset_, tokenizer_, tokens_, any_order_, model_, samples_;
};

}  // namespace

std::vector<PlannedStage> plan_cell(const Recipe& recipe, int64_t seed,
                                    const Environment& environment) {
  return CellPlan(recipe, seed, environment).stages();
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
  if (is_token_dataset(get<std::string>(recipe, "dataset.name"))) return;  // no image is scored
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
  for (const auto& [name, summary] : list_token_datasets()) {
    known.datasets.push_back(name);
    known.generated_datasets.push_back(name);
    known.token_datasets.push_back(name);
  }
  known.class_column_datasets = {"fashion_products"};
  known.unlabelled_datasets = {"celeba_hq", "planted_path"};
  known.tokenizers = {"vqgan"};
  for (const OrderInfo& order : list_orders()) {
    known.orders.push_back(order.name);
    if (order.is_learned) known.learned_orders.push_back(order.name);
    if (is_path(order)) known.paths.push_back(order.name);
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
