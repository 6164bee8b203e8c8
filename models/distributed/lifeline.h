#pragma once

#include <functional>
#include <string>
#include <vector>

namespace oar {

/// Open connections between rank 0 and each other rank, over which nothing is ever sent: the kernel
/// closes them when a process dies, however it does, and so tells those that are left. MPI itself
/// would wait for a dead process for ever.
///
/// Where no connection can be made (a firewall between nodes), it watches those that it has; what
/// started the ranks notices the rest.
class Lifeline {
 public:
  /// Gives all ranks what rank 0 has in `text`.
  using Broadcast = std::function<void(std::string& text)>;

  /// Every rank calls this at the same time. Returns after at most `seconds`.
  Lifeline(int rank, int size, const Broadcast& broadcast, double seconds = 10);
  ~Lifeline();
  Lifeline(const Lifeline&) = delete;
  Lifeline& operator=(const Lifeline&) = delete;

  /// Whether a process at the other end has ended. Costs a system call.
  bool broken() const;

  /// Processes that are watched: all others on rank 0, else rank 0.
  int watched() const { return static_cast<int>(sockets_.size()); }

 private:
  void accept_others(int listener, int others, const std::string& token, double seconds);
  void connect_to_first(const std::string& invitation, double seconds);

  std::vector<int> sockets_;
};

}  // namespace oar
