#include "harness/measure/statistics_file.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>

#include "datasets/dataset.h"
#include "datasets/npz.h"
#include "datasets/utf8.h"

namespace oar {
namespace {

using nlohmann::json;
using Arrays = std::map<std::string, torch::Tensor>;

Moments moments_from(const Arrays& arrays, const std::string& suffix, int64_t count,
                     const std::string& file) {
  const std::string mu = "mu" + suffix, sigma = "sigma" + suffix;
  const auto refuse = [&](const std::string& found) {
    throw BadData(
        fmt::format("{}: {}; statistics are mu [F] and sigma [F, F] of float numbers, as "
                    "pytorch-fid --save-stats writes them",
                    file, found));
  };
  if (!arrays.contains(mu) || !arrays.contains(sigma)) {
    refuse(fmt::format("{} or {} is missing", mu, sigma));
  }
  Moments moments{arrays.at(mu).to(torch::kFloat64), arrays.at(sigma).to(torch::kFloat64), count};
  const int64_t dim = moments.mean.numel();
  if (moments.mean.dim() != 1 || dim == 0 ||
      moments.covariance.sizes() != at::IntArrayRef({dim, dim})) {
    refuse(fmt::format("{} is [{}], {} is [{}]", mu, fmt::join(moments.mean.sizes(), ", "), sigma,
                       fmt::join(moments.covariance.sizes(), ", ")));
  }
  if (!moments.mean.isfinite().all().item<bool>() ||
      !moments.covariance.isfinite().all().item<bool>()) {
    refuse(fmt::format("{} or {} holds NaN or Inf", mu, sigma));
  }
  return moments;
}

ExtractorIdentity extractor_from(const torch::Tensor& bytes, const std::string& file) {
  try {
    const torch::Tensor flat = bytes.to(torch::kUInt8).contiguous();
    const auto* text = reinterpret_cast<const char*>(flat.const_data_ptr<uint8_t>());
    const json found = json::parse(std::string_view(text, static_cast<size_t>(flat.numel())));
    return {found.at("extractor"),
            found.at("weights_sha256"),
            {found.at("convention"), found.at("precision")}};
  } catch (const json::exception&) {
    throw BadData(file +
                  ": its array oar_extractor does not name a network; write the file again "
                  "with --save-statistics");
  }
}

torch::Tensor bytes_of(const ExtractorIdentity& extractor) {
  const std::string text = json{{"extractor", extractor.name},
                                {"weights_sha256", extractor.weights_sha256},
                                {"convention", extractor.options.convention},
                                {"precision", extractor.options.precision}}
                               .dump();
  const torch::Tensor bytes = at::empty({static_cast<int64_t>(text.size())}, torch::kUInt8);
  std::copy(text.begin(), text.end(), bytes.data_ptr<uint8_t>());
  return bytes;
}

}  // namespace

bool is_statistics_file(const std::filesystem::path& path) {
  char magic[4] = {};
  std::ifstream file(path, std::ios::binary);
  if (!std::filesystem::is_regular_file(path) || !file.read(magic, sizeof magic) ||
      std::string_view(magic, sizeof magic) != std::string_view("PK\x03\x04", 4)) {
    return false;  // no zip archive
  }
  const std::vector<std::string> names = npz_names(path);
  const auto has = [&](const char* name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  return has("mu") && !has("arr_0");
}

Statistics read_statistics(const std::filesystem::path& path) {
  const Arrays arrays =
      read_npz(path, {"mu", "sigma", "mu_s", "sigma_s", "num_images", "oar_extractor"});
  const std::string file = quoted(path);
  Statistics statistics;
  FeatureSet& set = statistics.set;
  if (const auto count = arrays.find("num_images"); count != arrays.end()) {
    if (count->second.numel() == 1) set.count = count->second.item<int64_t>();
    if (count->second.numel() != 1 || set.count < 0) {
      throw BadData(file + ": num_images is no number of images; accepted is one, 0 or more");
    }
  }
  set.moments = moments_from(arrays, "", set.count, file);
  if (arrays.contains("mu_s")) set.spatial = moments_from(arrays, "_s", set.count, file);
  if (arrays.contains("oar_extractor")) {
    statistics.extractor = extractor_from(arrays.at("oar_extractor"), file);
  }
  return statistics;
}

void write_statistics(const std::filesystem::path& path, const Statistics& statistics) {
  const FeatureSet& set = statistics.set;
  if (!set.moments) {
    throw BadData("--save-statistics: one image has no covariance; use at least 2");
  }
  Arrays arrays{{"mu", set.moments->mean}, {"sigma", set.moments->covariance}};
  if (set.spatial) {
    arrays["mu_s"] = set.spatial->mean;
    arrays["sigma_s"] = set.spatial->covariance;
  }
  if (set.count > 0) arrays["num_images"] = at::full({1}, set.count, torch::kInt64);
  if (statistics.extractor) arrays["oar_extractor"] = bytes_of(*statistics.extractor);
  write_npz(path, arrays);
}

}  // namespace oar
