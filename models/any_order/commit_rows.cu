#include <cuda_runtime.h>

#include <cstdint>

namespace oar {
namespace {

// One block per (layer and key or value, sequence and head); its threads copy the words of a row.
__global__ void commit_rows_kernel(const uint32_t* rows, const int64_t* choice, int64_t heads,
                                   int64_t row_count, int64_t words, int64_t cache_layer_stride,
                                   int64_t slots, int64_t slot, uint32_t* cache) {
  const int64_t layer = blockIdx.y, row = blockIdx.x, sequences_and_heads = gridDim.x;
  const uint32_t* const from =
      rows + ((layer * sequences_and_heads + row) * row_count + choice[row / heads]) * words;
  uint32_t* const to = cache + layer * cache_layer_stride + (row * slots + slot) * words;
  for (int64_t i = threadIdx.x; i < words; i += blockDim.x) to[i] = from[i];
}

}  // namespace

int launch_commit_rows(const void* rows, const int64_t* choice, int64_t layers, int64_t sequences,
                       int64_t heads, int64_t row_count, int64_t words, int64_t cache_layer_stride,
                       int64_t slots, int64_t slot, void* cache, void* stream) {
  if (sequences == 0) return 0;
  const dim3 blocks(static_cast<unsigned>(sequences * heads), static_cast<unsigned>(layers));
  commit_rows_kernel<<<blocks, 64, 0, static_cast<cudaStream_t>(stream)>>>(
      static_cast<const uint32_t*>(rows), choice, heads, row_count, words, cache_layer_stride,
      slots, slot, static_cast<uint32_t*>(cache));
  return static_cast<int>(cudaGetLastError());
}

}  // namespace oar
