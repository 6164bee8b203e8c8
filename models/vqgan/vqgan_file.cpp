#include "models/vqgan/vqgan_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "models/weights/safetensors.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kMetadata[] = "oar_bench_vqgan";
constexpr size_t kLargestConfig = 1 << 20;  // bytes
constexpr char kFirst[] = "encoder.conv_in.weight";

VqganConfig sizes(std::vector<int64_t> ch_mult, int64_t embed_dim, int64_t codebook_size) {
  VqganConfig config;
  config.ch_mult = std::move(ch_mult);
  config.attn_resolutions = {config.image_size / config.downsample()};
  config.embed_dim = embed_dim;
  config.codebook_size = codebook_size;
  return config;
}

VqganConfig llamagen(std::vector<int64_t> ch_mult) {
  VqganConfig config = sizes(std::move(ch_mult), 8, 16384);
  config.normalised_codes = true;
  return config;
}

/// Reads one configuration, and says which key of which file is wrong.
class ConfigFile {
 public:
  explicit ConfigFile(std::string file) : file_(std::move(file)) {}

  VqganConfig read() const { return read(content()); }

  VqganConfig read(const std::string& text) const {
    const YAML::Node root = parsed(text);
    if (!root.IsMap()) refuse("the file", "no mapping", "a mapping with model.params or ch_mult");
    const YAML::Node model = root["model"];
    if (model) return of_taming(model);
    if (root["ddconfig"]) return of_params(root, "");
    if (root["ch_mult"]) return of_fields(root);
    refuse("the file", "neither model, ddconfig nor ch_mult",
           "the configuration of a VQModel of taming-transformers, or the sizes as this program "
           "writes them");
  }

 private:
  [[noreturn]] void refuse(const std::string& where, const std::string& found,
                           const std::string& accepted) const {
    throw std::invalid_argument(
        fmt::format("{}: {}: found {}; accepted: {}", file_, where, found, accepted));
  }

  std::string content() const {
    errno = 0;
    std::ifstream in(file_, std::ios::binary);
    std::string text;
    bool whole = static_cast<bool>(in);
    try {
      if (whole) text.assign(std::istreambuf_iterator<char>(in), {});
    } catch (const std::ios_base::failure&) {  // libstdc++, of a folder
      whole = false;
    }
    if (!whole || in.bad()) {
      throw std::system_error(
          errno != 0 ? errno : EIO, std::generic_category(),
          fmt::format("{}: no configuration that can be read, and none of the known names: {}",
                      file_, published_vqgan_names()));
    }
    if (text.size() > kLargestConfig) {
      refuse("the file", fmt::format("{} bytes", text.size()),
             fmt::format("a configuration of up to {}", kLargestConfig));
    }
    return text;
  }

