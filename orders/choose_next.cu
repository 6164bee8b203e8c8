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

// Bits that compare as unsigned integers like the floats do; 0 is below every number's.
__device__ uint32_t ordered_bits(float x) {
  const uint32_t bits = __float_as_uint(x);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

// The sum (or the largest) of one value per thread, in every thread.
template <bool kLargest>
__device__ float over_block(float value, float* shared) {
  shared[threadIdx.x] = value;
  __syncthreads();
  for (int half = kThreads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) {
      const float other = shared[threadIdx.x + half];
      shared[threadIdx.x] =
          kLargest ? fmaxf(shared[threadIdx.x], other) : shared[threadIdx.x] + other;
    }
    __syncthreads();
  }
  const float result = shared[0];
  __syncthreads();
  return result;
}

__global__ void choose_likeliest_kernel(const float* logits, const int64_t* codes,
                                        const int64_t* candidates, const int64_t* last,
                                        const float* penalty, int64_t r, int64_t v, int64_t n,
                                        float* log_probability, unsigned long long* best) {
  __shared__ float shared[kThreads];
  const int64_t image = blockIdx.y, row = image * r + blockIdx.x;
  const float* const x = logits + row * v;
  float largest = -INFINITY;
  for (int64_t i = threadIdx.x; i < v; i += kThreads) largest = fmaxf(largest, x[i]);
  largest = over_block<true>(largest, shared);
  float sum = 0;
  for (int64_t i = threadIdx.x; i < v; i += kThreads) sum += expf(x[i] - largest);
  sum = over_block<false>(sum, shared);
  if (threadIdx.x != 0) return;
  const int64_t position = candidates[row];
  const float value = x[codes[row]] - largest - logf(sum);
  log_probability[row] = value;
  const float score = last != nullptr ? value - penalty[last[image] * n + position] : value;
  // The complement of the position makes the lowest of equal scores the largest number.
  atomicMax(best + image, static_cast<unsigned long long>(ordered_bits(score)) << 32 |
                              (0xffffffffull - static_cast<unsigned long long>(position)));
}

}  // namespace

int launch_choose_likeliest(const float* logits, const int64_t* codes, const int64_t* candidates,
                            const int64_t* last, const float* penalty, int64_t batch, int64_t r,
                            int64_t v, int64_t n, float* log_probability, uint64_t* best,
                            void* stream) {
  if (batch == 0 || r == 0) return 0;
  const dim3 blocks(static_cast<unsigned>(r), static_cast<unsigned>(batch));
  choose_likeliest_kernel<<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(
      logits, codes, candidates, last, penalty, r, v, n, log_probability,
      reinterpret_cast<unsigned long long*>(best));
  return static_cast<int>(cudaGetLastError());
}

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
