#include <cuda_runtime.h>

#include <cstdint>

namespace oar {
namespace {

constexpr int kThreads = 256;

struct Best {
  float score;
  int64_t position;
};

// Higher score wins; of equal scores the lower position.
__device__ Best better(Best a, Best b) {
  if (b.position < 0) return a;
  if (a.position < 0) return b;
  if (b.score > a.score || (b.score == a.score && b.position < a.position)) return b;
  return a;
}

__global__ void choose_next_kernel(const float* confidence, const bool* filled, const int64_t* last,
                                   const float* penalty, int64_t n, int64_t* chosen) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * n;
  const float* distance = last ? penalty + last[blockIdx.x] * n : nullptr;
  Best best{0.f, -1};
  for (int64_t p = threadIdx.x; p < n; p += kThreads) {
    if (filled[row + p]) continue;
    const float score = confidence[row + p] - (distance ? distance[p] : 0.f);
    best = better(best, Best{score, p});
  }
  __shared__ Best shared[kThreads];
  shared[threadIdx.x] = best;
  __syncthreads();
  for (int half = kThreads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) {
      shared[threadIdx.x] = better(shared[threadIdx.x], shared[threadIdx.x + half]);
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) chosen[blockIdx.x] = shared[0].position;
}

}  // namespace

int launch_choose_next(const float* confidence, const bool* filled, const int64_t* last,
                       const float* penalty, int64_t batch, int64_t n, int64_t* chosen,
                       void* stream) {
  if (batch == 0) return 0;
  choose_next_kernel<<<static_cast<unsigned>(batch), kThreads, 0,
                       static_cast<cudaStream_t>(stream)>>>(confidence, filled, last, penalty, n,
                                                            chosen);
  return static_cast<int>(cudaGetLastError());
}

}  // namespace oar
