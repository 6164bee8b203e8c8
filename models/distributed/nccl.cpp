#include "models/distributed/nccl.h"

#include <c10/core/DeviceGuard.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <type_traits>

#include "models/distributed/rank_lost.h"

namespace oar {
namespace {

// The part of nccl.h (2.x) that is used here.
constexpr int kSum = 0, kBytes = 0, kFloat32 = 7, kFloat64 = 8;
struct Id {
  char bytes[128];  // passed by value, as ncclUniqueId is
};
using Stream = void*;

/// The functions of libnccl.so.2; all null where it is missing.
struct Library {
  int (*get_unique_id)(Id*) = nullptr;
  int (*init_rank)(void** communicator, int ranks, Id id, int rank) = nullptr;
  int (*all_reduce)(const void*, void*, size_t, int type, int op, void*, Stream) = nullptr;
  int (*broadcast)(const void*, void*, size_t, int type, int root, void*, Stream) = nullptr;
  int (*async_error)(void* communicator, int* error) = nullptr;
  int (*abort)(void* communicator) = nullptr;
  const char* (*error_text)(int) = nullptr;
  bool found = false;

  Library() {
    const char* const wish = std::getenv("OAR_NCCL");
    if (wish != nullptr && std::string_view(wish) == "0") return;
    void* const handle = ::dlopen("libnccl.so.2", RTLD_NOW);
    if (handle == nullptr) return;
    const auto load = [handle](auto& function, const char* name) {
      function = reinterpret_cast<std::decay_t<decltype(function)>>(::dlsym(handle, name));
      return function != nullptr;
    };
    found = load(get_unique_id, "ncclGetUniqueId") && load(init_rank, "ncclCommInitRank") &&
            load(all_reduce, "ncclAllReduce") && load(broadcast, "ncclBroadcast") &&
            load(async_error, "ncclCommGetAsyncError") && load(abort, "ncclCommAbort") &&
            load(error_text, "ncclGetErrorString");
  }
};

const Library& library() {
  static const Library library;
  return library;
}

void check(int error) {
  if (error != 0) throw RankLost(fmt::format("NCCL: {}", library().error_text(error)));
}

}  // namespace

bool Nccl::is_there() { return library().found; }

std::unique_ptr<Nccl::UniqueId> Nccl::new_id() {
  Id id;
  if (!library().found || library().get_unique_id(&id) != 0) return nullptr;
  auto unique = std::make_unique<UniqueId>();
  std::copy_n(id.bytes, unique->size(), unique->begin());
  return unique;
}

std::unique_ptr<Nccl> Nccl::join(int rank, int size, UniqueId id, torch::Device device) {
  if (!library().found) return nullptr;
  const c10::DeviceGuard guard(device);
  Id plain;
  std::copy_n(id.begin(), id.size(), plain.bytes);
  void* communicator = nullptr;
  if (library().init_rank(&communicator, size, plain, rank) != 0) return nullptr;
  return std::unique_ptr<Nccl>(new Nccl(communicator));
}

// Not ncclCommDestroy, which waits for the others: they may be dead.
Nccl::~Nccl() { library().abort(communicator_); }

template <typename Start>
void Nccl::run(const torch::Tensor& tensor, const Wait& wait, const Start& start) {
  TORCH_CHECK(tensor.is_contiguous(), "NCCL works on contiguous tensors");
  const c10::DeviceGuard guard(tensor.device());
  const c10::impl::VirtualGuardImpl device(c10::DeviceType::CUDA);
  const c10::Stream stream = device.getStream(tensor.device());
  check(start(device.getStreamNativeHandle(stream)));
  c10::Event end(c10::DeviceType::CUDA);
  end.record(stream);
  wait([&] {
    int error = 0;
    check(library().async_error(communicator_, &error));
    check(error);
    return end.query();
  });
}

void Nccl::sum(const torch::Tensor& tensor, const Wait& wait) {
  const bool is_double = tensor.scalar_type() == torch::kFloat64;
  if (!is_double && tensor.scalar_type() != torch::kFloat32) {
    throw std::invalid_argument("only float32 and float64 tensors are summed over ranks");
  }
  run(tensor, wait, [&](Stream stream) {
    return library().all_reduce(tensor.const_data_ptr(), tensor.mutable_data_ptr(),
                                static_cast<size_t>(tensor.numel()),
                                is_double ? kFloat64 : kFloat32, kSum, communicator_, stream);
  });
}

void Nccl::broadcast(const torch::Tensor& tensor, const Wait& wait) {
  run(tensor, wait, [&](Stream stream) {
    return library().broadcast(tensor.const_data_ptr(), tensor.mutable_data_ptr(), tensor.nbytes(),
                               kBytes, /*root=*/0, communicator_, stream);
  });
}

}  // namespace oar
