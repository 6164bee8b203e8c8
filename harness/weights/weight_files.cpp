#include "harness/weights/weight_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <span>
#include <stdexcept>
#include <system_error>

#include "datasets/sha256.h"
#include "datasets/utf8.h"
#include "harness/store/progress.h"
#include "harness/user_cache.h"
#include "harness/weights/part_file.h"
#include "models/vqgan/vqgan_file.h"
#include "models/weights/atomic_file.h"
#include "models/weights/safetensors.h"
#include "models/weights/tensor_file.h"
#include "models/weights/torch_file.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

constexpr char kTokenizers[] = "tokenizers";
constexpr char kSafetensors[] = ".safetensors";

/// The size of a regular file, through links; nothing for anything else.
std::optional<int64_t> size_of(const fs::path& file) {
  std::error_code error;
  if (!fs::is_regular_file(file, error)) return std::nullopt;
  const auto size = fs::file_size(file, error);
  if (error) return std::nullopt;
  return static_cast<int64_t>(size);
}

std::string container_of(const fs::path& file) {
  std::array<char, 16> opening = {};
  std::ifstream in(file, std::ios::binary);
  in.read(opening.data(), opening.size());
  const auto bytes = std::as_bytes(std::span(opening)).first(static_cast<size_t>(in.gcount()));
  if (is_safetensors(bytes)) return "safetensors";
  return is_torch_zip(bytes) ? "torch zip" : "torch stream";
}

const KnownWeights* find_by_sha256(const std::string& sha256,
                                   const std::vector<KnownWeights>& known) {
  for (const KnownWeights& weights : known) {
    if (weights.sha256 == sha256) return &weights;
  }
  return nullptr;
}

const KnownWeights& identify(const fs::path& file, const std::string& name,
                             const std::vector<KnownWeights>& known) {
  const KnownWeights* wanted = name.empty() ? nullptr : &weights_called(name, known);
  const std::string sha256 = sha256_file(file);
  const KnownWeights* found = find_by_sha256(sha256, known);
  if (wanted != nullptr && found != wanted) {
    throw BadWeights(fmt::format("{}: SHA-256 {}; it is not {} ({})", file.string(), sha256,
                                 wanted->name, identity_of(*wanted)));
  }
  if (found == nullptr) {
    std::string list;
    for (const KnownWeights& weights : known) {
      list += fmt::format("\n  {}: {}", weights.name, identity_of(weights));
    }
    throw BadWeights(
        fmt::format("{}: SHA-256 {} is none of the known files, which are{}\nA feature network of "
                    "your own needs no import: name its path, e.g. evaluate.weights in a sweep; a "
                    "tokenizer needs --config with its sizes",
                    file.string(), sha256, list));
  }
  return *found;
}

}  // namespace

fs::path weights_folder(const fs::path& chosen) {
  if (!chosen.empty()) return chosen;
  if (const fs::path folder = environment_variable("OAR_WEIGHTS_DIR"); !folder.empty()) {
    return folder;
  }
  const fs::path cache = user_cache_folder("weights");
  if (cache.empty()) {
    throw std::invalid_argument(
        "no folder for weights: neither OAR_WEIGHTS_DIR nor XDG_CACHE_HOME nor HOME is set; name "
        "one with --weights-dir or OAR_WEIGHTS_DIR");
  }
  return cache;
}

std::optional<fs::path> installed_weights(std::string_view extractor) {
  const fs::path folder = weights_folder();
  for (const KnownWeights& weights : known_weights()) {
    if (weights.extractor != extractor) continue;
    if (state_of(weights, folder).kind == WeightsState::Kind::kPresent) {
      return folder / weights.file;
    }
  }
  return std::nullopt;
}

WeightsState state_of(const KnownWeights& weights, const fs::path& folder) {
  using Kind = WeightsState::Kind;
  if (weights.is_embedded) return {Kind::kEmbedded, weights.bytes};
  if (const auto size = size_of(folder / weights.file)) {
    return {*size == weights.bytes ? Kind::kPresent : Kind::kWrongSize, *size};
  }
  if (const auto size = size_of(part_path(folder / weights.file))) return {Kind::kPartial, *size};
  return {};
}

std::string word_of(WeightsState::Kind kind) {
  using Kind = WeightsState::Kind;
  switch (kind) {
    case Kind::kAbsent:
      return "absent";
    case Kind::kPresent:
      return "present";
    case Kind::kWrongSize:
      return "damaged";
    case Kind::kPartial:
      return "partial";
    case Kind::kEmbedded:
      return "embedded";
  }
  return "absent";
}

fs::path import_tokenizer(const fs::path& file, const std::string& config, const std::string& name,
                          const fs::path& folder) {
  const std::string wanted = name.empty() ? file.stem().string() : name;
  constexpr char kPlain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
  if (wanted.empty() || wanted.front() == '.' ||
      wanted.find_first_not_of(kPlain) != std::string::npos) {
    throw std::invalid_argument(
        fmt::format("--as: found \"{}\"; accepted: letters, digits, \"_\", \"-\" and \".\" as the "
                    "name of the imported file",
                    as_utf8(wanted)));
  }
  const Vqgan tokenizer = read_vqgan_file(file, read_vqgan_config(config));
  const fs::path place = folder / kTokenizers / (wanted + kSafetensors);
  fs::create_directories(place.parent_path());
  const fs::path arriving = place.string() + fmt::format(".arriving.{}", ::getpid());
  write_vqgan_file(arriving, tokenizer);
  // A sweep that names the file must not get another tokenizer.
  const bool taken = fs::exists(place), same = taken && sha256_file(place) == sha256_file(arriving);
  if (taken) {
    fs::remove(arriving);
  } else {
    fs::rename(arriving, place);
  }
  if (taken && !same) {
    throw std::invalid_argument(
        fmt::format("{}: another tokenizer is there already; choose another name with --as, or "
                    "remove the file",
                    place.string()));
  }
  return place;
}

std::vector<fs::path> imported_tokenizers(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder / kTokenizers, none)) {
    const fs::path& path = entry.path();
    if (path.extension() == kSafetensors && !path.filename().string().starts_with(".")) {
      files.push_back(path);
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

WeightsFile inspect_weights(const fs::path& file, const std::vector<KnownWeights>& known) {
  WeightsFile found;
  found.sha256 = sha256_file(file);
  found.known = find_by_sha256(found.sha256, known);
  for (const auto& [name, tensor] : read_tensors(file, {.skip_unknown_objects = true})) {
    ++found.tensors;
    found.numbers += tensor.numel();
  }
  found.bytes = size_of(file).value_or(0);
  found.container = container_of(file);
  return found;
}

fs::path import_weights(const fs::path& file, const std::string& name, const fs::path& folder,
                        const std::vector<KnownWeights>& known) {
  const KnownWeights& weights = identify(file, name, known);
  fs::create_directories(folder);
  const fs::path place = folder / weights.file;
  const fs::path copy = fmt::format("{}.tmp.{}", place.string(), getpid());
  try {
    fs::copy_file(file, copy, fs::copy_options::overwrite_existing);
    if (sha256_file(copy) != weights.sha256) {
      throw BadWeights(
          fmt::format("{}: it changed while it was copied; import it again when it is complete",
                      file.string()));
    }
    put_in_place(copy, place);
  } catch (...) {
    std::error_code ignored;
    fs::remove(copy, ignored);
    throw;
  }
  return place;
}

}  // namespace oar