  YAML::Node parsed(std::string text) const {
    // JSON's escapes are not all YAML's.
    const json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!value.is_discarded()) text = value.dump(-1, ' ', false, json::error_handler_t::replace);
    try {
      return YAML::Load(text);
    } catch (const YAML::Exception& error) {
      throw std::invalid_argument(
          fmt::format("{}:{}: neither YAML nor JSON: {}", file_, error.mark.line + 1, error.msg));
    }
  }

  VqganConfig of_taming(const YAML::Node& model) const {
    if (!model.IsMap()) refuse("model", "no mapping", "a mapping with target and params");
    if (const YAML::Node target = model["target"]) {
      const auto name = scalar(target, "model.target");
      const std::string last = name.substr(name.rfind('.') + 1);
      static const std::set<std::string> kKnown = {"VQModel", "VQNoDiscModel", "VQModelInterface"};
      if (!kKnown.contains(last)) {
        refuse("model.target", name, "a VQModel: other quantisers are other networks");
      }
    }
    const YAML::Node params = model["params"];
    if (!params || !params.IsMap())
      refuse("model.params", "no mapping", "embed_dim, n_embed and ddconfig");
    return of_params(params, "model.params.");
  }

  VqganConfig of_params(const YAML::Node& params, const std::string& path) const {
    const YAML::Node dd = params["ddconfig"];
    if (!dd || !dd.IsMap()) refuse(path + "ddconfig", "no mapping", "the sizes of the network");
    const std::string below = path + "ddconfig.";
    VqganConfig config;
    config.image_size = whole(dd, below, "resolution");
    config.ch = whole(dd, below, "ch");
    config.ch_mult = list(dd, below, "ch_mult");
    config.num_res_blocks = whole(dd, below, "num_res_blocks");
    config.attn_resolutions = list(dd, below, "attn_resolutions");
    config.z_channels = whole(dd, below, "z_channels");
    config.embed_dim = whole(params, path, "embed_dim");
    config.codebook_size = whole(params, path, "n_embed");
    config.normalised_codes = is_on(params, path, "normalised_codes");
    require(params, path, "remap", "null: the codes of a subset are other numbers");
    require(dd, below, "in_channels", "3");
    require(dd, below, "out_ch", "3");
    require(dd, below, "double_z", "false");
    require(dd, below, "resamp_with_conv", "true");
    require(dd, below, "tanh_out", "false");
    require(dd, below, "attn_type", "vanilla");
    return checked(config);
  }

  VqganConfig of_fields(const YAML::Node& root) const {
    VqganConfig config;
    config.image_size = whole(root, "", "image_size");
    config.ch = whole(root, "", "ch");
    config.ch_mult = list(root, "", "ch_mult");
    config.num_res_blocks = whole(root, "", "num_res_blocks");
    config.attn_resolutions = list(root, "", "attn_resolutions");
    config.z_channels = whole(root, "", "z_channels");
    config.embed_dim = whole(root, "", "embed_dim");
    config.codebook_size = whole(root, "", "codebook_size");
    config.normalised_codes = is_on(root, "", "normalised_codes");
    const json known = to_json({.normalised_codes = true});
    for (const auto& member : root) {
      const std::string key = scalar(member.first, "a key");
      if (!known.contains(key)) refuse(key, "a key that is not known", "those of the sizes alone");
    }
    return checked(config);
  }

  VqganConfig checked(const VqganConfig& config) const try {
    check_config(config);
    return config;
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("{}: {}", file_, error.what()));
  }

  std::string scalar(const YAML::Node& node, const std::string& where) const {
    if (!node.IsScalar()) refuse(where, "a list or mapping", "one value");
    return node.Scalar();
  }

  /// False where it is not written.
  bool is_on(const YAML::Node& map, const std::string& path, const char* key) const {
    const YAML::Node node = map[key];
    bool value = false;
    if (!node || node.IsNull()) return false;
    if (!YAML::convert<bool>::decode(node, value)) {
      refuse(path + key, scalar(node, path + key), "true or false");
    }
    return value;
  }

  int64_t number(const YAML::Node& node, const std::string& where) const {
    int64_t value = 0;
    if (!node.IsScalar() || !YAML::convert<int64_t>::decode(node, value)) {
      refuse(where, node.IsScalar() ? "\"" + node.Scalar() + "\"" : "a list or mapping",
             "an integer");
    }
    return value;
  }

  YAML::Node there(const YAML::Node& map, const std::string& path, const char* key,
                   const char* accepted) const {
    const YAML::Node node = map[key];
    if (!node || node.IsNull()) refuse(path + key, "nothing", accepted);
    return node;
  }

  int64_t whole(const YAML::Node& map, const std::string& path, const char* key) const {
    return number(there(map, path, key, "an integer"), path + key);
  }

  std::vector<int64_t> list(const YAML::Node& map, const std::string& path, const char* key) const {
    const YAML::Node node = there(map, path, key, "a list of integers");
    if (!node.IsSequence()) refuse(path + key, "no list", "a list of integers");
    std::vector<int64_t> values;
    for (size_t i = 0; i < node.size(); ++i) {
      values.push_back(number(node[i], fmt::format("{}{}[{}]", path, key, i)));
    }
    return values;
  }

  /// A choice of which this program has one side only; where it is not written it is that one.
  void require(const YAML::Node& map, const std::string& path, const char* key,
               const std::string& only) const {
    const YAML::Node node = map[key];
    if (!node || node.IsNull()) return;
    std::string found = scalar(node, path + key);
    bool truth = false;
    if (YAML::convert<bool>::decode(node, truth)) found = truth ? "true" : "false";
    if (found != only) refuse(path + key, found, only);
  }

  std::string file_;
};

