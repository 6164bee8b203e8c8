#include "harness/stages/recipe_parts.h"

#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <system_error>
#include <vector>

#include "datasets/dataset_info.h"
#include "datasets/sha256.h"
#include "harness/stages/artifacts.h"
#include "harness/sweep/tokenizer_sizes.h"
#include "models/any_order/next_encoding.h"
#include "models/vqgan/vqgan_file.h"
#include "orders/order_policy.h"

namespace oar {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr uintmax_t kMaxTable = 256 << 20;  // bytes

/// Whether a file says what the images of the whole set are: in the root, or in a folder of lists.
/// A folder of captions, one file an image, is none.
bool is_table(const fs::path& path, uintmax_t size) {
  static const std::set<std::string> extensions = {".csv", ".txt", ".tsv", ".pickle", ".pkl"};
  static const std::set<std::string> folders = {"",     "Anno", "Eval",           "train",
                                                "test", "val",  "fashion-dataset"};
  return size <= kMaxTable && extensions.contains(path.extension().string()) &&
         folders.contains(path.parent_path().generic_string());
}

}  // namespace

FolderContents contents_of_folder(const fs::path& root) {
  if (!fs::exists(root)) {
    throw BadData(fmt::format(
        "dataset.root: there is no folder \"{}\"; set dataset.root to the folder of your copy "
        "(--set dataset.root=...)",
        root.string()));
  }
  if (fs::is_regular_file(root) && root.extension() == ".tar") {
    const std::string line =
        fmt::format("tar {} {}\n", root.filename().string(), fs::file_size(root));
    return {sha256_hex(std::as_bytes(std::span(line))), 1};
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
    if (vanished) continue;
    const fs::path path = entry.path().lexically_relative(root);
    // A table's columns may keep their width when its words change.
    const std::string content = is_table(path, size) ? " " + sha256_file(entry.path()) : "";
    lines.push_back(fmt::format("{} {}{}\n", path.generic_string(), size, content));
  }
  std::sort(lines.begin(), lines.end());
  std::string all;
  for (const std::string& line : lines) all += line;
  return {sha256_hex(std::as_bytes(std::span(all))), static_cast<int64_t>(lines.size())};
}

DatasetConfig dataset_config_from(const json& section) {
  DatasetConfig config;
  section.at("name").get_to(config.name);
  config.root = section.at("root").get<std::string>();
  section.at("image_size").get_to(config.image_size);
  section.at("max_images").get_to(config.max_images);
  section.at("held_out").get_to(config.held_out);
  section.at("split").get_to(config.split);
  section.at("class_column").get_to(config.class_column);
  section.at("caption").get_to(config.caption);
  section.at("crop").get_to(config.crop);
  section.at("resize").get_to(config.resize);
  section.at("seed").get_to(config.seed);
  return config;
}

json augmentation_identity(const json& dataset, const json& tokenizer) {
  json identity;
  if (dataset.at("mirror") == "on") identity["mirror"] = true;
  if (tokenizer.at("random_crop") < 1.0) identity["smallest_side"] = tokenizer.at("random_crop");
  return identity;
}

Augmentation augmentation_from(const json& training) {
  const json identity = training.value("augmentation", json::object());
  return {identity.value("mirror", false), identity.value("smallest_side", 1.0)};
}

bool is_generated(const std::string& dataset) { return dataset_info(dataset).generated; }

bool is_token_dataset(const std::string& dataset) {
  const auto known = list_token_datasets();
  return std::any_of(known.begin(), known.end(),
                     [&](const auto& entry) { return entry.first == dataset; });
}

json dataset_identity(json section) {
  const bool tokens = is_token_dataset(section.at("name"));
  for (const char* of_images : {"image_size", "class_column", "caption"}) {
    if (tokens) section.erase(of_images);
  }
  for (const char* of_tokens : {"rows", "cols", "codes", "noise", "path"}) {
    if (!tokens) section.erase(of_tokens);
  }
  // Younger than the store: written where they differ, so that indexes of before keep their keys.
  const DatasetConfig standard;
  if (section.at("crop") == standard.crop) section.erase("crop");
  if (section.at("resize") == standard.resize) section.erase("resize");
  section.erase(section.at("split") == standard.split ? "split"
                                                      : "held_out");  // the other is asked
  if (!tokens) {  // as the option was called when the first indexes were made
    section["caption_column"] = section.at("caption");
    section.erase("caption");
  }
  section.erase("mirror");  // changes what is trained on, not what there is
  section.erase("root");
  return section;
}

torch::Tensor path_of(const std::string& name, const Grid& grid, uint64_t seed) {
  OrderConfig config;
  config.name = name;
  config.grid = grid;
  config.order_seed = seed;
  return make_order(config)->position_at(torch::zeros({1}, torch::kInt64))[0];
}

