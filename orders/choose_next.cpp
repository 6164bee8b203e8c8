#include "orders/choose_next.h"

#include <ATen/TensorIndexing.h>
#include <c10/core/DeviceGuard.h>
#include <fmt/format.h>

#include <limits>
#include <stdexcept>

namespace oar {

torch::Tensor choose_next(const torch::Tensor& confidence, const torch::Tensor& filled,
                          const torch::Tensor& last, const torch::Tensor& penalty) {
#ifdef OAR_HAVE_CUDA_KERNELS
  if (confidence.is_cuda()) {
    const c10::DeviceGuard on_its_device(confidence.device());
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

LikeliestPatch choose_likeliest(const torch::Tensor& logits, const torch::Tensor& codes,
                                const torch::Tensor& candidates, const torch::Tensor& last,
                                const torch::Tensor& penalty) {
  const int64_t batch = logits.size(0), r = logits.size(1), n = penalty.size(0);
#ifdef OAR_HAVE_CUDA_KERNELS
  if (logits.is_cuda() && logits.scalar_type() == torch::kFloat32) {
    const c10::DeviceGuard on_its_device(logits.device());
    const torch::Tensor rows = logits.contiguous(), at_code = codes.contiguous();
    const torch::Tensor positions = candidates.contiguous(), table = penalty.contiguous();
    const torch::Tensor from = last.defined() ? last.contiguous() : last;
    LikeliestPatch likeliest{{}, torch::empty({batch, r}, rows.options())};
    torch::Tensor best = torch::zeros({batch}, positions.options());
    const int error = launch_choose_likeliest(
        rows.const_data_ptr<float>(), at_code.const_data_ptr<int64_t>(),
        positions.const_data_ptr<int64_t>(),
        from.defined() ? from.const_data_ptr<int64_t>() : nullptr, table.const_data_ptr<float>(),
        batch, r, rows.size(2), n, likeliest.log_probability.mutable_data_ptr<float>(),
        reinterpret_cast<uint64_t*>(best.mutable_data_ptr<int64_t>()), nullptr);
    TORCH_CHECK(error == 0, "choose_likeliest kernel failed with CUDA error ", error);
    likeliest.position = best.bitwise_and(0xffffffffLL).neg().add(0xffffffffLL);
    return likeliest;
  }
#endif
  const torch::Tensor log_probability =
      logits.log_softmax(-1).gather(-1, codes.unsqueeze(-1)).squeeze(-1);
  const torch::Tensor closed = torch::ones({batch, n}, candidates.options().dtype(torch::kBool))
                                   .scatter_(1, candidates, false);
  const torch::Tensor confidence =
      torch::zeros({batch, n}, log_probability.options()).scatter_(1, candidates, log_probability);
  return {choose_next(confidence, closed, last, penalty), log_probability};
}

const char* choice_path(torch::Device device) {
  if (!device.is_cuda()) return "cpu";
#ifdef OAR_HAVE_CUDA_KERNELS
  return "cuda kernel";
#else
  return "cuda libtorch";
#endif
}

}  // namespace oar
