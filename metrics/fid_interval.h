#pragma once

#include <cstdint>
#include <vector>

#include "metrics/feature_rows.h"
#include "metrics/fid.h"

namespace oar {

/// FID of all generated images and how far it would move with other images from the same model.
struct FidInterval {
  double value = 0;
  double standard_error = 0;
  double low = 0, high = 0;  ///< value ± t · standard_error
  int64_t subsets = 0;
  int64_t subset_size = 0;
};

/// A confidence interval of FID from disjoint subsets of the generated images, each compared with
/// the whole reference. A subset of m images has a FID that varies as m^-½ does, so that of all N
/// has the subsets' deviation times √(m / N); t is Student's with subsets − 1 degrees of freedom.
///
/// It covers the drawing of the generated images, and the FID to expect of N of them: not the
/// drawing of the real images, nor training, nor FID's bias at N, for which see `fid_infinity`.
/// Subsets overlap in nothing, so their values are independent; drawing with replacement instead
/// would repeat images, shrink the covariance and shift every value. Where model and reference are
/// equal, FID varies as 1/m and the interval is too wide.
///
/// Shapes  generated [N, F], N >= 2 · subsets; N mod subsets images are in `value` alone.
/// Errors  std::invalid_argument for subsets < 2, fewer than two images in each, confidence outside
///         0 .. 1, a seed outside uint32, NaN or Inf.
FidInterval fid_interval(const FidReference& reference, const FeatureRows& generated,
                         int64_t subsets = 10, double confidence = 0.95, int64_t seed = 2020);

/// FID at one number of images: the mean over as many disjoint subsets as there are.
struct FidAtSize {
  int64_t images = 0;
  double value = 0;
};

/// What FID tends to as the generated images become many.
struct FidInfinity {
  double value = 0;
  double standard_error = 0;
  std::vector<FidAtSize> points;  ///< at N, N/2 and N/4 images
};

/// The bias of FID falls as 1/n to first order: the line through FID at N and at N/2 images, read
/// at 1/n = 0. The bias from a finite reference stays.
///
/// FID at N/k is the mean over k disjoint subsets that together are all images: every point has
/// seen every image, so the points move together and the line does not magnify their scatter. The
/// paper fits 15 subsets down to a tenth of N by least squares; there the bias has long bent away
/// from the line (Gaussians of 200 features, 1000 images, a true FID of 10.2: such a fit gives 7.6,
/// ours 10.0). The standard error adds in squares that of drawing the images, from eight disjoint
/// subsets as in `fid_interval`, and the change that a parabola through N, N/2 and N/4 makes.
///
/// Shapes  generated [N, F], N >= 16 and N >= 4 (F + 1): with fewer, covariances of N/4 images are
///         singular and the line is bent beyond what the error owns up to.
/// Errors  std::invalid_argument for fewer images, a seed outside uint32, NaN or Inf.
/// Source  Chong and Forsyth, "Effectively Unbiased FID and Inception Score" (arXiv 1911.07023),
///         section 3.
FidInfinity fid_infinity(const FidReference& reference, const FeatureRows& generated,
                         int64_t seed = 2020);

}  // namespace oar