/// "conv_blocks.3.res.1.conv1.weight" of LlamaGen's encoder or decoder as taming calls it;
/// `levels` of the network.
std::string taming_name(std::string name, int64_t levels) {
  const bool encoder = name.starts_with("encoder."), decoder = name.starts_with("decoder.");
  if (!encoder && !decoder) return name;
  const auto replace = [&](std::string_view from, std::string_view to) {
    const size_t at = name.find(from);
    if (at != std::string::npos) name.replace(at, from.size(), to);
    return at != std::string::npos;
  };
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kMiddle = {
      {{".mid.0.", ".mid.block_1."}, {".mid.1.", ".mid.attn_1."}, {".mid.2.", ".mid.block_2."}}};
  for (const auto& [from, to] : kMiddle) replace(from, to);
  for (int64_t i = 0; i < levels; ++i) {
    // The decoder counts in the order in which its levels run, the lowest resolution first.
    const std::string to =
        encoder ? fmt::format(".down.{}.", i) : fmt::format(".up.{}.", levels - 1 - i);
    if (replace(fmt::format(".conv_blocks.{}.", i), to)) {
      replace(".res.", ".block.");
      break;
    }
  }
  return name;
}

/// One more than the largest i of "encoder.conv_blocks.<i>."; 0 where there is none.
int64_t levels_of(const TensorMap& tensors) {
  constexpr std::string_view kStart = "encoder.conv_blocks.";
  constexpr int64_t kMost = 64;
  int64_t levels = 0;
  for (const auto& [name, tensor] : tensors) {
    for (int64_t i = levels; i < kMost && name.starts_with(kStart); ++i) {
      if (name.starts_with(fmt::format("{}{}.", kStart, i))) levels = i + 1;
    }
  }
  return levels;
}

bool is_llamagen(const TensorMap& tensors) {
  return std::any_of(tensors.begin(), tensors.end(), [](const auto& tensor) {
    return tensor.first.find("encoder.conv_blocks.") != std::string::npos;
  });
}

/// What stands in front of the names; empty if nothing does, or there is no tokenizer at all.
std::string prefix_of(const TensorMap& tensors, const std::string& source) {
  std::vector<std::string> prefixes;
  for (const auto& [name, tensor] : tensors) {
    if (!name.ends_with(kFirst)) continue;
    const std::string prefix = name.substr(0, name.size() - std::string_view(kFirst).size());
    if (prefix.empty()) return "";
    if (prefix.ends_with('.')) prefixes.push_back(prefix);
  }
  if (prefixes.size() < 2) return prefixes.empty() ? "" : prefixes.front();
  throw BadWeights(fmt::format("{}: it holds several tokenizers, below {}; keep one of them",
                               source, fmt::join(prefixes, ", ")));
}

}  // namespace

json to_json(const VqganConfig& config) {
  json sizes = {{"image_size", config.image_size},
                {"ch", config.ch},
                {"ch_mult", config.ch_mult},
                {"num_res_blocks", config.num_res_blocks},
                {"attn_resolutions", config.attn_resolutions},
                {"z_channels", config.z_channels},
                {"embed_dim", config.embed_dim},
                {"codebook_size", config.codebook_size}};
  // Written where it is on, so that artifacts of before keep their keys.
  if (config.normalised_codes) sizes["normalised_codes"] = true;
  return sizes;
}

VqganConfig vqgan_config_from(const json& json) {
  VqganConfig config;
  json.at("image_size").get_to(config.image_size);
  json.at("ch").get_to(config.ch);
  json.at("ch_mult").get_to(config.ch_mult);
  json.at("num_res_blocks").get_to(config.num_res_blocks);
  json.at("attn_resolutions").get_to(config.attn_resolutions);
  json.at("z_channels").get_to(config.z_channels);
  json.at("embed_dim").get_to(config.embed_dim);
  json.at("codebook_size").get_to(config.codebook_size);
  config.normalised_codes = json.value("normalised_codes", false);
  return config;
}

const std::vector<PublishedVqgan>& published_vqgans() {
  static const std::vector<PublishedVqgan> kPublished = {
      {"taming_f16_1024", "taming-transformers, vqgan_imagenet_f16_1024",
       sizes({1, 1, 2, 2, 4}, 256, 1024)},
      {"taming_f16_16384", "taming-transformers, vqgan_imagenet_f16_16384",
       sizes({1, 1, 2, 2, 4}, 256, 16384)},
      {"llamagen_f16", "LlamaGen, VQ-16 (vq_ds16_c2i, vq_ds16_t2i)", llamagen({1, 1, 2, 2, 4})},
      {"llamagen_f8", "LlamaGen, VQ-8 (vq_ds8_c2i)", llamagen({1, 2, 2, 4})}};
  return kPublished;
}

