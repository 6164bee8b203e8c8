#include "harness/list/list_verb.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "datasets/dataset.h"
#include "harness/exit_code.h"
#include "harness/stages/pipeline.h"
#include "harness/sweep/sweep_schema.h"
#include "metrics/convention.h"
#include "metrics/feature_extractor.h"
#include "metrics/metric.h"
#include "models/any_order/next_encoding.h"
#include "models/any_order/transformer.h"
#include "models/vqgan/vqgan_file.h"
#include "orders/order_policy.h"

namespace oar {
namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

std::string lines(const Lines& names) {
  std::string text;
  for (const auto& [name, summary] : names) text += fmt::format("  {:<20} {}\n", name, summary);
  return text;
}

/// `text` broken between words where a line would pass column 100; lines after the first indented.
std::string wrapped(const std::string& text, int indent) {
  const auto width = [](const std::string& utf8) {  // characters: bytes that begin one
    return std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xC0) != 0x80; });
  };
  std::istringstream words(text);
  std::string result, line;
  for (std::string word; words >> word;) {
    if (!line.empty() && indent + width(line + " " + word) > 100) {
      result += line + "\n" + std::string(indent, ' ');
      line.clear();
    }
    line += line.empty() ? word : " " + word;
  }
  return result + line;
}

std::string datasets() { return lines(list_datasets()) + lines(list_token_datasets()); }

std::string tokenizers() {
  Lines names;
  for (const std::string& name : known_names().tokenizers) {
    names.emplace_back(name, "convolutional encoder and decoder around a codebook (taming)");
  }
  return lines(names);
}

std::string presets() {
  Lines names;
  for (const std::string& name : find_option("tokenizer.preset")->accepts.choices) {
    const VqganConfig config = vqgan_preset(name, 256);
    names.emplace_back(name, fmt::format("tokenizer: {0}x{0} pixels a patch, {1} codes, {2} "
                                         "channels times {3}",
                                         config.downsample(), config.codebook_size, config.ch,
                                         fmt::join(config.ch_mult, " ")));
  }
  for (const PublishedVqgan& tokenizer : published_vqgans()) {
    names.emplace_back(tokenizer.name, fmt::format("tokenizer.config: {}", tokenizer.what));
  }
  for (const std::string& name : find_option("model.preset")->accepts.choices) {
    const TransformerConfig config = transformer_preset(name);
    names.emplace_back(name, fmt::format("model: {} layers of width {}, {} heads", config.layers,
                                         config.width, config.heads));
  }
  return lines(names);
}

std::string orders() {
  std::string text;
  for (const OrderInfo& order : list_orders()) {
    text += fmt::format("  {:<16} {:<8} {}\n{:28}{}\n", order.name,
                        order.is_learned ? "learned" : "fixed", wrapped(order.summary, 28), "",
                        wrapped("checked: " + order.checked_against, 28));
  }
  return text;
}

std::string encodings() {
  Lines names;
  for (const auto& info : list_next_encodings()) names.emplace_back(info.name, info.summary);
  return lines(names);
}

/// The choices of an option, one line each, under the options that take them.
std::string choices(const std::vector<std::string>& options, const Lines& meanings) {
  const auto& names = find_option(options.front())->accepts.choices;
  Lines named;
  for (const std::string& name : names) {
    const auto meaning = std::find_if(meanings.begin(), meanings.end(),
                                      [&](const auto& line) { return line.first == name; });
    named.emplace_back(name, meaning == meanings.end() ? "" : meaning->second);
  }
  return fmt::format("  ({})\n", fmt::join(options, ", ")) + lines(named);
}

std::string conditions() {
  return choices({"model.condition"}, {{"none", "images are drawn from nothing"},
                                       {"class", "each image's class label is told the model"},
                                       {"caption", "each image's caption is read to the model"}});
}

std::string confidences() {
  return choices(
      {"relabel.confidence", "generate.confidence"},
      {{"likelihood", "log P of the image's own code (labelling) or of the one just drawn"},
       {"max_probability", "log P of the most likely code: peeks at none"},
       {"entropy", "least uncertain distribution: peeks at none"},
       {"margin", "lead of the most likely code over the second: peeks at none"},
       {"future_context", "how much the most likely code tells about the patches still open"},
       {"location", "what a model with a location head says is next"}});
}

std::string distances() {
  return choices({"train.distance", "relabel.distance", "generate.distance"},
                 {{"euclidean", "straight line between patch centres"},
                  {"manhattan", "rows plus columns"},
                  {"chebyshev", "the larger of rows and columns"}});
}

/// Those of images with their sentences, then what else a gate may name.
std::string metrics() {
  Lines names;
  for (const MetricInfo& metric : list_metrics()) {
    names.emplace_back(metric.name, metric.sentence);
  }
  for (const std::string& name : known_names().metrics) {
    const bool listed = std::any_of(names.begin(), names.end(),
                                    [&](const auto& line) { return line.first == name; });
    if (!listed) names.emplace_back(name, "in results.json; gates may name it");
  }
  return lines(names);
}

std::string features() { return lines(list_feature_extractors()); }
std::string conventions() { return lines(list_conventions()); }
std::string options() { return list_options(known_names()); }
std::string schema() { return sweep_schema(known_names()); }

struct Kind {
  const char* name;
  std::string (*text)();
  bool alone = false;  ///< printed only where it is asked for
};

constexpr Kind kKinds[] = {
    {"datasets", datasets},       {"tokenizers", tokenizers},   {"presets", presets},
    {"orders", orders},           {"encodings", encodings},     {"conditions", conditions},
    {"confidences", confidences}, {"distances", distances},     {"features", features},
    {"metrics", metrics},         {"conventions", conventions}, {"options", options},
    {"schema", schema, true},
};

}  // namespace

std::vector<std::string> listed_kinds() {
  std::vector<std::string> names;
  for (const Kind& kind : kKinds) names.emplace_back(kind.name);
  return names;
}

std::string list_names(const std::string& asked) {
  std::string text;
  for (const Kind& kind : kKinds) {
    if (asked != kind.name && !(asked.empty() && !kind.alone)) continue;
    if (!kind.alone) text += fmt::format("{}\n", kind.name);
    text += kind.text();
  }
  if (text.empty()) throw std::out_of_range(asked);
  return text;
}

Verb add_list_verb(CLI::App& app) {
  const auto kind = std::make_shared<std::string>();
  CLI::App* const verb = app.add_subcommand("list", "print every name that may stand in a sweep");
  verb->add_option("kind", *kind, "one kind of them")->check(CLI::IsMember(listed_kinds()));
  return {verb, [kind] {
            fmt::print("{}", list_names(*kind));
            return kAllDone;
          }};
}

}  // namespace oar
