#include "harness/stages/artifacts.h"

#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <span>
#include <stdexcept>
#include <system_error>

#include "datasets/sha256.h"
#include "harness/sweep/json_file.h"
#include "models/memory/images_at_once.h"
#include "models/weights/atomic_file.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kWeights[] = "weights.safetensors";
constexpr char kConfig[] = "config.json";

[[noreturn]] void fail_io(const fs::path& path, const char* action) {
  throw std::system_error(errno != 0 ? errno : EIO, std::generic_category(),
                          fmt::format("{}: cannot {}", path.string(), action));
}

torch::Tensor tensor_of(const TensorMap& tensors, const std::string& name, const fs::path& path) {
  const auto found = tensors.find(name);
  if (found == tensors.end()) {
    throw BadWeights(fmt::format("{}: tensor \"{}\" is missing", path.string(), name));
  }
  return found->second;
}

/// Rows that were made one part after the other.
TensorMap joined(const std::map<std::string, std::vector<torch::Tensor>>& parts) {
  TensorMap joined;
  for (const auto& [name, tensors] : parts) joined[name] = at::cat(tensors);
  return joined;
}

/// SHA-256 over names, bytes and text.
std::string hash_of(const TensorMap& state, const std::string& text) {
  std::string hashes = sha256_hex(text);
  for (const auto& [name, tensor] : state) {
    const torch::Tensor bytes = tensor.detach().cpu().contiguous();
    hashes += "\n" + name + " " +
              sha256_hex(std::span(static_cast<const std::byte*>(bytes.const_data_ptr()),
                                   static_cast<size_t>(bytes.nbytes())));
  }
  return sha256_hex(hashes);
}

}  // namespace

void write_json(const fs::path& path, const json& value) {
  write_file_atomically(path, std::string_view(value.dump(1) + "\n"));
}

json read_json(const fs::path& path) {
  errno = 0;
  std::ifstream in(path);
  if (!in) fail_io(path, "read");
  // What is nested deeper than any record of ours would overflow the stack when it is printed.
  const auto check_depth = [&](int depth, json::parse_event_t, const json&) {
    if (depth <= static_cast<int>(kMaxJsonDepth)) return true;
    throw BadWeights(
        fmt::format("{}: nested more than {} levels deep", path.string(), kMaxJsonDepth));
  };
  try {
    return json::parse(in, check_depth);
  } catch (const json::exception& error) {
    throw BadWeights(
        fmt::format("{}: not the JSON this program writes: {}", path.string(), error.what()));
  }
}

void write_index(const fs::path& folder, const DatasetIndex& index) {
  json images = json::array(), rejected = json::array();
  for (const ImageRecord& image : index.images) {
    images.push_back({{"file", image.file},
                      {"sha256", image.sha256},
                      {"width", image.width},
                      {"height", image.height},
                      {"caption", image.caption},
                      {"label", image.label},
                      {"split", image.split == Split::kTrain ? "train" : "held_out"}});
  }
  for (const RejectedFile& file : index.rejected) {
    rejected.push_back({{"file", file.file}, {"reason", file.reason}});
  }
  write_json(folder / "index.json", {{"schema_version", 1},
                                     {"classes", index.classes},
                                     {"images", std::move(images)},
                                     {"rejected", std::move(rejected)}});
}

DatasetIndex read_index(const fs::path& folder) {
  const json stored = read_json(folder / "index.json");
  DatasetIndex index;
  index.classes = stored.at("classes").get<std::vector<std::string>>();
  for (const json& image : stored.at("images")) {
    index.images.push_back({image.at("file"), image.at("sha256"), image.at("width"),
                            image.at("height"), image.at("caption"), image.at("label"),
                            image.at("split") == "train" ? Split::kTrain : Split::kHeldOut});
  }
  for (const json& file : stored.at("rejected")) {
    index.rejected.push_back({file.at("file"), file.at("reason")});
  }
  return index;
}

std::vector<int64_t> images_of(const DatasetIndex& index, Split split, int64_t limit) {
  std::vector<int64_t> images;
  for (size_t i = 0; i < index.images.size(); ++i) {
    if (index.images[i].split == split) images.push_back(static_cast<int64_t>(i));
    if (limit > 0 && static_cast<int64_t>(images.size()) == limit) break;
  }
  return images;
}

torch::Tensor labels_of(const DatasetIndex& index, const std::vector<int64_t>& images) {
  torch::Tensor labels = torch::empty({static_cast<int64_t>(images.size())}, torch::kInt64);
  for (size_t i = 0; i < images.size(); ++i) labels[i] = index.images[images[i]].label;
  return labels;
}

torch::Tensor indices(const std::vector<int64_t>& images) {
  return torch::tensor(images, torch::kInt64);
}

