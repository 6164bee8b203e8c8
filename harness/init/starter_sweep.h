#pragma once

#include <string>

#include "harness/sweep/recipe_options.h"

namespace oar {

/// What a first sweep is written for.
struct StarterOptions {
  std::string name = "sweep";      ///< of the sweep
  std::string dataset = "sunset";  ///< registry name
  std::string root = "";  ///< folder of its files; empty: data/<dataset>. Generated ones have none
};

/// The text of a small sweep to run and to edit: a model of raster order against a model of all
/// orders that looks for its own, each a minute of training on two cores.
///
/// Errors  std::invalid_argument for an unknown data set, a root that would not be read, or a name
///         or root that is not UTF-8.
std::string starter_sweep(const StarterOptions& options, const KnownNames& known);

}  // namespace oar
