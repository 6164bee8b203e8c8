#include "harness/measure/statistics_file.h"

#include <ATen/ops/full.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "datasets/dataset.h"
#include "datasets/npz.h"

namespace oar {
namespace {

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
  if (moments.mean.dim() != 1 || moments.covariance.sizes() != at::IntArrayRef({dim, dim})) {
    refuse(fmt::format("{} is [{}], {} is [{}]", mu, fmt::join(moments.mean.sizes(), ", "), sigma,
                       fmt::join(moments.covariance.sizes(), ", ")));
  }
  if (!moments.mean.isfinite().all().item<bool>() ||
      !moments.covariance.isfinite().all().item<bool>()) {
    refuse(fmt::format("{} or {} holds NaN or Inf", mu, sigma));
  }
  return moments;
}

}  // namespace

bool is_statistics_file(const std::filesystem::path& path) {
  if (path.extension() != ".npz" || !std::filesystem::is_regular_file(path)) return false;
  const std::vector<std::string> names = npz_names(path);
  const auto has = [&](const char* name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  return has("mu") && !has("arr_0");
}

FeatureSet read_statistics(const std::filesystem::path& path) {
  const Arrays arrays = read_npz(path, {"mu", "sigma", "mu_s", "sigma_s", "num_images"});
  FeatureSet set;
  if (const auto count = arrays.find("num_images");
      count != arrays.end() && count->second.numel() == 1) {
    set.count = count->second.item<int64_t>();
  }
  set.moments = moments_from(arrays, "", set.count, path.string());
  if (arrays.contains("mu_s")) set.spatial = moments_from(arrays, "_s", set.count, path.string());
  return set;
}

void write_statistics(const std::filesystem::path& path, const FeatureSet& set) {
  if (!set.moments) {
    throw BadData("--save-statistics: one image has no covariance; use at least 2");
  }
  Arrays arrays{{"mu", set.moments->mean}, {"sigma", set.moments->covariance}};
  if (set.spatial) {
    arrays["mu_s"] = set.spatial->mean;
    arrays["sigma_s"] = set.spatial->covariance;
  }
  if (set.count > 0) arrays["num_images"] = at::full({1}, set.count, torch::kInt64);
  write_npz(path, arrays);
}

}  // namespace oar
