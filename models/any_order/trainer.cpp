#include "models/any_order/trainer.h"

#include <ATen/Context.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <stdexcept>

#include "models/any_order/dropout.h"
#include "orders/counter_random.h"

namespace oar {
namespace {

constexpr double kBeta1 = 0.9, kBeta2 = 0.95, kEpsilon = 1e-8;
constexpr int64_t kExtra = 5;  // behind the gradients: three losses, stop, out of memory
constexpr char kSmallerModel[] =
    "choose a smaller model (model.preset, model.layers, model.width), fewer patches "
    "(dataset.image_size) or a device with more memory";

/// L2 norm of all gradients together.
torch::Tensor gradient_norm(const std::vector<torch::Tensor>& parameters) {
  std::vector<torch::Tensor> norms;
  for (const torch::Tensor& p : parameters) {
    if (p.grad().defined()) norms.push_back(p.grad().norm());
  }
  return torch::stack(norms).norm();
}

}  // namespace

AnyOrderTrainer::AnyOrderTrainer(Transformer model, const TrainerSettings& settings,
                                 std::shared_ptr<Communicator> ranks)
    : model_(std::move(model)),
      settings_(settings),
      ranks_(std::move(ranks)),
      at_once_(std::numeric_limits<int64_t>::max(), kSmallerModel) {
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

AnyOrderTrainer::Range AnyOrderTrainer::share_of(int64_t images) const {
  if (!ranks_) return {0, images};
  return {images * ranks_->rank() / ranks_->size(), images * (ranks_->rank() + 1) / ranks_->size()};
}

torch::Tensor AnyOrderTrainer::with_dropped_conditions(const torch::Tensor& condition) const {
  if (!condition.defined() || settings_.condition_dropout <= 0) return condition;
  torch::Tensor kept = condition.cpu().clone();
  for (int64_t b = 0; b < kept.size(0); ++b) {
    if (random_uniform(settings_.seed, Stream::kConditionDropout,
                       {static_cast<uint64_t>(steps_done_), static_cast<uint64_t>(b)}) <
        settings_.condition_dropout) {
      kept[b].fill_(-1);
    }
  }
  return kept.to(condition.device());
}

torch::Tensor AnyOrderTrainer::loss_of(const TrainingBatch& batch, const Range& part,
                                       Losses& losses) {
  const int64_t whole = batch.codes.size(0), images = part.end - part.begin;
  const auto rows = [&](const torch::Tensor& x) {
    return x.defined() ? x.narrow(0, part.begin, images) : x;
  };
  const torch::Tensor codes = rows(batch.codes), position_at = rows(batch.position_at);
  const PartOfBatch masks(part.begin, whole);
  const auto predicted = model_->predict(codes, position_at, rows(batch.condition));
  const torch::Tensor target = codes.gather(1, position_at);
  torch::Tensor loss = at::cross_entropy_loss(predicted.logits.flatten(0, 1), target.flatten());
  // A mean over this part's images becomes its share of the mean over all.
  if (images < whole) loss = loss * (static_cast<double>(images) / static_cast<double>(whole));
  losses.code += loss.item<double>();
  if (predicted.location.defined()) {
    loss = loss + location_loss_of(batch, part, predicted.location, losses);
  }
  losses.total += loss.item<double>();
  return loss;
}

torch::Tensor AnyOrderTrainer::location_loss_of(const TrainingBatch& batch, const Range& part,
                                                const torch::Tensor& logits, Losses& losses) {
  // Row t of the head's [B, N, N] may only name patches that are open at step t.
  const torch::Tensor position_at = batch.position_at.narrow(0, part.begin, part.end - part.begin);
  const int64_t n = position_at.size(1);
  const torch::Tensor step_of = position_at.argsort(static_cast<int64_t>(1), false);
  const torch::Tensor step = at::arange(n, step_of.options()).view({1, n, 1});
  const torch::Tensor log_p =
      logits.masked_fill(step_of.unsqueeze(1) < step, -std::numeric_limits<float>::infinity())
          .log_softmax(-1);
  // Mean over those images of the whole batch that teach, where there are any.
  const torch::Tensor teaches = batch.teaches_places.defined()
                                    ? batch.teaches_places.to(log_p.dtype())
                                    : torch::ones({batch.codes.size(0)}, log_p.options());
  const torch::Tensor share =
      (teaches / teaches.sum().clamp_min(1)).narrow(0, part.begin, part.end - part.begin);
  const torch::Tensor location =
      -(log_p.gather(2, position_at.unsqueeze(2)).mean({1, 2}) * share).sum();
  losses.location += location.item<double>();
  torch::Tensor loss = settings_.location_weight * location;
  if (settings_.location_distance_penalty > 0 && n > 1) {
    if (!distance_.defined()) {
      distance_ = distance_table(model_->config().grid, settings_.location_distance)
                      .to(loss.device(), torch::kFloat32);
    }
    const torch::Tensor from = position_at.narrow(1, 0, n - 1);
    const torch::Tensor reach = distance_.index_select(0, from.flatten()).view({-1, n - 1, n});
    const torch::Tensor expected =
        ((log_p.narrow(1, 1, n - 1).exp() * reach).sum(-1).mean(1) * share).sum();
    loss = loss + settings_.location_distance_penalty * expected;
  }
  return loss;
}

AnyOrderTrainer::Losses AnyOrderTrainer::compute_gradients(const TrainingBatch& batch) {
  const Range share = share_of(batch.codes.size(0));
  for (;;) {
    Losses losses;
    int64_t at_once = std::min(at_once_.count(), share.end - share.begin);
    const bool fits = fits_in_memory([&] {
      for (int64_t begin = share.begin; begin < share.end; begin += at_once) {
        // Dropout draws from libtorch's own generator: seeding it at every step makes a resumed
        // run equal, and every part draws the masks of the whole batch.
        at::manual_seed(random_bits(settings_.seed, Stream::kTrainingStep,
                                    {static_cast<uint64_t>(steps_done_)}));
        loss_of(batch, {begin, std::min(share.end, begin + at_once)}, losses).backward();
      }
    });
    if (fits) return losses;
    model_->zero_grad();  // a part that was added up already would count twice
    at_once_.halve(at_once);
  }
}

AnyOrderTrainer::Losses AnyOrderTrainer::try_gradients(const TrainingBatch& batch,
                                                       std::string& failure) {
  try {
    return compute_gradients(batch);
  } catch (const OutOfMemory& error) {
    // The others wait for this rank's share: they must hear of it before it gives up.
    if (!ranks_) throw;
    failure = error.what();
    return {};
  }
}

void AnyOrderTrainer::sum_over_ranks(Losses& losses, bool stop, const std::string& failure) {
  const std::vector<torch::Tensor> parameters = model_->parameters();
  int64_t size = kExtra;
  for (const torch::Tensor& p : parameters) size += p.numel();
  if (!packed_.defined()) packed_ = torch::empty({size}, parameters.front().options()).detach();
  int64_t at = 0;
  for (const torch::Tensor& p : parameters) {
    torch::Tensor slot = packed_.narrow(0, at, p.numel());
    p.grad().defined() ? slot.copy_(p.grad().flatten()) : slot.zero_();
    at += p.numel();
  }
  const torch::Tensor extra = packed_.narrow(0, at, kExtra);
  extra.copy_(torch::tensor(
      {losses.code, losses.location, losses.total, stop ? 1.0 : 0.0, failure.empty() ? 0.0 : 1.0},
      torch::kFloat64));
  ranks_->sum({packed_});
  const torch::Tensor summed = extra.to(torch::kCPU, torch::kFloat64);
  const double* const found = summed.const_data_ptr<double>();
  losses = {found[0], found[1], found[2]};
  stop_agreed_ = found[3] > 0;
  if (found[4] > 0) {
    throw OutOfMemory(failure.empty() ? "another rank is out of memory with one image at a time"
                                      : failure);
  }
  at = 0;
  for (const torch::Tensor& p : parameters) {
    p.mutable_grad() = packed_.narrow(0, at, p.numel()).view(p.sizes());
    at += p.numel();
  }
}

double AnyOrderTrainer::step(const TrainingBatch& batch, bool stop) {
  TrainingBatch conditioned = batch;
  conditioned.condition = with_dropped_conditions(batch.condition);
  model_->train();
  model_->zero_grad();
  std::string failure;
  Losses losses = try_gradients(conditioned, failure);
  const torch::NoGradGuard no_gradients;
  stop_agreed_ = stop;
  if (ranks_) sum_over_ranks(losses, stop, failure);
  location_loss_ = losses.location;
  const double norm = gradient_norm(model_->parameters()).item<double>();
  if (!std::isfinite(losses.total) || !std::isfinite(norm)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  update(std::min(1.0, settings_.gradient_clip / (norm + 1e-6)));
  ++steps_done_;
  return losses.code;
}

void AnyOrderTrainer::update(double shrink) {
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
}

void AnyOrderTrainer::share_state() {
  if (!ranks_) return;
  const torch::NoGradGuard no_gradients;
  std::vector<torch::Tensor> all;
  for (const Group* group : {&decayed_, &plain_}) {
    for (const auto* tensors :
         {&group->parameters, &group->first_moments, &group->second_moments, &group->steps}) {
      for (const torch::Tensor& tensor : *tensors) all.push_back(tensor.detach());
    }
  }
  ranks_->broadcast(all);
  steps_done_ = ranks_->announce(steps_done_);
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

namespace {

/// Calls `visit` with log-probabilities float [B, N, V] and the codes they are of, int64 [B, N],
/// both by step, of as many images at once as fit.
void for_each_prediction(
    Transformer& model, const torch::Tensor& codes, const torch::Tensor& position_at,
    const torch::Tensor& condition, int64_t batch_size,
    const std::function<void(const torch::Tensor&, const torch::Tensor&)>& visit) {
  if (codes.size(0) == 0) {
    throw std::invalid_argument("no images to compute a likelihood of; the split is empty");
  }
  const c10::InferenceMode no_gradients;
  const torch::Device device = model->device();
  model->eval();
  ImagesAtOnce at_once(batch_size, kSmallerModel);
  at_once.for_each(0, codes.size(0), [&](int64_t begin, int64_t end) {
    const auto part = [&](const torch::Tensor& x) {
      return x.defined() ? x.slice(0, begin, end).to(device) : x;
    };
    const torch::Tensor batch = part(codes), orders = part(position_at);
    visit(model->forward(batch, orders, part(condition)).log_softmax(-1), batch.gather(1, orders));
  });
}

}  // namespace

double nats_per_image(Transformer model, const torch::Tensor& codes,
                      const torch::Tensor& position_at, const torch::Tensor& condition,
                      int64_t batch_size) {
  double total = 0;
  for_each_prediction(
      model, codes, position_at, condition, batch_size,
      [&](const torch::Tensor& log_probabilities, const torch::Tensor& by_step) {
        total -=
            log_probabilities.gather(2, by_step.unsqueeze(2)).sum(torch::kFloat64).item<double>();
      });
  return total / static_cast<double>(codes.size(0));
}

Predictions predictions_by_step(Transformer model, const torch::Tensor& codes,
                                const torch::Tensor& position_at, const torch::Tensor& condition,
                                int64_t batch_size) {
  constexpr int64_t kIntervals = 15;
  const auto zeros = [](int64_t size) { return torch::zeros({size}, torch::kFloat64); };
  torch::Tensor right = zeros(codes.size(1)), sure = zeros(codes.size(1));
  torch::Tensor gap = zeros(kIntervals);  // of each interval: confidence minus right ones, summed
  for_each_prediction(model, codes, position_at, condition, batch_size,
                      [&](const torch::Tensor& log_probabilities, const torch::Tensor& by_step) {
                        const auto [most, best] = log_probabilities.max(-1);
                        const torch::Tensor is_right = (best == by_step).cpu().to(torch::kFloat64);
                        const torch::Tensor confidence =
                            most.exp().cpu().to(torch::kFloat64).clamp_max(1);
                        right += is_right.sum(0);
                        sure += confidence.sum(0);
                        const torch::Tensor interval =
                            (confidence * kIntervals).to(torch::kInt64).clamp_max(kIntervals - 1);
                        gap.index_add_(0, interval.flatten(), (confidence - is_right).flatten());
                      });
  const auto images = static_cast<double>(codes.size(0));
  return {right / images, sure / images,
          gap.abs().sum().item<double>() / (images * static_cast<double>(codes.size(1)))};
}

}  // namespace oar
