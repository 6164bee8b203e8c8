#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "orders/failure_signatures.h"
#include "orders/order_comparison.h"
#include "orders/order_statistics.h"

namespace oar {

/// Order statistics as records, manifests and `oar-bench orders --json` state them. Numbers have
/// the names of the fields of OrderStatistics, one that is not known is null; grids are arrays of
/// rows; `histogram` is {edges, counts}, `signatures` an array of {name, present, value, threshold,
/// sentence}. `log_likelihood` and `nats_per_image` are there where likelihoods are known.
///
/// reports/README.md lists the fields.
nlohmann::json order_record(const OrderStatistics& statistics,
                            const std::vector<Signature>& signatures);

/// One of those signatures.
nlohmann::json signature_record(const Signature& signature);

/// The numbers of each order, one object an image: its number (the row where `image`, int64 [B], is
/// not defined) and the fields of OrderNumbers.
nlohmann::json image_records(const OrderNumbers& each, const torch::Tensor& image);

/// The same for a comparison, without the numbers of each image.
nlohmann::json comparison_record(const OrderComparison& comparison);

}  // namespace oar
