#include "models/distributed/lifeline.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace oar {
namespace {

/// The lifelines of three ranks, which here are threads. `visit` sees the invitation first.
std::vector<std::unique_ptr<Lifeline>> three_ranks(
    const std::function<void(const std::string& invitation)>& visit = {}) {
  std::promise<std::string> said;
  const std::shared_future<std::string> heard = said.get_future().share();
  std::vector<std::unique_ptr<Lifeline>> lines(3);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < 3; ++rank) {
    threads.emplace_back([&, rank] {
      lines[static_cast<size_t>(rank)] = std::make_unique<Lifeline>(
          rank, 3,
          [&](std::string& text) {
            if (rank > 0) {
              text = heard.get();
              return;
            }
            if (visit) visit(text);
            said.set_value(text);
          },
          5);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return lines;
}

/// Waits a moment: the end of a connection takes its time.
bool breaks(const Lifeline& line) {
  for (int i = 0; i < 100 && !line.broken(); ++i) ::usleep(10000);
  return line.broken();
}

TEST(Lifeline, HoldsWhileAllRanksLive) {
  const auto lines = three_ranks();
  EXPECT_EQ(lines[0]->watched(), 2);
  EXPECT_EQ(lines[1]->watched(), 1);
  for (const auto& line : lines) EXPECT_FALSE(line->broken());
}

TEST(Lifeline, BreaksForTheFirstRankWhenAnotherEnds) {
  auto lines = three_ranks();
  lines[2].reset();
  EXPECT_TRUE(breaks(*lines[0]));
  EXPECT_FALSE(lines[1]->broken());  // it hears of it when rank 0 gives up
}

TEST(Lifeline, BreaksForAllWhenTheFirstRankEnds) {
  auto lines = three_ranks();
  lines[0].reset();
  EXPECT_TRUE(breaks(*lines[1]));
  EXPECT_TRUE(breaks(*lines[2]));
}

TEST(Lifeline, TurnsStrangersAway) {
  int stranger = -1;
  const auto lines = three_ranks([&](const std::string& invitation) {
    std::istringstream words(invitation);
    std::string token;
    uint16_t port = 0;
    words >> token >> port;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    stranger = ::socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_EQ(::connect(stranger, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const std::string guess(token.size(), '0');
    ASSERT_EQ(::write(stranger, guess.data(), guess.size()), static_cast<ssize_t>(guess.size()));
  });
  ::close(stranger);
  EXPECT_EQ(lines[0]->watched(), 2);
  EXPECT_FALSE(lines[0]->broken());
}

TEST(Lifeline, GoesWithoutWhereRankZeroCannotBeReached) {
  const Lifeline line(
      1, 2, [](std::string& text) { text = "token 1 127.0.0.1"; }, 0.5);
  EXPECT_EQ(line.watched(), 0);
  EXPECT_FALSE(line.broken());
}

}  // namespace
}  // namespace oar
