#include "metrics/feature_extractor.h"

#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>
#include <ATen/cpu/Utils.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "metrics/convention.h"
#include "metrics/embedded_weights.h"

namespace oar {

#define FEATURES(name, sentence)                                                             \
  std::unique_ptr<FeatureExtractor> make_##name(const ExtractorWeights&, const std::string&, \
                                                torch::Device, const ExtractorOptions&);
#include "metrics/registry.def"
#undef FEATURES

namespace {

using Maker = std::unique_ptr<FeatureExtractor> (*)(const ExtractorWeights&, const std::string&,
                                                    torch::Device, const ExtractorOptions&);
struct Entry {
  const char* name;
  const char* sentence;
  Maker make;
};
constexpr Entry kEntries[] = {
#define FEATURES(name, sentence) {#name, sentence, &make_##name},
#include "metrics/registry.def"
#undef FEATURES
};

// cuDNN rounds the inputs of float32 convolutions to TF32 unless told otherwise; a feature must not
// depend on the device.
class FullFloat32 {
 public:
  explicit FullFloat32(torch::Device device) : active_(device.is_cuda()) {
    if (!active_) return;
    was_ = at::globalContext().float32Precision(at::Float32Backend::CUDA, at::Float32Op::CONV);
    set(at::Float32Precision::IEEE);
  }
  ~FullFloat32() {
    if (active_) set(was_);
  }
  FullFloat32(const FullFloat32&) = delete;
  FullFloat32& operator=(const FullFloat32&) = delete;

