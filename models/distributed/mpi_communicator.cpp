#include <ATen/core/grad_mode.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include "models/distributed/communicator.h"
#include "models/distributed/launcher.h"
#include "models/distributed/lifeline.h"
#include "models/distributed/nccl.h"
#include "models/mpi/mpi_module.h"

namespace oar {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kEager = std::chrono::milliseconds(2);     // a peer that is almost there
constexpr auto kPause = std::chrono::microseconds(100);   // gradients on their way
constexpr auto kPatient = std::chrono::milliseconds(20);  // another stage: no processor for it
constexpr auto kLifelineEvery = std::chrono::milliseconds(50);
constexpr auto kFarewell = std::chrono::seconds(10);
constexpr int64_t kLargestPiece = int64_t{1} << 28;  // MPI counts in int

/// The functions of liboar_mpi.so.
class Module {
 public:
  explicit Module(const Launched& launched) {
    const std::filesystem::path file =
        std::filesystem::read_symlink("/proc/self/exe").parent_path() / "liboar_mpi.so";
    // Open MPI loads parts of its own, which look for its symbols among the global ones.
    handle_ = ::dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (handle_ == nullptr) {
      throw std::invalid_argument(fmt::format(
          "{} started this program as one of {} processes, and training together needs MPI: {}\n"
          "install it (Debian: openmpi-bin libopenmpi-dev) and build again (make build), or start "
          "the program alone",
          launched.by, launched.size,
          std::filesystem::exists(file) ? ::dlerror() : "this build has none"));
    }
    load(start, "oar_mpi_start");
    load(sum_floats, "oar_mpi_sum_floats");
    load(sum_doubles, "oar_mpi_sum_doubles");
    load(broadcast, "oar_mpi_broadcast");
    load(meet, "oar_mpi_meet");
    load(test, "oar_mpi_test");
    load(stop, "oar_mpi_stop");
    load(abort, "oar_mpi_abort");
    load(error, "oar_mpi_error");
  }

  decltype(&oar_mpi_start) start;
  decltype(&oar_mpi_sum_floats) sum_floats;
  decltype(&oar_mpi_sum_doubles) sum_doubles;
  decltype(&oar_mpi_broadcast) broadcast;
  decltype(&oar_mpi_meet) meet;
  decltype(&oar_mpi_test) test;
  decltype(&oar_mpi_stop) stop;
  decltype(&oar_mpi_abort) abort;
  decltype(&oar_mpi_error) error;

 private:
  template <typename Function>
  void load(Function& function, const char* name) {
    function = reinterpret_cast<Function>(::dlsym(handle_, name));
    if (function == nullptr) {
      throw std::runtime_error(fmt::format("liboar_mpi.so has no {}; build again", name));
    }
  }

  void* handle_ = nullptr;  // never closed: MPI stays in the process
};

class MpiCommunicator : public Communicator {
 public:
  explicit MpiCommunicator(const Launched& launched) : mpi_(launched) {
    check(mpi_.start(&rank_, &size_));
    if (size_ != launched.size) {
      mpi_.stop();
      throw std::invalid_argument(fmt::format(
          "{} started {} processes, and MPI knows of {}: they cannot train together; start them "
          "with mpirun, or with an srun that speaks its language (srun --mpi=list, "
          "srun --mpi=pmix)",
          launched.by, launched.size, size_));
    }
    lifeline_.emplace(rank_, size_, [this](std::string& text) { broadcast_text(text); });
  }

