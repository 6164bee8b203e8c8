#include <cstdlib>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/sweep/sweep.h"
#include "tests/fuzz/targets.h"
#include "tests/harness/sweep/sweep_fixture.h"

namespace oar::fuzz {
namespace {

/// Text for a terminal: whatever the user wrote, no control character of theirs is in it.
void check_plain(const std::string& text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 && c != '\n') std::abort();
  }
}

void check(const Sweep& sweep) {
  if (sweep.cells.empty() || sweep.cells.size() > 10000 || sweep.max_parallel < 1) std::abort();
  std::set<std::string> identities, ids;
  for (const Cell& cell : sweep.cells) {
    if (!ids.insert(cell.id).second || !identities.insert(identity(cell)).second) std::abort();
    check_plain(cell.id);
    if (cell.id.find('\n') != std::string::npos) std::abort();
  }
}

}  // namespace

void sweep(std::span<const std::byte> bytes) {
  std::vector<std::string> parts(1);
  for (const std::byte byte : bytes) {
    if (byte == std::byte{0}) {
      parts.emplace_back();
    } else {
      parts.back() += static_cast<char>(byte);
    }
  }
  const std::string file = parts.front();
  parts.erase(parts.begin());
  try {
    check(parse_sweep(file, "s.json", parts, known_names()));
  } catch (const std::invalid_argument& error) {
    check_plain(error.what());
  }
}

}  // namespace oar::fuzz
