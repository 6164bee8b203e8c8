#include "models/distributed/lifeline.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <random>
#include <sstream>

namespace oar {
namespace {

using Clock = std::chrono::steady_clock;

int milliseconds_until(Clock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return left > 0 ? static_cast<int>(left) : 0;
}

Clock::time_point in(double seconds) {
  return Clock::now() +
         std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

bool wait_for(int socket, short events, Clock::time_point deadline) {
  pollfd wanted{socket, events, 0};
  int ready = 0;
  do {
    ready = ::poll(&wanted, 1, milliseconds_until(deadline));
  } while (ready < 0 && errno == EINTR);
  return ready == 1;
}

bool send_text(int socket, const std::string& text) {
  return ::send(socket, text.data(), text.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(text.size());
}

/// Notices within half a minute a host that has lost its power.
void watch_host(int socket) {
  const int on = 1, idle = 10, interval = 5, count = 3;
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

/// Reads exactly `size` bytes before the deadline; empty if they do not come.
std::string read_bytes(int socket, size_t size, Clock::time_point deadline) {
  std::string bytes;
  while (bytes.size() < size && wait_for(socket, POLLIN, deadline)) {
    char buffer[64];
    const ssize_t got = ::read(socket, buffer, std::min(sizeof buffer, size - bytes.size()));
    if (got <= 0) return "";
    bytes.append(buffer, static_cast<size_t>(got));
  }
  return bytes.size() == size ? bytes : "";
}

/// This host's IPv4 addresses, the loopback last: it reaches ranks on this host only.
std::vector<std::string> addresses() {
  std::vector<std::string> found;
  ifaddrs* interfaces = nullptr;
  if (::getifaddrs(&interfaces) != 0) interfaces = nullptr;
  for (const ifaddrs* i = interfaces; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_addr->sa_family != AF_INET) continue;
    const in_addr address = reinterpret_cast<const sockaddr_in*>(i->ifa_addr)->sin_addr;
    if (ntohl(address.s_addr) >> 24 == 127) continue;
    char text[INET_ADDRSTRLEN];
    found.emplace_back(::inet_ntop(AF_INET, &address, text, sizeof text));
  }
  if (interfaces != nullptr) ::freeifaddrs(interfaces);
  found.emplace_back("127.0.0.1");
  return found;
}

/// A listening socket on a port of the system's choice; -1 where there is none to be had.
int listen_anywhere(int others, uint16_t& port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  socklen_t size = sizeof address;
  if (listener >= 0 &&
      ::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      ::listen(listener, others) == 0 &&
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    port = ntohs(address.sin_port);
    return listener;
  }
  if (listener >= 0) ::close(listener);
  return -1;
}

int connect_within(const std::string& host, uint16_t port, Clock::time_point deadline) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return -1;
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return -1;
  int error = 0;
  socklen_t size = sizeof error;
  ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (wait_for(socket, POLLOUT, deadline) &&
      ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0) {
    return socket;
  }
  ::close(socket);
  return -1;
}

/// What a stranger who finds the port does not know.
std::string new_token() {
  std::random_device random;
  std::ostringstream token;
  token << std::hex;
  for (int i = 0; i < 4; ++i) token << (random() | 0x80000000u);  // eight digits each
  return token.str();
}

}  // namespace

Lifeline::Lifeline(int rank, int size, const Broadcast& broadcast, double seconds) {
  std::string invitation;  // token, port, addresses; empty where rank 0 cannot listen
  if (rank > 0) {
    broadcast(invitation);
    connect_to_first(invitation, seconds);
    return;
  }
  uint16_t port = 0;
  const std::string token = new_token();
  const int listener = listen_anywhere(size, port);
  if (listener >= 0) {
    invitation = token + " " + std::to_string(port);
    for (const std::string& address : addresses()) invitation += " " + address;
  }
  broadcast(invitation);
  if (listener < 0) return;
  accept_others(listener, size - 1, token, seconds);
  ::close(listener);
}

Lifeline::~Lifeline() {
  for (const int socket : sockets_) ::close(socket);
}

void Lifeline::accept_others(int listener, int others, const std::string& token, double seconds) {
  const auto deadline = in(seconds);
  while (watched() < others && wait_for(listener, POLLIN, deadline)) {
    const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) continue;
    if (read_bytes(socket, token.size(), std::min(deadline, in(1))) == token &&
        send_text(socket, token)) {
      watch_host(socket);
      sockets_.push_back(socket);
    } else {
      ::close(socket);
    }
  }
}

void Lifeline::connect_to_first(const std::string& invitation, double seconds) {
  std::istringstream words(invitation);
  std::string token, address;
  uint16_t port = 0;
  words >> token >> port;
  const auto deadline = in(seconds);
  while (words >> address) {
    const int socket = connect_within(address, port, std::min(deadline, in(2)));
    if (socket < 0) continue;
    // Another host may have an address of ours, and something else listening there.
    if (send_text(socket, token) && read_bytes(socket, token.size(), deadline) == token) {
      watch_host(socket);
      sockets_.push_back(socket);
      return;
    }
    ::close(socket);
  }
}

bool Lifeline::broken() const {
  std::vector<pollfd> ends;
  for (const int socket : sockets_) ends.push_back({socket, POLLIN, 0});
  return ::poll(ends.data(), ends.size(), 0) > 0;  // nothing is sent: an event is an end
}

}  // namespace oar
