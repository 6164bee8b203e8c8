#pragma once

#include <torch/types.h>

#include <array>
#include <functional>
#include <memory>

namespace oar {

/// Sums and broadcasts between GPUs without a way through the host's memory. The library is the one
/// that libtorch itself brings (libnccl.so.2), opened by name: no header of NCCL or of CUDA is
/// needed to build.
///
/// Not yet run: no machine with two GPUs has been at hand. OAR_NCCL=0 keeps gradients on MPI.
///
/// Errors  RankLost where NCCL reports one. std::invalid_argument for tensors of other types than
///         float32 and float64 to sum.
class Nccl {
 public:
  using UniqueId = std::array<char, 128>;

  static bool is_there();

  /// What lets processes find each other, made by rank 0; empty where there is no NCCL.
  static std::unique_ptr<UniqueId> new_id();

  /// Every rank calls this at the same time; null where NCCL is missing or refuses, as it does for
  /// two ranks on one GPU.
  static std::unique_ptr<Nccl> join(int rank, int size, UniqueId id, torch::Device device);
  ~Nccl();
  Nccl(const Nccl&) = delete;
  Nccl& operator=(const Nccl&) = delete;

  /// Both start the operation on contiguous memory of the GPU and call `wait` until `done` says it
  /// is over: who waits can look after dead peers.
  using Wait = std::function<void(const std::function<bool()>& done)>;
  void sum(const torch::Tensor& tensor, const Wait& wait);
  void broadcast(const torch::Tensor& tensor, const Wait& wait);

 private:
  explicit Nccl(void* communicator) : communicator_(communicator) {}
  template <typename Start>
  void run(const torch::Tensor& tensor, const Wait& wait, const Start& start);

  void* communicator_;
};

}  // namespace oar
