#pragma once

#include <cstdint>

#include "metrics/feature_rows.h"

namespace oar {

/// Over the splits of one set of images; the deviation is the population's (divided by the number
/// of splits).
struct InceptionScore {
  double mean = 0;
  double stddev = 0;
};

/// exp of the mean KL divergence between an image's class probabilities and the average over its
/// split: 1 when every image looks alike to the classifier, C when each is surely of one class and
/// the C classes are equally frequent. Higher is better.
///
/// The logits are shuffled by RandomState(2020) and cut into `splits` (isc_splits) parts of nearly
/// equal size. With few images per class it is biased downwards: compare only equal numbers of
/// images.
///
/// Shapes  logits [N, C], N >= splits. Use Features::logits: they leave out fc.bias where the
///         papers' numbers do.
/// Errors  std::invalid_argument for too few images, NaN, Inf, or splits < 1.
/// Source  "Improved Techniques for Training GANs" (arXiv 1606.03498), section 4; torch-fidelity's
///         convention.
InceptionScore inception_score(const FeatureRows& logits, int64_t splits = 10);

/// The same without the shuffle, over consecutive splits of `split_size` images, of which the last
/// may be smaller: the convention of ADM's evaluator, which publishes the mean alone.
///
/// Errors  std::invalid_argument for no images, NaN, Inf, or split_size < 1.
/// Source  "Diffusion Models Beat GANs" (arXiv 2105.05233), guided-diffusion's evaluator.
InceptionScore inception_score_in_order(const FeatureRows& logits, int64_t split_size = 5000);

}  // namespace oar
