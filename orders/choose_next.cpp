#include "orders/choose_next.h"

#include <ATen/TensorIndexing.h>
#include <fmt/format.h>

#include <limits>
#include <stdexcept>

namespace oar {

torch::Tensor choose_next(const torch::Tensor& confidence, const torch::Tensor& filled,
                          const torch::Tensor& last, const torch::Tensor& penalty) {
#ifdef OAR_HAVE_CUDA_KERNELS
  if (confidence.is_cuda()) {
    torch::Tensor chosen =
        torch::empty({confidence.size(0)}, filled.options().dtype(torch::kInt64));
    const torch::Tensor scores = confidence.contiguous(), open = filled.contiguous();
    const torch::Tensor from = last.defined() ? last.contiguous() : last;
    const torch::Tensor table = penalty.contiguous();
    // libtorch works on the legacy default stream unless told otherwise, and this program never
    // does.
    const int error = launch_choose_next(
        scores.const_data_ptr<float>(), open.const_data_ptr<bool>(),
        from.defined() ? from.const_data_ptr<int64_t>() : nullptr, table.const_data_ptr<float>(),
        scores.size(0), scores.size(1), chosen.mutable_data_ptr<int64_t>(), nullptr);
    TORCH_CHECK(error == 0, "choose_next kernel failed with CUDA error ", error);
    return chosen;
  }
#endif
  torch::Tensor score = confidence;
  if (last.defined()) score = score - penalty.index_select(0, last);
  score = score.masked_fill(filled, -std::numeric_limits<float>::infinity());
  if (score.isnan().any().item<bool>()) {
    throw std::invalid_argument(
        "the confidence of an open patch is not a number; the model's logits are not finite");
  }
  // A confidence of -inf must still lose to no filled patch: the first open one is the fallback.
  const torch::Tensor best = score.argmax(1);
  const torch::Tensor first_open = filled.to(torch::kUInt8).argmin(1);
  return torch::where(filled.gather(1, best.unsqueeze(1)).squeeze(1), first_open, best);
}

}  // namespace oar
