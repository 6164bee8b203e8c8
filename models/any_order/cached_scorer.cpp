#include "models/any_order/cached_scorer.h"

#include <ATen/Parallel.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/stack.h>
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "models/any_order/row_kernels.h"
#include "models/memory/budget_too_small.h"

namespace oar {
namespace {

/// What a search allocates, in bytes: fixed + images · (image + rows · row).
struct MemoryModel {
  int64_t fixed = 0, image = 0, row = 0;
  int64_t bytes(int64_t images, int64_t rows) const {
    return fixed + images * (image + rows * row);
  }
};

MemoryModel memory_model(const TransformerConfig& config, bool guided, bool looks_ahead) {
  const int64_t d = config.width, n = config.grid.size(), v = config.codebook_size;
  const bool tokens = parse_next_encoding(config.next_encoding).position_token;
  const int64_t sequences = guided ? 2 : 1, floats = sizeof(float);
  const int64_t keys_and_values = 2 * config.layers * d;
  const int64_t slots = (tokens ? 2 * n : n) + config.caption.length;  // as prefix, or beside
  // What the encoder makes of them, and of one of them on the way.
  const int64_t captions = config.caption.length * config.width;
  const int64_t sets = looks_ahead ? 2 : 1;
  MemoryModel memory;
  // Scratch of the attention kernel, 256 queries by 512 keys per thread, and of drawing codes.
  memory.fixed = (at::get_num_threads() + 1) * (int64_t{1} << 20) + floats * 14 * captions;
  // The cache; keys, values and head inputs of all candidates; a dozen index tensors.
  memory.image =
      sequences *
      (floats * (2 * captions + keys_and_values * slots + sets * (keys_and_values + d) * n) +
       12 * n * static_cast<int64_t>(sizeof(int64_t)));
  // A row in flight: input and what it is summed from (4), norm, qkv (3), attention (2), hidden
  // (4); its logits, log-probabilities and what drawing a code makes of them.
  // Looking at a caption takes two more.
  const int64_t looks = config.caption.length > 0 && config.caption.cross_attention ? 2 : 0;
  memory.row = sequences * floats * (14 + looks) * d + (sequences + 4) * floats * v;
  return memory;
}

bool is_guided(const ScorerOptions& options) {
  return options.condition.defined() && options.guidance_scale != 1.0;
}

std::string mebibytes(int64_t bytes) { return fmt::format("{:.1f} MiB", bytes / 1048576.0); }

}  // namespace

SearchPlan CachedScorer::plan(const TransformerConfig& config, int64_t wanted,
                              const ScorerOptions& options) {
  const MemoryModel memory = memory_model(config, is_guided(options), options.looks_ahead);
  const int64_t n = config.grid.size(), budget = options.memory_bytes / options.models;
  const int64_t smallest = options.models * memory.bytes(1, 1);
  if (smallest > options.memory_bytes) {
    throw BudgetTooSmall(fmt::format(
        "the search of one {}x{} image with {} layers of width {} needs at least {}, and may use "
        "{}; allow more memory (--memory {}MiB)",
        config.grid.rows, config.grid.cols, config.layers, config.width, mebibytes(smallest),
        mebibytes(options.memory_bytes), (smallest + 1048575) / 1048576));
  }
  SearchPlan plan;
  plan.batch = std::clamp<int64_t>((budget - memory.fixed) / (memory.image + n * memory.row), 1,
                                   std::max<int64_t>(1, wanted));
  plan.rows =
      std::clamp<int64_t>(((budget - memory.fixed) / plan.batch - memory.image) / memory.row, 1, n);
  plan.bytes = memory.bytes(plan.batch, plan.rows);
  return plan;
}

CachedScorer::CachedScorer(Transformer model, int64_t batch, const ScorerOptions& options)
    : model_(std::move(model)), batch_(batch), guidance_scale_(options.guidance_scale) {
  model_->eval();
  const TransformerConfig& config = model_->config();
  const bool with_guidance = is_guided(options);
  const MemoryModel memory = memory_model(config, with_guidance, options.looks_ahead);
  const int64_t n = config.grid.size(), head_width = config.width / config.heads;
  const bool tokens = model_->encoding().position_token;
  rows_ = std::min<int64_t>(
      n, ((options.memory_bytes / options.models - memory.fixed) / std::max<int64_t>(1, batch) -
          memory.image) /
             memory.row);
  if (rows_ < 1) {
    throw std::invalid_argument(fmt::format(
        "the search of {} images together needs at least {}, and may use {}; search fewer together "
        "or allow more memory (--memory)",
        batch, mebibytes(options.models * memory.bytes(batch, 1)),
        mebibytes(options.memory_bytes)));
  }
  sequences_ = with_guidance ? 2 * batch : batch;
  condition_ = with_guidance ? at::cat({options.condition, torch::full_like(options.condition, -1)})
                             : options.condition;
  split_ = static_cast<size_t>(config.location_after);
  for (size_t i = 0; i < model_->num_blocks(); ++i) {
    weights_.push_back(model_->block(i)->weights());
    for (torch::Tensor* w :
         {&weights_[i].qkv, &weights_[i].projection, &weights_[i].up, &weights_[i].down,
          &weights_[i].cross_query, &weights_[i].cross_projection}) {
      if (w->defined()) *w = w->detach().t();
    }
  }
  const auto options_of = model_->head_weights().head.options().requires_grad(false);
  const auto layers = static_cast<int64_t>(weights_.size());
  const auto keys_of = [&](int64_t count, int64_t slots) {
    return torch::empty({count, 2, sequences_, config.heads, slots, head_width}, options_of);
  };
  cache_ = keys_of(layers,
                   (tokens ? 2 * n : n) + (config.caption.is_prefix() ? config.caption.length : 0));
  candidate_rows_[0] = keys_of(layers - config.location_after, n);
  if (options.looks_ahead) candidate_rows_[1] = torch::empty_like(candidate_rows_[0]);
  const auto rows_of = [&](int64_t width) {
    return torch::empty({sequences_ * std::max<int64_t>(rows_, 2), width}, options_of);
  };
  normed_rows_ = rows_of(config.width);
  qkv_rows_ = rows_of(3 * config.width);
  attended_rows_ = rows_of(config.width);
  hidden_rows_ = rows_of(4 * config.width);
  now_.filled.assign(weights_.size(), 0);
  if (config.caption.length > 0) read_captions();
}

// As many at once as there are tokens in the rows in flight, so that the encoder needs no more
// memory than they; at least one.
torch::Tensor CachedScorer::encoded_captions() {
  const int64_t length = model_->config().caption.length;
  const int64_t at_once = std::max<int64_t>(1, sequences_ * rows_ / length);
  std::vector<torch::Tensor> parts;
  for (int64_t begin = 0; begin < sequences_; begin += at_once) {
    const int64_t count = std::min(at_once, sequences_ - begin);
    parts.push_back(model_->caption_input(
        condition_.defined() ? condition_.narrow(0, begin, count) : condition_, count));
  }
  return at::cat(parts);
}

// Before the first patch: the captions' rows go into the cache, or their keys beside it.
void CachedScorer::read_captions() {
  const c10::InferenceMode no_gradients;
  const torch::Tensor caption = encoded_captions();
  if (!model_->config().caption.is_prefix()) {
    for (size_t i = 0; i < weights_.size(); ++i) {
      caption_keys_.push_back(model_->block(i)->caption_keys(caption));
    }
    return;
  }
  const int64_t length = caption.size(1);
  for (int64_t begin = 0; begin < length; begin += rows_) {
    const int64_t part = std::min(rows_, length - begin);
    const torch::Tensor at = nowhere().expand({sequences_, part});
    run(caption.narrow(1, begin, part).contiguous(), 0, at, at, Rows::kSequence, weights_.size());
    for (int64_t& filled : now_.filled) filled += part;
  }
  row_layers_ = 0;  // of patches, as in any other model
}

// x += attention of every row to its caption; the bias of the projection is the next norm's to add.
void CachedScorer::look_at_caption(size_t layer, torch::Tensor flat, torch::Tensor normed,
                                   torch::Tensor attended) {
  const BlockImpl::Weights& w = weights_[layer];
  const auto& [key, value] = caption_keys_[layer];
  add_bias_layer_norm(flat, w.projection_bias, w.cross_norm, w.cross_norm_bias, normed);
  at::addmm_out(attended, w.cross_query_bias, normed, w.cross_query);
  const torch::Tensor query =
      attended.view({sequences_, -1, key.size(1), key.size(3)}).transpose(1, 2);
  const torch::Tensor found = at::scaled_dot_product_attention(query, key, value);
  attended.copy_(found.transpose(1, 2).reshape(attended.sizes()));
  flat.addmm_(attended, w.cross_projection);
}

torch::Tensor CachedScorer::doubled(const torch::Tensor& x) const {
  return sequences_ > batch_ ? at::cat({x, x}) : x;
}

torch::Tensor CachedScorer::guided(const torch::Tensor& logits) const {
  if (sequences_ == batch_) return logits;
  const auto halves = logits.chunk(2, 0);
  return halves[1] + guidance_scale_ * (halves[0] - halves[1]);
}

torch::Tensor CachedScorer::nowhere() const {
  return torch::full({sequences_, 1}, model_->config().grid.size(),
                     torch::TensorOptions(torch::kInt64).device(device()));
}

torch::Tensor CachedScorer::own_position() const {
  return now_.placed == 0 ? nowhere() : now_.last_position.unsqueeze(1);
}

CachedScorer::KeysValues CachedScorer::destination(size_t layer, Rows rows, int64_t begin,
                                                   int64_t count) {
  const torch::Tensor both =
      rows == Rows::kSequence
          ? cache_[static_cast<int64_t>(layer)].narrow(3, now_.filled[layer], count)
          : candidate_rows_[now_.buffer][static_cast<int64_t>(layer - split_)].narrow(3, begin,
                                                                                      count);
  return {both[0], both[1]};
}

void CachedScorer::attend(const torch::Tensor& query, const KeysValues& own, size_t layer,
                          Rows rows, torch::Tensor out) {
  const int64_t before = now_.filled[layer], count = query.size(2);
  const torch::Tensor slots = cache_[static_cast<int64_t>(layer)];
  if (rows == Rows::kCandidates) {
    const torch::Tensor prefix = slots.narrow(3, 0, before);
    attend_to_prefix_and_self(query, prefix[0], prefix[1], own.keys, own.values, out);
    return;
  }
  const torch::Tensor all = slots.narrow(3, 0, before + count);
  if (count == 1) {
    attend_one(query, all[0], all[1], out);
    return;
  }
  const torch::Tensor mask =
      torch::ones({count, before + count}, query.options().dtype(torch::kBool)).tril(before);
  out.copy_(at::scaled_dot_product_attention(query, all[0], all[1], mask)
                .transpose(1, 2)
                .reshape(out.sizes()));
}

torch::Tensor CachedScorer::run(torch::Tensor x, size_t first, const torch::Tensor& query,
                                const torch::Tensor& key, Rows rows, size_t last, int64_t begin) {
  const int64_t count = x.size(1), total = x.size(0) * count, width = x.size(2);
  const int64_t heads = model_->config().heads;
  torch::Tensor flat = x.contiguous().view({total, width});
  const torch::Tensor normed = normed_rows_.narrow(0, 0, total);
  torch::Tensor qkv = qkv_rows_.narrow(0, 0, total), hidden = hidden_rows_.narrow(0, 0, total);
  const torch::Tensor attended = attended_rows_.narrow(0, 0, total);
  const torch::Tensor packed = qkv.view({x.size(0), count, 3 * width});
  const torch::Tensor queries =
      qkv.view({x.size(0), count, 3, heads, width / heads}).select(2, 0).transpose(1, 2);
  torch::Tensor bias;  // of the block before, added by the norm that reads it
  for (size_t i = first; i < last; ++i) {
    const BlockImpl::Weights& w = weights_[i];
    add_bias_layer_norm(flat, bias, w.attention_norm, w.attention_norm_bias, normed);
    at::mm_out(qkv, normed, w.qkv);
    const KeysValues own = destination(i, rows, begin, count);
    split_heads(packed, w.qkv_bias, model_->rotary(), query, key, own.keys, own.values);
    attend(queries, own, i, rows, attended);
    flat.addmm_(attended, w.projection);
    const bool looks = !caption_keys_.empty();
    if (looks) look_at_caption(i, flat, normed, attended);
    add_bias_layer_norm(flat, looks ? w.cross_projection_bias : w.projection_bias, w.mlp_norm,
                        w.mlp_norm_bias, normed);
    at::mm_out(hidden, normed, w.up);
    add_bias_gelu(hidden, w.up_bias);
    flat.addmm_(hidden, w.down);
    bias = w.down_bias;
  }
  if (bias.defined()) flat.add_(bias);
  row_layers_ += total * static_cast<int64_t>(last - first);
  return flat.view(x.sizes());
}

torch::Tensor CachedScorer::normed(torch::Tensor x) {
  const auto weights = model_->head_weights();
  torch::Tensor out = torch::empty_like(x);
  const int64_t width = x.size(-1);
  add_bias_layer_norm(x.view({-1, width}), {}, weights.norm, weights.norm_bias,
                      out.view({-1, width}));
  return out;
}

torch::Tensor CachedScorer::head(const torch::Tensor& normed) const {
  const auto weights = model_->head_weights();
  return at::addmm(weights.head_bias, normed.reshape({-1, normed.size(-1)}), weights.head.t())
      .view({normed.size(0), normed.size(1), weights.head.size(0)});
}

// What all candidates of a step share: the patch before them where it is a token of its own, or the
// blocks that do not know where they go.
void CachedScorer::prepare() {
  const bool tokens = model_->encoding().position_token;
  if (now_.prepared || (!tokens && split_ == 0)) return;
  const torch::Tensor own = own_position();
  const torch::Tensor x = now_.placed == 0 ? model_->start_input(condition_, sequences_)
                                           : model_->patch_input(now_.last_code.unsqueeze(1), own);
  const size_t last = tokens ? weights_.size() : split_;
  now_.below = run(x.contiguous(), 0, own, own, Rows::kSequence, last);
  for (size_t i = 0; i < last; ++i) ++now_.filled[i];
  now_.prepared = true;
}

torch::Tensor CachedScorer::candidate_inputs(const torch::Tensor& to) {
  if (model_->encoding().position_token) return model_->position_token(to);
  const torch::Tensor from = own_position();
  const torch::Tensor next = now_.placed == 0 ? model_->first_next(to) : model_->next(from, to);
  if (split_ > 0) return now_.below + next;
  return next + (now_.placed == 0 ? model_->start_input(condition_, sequences_)
                                  : model_->patch_input(now_.last_code.unsqueeze(1), from));
}

void CachedScorer::score(const torch::Tensor& candidates, const Visit& visit) {
  const int64_t n = model_->config().grid.size();
  if (now_.placed == n) {
    throw std::logic_error(fmt::format("all {} patches are placed; nothing is left to score", n));
  }
  const c10::InferenceMode no_gradients;
  prepare();
  now_.candidates = doubled(candidates);
  const int64_t count = candidates.size(1);
  now_.in_cache = count == 1;
  const Rows rows = now_.in_cache ? Rows::kSequence : Rows::kCandidates;
  std::vector<torch::Tensor> normed_parts;
  for (int64_t begin = 0; begin < count; begin += rows_) {
    const int64_t part = std::min(rows_, count - begin);
    const torch::Tensor to = now_.candidates.narrow(1, begin, part);
    const torch::Tensor own =
        model_->encoding().position_token ? to : own_position().expand({sequences_, part});
    const torch::Tensor x = run(candidate_inputs(to).expand({sequences_, part, -1}).contiguous(),
                                split_, to, own, rows, weights_.size(), begin);
    normed_parts.push_back(normed(x));
    torch::Tensor logits = head(normed_parts.back());
    logits = guided(logits);
    visit(begin, logits);
  }
  now_.normed = normed_parts.size() == 1 ? normed_parts.front() : at::cat(normed_parts, 1);
}

torch::Tensor CachedScorer::logits(const torch::Tensor& candidates) {
  std::vector<torch::Tensor> parts;
  score(candidates, [&](int64_t, const torch::Tensor& logits) { parts.push_back(logits); });
  return at::cat(parts, 1);
}

torch::Tensor CachedScorer::chosen_logits(const torch::Tensor& choice) {
  if (!now_.candidates.defined()) {
    throw std::logic_error("chosen_logits() needs the candidates of a score() call before it");
  }
  const c10::InferenceMode no_gradients;
  const torch::Tensor index =
      doubled(choice).view({-1, 1, 1}).expand({sequences_, 1, now_.normed.size(2)});
  return guided(head(now_.normed.gather(1, index))).squeeze(1);
}

void CachedScorer::place(const torch::Tensor& choice, const torch::Tensor& codes) {
  if (!now_.candidates.defined()) {
    throw std::logic_error("place() needs the candidates of a score() call before it");
  }
  const c10::InferenceMode no_gradients;
  const torch::Tensor pick = doubled(choice);
  if (!now_.in_cache) {
    commit_rows(candidate_rows_[now_.buffer], pick, now_.filled.back(),
                cache_.narrow(0, static_cast<int64_t>(split_), candidate_rows_[0].size(0)));
  }
  for (size_t i = split_; i < weights_.size(); ++i) ++now_.filled[i];
  now_.last_position = now_.candidates.gather(1, pick.unsqueeze(1)).squeeze(1);
  now_.last_code = doubled(codes);
  now_.candidates = now_.normed = now_.below = torch::Tensor();
  now_.prepared = false;
  ++now_.placed;
}

torch::Tensor CachedScorer::prefill(const torch::Tensor& positions, const torch::Tensor& codes) {
  const int64_t n = model_->config().grid.size(), count = positions.size(1);
  if (now_.placed + count > n) {
    throw std::logic_error(
        fmt::format("{} of {} patches are placed; {} more do not fit", now_.placed, n, count));
  }
  const c10::InferenceMode no_gradients;
  const int64_t step = model_->encoding().position_token ? std::max<int64_t>(1, rows_ / 2) : rows_;
  std::vector<torch::Tensor> log_probabilities;
  for (int64_t begin = 0; begin < count; begin += step) {
    const int64_t part = std::min(step, count - begin);
    const torch::Tensor known = codes.narrow(1, begin, part);
    torch::Tensor logits = prefill_part(doubled(positions.narrow(1, begin, part)), doubled(known));
    logits = guided(logits);
    log_probabilities.push_back(logits.log_softmax(-1).gather(2, known.unsqueeze(2)).squeeze(2));
  }
  return at::cat(log_probabilities, 1);
}

torch::Tensor CachedScorer::prefill_part(const torch::Tensor& positions,
                                         const torch::Tensor& codes) {
  prepare();
  const int64_t m = positions.size(1);
  const torch::Tensor from = positions.narrow(1, 0, m - 1), to = positions.narrow(1, 1, m - 1);
  const torch::Tensor first = candidate_inputs(positions.narrow(1, 0, 1));
  torch::Tensor own = at::cat({own_position(), from}, 1), x, result;
  const auto advance = [this](size_t begin, size_t end, int64_t slots) {
    for (size_t i = begin; i < end; ++i) now_.filled[i] += slots;
  };
  if (model_->encoding().position_token) {
    const torch::Tensor pairs =
        at::stack({model_->position_token(positions), model_->patch_input(codes, positions)}, 2)
            .view({sequences_, 2 * m, -1})
            .narrow(1, 0, 2 * m - 1);  // the last patch is the next step's to prepare
    own = positions.repeat_interleave(2, 1).narrow(1, 0, 2 * m - 1);
    x = run(pairs.contiguous(), 0, own, own, Rows::kSequence, weights_.size());
    advance(0, weights_.size(), 2 * m - 1);
    x = x.slice(1, 0, 2 * m, 2).contiguous();
  } else {
    if (m > 1) {
      torch::Tensor patches = model_->patch_input(codes.narrow(1, 0, m - 1), from);
      if (split_ > 0) {
        patches = run(patches.contiguous(), 0, from, from, Rows::kSequence, split_);
        advance(0, split_, m - 1);
      }
      x = at::cat({first, patches + model_->next(from, to)}, 1);
    } else {
      x = first;
    }
    x = run(x.contiguous(), split_, positions, own, Rows::kSequence, weights_.size());
    advance(split_, weights_.size(), m);
  }
  now_.last_position = positions.select(1, m - 1).contiguous();
  now_.last_code = codes.select(1, m - 1).contiguous();
  now_.candidates = now_.normed = now_.below = torch::Tensor();
  now_.prepared = false;
  now_.placed += m;
  return head(normed(x));
}

torch::Tensor CachedScorer::location_log_probabilities() {
  if (split_ == 0) {
    throw std::invalid_argument(
        "this model has no location head; the order \"location_head\" and the confidence "
        "\"location\" need one that was fine-tuned with relabel.location_head \"on\"");
  }
  const c10::InferenceMode no_gradients;
  prepare();
  return guided(model_->location_logits(now_.below)).squeeze(1).log_softmax(-1);
}

torch::Tensor CachedScorer::entropies() {
  std::vector<torch::Tensor> parts;
  const torch::Tensor candidates = now_.candidates.narrow(0, 0, batch_);
  score(candidates, [&](int64_t, const torch::Tensor& logits) {
    parts.push_back(-confidence_of(Confidence::kEntropy, logits.log_softmax(-1), {}));
  });
  return at::cat(parts, 1);
}

torch::Tensor CachedScorer::future_context(const torch::Tensor& choice,
                                           const torch::Tensor& codes) {
  if (!now_.candidates.defined() || !candidate_rows_[1].defined()) {
    throw std::logic_error(
        "future_context() needs candidates scored before, and ScorerOptions::looks_ahead");
  }
  const c10::InferenceMode no_gradients;
  const int64_t tried = choice.size(1), r = now_.candidates.size(1);
  if (r == 1) return torch::zeros({batch_, tried}, now_.normed.options());
  const torch::Tensor all = now_.candidates.narrow(0, 0, batch_);
  std::vector<torch::Tensor> parts;
  for (const torch::Tensor& normed : now_.normed.split(rows_, 1)) {
    parts.push_back(-confidence_of(Confidence::kEntropy, guided(head(normed)).log_softmax(-1), {}));
  }
  const torch::Tensor before = at::cat(parts, 1);
  const Standing standing = now_;
  std::vector<torch::Tensor> gains;
  for (int64_t k = 0; k < tried; ++k) {
    const torch::Tensor pick = choice.select(1, k);
    const torch::Tensor others =
        at::arange(r, pick.options())
            .expand({batch_, r})
            .masked_select(at::arange(r, pick.options()) != pick.unsqueeze(1))
            .view({batch_, r - 1});
    place(pick, codes.select(1, k));
    now_.buffer = 1;
    now_.candidates = doubled(all.gather(1, others));
    const torch::Tensor after = entropies();
    gains.push_back((before.gather(1, others) - after).mean(1));
    now_ = standing;
  }
  return at::stack(gains, 1);
}

int64_t CachedScorer::token_evaluations() const {
  return row_layers_ / static_cast<int64_t>(weights_.size());
}

}  // namespace oar