  ~MpiCommunicator() override {
    // All leave together; who has to go alone, after an error, does so without MPI's blessing.
    if (lost_ || mpi_.meet() != 0) return;
    try {
      if (finishes(Clock::now() + kFarewell, kPause)) mpi_.stop();
    } catch (const RankLost&) {
    }
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void sum(const std::vector<torch::Tensor>& tensors) override {
    for (const torch::Tensor& tensor : tensors) {
      if (Nccl* const nccl = nccl_for(tensor)) {
        nccl->sum(tensor, [this](const auto& done) { wait_until(done, kPause); });
        continue;
      }
      on_host(tensor, [this](torch::Tensor& host) {
        for (int64_t begin = 0; begin < host.numel(); begin += kLargestPiece) {
          const int count = static_cast<int>(std::min(kLargestPiece, host.numel() - begin));
          if (host.scalar_type() == torch::kFloat64) {
            check(mpi_.sum_doubles(host.mutable_data_ptr<double>() + begin, count));
          } else {
            check(mpi_.sum_floats(host.mutable_data_ptr<float>() + begin, count));
          }
          wait(kPause);
        }
      });
    }
  }

  void broadcast(const std::vector<torch::Tensor>& tensors) override {
    for (const torch::Tensor& tensor : tensors) {
      if (Nccl* const nccl = nccl_for(tensor)) {
        nccl->broadcast(tensor, [this](const auto& done) { wait_until(done, kPause); });
        continue;
      }
      on_host(tensor, [this](torch::Tensor& host) {
        broadcast_bytes(host.mutable_data_ptr(), static_cast<int64_t>(host.nbytes()), kPause);
      });
    }
  }

  int64_t announce(int64_t value) override {
    broadcast_bytes(&value, sizeof value, kPatient);
    return value;
  }

  [[noreturn]] void abort(int code) override {
    mpi_.abort(code);
    std::_Exit(code);
  }

 private:
  /// Works on `tensor` in host memory: in place where it lies there in one piece.
  template <typename Work>
  void on_host(const torch::Tensor& tensor, const Work& work) {
    const torch::NoGradGuard no_gradients;
    torch::Tensor host = tensor.to(torch::kCPU).contiguous();
    work(host);
    if (!host.is_alias_of(tensor)) torch::Tensor(tensor).copy_(host);
  }

  void broadcast_bytes(void* bytes, int64_t size, Clock::duration pause) {
    for (int64_t begin = 0; begin < size; begin += kLargestPiece) {
      check(mpi_.broadcast(static_cast<char*>(bytes) + begin,
                           static_cast<int>(std::min(kLargestPiece, size - begin))));
      wait(pause);
    }
  }

  void broadcast_text(std::string& text) {
    text.resize(static_cast<size_t>(announce(static_cast<int64_t>(text.size()))));
    broadcast_bytes(text.data(), static_cast<int64_t>(text.size()), kPause);
  }

  /// For tensors of a GPU, where all ranks have one of their own and NCCL; null for all others,
  /// which go through the host's memory.
  Nccl* nccl_for(const torch::Tensor& tensor) {
    if (!tensor.is_cuda() || !tensor.is_contiguous()) return nullptr;
    if (nccl_tried_) return nccl_.get();
    nccl_tried_ = true;
    Nccl::UniqueId id{};
    const auto made = rank_ == 0 ? Nccl::new_id() : nullptr;
    if (made) id = *made;
    if (announce(made ? 1 : 0) == 0) return nullptr;
    broadcast_bytes(id.data(), static_cast<int64_t>(id.size()), kPause);
    // All of them or none: a rank without the library must not leave the others waiting for it.
    if (!all_ranks(Nccl::is_there())) return nullptr;
    nccl_ = Nccl::join(rank_, size_, id, tensor.device());
    if (!all_ranks(nccl_ != nullptr)) nccl_.reset();
    return nccl_.get();
  }

  bool all_ranks(bool mine) {
    const torch::Tensor failures = torch::full({1}, mine ? 0.0 : 1.0);
    sum({failures});
    return failures.item<double>() == 0;
  }

  void wait(Clock::duration pause) { finishes(Clock::time_point::max(), pause); }

  bool finishes(Clock::time_point deadline, Clock::duration pause) {
    return wait_until(
        [this] {
          int done = 0;
          check(mpi_.test(&done));
          return done != 0;
        },
        pause, deadline);
  }

  /// Polls until the operation is done: true, or until the deadline: false.
  bool wait_until(const std::function<bool()>& done, Clock::duration pause,
                  Clock::time_point deadline = Clock::time_point::max()) {
    const auto start = Clock::now();
    auto next_look = start + kLifelineEvery;
    for (;;) {
      if (done()) return true;
      const auto now = Clock::now();
      if (now >= deadline) return false;
      if (lifeline_ && now >= next_look) {
        if (lifeline_->broken()) lose("a process of this training has ended");
        next_look = now + kLifelineEvery;
      }
      if (now - start < kEager) {
        std::this_thread::yield();
      } else {
        std::this_thread::sleep_for(pause);
      }
    }
  }

  void check(int error) {
    if (error == 0) return;
    char text[512];
    mpi_.error(error, text, sizeof text);
    lose(fmt::format("MPI: {}", text));
  }

  [[noreturn]] void lose(const std::string& why) {
    lost_ = true;
    throw RankLost(
        fmt::format("rank {} of {}: {}; the same command continues from the last "
                    "checkpoint",
                    rank_, size_, why));
  }

  Module mpi_;
  int rank_ = 0, size_ = 1;
  std::optional<Lifeline> lifeline_;
  std::unique_ptr<Nccl> nccl_;
  bool nccl_tried_ = false;
  bool lost_ = false;
};

}  // namespace

std::shared_ptr<Communicator> open_communicator() {
  const auto launched = launched_with([](const char* name) { return std::getenv(name); });
  if (!launched) return nullptr;
  if (!launched->has_mpi) {
    throw std::invalid_argument(fmt::format(
        "{} started this program as one of {} processes; training together speaks MPI, which {} "
        "does not start: use mpirun -n {} or srun --mpi=pmix instead, or start the program alone",
        launched->by, launched->size, launched->by, launched->size));
  }
  return std::make_shared<MpiCommunicator>(*launched);
}

}  // namespace oar
