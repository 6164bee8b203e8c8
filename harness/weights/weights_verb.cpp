#include "harness/weights/weights_verb.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "datasets/utf8.h"
#include "harness/exit_code.h"
#include "harness/store/progress.h"
#include "harness/weights/download.h"
#include "harness/weights/weight_files.h"
#include "models/vqgan/vqgan_file.h"
#include "models/weights/tensor_file.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

json json_of(const KnownWeights& weights, const fs::path& folder) {
  const WeightsState state = state_of(weights, folder);
  return {{"name", weights.name},         {"extractor", weights.extractor},
          {"file", weights.file},         {"bytes", weights.bytes},
          {"sha256", weights.sha256},     {"licence", weights.licence},
          {"what", weights.what},         {"sources", weights.sources},
          {"state", word_of(state.kind)}, {"bytes_here", state.bytes}};
}

void print_weights(const KnownWeights& weights, const fs::path& folder, std::ostream& out) {
  out << fmt::format("{:<20} {}\n", weights.name, weights.what);
  const auto line = [&out](const char* title, const std::string& text) {
    out << fmt::format("    {:<8} {}\n", title, text);
  };
  const WeightsState state = state_of(weights, folder);
  const bool is_other_size =
      state.kind == WeightsState::Kind::kWrongSize || state.kind == WeightsState::Kind::kPartial;
  line("state", word_of(state.kind) +
                    (is_other_size ? fmt::format(", {} bytes", count_text(state.bytes)) : ""));
  line("file", weights.file);
  line("bytes", count_text(weights.bytes));
  line("sha256", weights.sha256);
  line("licence", weights.licence);
  for (const std::string& source : weights.sources) line("source", source);
}

json json_of(const fs::path& path, const WeightsFile& file) {
  return {{"file", as_utf8(path.string())},
          {"bytes", file.bytes},
          {"sha256", file.sha256},
          {"container", file.container},
          {"tensors", file.tensors},
          {"numbers", file.numbers},
          {"known_as", file.known == nullptr ? json(nullptr) : json(file.known->name)}};
}

void print_file(const fs::path& path, const WeightsFile& file, std::ostream& out) {
  out << fmt::format(
      "{}: {}, {} bytes, {} tensors of {} numbers\n    sha256   {}\n    known    {}\n",
      path.string(), file.container, count_text(file.bytes), count_text(file.tensors),
      count_text(file.numbers), file.sha256,
      file.known == nullptr
          ? "no: readable, but none of the files that `oar-bench weights list` names"
          : fmt::format("{}, {}", file.known->name, file.known->what));
}

}  // namespace

int run_list(const WeightsOptions& options, std::ostream& out) {
  const fs::path folder = weights_folder(options.folder);
  if (options.json) {
    json files = json::array();
    for (const KnownWeights& weights : options.known) files.push_back(json_of(weights, folder));
    json tokenizers = json::array();
    for (const fs::path& file : imported_tokenizers(folder)) {
      tokenizers.push_back(as_utf8(file.string()));
    }
    out << json{{"folder", as_utf8(folder.string())},
                {"weights", files},
                {"tokenizers", tokenizers}}
               .dump(2)
        << "\n";
    return kAllDone;
  }
  out << fmt::format("folder: {}\n", folder.string());
  for (const KnownWeights& weights : options.known) {
    out << "\n";
    print_weights(weights, folder, out);
  }
  const std::vector<fs::path> tokenizers = imported_tokenizers(folder);
  if (!tokenizers.empty()) out << "\nimported tokenizers\n";
  for (const fs::path& file : tokenizers) out << "    " << file.string() << "\n";
  return kAllDone;
}

int run_verify(const WeightsOptions& options, std::ostream& out) {
  const KnownWeights* wanted =
      options.name.empty() ? nullptr : &weights_called(options.name, options.known);
  const WeightsFile file = inspect_weights(options.file, options.known);
  if (options.json) {
    out << json_of(options.file, file).dump(2) << "\n";
  } else {
    print_file(options.file, file, out);
  }
  if (wanted == nullptr || file.known == wanted) return kAllDone;
  throw BadWeights(fmt::format("{}: SHA-256 {}; it is not {} ({})", options.file.string(),
                               file.sha256, wanted->name, identity_of(*wanted)));
}

int run_import(const WeightsOptions& options, std::ostream& out) {
  if (!options.config.empty()) {
    const fs::path place = import_tokenizer(options.file, options.config, options.name,
                                            weights_folder(options.folder));
    out << fmt::format(
        "imported: {0}\nin a sweep: \"tokenizer\": {{\"weights\": {1}}}\n"
        "one image: oar-bench tokenizer encode IMAGE --weights {0}\n",
        place.string(), json(as_utf8(place.string())).dump());
    return kAllDone;
  }
  const fs::path place =
      import_weights(options.file, options.name, weights_folder(options.folder), options.known);
  out << fmt::format("imported: {}\n", place.string());
  return kAllDone;
}

int run_fetch(const WeightsOptions& options, std::ostream& out) {
  const KnownWeights& weights = weights_called(options.name, options.known);
  if (weights.is_embedded) {
    out << fmt::format("{} is embedded in this program (from {}): there is nothing to fetch\n",
                       weights.name, weights.sources.front());
    return kAllDone;
  }
  try {
    const fs::path place = fetch_weights(weights, weights_folder(options.folder), options.fetch);
    out << fmt::format("{}: {}\n", weights.name, place.string());
    return kAllDone;
  } catch (const DownloadFailed& error) {
    fmt::print(stderr, "oar-bench: {}\n", error.what());
    return kInputOutput;
  }
}

CLI::App* add_weights_verb(CLI::App& app, WeightsOptions& options) {
  CLI::App* const verb = app.add_subcommand(
      "weights", "list, check, import and fetch weights of feature networks and tokenizers");
  verb->require_subcommand(1);
  const auto action = [&](const char* name, const char* words, decltype(options.action) function) {
    CLI::App* const sub = verb->add_subcommand(name, words);
    sub->callback([&options, function] { options.action = function; });
    sub->add_option("--weights-dir", options.folder,
                    "folder of weights files; $OAR_WEIGHTS_DIR or "
                    "~/.cache/oar-bench/weights without it");
    return sub;
  };
  CLI::App* const list = action("list", "every known file, and whether it is here", run_list);
  CLI::App* const verify = action("verify", "hash and read a file", run_verify);
  CLI::App* const import = action(
      "import", "copy a known file, or a tokenizer of your own, into the folder", run_import);
  CLI::App* const fetch =
      action("fetch", "download a known file; the same command again continues", run_fetch);

  for (CLI::App* sub : {list, verify}) {
    sub->add_flag("--json", options.json, "print JSON");
  }
  for (CLI::App* sub : {verify, import}) {
    sub->add_option("file", options.file, "the weights file")->required();
    sub->add_option("--as", options.name,
                    sub == verify ? "what it must be, a name of `weights list`"
                                  : "what it must be, a name of `weights list`; with --config the "
                                    "name of the imported file");
  }
  import->add_option(
      "--config", options.config,
      "the file is a tokenizer (VQ-GAN) of these sizes: taming-transformers' YAML or "
      "JSON, or one of " +
          published_vqgan_names());
  fetch->add_option("name", options.name, "a name of `weights list`")->required();
  fetch->add_flag("--quiet", options.quiet, "no progress lines");
  return verb;
}

int run_weights(WeightsOptions options) {
  options.fetch.progress = ProgressOptions::standard_error(options.quiet);
  return options.action(options, std::cout);
}

}  // namespace oar
