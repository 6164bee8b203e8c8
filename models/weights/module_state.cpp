#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <set>
#include <utility>

#include "models/weights/bytes.h"
#include "models/weights/tensor_file.h"

namespace oar {
namespace {

constexpr size_t kMaxListed = 5;  // of each kind of mistake; the count says how many there are

std::vector<std::pair<std::string, torch::Tensor>> own_tensors(const torch::nn::Module& module) {
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (const auto& item : module.named_parameters()) tensors.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers()) tensors.emplace_back(item.key(), item.value());
  std::erase_if(tensors, [](const auto& item) { return !item.second.defined(); });
  return tensors;
}

bool converts(const torch::Tensor& from, const torch::Tensor& to) {
  return from.scalar_type() == to.scalar_type() ||
         (at::isFloatingType(from.scalar_type()) && at::isFloatingType(to.scalar_type()));
}

bool is_ignored(const std::string& name, const std::vector<std::string>& ignored) {
  return std::any_of(ignored.begin(), ignored.end(), [&](const std::string& entry) {
    return entry.ends_with('.') ? name.starts_with(entry) : name == entry;
  });
}

// "\n  3 missing: a, b, c"; nothing if there are none.
std::string listed(const std::string& what, const std::vector<std::string>& mistakes) {
  if (mistakes.empty()) return "";
  const auto first = std::span(mistakes).first(std::min(mistakes.size(), kMaxListed));
  return fmt::format("\n  {} {}: {}{}", mistakes.size(), what, fmt::join(first, ", "),
                     mistakes.size() > kMaxListed ? ", ..." : "");
}

}  // namespace

void load_state(torch::nn::Module& module, const TensorMap& tensors, const std::string& prefix,
                const std::string& source, const std::vector<std::string>& ignored) {
  const auto own = own_tensors(module);
  std::vector<std::string> missing, mis_shaped, mis_typed, unexpected;
  std::set<std::string> known;
  for (const auto& [name, target] : own) {
    const std::string full = prefix + name;
    known.insert(full);
    const auto found = tensors.find(full);
    if (found == tensors.end()) {
      missing.push_back(full);
    } else if (found->second.sizes() != target.sizes()) {
      mis_shaped.push_back(fmt::format("{} is [{}], must be [{}]", full,
                                       fmt::join(found->second.sizes(), ", "),
                                       fmt::join(target.sizes(), ", ")));
    } else if (!converts(found->second, target)) {
      mis_typed.push_back(fmt::format("{} is {}, must be {}", full,
                                      c10::toString(found->second.scalar_type()),
                                      c10::toString(target.scalar_type())));
    }
  }
  for (auto it = tensors.lower_bound(prefix); it != tensors.end(); ++it) {
    const std::string& name = it->first;
    if (!name.starts_with(prefix)) break;
    if (!known.contains(name) && !is_ignored(name.substr(prefix.size()), ignored)) {
      unexpected.push_back(printable(name));
    }
  }
  const std::string mistakes =
      listed("missing", missing) + listed("with another shape", mis_shaped) +
      listed("with another element type", mis_typed) + listed("unexpected", unexpected);
  if (!mistakes.empty()) {
    throw BadWeights(fmt::format(
        "{}: the tensors do not fit the model; check that both have the same configuration{}",
        source, mistakes));
  }
  const at::NoGradGuard no_grad;
  for (const auto& [name, target] : own) torch::Tensor(target).copy_(tensors.at(prefix + name));
}

TensorMap state_of(const torch::nn::Module& module, const std::string& prefix) {
  const at::NoGradGuard no_grad;
  TensorMap state;
  for (const auto& [name, tensor] : own_tensors(module)) {
    state[prefix + name] =
        tensor.detach().to(at::TensorOptions().device(at::kCPU),
                           /*non_blocking=*/false, /*copy=*/true, at::MemoryFormat::Contiguous);
  }
  return state;
}

}  // namespace oar
