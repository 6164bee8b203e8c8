#include "harness/upkeep/published_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "datasets/dataset.h"
#include "datasets/sha256.h"
#include "harness/stages/artifacts.h"
#include "models/vqgan/vqgan_file.h"
#include "models/weights/tensor_file.h"
#include "reports/figures.h"
#include "reports/report.h"
#include "reports/report_files.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr size_t kDigits = 12;                // of a key, in the name of a file
constexpr char kSizes[] = "oar_bench_vqgan";  // where stated_vqgan_config() looks

bool encodes(const std::string& tensor) {
  return tensor.starts_with("encoder.") || tensor.starts_with("quant_conv.");
}

}  // namespace

std::string evidence_file(const std::string& kind, const std::string& key) {
  if (key.size() < kDigits || key.find_first_not_of("0123456789abcdef") != std::string::npos) {
    throw BadData(fmt::format("results.json: \"{}\" is no key of a stage", key));
  }
  return fmt::format("evidence/{}-{}.safetensors", kind, key.substr(0, kDigits));
}

const json* stage_of(const json& cell, const std::string& role) {
  for (const json& stage : cell.at("stages")) {
    if (stage.value("role", "") == role) return &stage;
  }
  return nullptr;
}

bool is_published(const fs::path& folder) { return fs::exists(folder / kContents); }

Contents contents_of(const fs::path& folder) {
  Contents contents;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().lexically_relative(folder).generic_string();
    const fs::file_type type = entry.symlink_status().type();
    if (type == fs::file_type::directory || name == kContents) continue;
    if (type != fs::file_type::regular) {
      throw BadData(entry.path().string() + ": not a plain file; a record holds no other");
    }
    contents[name] = {static_cast<int64_t>(entry.file_size()), sha256_file(entry.path())};
  }
  return contents;
}

void write_contents(const fs::path& folder) {
  json files = json::object();
  for (const auto& [name, file] : contents_of(folder)) {
    files[name] = {{"bytes", file.bytes}, {"sha256", file.sha256}};
  }
  write_json(folder / kContents, {{"schema_version", 1}, {"files", std::move(files)}});
}

Contents read_contents(const fs::path& folder) {
  const fs::path path = folder / kContents;
  Contents contents;
  try {
    const json stored = read_json(path);
    if (stored.at("schema_version") != 1) throw BadData("its schema_version is not 1");
    for (const auto& [name, file] : stored.at("files").items()) {
      contents[name] = {file.at("bytes"), file.at("sha256")};
    }
  } catch (const std::system_error&) {
    throw;
  } catch (const std::exception& error) {
    throw BadData(fmt::format("{}: not the contents of a record: {}", path.string(), error.what()));
  }
  return contents;
}

std::map<std::string, std::string> rendered_files(const json& results, const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (auto& [name, text] : render_tables(results)) files["tables/" + name] = std::move(text);
  std::vector<FigureSpec> figures = figures_of(results);
  std::erase_if(figures, [&](const FigureSpec& figure) {
    return figure.animated || !fs::exists(folder / "figures" / (figure.id + ".png"));
  });
  files["report.md"] = render_markdown(results, figures);
  return files;
}

void write_decoder(const fs::path& path, const Vqgan& tokenizer) {
  TensorMap kept;
  for (const auto& [name, tensor] : state_of(*tokenizer)) {
    if (!encodes(name)) kept[name] = tensor.to(torch::kHalf);
  }
  write_safetensors(path, kept, {{kSizes, to_json(tokenizer->config()).dump()}});
}

Vqgan read_decoder(const fs::path& path) {
  const std::optional<VqganConfig> config = stated_vqgan_config(path);
  if (!config) throw BadWeights(path.string() + ": it does not say how large its network is");
  Vqgan tokenizer(*config);
  TensorMap tensors = read_tensors(path);
  for (const auto& [name, tensor] : state_of(*tokenizer)) {
    if (encodes(name)) tensors.emplace(name, tensor);
  }
  load_state(*tokenizer, tensors, "", path.string());
  tokenizer->eval();
  return tokenizer;
}

}  // namespace oar