std::string published_vqgan_names() {
  std::string names;
  for (const PublishedVqgan& one : published_vqgans()) {
    names += (names.empty() ? "" : ", ") + std::string(one.name);
  }
  return names;
}

VqganConfig read_vqgan_config(const std::string& name_or_file) {
  for (const PublishedVqgan& one : published_vqgans()) {
    if (name_or_file == one.name) return one.config;
  }
  return ConfigFile(name_or_file).read();
}

TensorMap taming_names(const TensorMap& tensors, const std::string& source) {
  const std::string prefix = prefix_of(tensors, source);
  TensorMap own;
  for (const auto& [name, tensor] : tensors) {
    if (name.starts_with(prefix)) own[name.substr(prefix.size())] = tensor;
  }
  const int64_t levels = levels_of(own);
  if (levels == 0) return own;
  TensorMap renamed;
  for (const auto& [name, tensor] : own) renamed[taming_name(name, levels)] = tensor;
  return renamed;
}

std::optional<VqganConfig> stated_vqgan_config(const fs::path& weights) {
  std::array<char, 16> opening = {};
  errno = 0;
  std::ifstream in(weights, std::ios::binary);
  in.read(opening.data(), opening.size());
  if (!in.is_open()) {
    throw std::system_error(errno != 0 ? errno : EIO, std::generic_category(), weights.string());
  }
  const auto bytes = std::as_bytes(std::span(opening)).first(static_cast<size_t>(in.gcount()));
  if (!is_safetensors(bytes)) return std::nullopt;
  const auto metadata = read_safetensors_metadata(weights);
  const auto found = metadata.find(kMetadata);
  if (found == metadata.end()) return std::nullopt;
  try {
    return ConfigFile(weights.string() + ", its metadata").read(found->second);
  } catch (const std::invalid_argument& error) {
    throw BadWeights(error.what());
  }
}

Vqgan read_vqgan_file(const fs::path& weights, const std::optional<VqganConfig>& config) {
  const std::optional<VqganConfig> stated = stated_vqgan_config(weights);
  if (config && stated && to_json(*config) != to_json(*stated)) {
    throw std::invalid_argument(
        fmt::format("{}: it states its own sizes, which are not those of the configuration; leave "
                    "that out\n  stated: {}\n  given:  {}",
                    weights.string(), to_json(*stated).dump(), to_json(*config).dump()));
  }
  const std::optional<VqganConfig> known = config ? config : stated;
  if (!known) {
    std::string names;
    for (const PublishedVqgan& one : published_vqgans()) {
      names += fmt::format("\n  {}: {}", one.name, one.what);
    }
    throw std::invalid_argument(
        fmt::format("{}: it does not say how large its network is; name its configuration "
                    "(--config, or tokenizer.config in a sweep; YAML or "
                    "JSON), or one of{}",
                    weights.string(), names));
  }
  Vqgan tokenizer(*known);
  // A Lightning checkpoint carries objects of classes this program does not know beside its
  // weights; they are skipped, and never run.
  const TensorMap found = read_tensors(weights, {.skip_unknown_objects = true});
  if (!known->normalised_codes && is_llamagen(found)) {
    throw std::invalid_argument(
        fmt::format("{}: a tokenizer of LlamaGen, whose codes are compared at length 1, and the "
                    "configuration does not say so; name llamagen_f16 or llamagen_f8, or write "
                    "normalised_codes: true into the configuration",
                    weights.string()));
  }
  const TensorMap tensors = taming_names(found, weights.string());
  load_state(*tokenizer, tensors, "", weights.string(), {"loss.", "quantize.codebook_used"});
  tokenizer->eval();
  return tokenizer;
}

void write_vqgan_file(const fs::path& path, const Vqgan& tokenizer) {
  write_safetensors(path, state_of(*tokenizer), {{kMetadata, to_json(tokenizer->config()).dump()}});
}

}  // namespace oar
