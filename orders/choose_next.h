#pragma once

#include <torch/types.h>

#include <cstdint>

namespace oar {

/// argmax over open p of confidence[b, p] - penalty[last[b], p]; ties go to the lowest position.
///
/// Shapes  confidence float32 [B, N], filled bool [B, N], last int64 [B] or not defined (no
/// penalty),
///         penalty float32 [N, N]; result int64 [B]. All on one device.
/// Errors  std::invalid_argument if an open patch has a confidence that is not a number.
/// Source  arXiv 2504.17069v1, order rule with distance regularisation.
///
/// On a CUDA device one fused kernel does it all where the build found nvcc; the result is the
/// same.
torch::Tensor choose_next(const torch::Tensor& confidence, const torch::Tensor& filled,
                          const torch::Tensor& last, const torch::Tensor& penalty);

#ifdef OAR_HAVE_CUDA_KERNELS
/// One block per image. Pointers are to device memory with the shapes of choose_next();
/// `last` may be null. `stream` is a cudaStream_t. Returns a cudaError_t.
int launch_choose_next(const float* confidence, const bool* filled, const int64_t* last,
                       const float* penalty, int64_t batch, int64_t n, int64_t* chosen,
                       void* stream);
#endif

}  // namespace oar
