#include "models/vqgan/adam.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

namespace oar {

Adam::Adam(const torch::nn::Module& module, double beta1, double beta2)
    : beta1_(beta1), beta2_(beta2) {
  for (const auto& item : module.named_parameters()) {
    names_.push_back(item.key());
    parameters_.push_back(item.value());
    means_.push_back(at::zeros_like(item.value()));
    squares_.push_back(at::zeros_like(item.value()));
  }
  steps_ = at::zeros({static_cast<int64_t>(names_.size())},
                     parameters_.front().options().requires_grad(false));
}

void Adam::step(double learning_rate) {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> parameters, gradients, means, squares, steps;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (!parameters_[i].grad().defined()) continue;
    parameters.push_back(parameters_[i]);
    gradients.push_back(parameters_[i].grad());
    means.push_back(means_[i]);
    squares.push_back(squares_[i]);
    steps.push_back(steps_[static_cast<int64_t>(i)].add_(1));
  }
  if (parameters.empty()) return;
  at::_fused_adam_(parameters, gradients, means, squares, /*max_exp_avg_sqs=*/{}, steps,
                   learning_rate, beta1_, beta2_, /*weight_decay=*/0.0, /*eps=*/1e-8,
                   /*amsgrad=*/false, /*maximize=*/false);
  drop_gradients();
}

void Adam::drop_gradients() {
  for (torch::Tensor& parameter : parameters_) parameter.mutable_grad().reset();
}

void Adam::clip_gradients(double max_norm) {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> gradients;
  for (const torch::Tensor& parameter : parameters_) {
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  }
  if (gradients.empty()) return;
  const torch::Tensor norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients)));
  at::_foreach_mul_(gradients, (max_norm / (norm + 1e-6)).clamp_max(1.0));
}

void Adam::forget_rows(const std::string& name, const torch::Tensor& rows) {
  for (size_t i = 0; i < names_.size(); ++i) {
    if (names_[i] != name) continue;
    const torch::Tensor here = rows.to(means_[i].device());
    means_[i].index_fill_(0, here, 0);
    squares_[i].index_fill_(0, here, 0);
  }
}

std::map<std::string, torch::Tensor> Adam::state() const {
  std::map<std::string, torch::Tensor> state = {{"steps", steps_}};
  for (size_t i = 0; i < names_.size(); ++i) {
    state["mean." + names_[i]] = means_[i];
    state["square." + names_[i]] = squares_[i];
  }
  return state;
}

}  // namespace oar