namespace {

torch::Tensor read_codes(const TensorMap& tensors, const char* name, const TokenGrids& tokens,
                         const fs::path& path) {
  const torch::Tensor codes = tensor_of(tensors, name, path).to(torch::kInt64);
  if (codes.dim() != 2 || codes.size(1) != tokens.grid.size()) {
    throw BadWeights(fmt::format("{}: {} {} an image do not fill a {}x{} grid", path.string(),
                                 codes.size(-1), name, tokens.grid.rows, tokens.grid.cols));
  }
  if (codes.numel() > 0 &&
      (codes.min().item<int64_t>() < 0 || codes.max().item<int64_t>() >= tokens.codebook_size)) {
    throw BadWeights(fmt::format("{}: {} {} .. {} do not fit a codebook of {}", path.string(), name,
                                 codes.min().item<int64_t>(), codes.max().item<int64_t>(),
                                 tokens.codebook_size));
  }
  return codes;
}

}  // namespace

void write_tokens(const fs::path& folder, const TokenGrids& tokens) {
  TensorMap tensors = {{"codes", tokens.codes.to(torch::kInt16)}};
  if (tokens.mirrored.defined()) tensors.emplace("mirrored", tokens.mirrored.to(torch::kInt16));
  write_safetensors(folder / "tokens.safetensors", tensors);
  write_json(folder / kConfig, {{"rows", tokens.grid.rows},
                                {"cols", tokens.grid.cols},
                                {"codebook_size", tokens.codebook_size}});
}

TokenGrids read_tokens(const fs::path& folder) {
  const json config = read_json(folder / kConfig);
  const fs::path path = folder / "tokens.safetensors";
  const TensorMap tensors = read_tensors(path);
  TokenGrids tokens{{config.at("rows"), config.at("cols")}, config.at("codebook_size"), {}, {}};
  tokens.codes = read_codes(tensors, "codes", tokens, path);
  if (!tensors.contains("mirrored")) return tokens;
  tokens.mirrored = read_codes(tensors, "mirrored", tokens, path);
  if (tokens.mirrored.sizes() != tokens.codes.sizes()) {
    throw BadWeights(fmt::format("{}: {} images, but {} mirrored ones", path.string(),
                                 tokens.codes.size(0), tokens.mirrored.size(0)));
  }
  return tokens;
}

void write_tokenizer(const fs::path& folder, const Vqgan& tokenizer) {
  write_safetensors(folder / kWeights, state_of(*tokenizer));
  write_json(folder / kConfig, to_json(tokenizer->config()));
}

Vqgan read_tokenizer(const fs::path& folder, torch::Device device) {
  Vqgan tokenizer(vqgan_config_from(read_json(folder / kConfig)));
  load_state(*tokenizer, read_tensors(folder / kWeights), "", (folder / kWeights).string());
  tokenizer->to(device);
  tokenizer->eval();
  return tokenizer;
}

json to_json(const TransformerConfig& config) {
  json made = {{"rows", config.grid.rows},
               {"cols", config.grid.cols},
               {"codebook_size", config.codebook_size},
               {"layers", config.layers},
               {"width", config.width},
               {"heads", config.heads},
               {"next_encoding", config.next_encoding},
               {"num_classes", config.num_classes},
               {"dropout", config.dropout},
               {"location_after", config.location_after}};
  if (config.caption.length > 0) {
    made["caption"] = {{"length", config.caption.length},
                       {"vocabulary", config.caption.vocabulary},
                       {"layers", config.caption.layers},
                       {"cross_attention", config.caption.cross_attention}};
  }
  return made;
}

int64_t location_block(int64_t layers) {
  if (layers < 2) {
    throw std::invalid_argument(
        "relabel.location_head needs a model of at least two layers: one that says where, one that "
        "is told; raise model.layers");
  }
  return layers / 2;
}

TransformerConfig transformer_config_from(const json& json) {
  TransformerConfig config;
  json.at("rows").get_to(config.grid.rows);
  json.at("cols").get_to(config.grid.cols);
  json.at("codebook_size").get_to(config.codebook_size);
  json.at("layers").get_to(config.layers);
  json.at("width").get_to(config.width);
  json.at("heads").get_to(config.heads);
  json.at("next_encoding").get_to(config.next_encoding);
  json.at("num_classes").get_to(config.num_classes);
  json.at("dropout").get_to(config.dropout);
  config.location_after = json.value("location_after", int64_t{0});
  if (json.contains("caption")) {
    const auto& caption = json.at("caption");
    caption.at("length").get_to(config.caption.length);
    caption.at("vocabulary").get_to(config.caption.vocabulary);
    caption.at("layers").get_to(config.caption.layers);
    caption.at("cross_attention").get_to(config.caption.cross_attention);
  }
  return config;
}

void write_transformer(const fs::path& folder, const Transformer& model) {
  write_safetensors(folder / kWeights, state_of(*model));
  write_json(folder / kConfig, to_json(model->config()));
}