 private:
  static void set(at::Float32Precision precision) {
    at::globalContext().setFloat32Precision(at::Float32Backend::CUDA, at::Float32Op::CONV,
                                            precision);
  }
  bool active_;
  at::Float32Precision was_ = at::Float32Precision::NONE;
};

// For an extractor that has one way to read an image.
void refuse_options(std::string_view network, const ExtractorOptions& options) {
  const ExtractorOptions defaults;
  if (options.convention != defaults.convention) {
    throw std::invalid_argument(fmt::format(
        "convention: \"{}\" is one of inception_v3; {} reads images in its own way, leave it out",
        options.convention, network));
  }
  if (options.precision != defaults.precision) {
    throw std::invalid_argument(
        fmt::format("precision: {} has float32 only, got \"{}\"", network, options.precision));
  }
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string unknown_name(const std::string& name) {
  std::string known;
  const Entry* nearest = kEntries;
  for (const Entry& entry : kEntries) {
    known += fmt::format("{}{}", known.empty() ? "" : ", ", entry.name);
    if (edit_distance(name, entry.name) < edit_distance(name, nearest->name)) nearest = &entry;
  }
  return fmt::format("no feature extractor is called \"{}\".\n  known: {}\n  did you mean \"{}\"?",
                     name, known, nearest->name);
}

}  // namespace

// On a CPU four: their largest activation stays below the 32 MiB from which the allocator maps and
// clears fresh pages for each tensor, which costs more than the arithmetic (88 against 36 images/s
// with 32).
int64_t FeatureExtractor::group_size() const { return device_.is_cpu() ? 4 : 64; }

Features FeatureExtractor::run(const torch::Tensor& prepared) const {
  const at::NoGradGuard no_grad;
  const FullFloat32 full_float32(device_);
  const Features found = forward(prepared.to(device_));
  const auto to_cpu = [&](const torch::Tensor& x, int64_t columns) {
    return columns == 0 ? torch::empty({prepared.size(0), 0}) : x.to(torch::kCPU, torch::kFloat32);
  };
  return {to_cpu(found.features, feature_dim()), to_cpu(found.logits, num_classes()),
          to_cpu(found.spatial, spatial_dim())};
}

std::vector<torch::Tensor> FeatureExtractor::activations(const torch::Tensor&) const {
  throw std::invalid_argument(fmt::format(
      "{} has no stages that a perceptual loss could compare; efficientnet_lite0 has", name()));
}

Features FeatureExtractor::extract(const torch::Tensor& images) const {
  TORCH_CHECK(images.dim() == 4 && images.size(1) == 3 && images.scalar_type() == torch::kUInt8,
              name(), ": images must be uint8 [B, 3, H, W], got ", images.scalar_type(), " ",
              images.sizes());
  TORCH_CHECK(images.size(2) > 0 && images.size(3) > 0, name(), ": images of no size, ",
              images.sizes());
  const at::NoGradGuard no_grad;
  const int64_t count = images.size(0);
  Features all{torch::empty({count, feature_dim()}), torch::empty({count, num_classes()}),
               torch::empty({count, spatial_dim()})};
  for (int64_t first = 0; first < count; first += group_size()) {
    const int64_t end = std::min(first + group_size(), count);
    const Features some = run(prepare(images.slice(0, first, end).to(device_)));
    all.features.slice(0, first, end).copy_(some.features);
    all.logits.slice(0, first, end).copy_(some.logits);
    all.spatial.slice(0, first, end).copy_(some.spatial);
  }
  return all;
}

bool has_bfloat16(torch::Device device) {
  if (!device.is_cpu()) return true;
  const auto capabilities = at::cpu::get_cpu_capabilities();
  const auto has = [&](const char* name) {
    const auto found = capabilities.find(name);
    return found != capabilities.end() && found->second.isBool() && found->second.toBool();
  };
  return has("avx512_bf16") || has("amx_bf16");
}

void check_extractor(const std::string& name, const ExtractorOptions& options,
                     torch::Device device) {
  const auto known = std::any_of(std::begin(kEntries), std::end(kEntries),
                                 [&](const Entry& entry) { return name == entry.name; });
  if (!known) throw std::invalid_argument(unknown_name(name));
  find_convention(options.convention);
  if (options.precision != "float32" && options.precision != "bfloat16") {
    throw std::invalid_argument(
        fmt::format("precision: \"{}\" is none; accepted: float32, bfloat16", options.precision));
  }
  if (name != "inception_v3") refuse_options(name, options);
  if (options.precision == "bfloat16" && !has_bfloat16(device)) {
    throw std::invalid_argument(
        "precision: this processor has no instructions for bfloat16 (AVX512_BF16 or AMX), and "
        "imitating them is many times slower than float32; use float32");
  }
}

std::unique_ptr<FeatureExtractor> make_feature_extractor(const std::string& name,
                                                         const ExtractorWeights& weights,
                                                         const std::string& weights_sha256,
                                                         torch::Device device,
                                                         const ExtractorOptions& options) {
  check_extractor(name, options, device);
  const auto* entry = std::find_if(std::begin(kEntries), std::end(kEntries),
                                   [&](const Entry& known) { return name == known.name; });
  return entry->make(weights, weights_sha256, device, options);
}

std::vector<std::pair<std::string, std::string>> list_feature_extractors() {
  std::vector<std::pair<std::string, std::string>> list;
  for (const Entry& entry : kEntries) list.emplace_back(entry.name, entry.sentence);
  return list;
}

std::string qualified_name(std::string_view metric, const ExtractorIdentity& extractor) {
  const std::string& sha256 = extractor.weights_sha256;
  std::string words;
  if (extractor.name == "dinov2" && sha256 == kDinov2Vitl14Sha256) {
    if (metric == "FID") return "FD-DINOv2";  // it has one convention and one precision
    words = "dinov2_vitl14";
  } else if (extractor.name == "inception_v3" && sha256 == kInception20151205Sha256) {
    // the network everybody means
  } else if (extractor.name == "efficientnet_lite0" &&
             sha256 == embedded_efficientnet_lite0_sha256()) {
    words = extractor.name;
  } else {
    words =
        sha256.empty() ? extractor.name : fmt::format("{} {}", extractor.name, sha256.substr(0, 8));
  }
  const ExtractorOptions defaults, &options = extractor.options;
  const auto add = [&words](const std::string& word, const std::string& silent) {
    if (word != silent) words += (words.empty() ? "" : ", ") + word;
  };
  add(options.convention, defaults.convention);
  add(options.precision, defaults.precision);
  return words.empty() ? std::string(metric) : fmt::format("{}[{}]", metric, words);
}

}  // namespace oar
