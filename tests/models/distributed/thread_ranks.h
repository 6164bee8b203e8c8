#pragma once

#include <ATen/core/grad_mode.h>

#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "models/distributed/communicator.h"

namespace oar {

/// Ranks that are threads of this process: what a Communicator is without a network.
class ThreadRanks {
 public:
  explicit ThreadRanks(int size) : size_(size) {}

  /// Runs `work` once per rank, all at the same time.
  static void run(int size, const std::function<void(std::shared_ptr<Communicator>)>& work) {
    auto meeting = std::make_shared<ThreadRanks>(size);
    std::vector<std::thread> threads;
    for (int rank = 0; rank < size; ++rank) {
      threads.emplace_back([=] { work(std::make_shared<Member>(meeting, rank)); });
    }
    for (std::thread& thread : threads) thread.join();
  }

 private:
  class Member : public Communicator {
   public:
    Member(std::shared_ptr<ThreadRanks> meeting, int rank)
        : meeting_(std::move(meeting)), rank_(rank) {}
    int rank() const override { return rank_; }
    int size() const override { return meeting_->size_; }

    void sum(const std::vector<torch::Tensor>& tensors) override {
      meeting_->meet(rank_, tensors, [](const auto& all, const auto& mine) {
        for (size_t i = 0; i < mine.size(); ++i) {
          torch::Tensor total = all[0][i].clone();
          for (size_t r = 1; r < all.size(); ++r) total.add_(all[r][i]);
          mine[i].copy_(total);
        }
      });
    }
    void broadcast(const std::vector<torch::Tensor>& tensors) override {
      meeting_->meet(rank_, tensors, [](const auto& all, const auto& mine) {
        for (size_t i = 0; i < mine.size(); ++i) mine[i].copy_(all[0][i]);
      });
    }
    int64_t announce(int64_t value) override {
      const torch::Tensor said = torch::full({1}, value, torch::kInt64);
      broadcast({said});
      return said.item<int64_t>();
    }
    [[noreturn]] void abort(int code) override { std::_Exit(code); }

   private:
    std::shared_ptr<ThreadRanks> meeting_;
    int rank_;
  };

  using Tensors = std::vector<torch::Tensor>;
  /// Each rank brings tensors and takes what it wants of everybody's.
  void meet(int rank, const Tensors& mine,
            const std::function<void(const std::vector<Tensors>& all, const Tensors& mine)>& take) {
    const torch::NoGradGuard no_gradients;
    Tensors copies;
    for (const torch::Tensor& tensor : mine) copies.push_back(tensor.clone());
    std::vector<Tensors> all;
    {
      std::unique_lock lock(mutex_);
      brought_.resize(static_cast<size_t>(size_));
      brought_[static_cast<size_t>(rank)] = copies;
      const int64_t round = round_;
      if (++present_ == size_) {
        complete_ = brought_;
        present_ = 0;
        ++round_;
        everyone_.notify_all();
      } else {
        everyone_.wait(lock, [&] { return round_ != round; });
      }
      all = complete_;  // nobody completes another round before everyone has left this one
    }
    take(all, mine);
  }

  int size_;
  std::mutex mutex_;
  std::condition_variable everyone_;
  std::vector<Tensors> brought_, complete_;
  int present_ = 0;
  int64_t round_ = 0;
};

}  // namespace oar