PlantedPathConfig planted_path_from(const json& section) {
  PlantedPathConfig config;
  config.path = path_of(section.at("path"), {section.at("rows"), section.at("cols")},
                        section.at("seed").get<uint64_t>());
  section.at("codes").get_to(config.codes);
  section.at("noise").get_to(config.noise);
  section.at("max_images").get_to(config.images);
  section.at("held_out").get_to(config.held_out);
  section.at("seed").get_to(config.seed);
  return config;
}

namespace {

template <typename T>
void override_by(const json& section, const char* option, T& value) {
  if (!section.at(option).is_null()) section.at(option).get_to(value);
}

/// Options that would be without effect.
void refuse_sizes_beside(const json& section, const std::string& weights) {
  for (const char* option : kTokenizerSizes) {
    if (section.at(option).is_null() || section.at(option) == "off") continue;
    throw std::invalid_argument(
        fmt::format("tokenizer.{}: found {}; {} has sizes of its own, so leave the option out",
                    option, section.at(option).dump(), weights));
  }
}

/// The sizes that a file states: the configuration, or else the weights. Images need not have the
/// size that the network was made for, but its patches must divide them.
std::optional<VqganConfig> network_of_files(const json& section, int64_t image_size) {
  const std::string config = section.at("config"), weights = section.at("weights");
  std::optional<VqganConfig> network;
  if (!config.empty()) {
    network = read_vqgan_config(config);
  } else if (!weights.empty()) {
    network = stated_vqgan_config(weights);
    if (network) refuse_sizes_beside(section, weights);
  }
  if (network && image_size % network->downsample() != 0) {
    throw std::invalid_argument(fmt::format(
        "dataset.image_size {}: the tokenizer of {} has patches of {} pixels; accepted: multiples "
        "of that",
        image_size, config.empty() ? weights : config, network->downsample()));
  }
  return network;
}

/// The preset with what the recipe changes of it.
VqganConfig network_of_options(const json& section, int64_t image_size) {
  VqganConfig network = vqgan_preset(section.at("preset"), image_size);
  override_by(section, "codebook_size", network.codebook_size);
  override_by(section, "channels", network.ch);
  override_by(section, "channel_multipliers", network.ch_mult);
  override_by(section, "residual_blocks", network.num_res_blocks);
  override_by(section, "embedding_dim", network.embed_dim);
  network.normalised_codes = section.at("normalised_codes") == "on";
  if (!network.attn_resolutions.empty()) {  // attention stays at the lowest resolution
    network.attn_resolutions = {image_size / network.downsample()};
  }
  check_config(network);
  return network;
}

}  // namespace

json tokenizer_identity(const json& section, int64_t image_size, const HashOfFile& hash_of_file) {
  const std::optional<VqganConfig> stated = network_of_files(section, image_size);
  const VqganConfig network = stated ? *stated : network_of_options(section, image_size);
  const std::string weights = section.at("weights");
  if (!weights.empty()) {
    return {{"network", to_json(network)}, {"weights_sha256", hash_of_file(weights)}};
  }
  return {{"network", to_json(network)},
          {"preset", section.at("preset")},
          {"training", training_identity(section, hash_of_file)}};
}

json damage_identity(const json& section) {
  json identity = json::object();
  if (section.at("merge_codes") > 0) identity["merge_codes"] = section.at("merge_codes");
  if (section.at("code_noise") > 0) identity["code_noise"] = section.at("code_noise");
  if (!identity.empty()) identity["seed"] = section.at("seed");
  return identity;
}

json network_identity(const json& section, const Grid& grid, int64_t codebook_size) {
  TransformerConfig config = transformer_preset(section.at("preset"));
  override_by(section, "layers", config.layers);
  override_by(section, "width", config.width);
  override_by(section, "heads", config.heads);
  section.at("next_encoding").get_to(config.next_encoding);
  section.at("dropout").get_to(config.dropout);
  config.grid = grid;
  config.codebook_size = codebook_size;
  const bool captions = section.at("condition") == "caption";
  if (captions) {
    section.at("caption_tokens").get_to(config.caption.length);
    section.at("caption_vocabulary").get_to(config.caption.vocabulary);
    section.at("caption_layers").get_to(config.caption.layers);
    config.caption.cross_attention = section.at("caption_as") == "cross_attention";
  }
  check_config(config);
  json network = {{"layers", config.layers},
                  {"width", config.width},
                  {"heads", config.heads},
                  {"next_encoding", parse_next_encoding(config.next_encoding).canonical_name()},
                  {"dropout", config.dropout}};
  if (captions) network["caption"] = to_json(config).at("caption");
  return network;
}

json pick(const json& object, std::initializer_list<const char*> names) {
  json picked = json::object();
  for (const char* name : names) picked[name] = object.at(name);
  return picked;
}

}  // namespace oar
