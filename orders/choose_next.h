#pragma once

#include <torch/types.h>

#include <cstdint>

namespace oar {

/// argmax over open p of confidence[b, p] - penalty[last[b], p]; ties go to the lowest position.
///
/// Shapes  confidence float32 [B, N], filled bool [B, N], last int64 [B] or not defined (no
/// penalty),
///         penalty float32 [N, N]; result int64 [B]. All on one device.
/// Errors  std::invalid_argument if an open patch has a confidence that is not a number; a device
/// does
///         not look, but roll_out() does at its end.
/// Source  arXiv 2504.17069v1, order rule with distance regularisation.
///
/// On a CUDA device one fused kernel does it all where the build found nvcc; the result is the
/// same.
torch::Tensor choose_next(const torch::Tensor& confidence, const torch::Tensor& filled,
                          const torch::Tensor& last, const torch::Tensor& penalty);

/// Candidates ranked by the log-probability of a code, and the best of them.
struct LikeliestPatch {
  torch::Tensor position;         ///< int64 [B]
  torch::Tensor log_probability;  ///< float32 [B, R], log-softmax of the logits at the codes
};

/// argmax over candidates r of log P(codes[b, r]) - penalty[last[b], candidates[b, r]]; ties go to
/// the lowest position. On a CUDA device one kernel does it all: the log-probabilities of the other
/// codes are never written.
///
/// Shapes  logits float32 [B, R, V]; codes, candidates int64 [B, R], candidates ascending; last and
///         penalty as for choose_next(). All on one device.
/// Errors  as choose_next().
LikeliestPatch choose_likeliest(const torch::Tensor& logits, const torch::Tensor& codes,
                                const torch::Tensor& candidates, const torch::Tensor& last,
                                const torch::Tensor& penalty);

/// Which code chooses on this device, for records: `cpu`, `cuda kernel`, or `cuda libtorch` where
/// the build found no nvcc.
const char* choice_path(torch::Device device);

#ifdef OAR_HAVE_CUDA_KERNELS
/// One block per candidate. `best` is uint64 [B], zeroed: afterwards the order-preserving bits of
/// the best score above the complement of its position. Otherwise as launch_choose_next().
int launch_choose_likeliest(const float* logits, const int64_t* codes, const int64_t* candidates,
                            const int64_t* last, const float* penalty, int64_t batch, int64_t r,
                            int64_t v, int64_t n, float* log_probability, uint64_t* best,
                            void* stream);

/// One block per image. Pointers are to device memory with the shapes of choose_next();
/// `last` may be null. `stream` is a cudaStream_t. Returns a cudaError_t.
int launch_choose_next(const float* confidence, const bool* filled, const int64_t* last,
                       const float* penalty, int64_t batch, int64_t n, int64_t* chosen,
                       void* stream);
#endif

}  // namespace oar
