#include "reports/published.h"

#include <array>
#include <string>

#include "reports/fields.h"

namespace oar::report {
namespace {

constexpr std::string_view kSource = "arXiv 2504.17069 v1";

constexpr std::array kPublished = {
    PublishedNumber{"fashion_products", "fid", PublishedRow::kRaster, "raster", "4.58", "",
                    kSource},
    PublishedNumber{"fashion_products", "fid", PublishedRow::kOarFinetuned, "OAR fine-tuned",
                    "2.56", "", kSource},
    PublishedNumber{"fashion_products", "mean_inter_patch_distance",
                    PublishedRow::kAbsoluteNextEncoding, "absolute next position", "5.78",
                    "patches", kSource},
    PublishedNumber{"fashion_products", "mean_inter_patch_distance",
                    PublishedRow::kRelativeNextEncoding, "relative next position", "4.34",
                    "patches", kSource},
};

}  // namespace

std::span<const PublishedNumber> published_numbers() { return kPublished; }

PublishedRow published_row(const nlohmann::json& recipe) {
  const std::string trained = text(dotted(recipe, "train.order"));
  const std::string relabelled = text(dotted(recipe, "relabel.order"));
  const std::string generated = text(dotted(recipe, "generate.order"));
  // More training on random orders is no fine-tuning on orders that were found.
  const double random_share = number(dotted(recipe, "relabel.random_share")).value_or(0.0);
  if (trained == "raster" && relabelled.empty() && generated == "raster")
    return PublishedRow::kRaster;
  if (trained == "random" && relabelled == "oar" && random_share == 0 && generated == "oar")
    return PublishedRow::kOarFinetuned;
  return PublishedRow::kNone;
}

const PublishedNumber* find_published(const nlohmann::json& recipe, std::string_view metric) {
  const std::string dataset = text(dotted(recipe, "dataset.name"));
  const PublishedRow row = published_row(recipe);
  if (row == PublishedRow::kNone) return nullptr;
  for (const PublishedNumber& number : kPublished) {
    if (number.dataset == dataset && number.metric == metric && number.row == row) return &number;
  }
  return nullptr;
}

}  // namespace oar::report
