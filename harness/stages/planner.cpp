#include "harness/stages/planner.h"

#include <ATen/ops/arange.h>
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "datasets/sha256.h"
#include "harness/measure/extractors.h"
#include "harness/stages/artifacts.h"
#include "harness/stages/conditions.h"
#include "harness/stages/order_options.h"
#include "harness/stages/stages.h"
#include "orders/order_policy.h"

namespace oar {
namespace {

using nlohmann::json;

// What the data sets make where max_images is 0.
constexpr int64_t kSunsetImages = 5000;
constexpr int64_t kPlantedImages = 20000;
constexpr int64_t kShownImages = 16;  // of which a tokenizer's reconstructions are kept

/// Of what a scan makes. 2: captions and rows are found in more places, "NA" is no word.
int version_of(const std::string& dataset) {
  return dataset == "celeba_hq" || dataset == "fashion_products" ? 2 : 1;
}

int64_t at_most(int64_t limit, int64_t count) { return limit > 0 ? std::min(limit, count) : count; }

/// Weights of a Transformer, without tables that are small beside them.
double parameters_of(const work::Network& network) {
  const auto width = static_cast<double>(network.width);
  return 12.0 * static_cast<double>(network.layers) * width * width +
         2.0 * width * static_cast<double>(network.codebook_size);
}

/// Weights of a VQ-GAN, in the same spirit.
double parameters_of(const VqganConfig& network) {
  double sum = 0;
  for (size_t level = 0; level < network.ch_mult.size(); ++level) {
    const auto channels = static_cast<double>(network.channels(static_cast<int64_t>(level)));
    sum += static_cast<double>(2 * network.num_res_blocks + 1) * 18.0 * channels * channels;
  }
  return sum + static_cast<double>(network.codebook_size * network.embed_dim);
}

bool is_learned(const json& identity) {
  return find_order(identity.at("order").get<std::string>()).value().is_learned;
}

/// Whether labels of this search are drawn with a seed.
bool draws(const json& identity) {
  return identity.at("order") == "sampled" || identity.at("order") == "drawn_from_file";
}

}  // namespace

Planner::Roles Planner::add_cell(const Recipe& recipe, int64_t seed) {
  recipe_ = &recipe;
  seed_ = seed;
  numbers_.clear();
  Roles roles;
  const auto take = [&](const Step& step) -> const Step& {
    roles.insert(roles.end(), step.added.begin(), step.added.end());
    return step;
  };
  const int64_t dataset = number_of("dataset"), generate = number_of("generate"),
                evaluate = number_of("evaluate"), relabel = number_of("relabel"),
                train = number_of("train"), model = number_of("model");
  const auto [known, is_new] = tokens_only_.try_emplace(dataset);
  if (is_new) known->second = is_token_dataset(section("dataset").at("name"));
  const bool tokens_only = known->second;

  const Step& data = take(step(kData, {}, {dataset, tokens_only ? 0 : number_of("tokenizer")},
                               [&](Step& s) { tokens_only ? add_codes(s) : add_images(s); }));
  const Step* trained =
      &take(step(kModel, data, {model, train, seed}, [&](Step& s) { add_model(s); }));
  if (relabels(recipe)) {
    trained = &take(step(kFineTuning, *trained, {relabel, train, seed}, [&](Step& s) {
      const int64_t rounds = section("relabel").at("rounds");
      for (int64_t round = 1; round <= rounds; ++round) {
        add_round(s, round, round == rounds ? "" : fmt::format("_round_{}", round));
      }
    }));
  }
  const Step& drawn =
      take(step(kSamples, *trained, {generate, seed}, [&](Step& s) { add_samples(s); }));
  if (!tokens_only && !section("evaluate").at("metrics").empty()) {
    const Step& reference =
        step(kReference, data, {dataset, evaluate}, [&](Step& s) { add_reference(s); });
    const size_t features = reference.added.front().second;
    take(step(kScores, drawn, {evaluate}, [&](Step& s) { add_scores(s, features); }));
  }
  take(step(kStatistics, drawn, {}, [&](Step& s) { add_order_statistics(s); }));
  if (section("evaluate").at("accuracy_images") > 0) {
    take(step(kAccuracy, *trained, {evaluate, seed}, [&](Step& s) { add_accuracy(s); }));
  }
  take(step(kAnswer, drawn, {dataset, generate, evaluate, seed},
            [&](Step& s) { add_known_answer(s); }));
  return roles;
}

const Planner::Step& Planner::step(Kind kind, const Step& before, std::vector<int64_t> reads,
                                   const std::function<void(Step&)>& make) {
  reads.push_back(kind);
  reads.push_back(before.number);
  const auto known = steps_.find(reads);
  if (known != steps_.end()) return known->second;
  Step made{static_cast<int64_t>(steps_.size()) + 1, {}, before.made};
  make(made);
  return steps_.emplace(std::move(reads), std::move(made)).first->second;
}

int64_t Planner::number_of(const char* name) {
  const auto known_now = numbers_.find(name);
  if (known_now != numbers_.end()) return known_now->second;
  const json& content = section(name);
  auto known = sections_.find(content);
  if (known == sections_.end()) {
    known = sections_.emplace(content, static_cast<int64_t>(sections_.size()) + 1).first;
  }
  return numbers_.emplace(name, known->second).first->second;
}

size_t Planner::add(Step& step, const std::string& role, StageNode node, double work, double size,
                    StageFunction function) {
  const auto [known, is_new] = stage_of_key_.emplace(node.key, stages_.size());
  if (is_new) {
    node.work = work;
    node.size = size;
    stages_.push_back({role, std::move(node), std::move(function)});
  }
  step.added.emplace_back(role, known->second);
  return known->second;
}

/// As much of a stage as the node that reads it wants to know.
StageNode Planner::input(size_t stage) const {
  const StageNode& node = stages_[stage].node;
  return {node.stage, node.version, {}, {}, node.key};
}

const std::string& Planner::hash_of_file(const std::string& path) {
  const auto known = file_hashes_.find(path);
  if (known != file_hashes_.end()) return known->second;
  if (!std::filesystem::is_regular_file(path)) {
    throw std::invalid_argument(
        fmt::format("there is no file \"{}\", which the tokenizer's section names (weights, "
                    "perceptual_weights or perceptual_linear); bring it there, or name another",
                    path));
  }
  return file_hashes_.emplace(path, sha256_file(path)).first->second;
}

const json& Planner::identity_of_search(const char* name) {
  const int64_t number = number_of(name);
  const auto known = searches_.find(number);
  if (known != searches_.end()) return known->second;
  return searches_.emplace(number, search_identity(section(name))).first->second;
}

const json& Planner::extractor_identity() {
  const json& evaluate = section("evaluate");
  const std::string features = evaluate.at("features"), weights = evaluate.at("weights");
  const auto known = extractors_.find({features, weights});
  if (known != extractors_.end()) return known->second;
  const json identity = {{"features", features},
                         {"weights_sha256", extractor_sha256(features, weights)}};
  return extractors_.emplace(std::pair(features, weights), identity).first->second;
}

work::Network Planner::network_of(const Made& made) const {
  const json& network = stages_[made.any_order].node.config.at("network");
  return {network.at("layers"), network.at("width"), made.codebook_size, made.grid};
}

/// Images from files or a generator, and the tokenizer that turns them into codes.
void Planner::add_images(Step& step) {
  const Environment environment = environment_;
  const DatasetConfig config = dataset_config_from(section("dataset"));
  json identity = dataset_identity(section("dataset"));
  Made& made = step.made;
  made.images = kSunsetImages;
  if (is_generated(config.name)) {
    if (config.max_images > 0) made.images = config.max_images;
  } else {
    const std::string root = config.root.string();
    const auto known = folders_.find(root);
    const FolderContents& contents =
        known != folders_.end() ? known->second
                                : folders_.emplace(root, contents_of_folder(root)).first->second;
    identity["files"] = contents.sha256;
    made.images = at_most(config.max_images, contents.files);
  }
  made.train_images = static_cast<int64_t>(made.images * (1 - config.held_out));
  const auto images = static_cast<double>(made.images);
  made.dataset = add(step, "dataset", make_node("dataset", version_of(config.name), identity),
                     work::dataset(made.images, config.image_size), images,
                     [=](StageContext& context) { return run_dataset(context, config); });

  const TokenizerFiles files = tokenizer_files(section("tokenizer"));
  json tokenizer =
      tokenizer_identity(section("tokenizer"), config.image_size,
                         [this](const std::string& path) { return hash_of_file(path); });
  const json augmentation = augmentation_identity(section("dataset"), section("tokenizer"));
  if (tokenizer.contains("training") && !augmentation.is_null()) {
    tokenizer["training"]["augmentation"] = augmentation;
  }
  json codes = damage_identity(section("tokenizer"));
  if (section("dataset").at("mirror") == "on") codes["mirrored"] = true;
  const VqganConfig vqgan = vqgan_config_from(tokenizer.at("network"));
  VqganConfig at_size = vqgan;  // its own size may be another than that of the images
  at_size.image_size = config.image_size;
  made.pixels_work = work::tokenizer_pass(at_size);
  const int64_t trained_on =
      files.weights.empty() ? tokenizer.at("training").at("images_seen").get<int64_t>() : 0;
  made.tokenizer = add(
      step, "tokenizer", make_node("tokenizer", 1, tokenizer, {{"dataset", input(made.dataset)}}),
      work::tokenizer_training(at_size, trained_on), parameters_of(vqgan),
      [=](StageContext& context) { return run_tokenizer(context, config, files, environment); });
  const int64_t side = config.image_size / vqgan.downsample();
  made.grid = {side, side};
  made.codebook_size = vqgan.codebook_size;
  made.tokens =
      add(step, "tokens",
          make_node("tokens", 1, codes,
                    {{"dataset", input(made.dataset)}, {"tokenizer", input(made.tokenizer)}}),
          (codes.contains("mirrored") ? 2 : 1) * images * made.pixels_work,
          images * static_cast<double>(side * side),
          [=](StageContext& context) { return run_tokens(context, config, environment); });
  const size_t pictures = add(
      step, "reconstructions",
      make_node("reconstructions", 1, {{"images", kShownImages}},
                {{"dataset", input(made.dataset)}, {"tokenizer", input(made.tokenizer)}}),
      2 * kShownImages * made.pixels_work, 2.0 * kShownImages * static_cast<double>(side * side),
      [=](StageContext& context) { return run_reconstructions(context, config, environment); });
  stages_[pictures].for_pictures = true;
}

/// planted_path: codes from the start, and no tokenizer.
void Planner::add_codes(Step& step) {
  const json& dataset = section("dataset");
  const PlantedPathConfig config = planted_path_from(dataset);
  const Grid grid{dataset.at("rows"), dataset.at("cols")};
  Made& made = step.made;
  made.images = config.images > 0 ? config.images : kPlantedImages;
  made.train_images = static_cast<int64_t>(made.images * (1 - config.held_out));
  made.grid = grid;
  made.codebook_size = config.codes;
  const auto images = static_cast<double>(made.images), patches = static_cast<double>(grid.size());
  made.dataset =
      add(step, "dataset", make_node("dataset", 1, dataset_identity(dataset)), images, images,
          [=](StageContext& context) { return run_planted_dataset(context, config); });
  made.tokens = add(
      step, "tokens", make_node("tokens", 1, json::object(), {{"dataset", input(made.dataset)}}),
      images * patches, images * patches,
      [=](StageContext& context) { return run_planted_tokens(context, config, grid); });
}

/// Of the sections `model` and `train`, whatever the seed.
const json& Planner::identity_of_model(const Made& made) {
  const std::vector<int64_t> reads = {number_of("model"), number_of("train"), made.grid.rows,
                                      made.grid.cols, made.codebook_size};
  json& identity = models_[reads];
  if (identity.is_null()) {
    const json& model = section("model");
    identity["network"] = network_identity(model, made.grid, made.codebook_size);
    identity["condition"] = model.at("condition");
    identity["condition_dropout"] = made.condition_dropout;
    identity["train"] = training_identity(section("train"));
  }
  return identity;
}

/// The captions of all images as tokens of a vocabulary that is learned from them.
void Planner::add_captions(Step& step) {
  const json& model = section("model");
  const auto images = static_cast<double>(step.made.images);
  step.made.captions = add(step, "captions",
                           make_node("captions", 1,
                                     {{"vocabulary", model.at("caption_vocabulary")},
                                      {"length", model.at("caption_tokens")}},
                                     {{"dataset", input(step.made.dataset)}}),
                           images, images, run_captions);
}

Planner::Inputs Planner::with_captions(const Made& made, Inputs inputs) const {
  if (made.captions != SIZE_MAX) inputs.emplace_back("captions", input(made.captions));
  return inputs;
}

void Planner::add_model(Step& step) {
  const Environment environment = environment_;
  const json &model = section("model"), &train = section("train");
  Made& made = step.made;
  made.condition_dropout =
      model.at("condition") == "none" ? 0.0 : model.at("condition_dropout").get<double>();
  json identity = identity_of_model(made);
  identity["seed"] = seed_;
  const std::string order_file = train.at("order_file");
  check_order(step, "train", identity.at("train"));
  const work::Network network{identity.at("network").at("layers"),
                              identity.at("network").at("width"), made.codebook_size, made.grid};
  if (model.at("condition") == "caption") add_captions(step);
  made.any_order = add(
      step, "any_order",
      make_node(
          "any_order", 1, std::move(identity),
          with_captions(made, {{"dataset", input(made.dataset)}, {"tokens", input(made.tokens)}})),
      work::training(network, train.at("images_seen")), parameters_of(network),
      [=](StageContext& context) { return run_any_order(context, order_file, environment); });
  stages_[made.any_order].data_parallel = true;
  made.model = made.any_order;
}

/// Labels the training images and fine-tunes the model on the orders found; each round labels with
/// the model of the one before.
void Planner::add_round(Step& step, int64_t round, const std::string& suffix) {
  const Environment environment = environment_;
  const json& relabel = section("relabel");
  Made& made = step.made;
  const work::Network network = network_of(made);
  json orders = identity_of_search("relabel");
  if (orders.at("confidence") == "location") {
    throw std::invalid_argument(
        "relabel.order cannot be a location head's: its labels are what the head learns from; "
        "search for them, with \"oar\" for one");
  }
  const std::string order_file = relabel.at("order_file");
  check_order(step, "relabel", orders);
  orders["max_images"] = relabel.at("max_images");
  if (draws(orders)) {  // other orders in every replicate and round
    orders["seed"] = random_bits(static_cast<uint64_t>(seed_), Stream::kOrderNoise,
                                 {static_cast<uint64_t>(round)}) >>
                     1;
  }
  const auto labelled = static_cast<double>(at_most(relabel.at("max_images"), made.train_images));
  const size_t labels =
      add(step, "orders" + suffix,
          make_node("orders", 2, orders,
                    with_captions(made, {{"dataset", input(made.dataset)},
                                         {"tokens", input(made.tokens)},
                                         {"model", input(made.model)}})),
          labelled * work::search(network, orders, is_learned(orders)),
          labelled * static_cast<double>(made.grid.size()),
          [=](StageContext& context) { return run_orders(context, order_file, environment); });
  json identity = pick(relabel, {"images_seen", "batch_size", "learning_rate", "random_share"});
  identity.update(pick(section("train"), {"warmup", "weight_decay", "gradient_clip"}));
  identity["condition_dropout"] = made.condition_dropout;
  identity["seed"] = seed_;
  if (round > 1) identity["round"] = round;
  if (relabel.at("location_head") == "on") {
    json headed = stages_[made.any_order].node.config.at("network");
    headed.update({{"rows", made.grid.rows},
                   {"cols", made.grid.cols},
                   {"codebook_size", made.codebook_size},
                   {"num_classes", 0},
                   {"location_after", location_block(headed.at("layers"))}});
    check_config(transformer_config_from(headed));  // before anything is trained
    identity["location"] = {{"weight", relabel.at("location_weight")},
                            {"distance_penalty", relabel.at("location_distance_penalty")}};
    if (relabel.at("location_distance_penalty") != 0.0) {
      identity["location"]["distance"] = relabel.at("distance");
    }
  }
  made.model = add(step, "specialist" + suffix,
                   make_node("specialist", 2, identity,
                             with_captions(made, {{"dataset", input(made.dataset)},
                                                  {"tokens", input(made.tokens)},
                                                  {"model", input(made.model)},
                                                  {"orders", input(labels)}})),
                   work::training(network, relabel.at("images_seen")), parameters_of(network),
                   [=](StageContext& context) { return run_specialist(context, environment); });
  stages_[made.model].data_parallel = true;
}

/// Refuses an order that its grid, or its file, does not allow: before anything is trained. Which
/// images of a data set a file of labels lacks is known only when they are labelled.
void Planner::check_order(const Step& step, const char* name, const json& identity) {
  const Grid& grid = step.made.grid;
  if (!checked_orders_.insert({number_of(name), grid.rows, grid.cols}).second) return;
  const std::string file = section(name).at("order_file");
  const auto order = make_order(order_config_from(identity, grid, 0, file));
  if (name == std::string("generate") && order->name() == "from_file") {
    // refuses a file that lacks a generated image
    order->position_at(
        torch::arange(section(name).at("num_samples").get<int64_t>(), torch::kInt64));
  }
}

void Planner::check_location_head(bool has_placer) const {
  const bool has_head = relabels(*recipe_) && section("relabel").at("location_head") == "on";
  if (has_head && !has_placer) return;
  throw std::invalid_argument(
      "generate.order asks a location head for the places, and the model that chooses them has "
      "none; set relabel.location_head to \"on\" and generate.placed_by to \"model\"");
}

/// Whether the places are chosen by the model before fine-tuning.
bool Planner::has_placer(const Made& made) const {
  return section("generate").at("placed_by") == "any_order" && made.model != made.any_order &&
         is_learned(section("generate"));
}

void Planner::add_samples(Step& step) {
  const Environment environment = environment_;
  const json& generate = section("generate");
  Made& made = step.made;
  json identity = identity_of_search("generate");
  check_order(step, "generate", identity);
  const bool placer = has_placer(made);
  if (identity.at("confidence") == "location") check_location_head(placer);
  const double search =
      work::search(network_of(made), identity, is_learned(identity)) + made.pixels_work;
  for (const char* option : {"temperature", "top_k", "top_p", "guidance_scale", "num_samples"}) {
    identity[option] = generate.at(option);
  }
  identity["seed"] = seed_;
  Inputs inputs = {{"dataset", input(made.dataset)}, {"model", input(made.model)}};
  if (made.has_tokenizer()) {
    inputs.insert(inputs.begin() + 1, {"tokenizer", input(made.tokenizer)});
  }
  if (placer) inputs.emplace_back("placer", input(made.any_order));
  inputs = with_captions(made, std::move(inputs));
  const int64_t batch_size = generate.at("batch_size");
  const std::string order_file = generate.at("order_file");
  const bool conditional = section("model").at("condition") != "none";
  const double images = generate.at("num_samples"),
               side = made.has_tokenizer() ? section("dataset").at("image_size").get<double>() : 1;
  made.samples =
      add(step, "samples", make_node("samples", conditional ? 3 : 2, std::move(identity), inputs),
          images * search, images * (side * side + static_cast<double>(made.grid.size())),
          [=](StageContext& context) {
            return run_samples(context, batch_size, order_file, environment);
          });
}

/// Features of the real images.
void Planner::add_reference(Step& step) {
  const Environment environment = environment_;
  const DatasetConfig config = dataset_config_from(section("dataset"));
  const json& evaluate = section("evaluate");
  const std::string weights = evaluate.at("weights");
  json identity = extractor_identity();
  identity["split"] = evaluate.at("reference");
  identity["max_images"] = evaluate.at("max_reference");
  const Made& made = step.made;
  const int64_t split =
      evaluate.at("reference") == "train" ? made.train_images : made.images - made.train_images;
  const auto images = static_cast<double>(at_most(evaluate.at("max_reference"), split));
  add(step, "reference_features",
      make_node("features", 1, identity, {{"dataset", input(made.dataset)}}), images, images,
      [=](StageContext& context) {
        return run_reference_features(context, config, weights, environment);
      });
}

/// Features of the generated images, and what they are scored by.
void Planner::add_scores(Step& step, size_t reference) {
  const Environment environment = environment_;
  const json& evaluate = section("evaluate");
  const std::string weights = evaluate.at("weights");
  const double images = stages_[step.made.samples].node.config.at("num_samples");
  const size_t generated = add(
      step, "generated_features",
      make_node("features", 1, extractor_identity(), {{"samples", input(step.made.samples)}}),
      images, images,
      [=](StageContext& context) { return run_generated_features(context, weights, environment); });
  step.added.emplace_back("reference_features", reference);
  add(step, "scores",
      make_node("scores", kScoresVersion,
                pick(evaluate, {"metrics", "kid_subsets", "kid_subset_size", "isc_splits"}),
                {{"generated", input(generated)}, {"reference", input(reference)}}),
      images + stages_[reference].node.work, 1,
      [](StageContext& context) { return run_scores(context); });
}

void Planner::add_order_statistics(Step& step) {
  const size_t samples = step.made.samples;
  const double images = stages_[samples].node.config.at("num_samples"),
               patches = static_cast<double>(step.made.grid.size());
  add(step, "order_statistics",
      make_node("order_statistics", 3, json::object(), {{"samples", input(samples)}}),
      images * patches * patches, 1,
      [](StageContext& context) { return run_order_statistics(context); });
}

/// How often the model predicts the codes of given images.
void Planner::add_accuracy(Step& step) {
  const Environment environment = environment_;
  const Made& made = step.made;
  const int64_t images = section("evaluate").at("accuracy_images");
  add(step, "accuracy",
      make_node("accuracy", 1, {{"images", images}, {"seed", seed_}},
                with_captions(made, {{"dataset", input(made.dataset)},
                                     {"tokens", input(made.tokens)},
                                     {"model", input(made.model)}})),
      work::training(network_of(made), images) / 3, static_cast<double>(images),
      [=](StageContext& context) { return run_accuracy(context, environment); });
}

/// Whether generated sunsets have the sun that they were asked for.
void Planner::add_condition_answer(Step& step) {
  const Made& made = step.made;
  const double images = stages_[made.samples].node.config.at("num_samples");
  add(step, "condition",
      make_node("condition", 1, json::object(),
                {{"dataset", input(made.dataset)}, {"samples", input(made.samples)}}),
      images, 1, run_sunset_condition);
}

/// Where the data set knows the truth: how the cell's order does against it.
void Planner::add_known_answer(Step& step) {
  const json& dataset = section("dataset");
  const std::string name = dataset.at("name");
  const Environment environment = environment_;
  const std::string order_file = section("generate").at("order_file");
  StageFunction function;
  if (name == "planted_path") {
    const PlantedPathConfig config = planted_path_from(dataset);
    function = [=](StageContext& context) {
      return run_planted_answer(context, config, order_file, environment);
    };
  } else if (name == "sunset") {
    const DatasetConfig config = dataset_config_from(dataset);
    if (section("model").at("condition") != "none") add_condition_answer(step);
    function = [=](StageContext& context) {
      return run_sunset_answer(context, config, order_file, environment);
    };
  } else {
    return;
  }
  const Made& made = step.made;
  json identity = identity_of_search("generate");
  identity["images"] = section("evaluate").at("known_answer_images");
  identity["seed"] = seed_;
  Inputs inputs = {{"dataset", input(made.dataset)},
                   {"tokens", input(made.tokens)},
                   {"model", input(made.model)}};
  if (has_placer(made)) inputs.emplace_back("placer", input(made.any_order));
  inputs = with_captions(made, std::move(inputs));
  const int64_t held_out = made.images - made.train_images;
  const auto images = static_cast<double>(
      at_most(identity.at("images"), held_out > 0 ? held_out : made.train_images));
  const double search = work::search(network_of(made), identity, is_learned(identity));
  add(step, "known_answer", make_node("known_answer", 2, std::move(identity), inputs),
      images * search, images * static_cast<double>(made.grid.size()), function);
}

}  // namespace oar