Transformer read_transformer(const fs::path& folder, torch::Device device) {
  Transformer model(transformer_config_from(read_json(folder / kConfig)));
  load_state(*model, read_tensors(folder / kWeights), "", (folder / kWeights).string());
  model->move_to(device);
  model->eval();
  return model;
}

void check_fit(const TransformerConfig& model, const Grid& grid, int64_t codebook_size,
               const std::string& what) {
  if (model.grid != grid) {
    throw BadWeights(fmt::format(
        "{}: the model draws {}x{} patches, but the tokens are {}x{}; use the tokenizer and image "
        "size it was trained with",
        what, model.grid.rows, model.grid.cols, grid.rows, grid.cols));
  }
  if (model.codebook_size != codebook_size) {
    throw BadWeights(fmt::format(
        "{}: the model knows {} codes, but the tokenizer has {}; use the tokenizer it was trained "
        "with",
        what, model.codebook_size, codebook_size));
  }
}

void say_smaller(StageContext& context, const std::string& what, int64_t images) {
  context.progress().say(
      fmt::format("out of memory; from here on {} come from parts of {} images", what, images));
}

void write_checkpoint(const fs::path& path, const TensorMap& state, const json& progress) {
  const std::string text = progress.dump();
  write_safetensors(path, state, {{"progress", text}, {"sha256", hash_of(state, text)}});
}

std::optional<Checkpoint> read_checkpoint(StageContext& context, const fs::path& path) {
  if (!fs::exists(path)) return std::nullopt;
  std::string problem;
  try {
    const auto metadata = read_safetensors_metadata(path);
    Checkpoint found{read_tensors(path), json::parse(metadata.at("progress"))};
    if (metadata.at("sha256") == hash_of(found.state, metadata.at("progress"))) return found;
    problem = "its SHA-256 is not that of what was written";
  } catch (const BadWeights& error) {
    problem = error.what();
  } catch (const json::exception& error) {
    problem = error.what();
  } catch (const std::out_of_range&) {
    problem = "it lacks its hash";
  }
  context.progress().say(fmt::format("{}: damaged: {}; it is removed, and made from the start",
                                     path.string(), problem));
  fs::remove(path);
  return std::nullopt;
}

TensorMap in_chunks(StageContext& context, const std::string& unit, int64_t total,
                    int64_t chunk_size,
                    const std::function<TensorMap(int64_t begin, int64_t end)>& make) {
  const auto file_of = [&](int64_t begin, int64_t end) {
    return context.scratch() / fmt::format("{}-{:09}-{:09}.safetensors", unit, begin, end);
  };
  std::map<std::string, std::vector<torch::Tensor>> parts;
  bool started = false;
  ImagesAtOnce at_once(chunk_size, kSmallerImages);
  for (int64_t begin = 0; begin < total; begin += chunk_size) {
    const int64_t end = std::min(total, begin + chunk_size);
    const fs::path file = file_of(begin, end);
    TensorMap chunk;
    if (auto found = read_checkpoint(context, file)) {
      chunk = std::move(found->state);
    } else {
      if (!started) context.progress().begin(unit, total, begin);
      started = true;
      const int64_t before = at_once.count();
      std::map<std::string, std::vector<torch::Tensor>> pieces;
      at_once.for_each(begin, end, [&](int64_t first, int64_t last) {
        for (const auto& [name, tensor] : make(first, last)) pieces[name].push_back(tensor);
      });
      if (at_once.count() != before) say_smaller(context, "results", at_once.count());
      chunk = joined(pieces);
      write_checkpoint(file, chunk, nullptr);
      context.progress().update(end);
    }
    for (const auto& [name, tensor] : chunk) parts[name].push_back(tensor);
    context.stop_if_requested();
  }
  if (started) context.progress().end();
  return joined(parts);
}

void write_png(const fs::path& path, const torch::Tensor& image) {
  const torch::Tensor pixels = image.permute({1, 2, 0}).flip(2).contiguous();  // BGR rows
  const cv::Mat view(static_cast<int>(pixels.size(0)), static_cast<int>(pixels.size(1)), CV_8UC3,
                     pixels.data_ptr<uint8_t>());
  std::vector<uint8_t> encoded;
  cv::imencode(".png", view, encoded);
  // Synced: the record of a finished batch must not outlive its images.
  write_file_atomically(path, std::as_bytes(std::span(encoded)));
}

torch::Tensor read_png(const fs::path& path) {
  const cv::Mat image = cv::imread(path.string(), cv::IMREAD_COLOR);
  if (image.empty()) {
    throw BadData(fmt::format("{}: cannot be decoded; delete the folder it is in to make it again",
                              path.string()));
  }
  return torch::from_blob(image.data, {image.rows, image.cols, 3}, torch::kUInt8)
      .flip(2)
      .permute({2, 0, 1})
      .contiguous();
}

}  // namespace oar
