// The optimiser of the tokenizer, with a state that can be stored by name.
#pragma once

#include <torch/nn/module.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace oar {

/// Adam over all parameters of a module, by libtorch's fused kernel.
///
/// torch::optim::Adam keeps its moments by tensor address and in its own archive; here they are
/// tensors with the names of their parameters. A parameter without a gradient is left alone, and
/// its bias correction waits too.
///
/// Source  Kingma and Ba, arXiv 1412.6980; eps 1e-8, no weight decay.
class Adam {
 public:
  Adam(const torch::nn::Module& module, double beta1, double beta2);

  /// One update from the gradients, which are cleared.
  void step(double learning_rate);

  /// Clears gradients without an update.
  void drop_gradients();

  /// Scales all gradients together so that their joint norm is at most `max_norm`.
  void clip_gradients(double max_norm);

  /// Sets the moments of rows `rows` (int64) of the parameter `name` to zero: those rows hold new
  /// values.
  void forget_rows(const std::string& name, const torch::Tensor& rows);

  /// `mean.<name>`, `square.<name>` and `steps`; writing into these tensors restores them.
  std::map<std::string, torch::Tensor> state() const;

 private:
  std::vector<std::string> names_;
  std::vector<torch::Tensor> parameters_, means_, squares_;
  torch::Tensor steps_;  // float [parameters], updates that each has had
  double beta1_, beta2_;
};

}  // namespace oar
