#include "models/any_order/trainer.h"

#include <ATen/Context.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>

#include "orders/counter_random.h"

namespace oar {
namespace {

constexpr double kBeta1 = 0.9, kBeta2 = 0.95, kEpsilon = 1e-8;

/// L2 norm of all gradients together.
torch::Tensor gradient_norm(const std::vector<torch::Tensor>& parameters) {
  std::vector<torch::Tensor> norms;
  for (const torch::Tensor& p : parameters) {
    if (p.grad().defined()) norms.push_back(p.grad().norm());
  }
  return torch::stack(norms).norm();
}

}  // namespace

AnyOrderTrainer::AnyOrderTrainer(Transformer model, const TrainerSettings& settings)
    : model_(std::move(model)), settings_(settings) {
  decayed_.weight_decay = settings.weight_decay;
  for (const auto& item : model_->named_parameters()) {
    Group& group = item.value().dim() >= 2 ? decayed_ : plain_;
    group.names.push_back(item.key());
    group.parameters.push_back(item.value());
    group.first_moments.push_back(torch::zeros_like(item.value()).detach());
    group.second_moments.push_back(torch::zeros_like(item.value()).detach());
    group.steps.push_back(torch::zeros({}, item.value().options()).detach());
  }
}

double AnyOrderTrainer::learning_rate() const {
  const double total = static_cast<double>(settings_.total_steps);
  const double warmup = std::max(1.0, settings_.warmup * total);
  const double step = static_cast<double>(steps_done_);
  if (step < warmup) return settings_.learning_rate * (step + 1) / warmup;
  const double progress = std::min(1.0, (step - warmup) / std::max(1.0, total - warmup));
  return settings_.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

torch::Tensor AnyOrderTrainer::loss_of(const TrainingBatch& batch, const torch::Tensor& labels,
                                       torch::Tensor& code_loss) {
  const auto predicted = model_->predict(batch.codes, batch.position_at, labels);
  const torch::Tensor target = batch.codes.gather(1, batch.position_at);
  code_loss = at::cross_entropy_loss(predicted.logits.flatten(0, 1), target.flatten());
  if (!predicted.location.defined()) return code_loss;
  // Row t of the head's [B, N, N] may only name patches that are open at step t.
  const int64_t n = batch.position_at.size(1);
  const torch::Tensor step_of = batch.position_at.argsort(static_cast<int64_t>(1), false);
  const torch::Tensor step = at::arange(n, step_of.options()).view({1, n, 1});
  const torch::Tensor log_p =
      predicted.location
          .masked_fill(step_of.unsqueeze(1) < step, -std::numeric_limits<float>::infinity())
          .log_softmax(-1);
  // Mean over the images that teach, where there are any.
  const torch::Tensor teaches = batch.teaches_places.defined()
                                    ? batch.teaches_places.to(log_p.dtype())
                                    : torch::ones({batch.codes.size(0)}, log_p.options());
  const torch::Tensor share = teaches / teaches.sum().clamp_min(1);
  const torch::Tensor location =
      -(log_p.gather(2, batch.position_at.unsqueeze(2)).mean({1, 2}) * share).sum();
  location_loss_ = location.item<double>();
  torch::Tensor loss = code_loss + settings_.location_weight * location;
  if (settings_.location_distance_penalty > 0 && n > 1) {
    if (!distance_.defined()) {
      distance_ = distance_table(model_->config().grid, settings_.location_distance)
                      .to(loss.device(), torch::kFloat32);
    }
    const torch::Tensor from = batch.position_at.narrow(1, 0, n - 1);
    const torch::Tensor reach = distance_.index_select(0, from.flatten()).view({-1, n - 1, n});
    const torch::Tensor expected =
        ((log_p.narrow(1, 1, n - 1).exp() * reach).sum(-1).mean(1) * share).sum();
    loss = loss + settings_.location_distance_penalty * expected;
  }
  return loss;
}

double AnyOrderTrainer::step(const TrainingBatch& batch) {
  const uint64_t step = static_cast<uint64_t>(steps_done_);
  // Dropout draws from libtorch's own generator: seeding it at every step makes a resumed run
  // equal.
  at::manual_seed(random_bits(settings_.seed, Stream::kTrainingStep, {step}));
  torch::Tensor labels = batch.labels;
  if (labels.defined() && settings_.condition_dropout > 0) {
    labels = labels.cpu().clone();
    auto label = labels.accessor<int64_t, 1>();
    for (int64_t b = 0; b < labels.size(0); ++b) {
      if (random_uniform(settings_.seed, Stream::kConditionDropout,
                         {step, static_cast<uint64_t>(b)}) < settings_.condition_dropout) {
        label[b] = -1;
      }
    }
    labels = labels.to(batch.codes.device());
  }

  model_->train();
  model_->zero_grad();
  torch::Tensor code_loss;
  const torch::Tensor loss = loss_of(batch, labels, code_loss);
  loss.backward();

  const torch::NoGradGuard no_gradients;
  const double norm = gradient_norm(model_->parameters()).item<double>();
  const double value = code_loss.item<double>();
  if (!std::isfinite(loss.item<double>()) || !std::isfinite(norm)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  const double shrink = std::min(1.0, settings_.gradient_clip / (norm + 1e-6));
  for (Group* group : {&decayed_, &plain_}) {
    std::vector<torch::Tensor> gradients;
    for (const torch::Tensor& p : group->parameters) {
      gradients.push_back(p.grad().defined() ? p.grad().mul_(shrink) : torch::zeros_like(p));
      group->steps[gradients.size() - 1].add_(1);
    }
    at::_fused_adamw_(group->parameters, gradients, group->first_moments, group->second_moments,
                      /*max_exp_avg_sqs=*/{}, group->steps, learning_rate(), kBeta1, kBeta2,
                      group->weight_decay, kEpsilon, /*amsgrad=*/false, /*maximize=*/false);
  }
  ++steps_done_;
  return value;
}

TensorMap AnyOrderTrainer::state() const {
  TensorMap state;
  for (const Group* group : {&decayed_, &plain_}) {
    for (size_t i = 0; i < group->names.size(); ++i) {
      state["model." + group->names[i]] = group->parameters[i].detach();
      state["first_moment." + group->names[i]] = group->first_moments[i];
      state["second_moment." + group->names[i]] = group->second_moments[i];
    }
  }
  state["steps_done"] = torch::full({1}, steps_done_, torch::kInt64);
  return state;
}

void AnyOrderTrainer::load_state(const TensorMap& state, const std::string& source) {
  const torch::NoGradGuard no_gradients;
  const auto restore = [&](const std::string& name, torch::Tensor& into) {
    const auto found = state.find(name);
    if (found == state.end() || found->second.sizes() != into.sizes()) {
      throw BadWeights(fmt::format(
          "{}: tensor \"{}\" is {}; delete the file to start this training again", source, name,
          found == state.end() ? "missing" : "of another shape than the model's"));
    }
    into.copy_(found->second);
  };
  torch::Tensor steps = torch::zeros({1}, torch::kInt64);
  restore("steps_done", steps);
  steps_done_ = steps.item<int64_t>();
  for (Group* group : {&decayed_, &plain_}) {
    for (size_t i = 0; i < group->names.size(); ++i) {
      restore("model." + group->names[i], group->parameters[i]);
      restore("first_moment." + group->names[i], group->first_moments[i]);
      restore("second_moment." + group->names[i], group->second_moments[i]);
      group->steps[i].fill_(steps_done_);
    }
  }
}

double nats_per_image(Transformer model, const torch::Tensor& codes,
                      const torch::Tensor& position_at, const torch::Tensor& labels,
                      int64_t batch_size) {
  if (codes.size(0) == 0) {
    throw std::invalid_argument("no images to compute a likelihood of; the split is empty");
  }
  const c10::InferenceMode no_gradients;
  const torch::Device device = model->device();
  model->eval();
  double total = 0;
  for (int64_t begin = 0; begin < codes.size(0); begin += batch_size) {
    const auto part = [&](const torch::Tensor& x) {
      return x.defined() ? x.slice(0, begin, begin + batch_size).to(device) : x;
    };
    const torch::Tensor batch = part(codes), orders = part(position_at);
    const torch::Tensor log_probabilities =
        model->forward(batch, orders, part(labels)).log_softmax(-1);
    total -= log_probabilities.gather(2, batch.gather(1, orders).unsqueeze(2))
                 .sum(torch::kFloat64)
                 .item<double>();
  }
  return total / static_cast<double>(codes.size(0));
}

}  // namespace oar
