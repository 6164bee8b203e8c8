// Downloads from a server in this process, which misbehaves in every way that servers do.
#include "harness/weights/fetch.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <sstream>
#include <system_error>

#include "harness/store/interrupt.h"
#include "harness/weights/download.h"
#include "models/weights/tensor_file.h"
#include "tests/harness/weights/http_server.h"
#include "tests/harness/weights/weights_fixture.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Key;
using testing::Not;
using testing::Pair;

class Fetch : public WeightsTest {
 protected:
  Fetch() { known_.sources = {server_.url("/weights")}; }

  void serve(Served served) { server_.put("/weights", std::move(served)); }
  void fetch() { fetch_weights(known_, folder_); }

  /// The message of the error that fetching ends in.
  template <typename Error>
  std::string refusal() {
    try {
      fetch();
    } catch (const Error& error) {
      return error.what();
    }
    ADD_FAILURE() << "the file was fetched";
    return "";
  }

  /// A first attempt, cut off after 40,000 bytes.
  void fetch_40000(const std::string& etag = "\"v1\"") {
    serve({.body = body_, .etag = etag, .cut_after = 40'000});
    refusal<DownloadFailed>();
    ASSERT_EQ(content(part()), body_.substr(0, 40'000));
  }
  std::map<std::string, std::string> last_headers() { return server_.requests().back().headers; }

  void expect_in_place() {
    EXPECT_EQ(content(place()), body_);
    EXPECT_FALSE(fs::exists(part()));
    EXPECT_FALSE(fs::exists(part().string() + ".json"));
  }
  void expect_nothing_in_place() { EXPECT_FALSE(fs::exists(place())); }

  HttpServer server_;
};

TEST_F(Fetch, PutsTheFileInPlace) {
  serve({.body = body_});
  EXPECT_EQ(fetch_weights(known_, folder_), place());
  expect_in_place();
}

TEST_F(Fetch, MakesTheFolder) {
  serve({.body = body_});
  folder_ /= "new/folder";
  fetch();
  expect_in_place();
}

TEST_F(Fetch, LeavesAFileAloneThatIsThere) {
  write(place(), body_);
  fetch();
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(Fetch, ReplacesADamagedFileOnlyByTheRightOne) {
  const std::string damaged(body_.size(), 'x');
  write(place(), damaged);
  refusal<DownloadFailed>();  // 404
  EXPECT_EQ(content(place()), damaged);
  serve({.body = body_});
  fetch();
  expect_in_place();
}

TEST_F(Fetch, ContinuesWhereTheConnectionWasCut) {
  fetch_40000();
  expect_nothing_in_place();
  serve({.body = body_, .etag = "\"v1\""});
  fetch();
  expect_in_place();
  EXPECT_THAT(last_headers(), Contains(Pair("range", "bytes=40000-")));
  EXPECT_THAT(last_headers(), Contains(Pair("if-range", "\"v1\"")));
}

TEST_F(Fetch, ContinuesFromAServerThatNamesNoVersion) {
  fetch_40000("");
  serve({.body = body_});
  fetch();
  expect_in_place();
  EXPECT_THAT(last_headers(), Not(Contains(Key("if-range"))));
}

TEST_F(Fetch, SaysThatTheSameCommandContinues) {
  serve({.body = body_, .cut_after = 40'000});
  EXPECT_THAT(refusal<DownloadFailed>(), HasSubstr("40,000 bytes that came are kept; the same"));
}

TEST_F(Fetch, BeginsAnewWhereTheServerHasNoRanges) {
  fetch_40000();
  serve({.body = body_, .has_ranges = false});
  fetch();
  expect_in_place();
}

TEST_F(Fetch, BeginsAnewWhereTheServersFileHasChanged) {
  fetch_40000("\"v0\"");
  write(part(), std::string(40'000, 'o'));  // what version 0 began with
  serve({.body = body_, .etag = "\"v1\""});
  fetch();
  expect_in_place();
}

TEST_F(Fetch, BeginsAnewWhereThePartIsOfAnotherFile) {
  fetch_40000();
  body_[0] ^= 1;
  known_.sha256 = sha256_hex(body_);
  serve({.body = body_, .etag = "\"v1\""});
  fetch();
  expect_in_place();
  EXPECT_THAT(last_headers(), Not(Contains(Key("range"))));
}

TEST_F(Fetch, BeginsAnewWhereThePartHasNoNote) {
  write(part(), std::string(40'000, 'o'));
  serve({.body = body_});
  fetch();
  expect_in_place();
}

TEST_F(Fetch, BeginsAnewWhereTheServerContinuesElsewhere) {
  fetch_40000();
  serve({.body = body_, .etag = "\"v1\"", .range_begin = 39'999});
  fetch();
  expect_in_place();
}

TEST_F(Fetch, BeginsAnewWhereTheServersFileEndsBeforeThePart) {
  fetch_40000("");
  serve({.body = body_.substr(0, 30'000)});  // 416, then the whole of it
  EXPECT_THAT(refusal<BadWeights>(), HasSubstr("30,000 bytes, the known one 100,000"));
}

TEST_F(Fetch, AsksForNothingWhereThePartIsWhole) {
  fetch_40000();
  write(part(), body_);
  fetch();
  expect_in_place();
  EXPECT_EQ(server_.requests().size(), 1u);
}

TEST_F(Fetch, NeverPutsWrongBytesInPlace) {
  std::string wrong = body_;
  wrong[50'000] ^= 1;
  serve({.body = wrong});
  EXPECT_THAT(refusal<BadWeights>(), AllOf(HasSubstr(sha256_hex(wrong)), HasSubstr(known_.sha256)));
  EXPECT_FALSE(fs::exists(part()));
  expect_nothing_in_place();
}

TEST_F(Fetch, RefusesAFileOfAnotherSizeBeforeItIsRead) {
  serve({.body = "<html>please log in</html>"});
  EXPECT_THAT(refusal<BadWeights>(), HasSubstr("26 bytes, the known one 100,000"));
  EXPECT_FALSE(fs::exists(part()));
}

TEST_F(Fetch, KeepsThePartOfATruncatedAnswerWithoutALength) {
  serve({.body = body_.substr(0, 60'000), .tells_length = false});
  EXPECT_THAT(refusal<DownloadFailed>(), HasSubstr("stopped after 60,000 of 100,000 bytes"));
  EXPECT_EQ(content(part()), body_.substr(0, 60'000));
  expect_nothing_in_place();
}

TEST_F(Fetch, StopsAServerThatSendsTooMuch) {
  serve({.body = body_ + "more", .tells_length = false});
  EXPECT_THAT(refusal<BadWeights>(), HasSubstr("more bytes, the known one 100,000"));
  EXPECT_FALSE(fs::exists(part()));
}

TEST_F(Fetch, NamesWhatToBringWhereTheServerHasNoSuchFile) {
  EXPECT_THAT(refusal<DownloadFailed>(),
              AllOf(HasSubstr("404"), HasSubstr(known_.sources[0]), HasSubstr("example.pth"),
                    HasSubstr(known_.sha256), HasSubstr("oar-bench weights import FILE")));
  EXPECT_FALSE(fs::exists(part()));
}

TEST_F(Fetch, NamesWhatToBringWhereNoServerAnswers) {
  known_.sources = {closed_url("/here"), closed_url("/there")};
  EXPECT_THAT(refusal<DownloadFailed>(),
              AllOf(HasSubstr(known_.sources[0] + ": "), HasSubstr(known_.sources[1] + ": "),
                    HasSubstr("100,000 bytes"), HasSubstr(known_.sha256),
                    HasSubstr("oar-bench weights import FILE")));
}

TEST_F(Fetch, GoesOnToTheNextSource) {
  known_.sources = {server_.url("/gone"), server_.url("/wrong"), server_.url("/weights")};
  server_.put("/wrong", {.body = std::string(body_.size(), 'x')});
  serve({.body = body_});
  fetch();
  expect_in_place();
}

TEST_F(Fetch, ContinuesFromTheNextSource) {
  known_.sources = {server_.url("/cut"), server_.url("/weights")};
  server_.put("/cut", {.body = body_, .etag = "\"a\"", .cut_after = 40'000});
  serve({.body = body_, .etag = "\"b\""});
  fetch();
  expect_in_place();
  EXPECT_THAT(last_headers(), Contains(Pair("range", "bytes=40000-")));
}

TEST_F(Fetch, FollowsRedirectionsToHttpAlone) {
  server_.put("/elsewhere", {.body = body_});
  serve({.body = "", .status = 302, .location = "/elsewhere"});
  fetch();
  expect_in_place();

  fs::remove(place());
  const fs::path local = folder_ / "local";
  write(local, body_);
  serve({.body = "", .status = 302, .location = "file://" + local.string()});
  EXPECT_THAT(refusal<DownloadFailed>(), HasSubstr("file"));
  expect_nothing_in_place();
}

TEST_F(Fetch, RefusesAddressesThatAreNotHttp) {
  const fs::path local = folder_ / "local";
  write(local, body_);
  known_.sources = {"file://" + local.string()};
  EXPECT_THAT(refusal<DownloadFailed>(), HasSubstr("file"));
  expect_nothing_in_place();
}

TEST_F(Fetch, SaysHowMuchRoomIsMissingBeforeItAsksForAnything) {
  FetchOptions options;
  options.free_bytes = [](const fs::path&) { return 30'000; };
  try {
    fetch_weights(known_, folder_, options);
    FAIL() << "fetched without room";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_space_on_device);
    EXPECT_THAT(error.what(), HasSubstr("70,000 are missing"));
  }
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(Fetch, NeedsRoomOnlyForWhatIsMissing) {
  fetch_40000();
  serve({.body = body_, .etag = "\"v1\""});
  FetchOptions options;
  options.free_bytes = [](const fs::path&) { return 60'000; };
  fetch_weights(known_, folder_, options);
  expect_in_place();
}

TEST_F(Fetch, ShowsABarOnATerminal) {
  std::ostringstream out;
  serve({.body = body_});
  FetchOptions options;
  options.progress = {&out, true, {}, {}};
  fetch_weights(known_, folder_, options);
  EXPECT_THAT(out.str(), AllOf(HasSubstr("example  0/1 MB"), HasSubstr("[=")));
}

TEST_F(Fetch, RefusesEmbeddedWeights) {
  known_.is_embedded = true;
  EXPECT_THAT(refusal<std::invalid_argument>(), HasSubstr("nothing to fetch"));
}

/// Runs `body` in a forked child, which exits with the number it returns; 99 if it throws.
pid_t spawn(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  try {
    ::_exit(body());
  } catch (...) {
    ::_exit(99);
  }
}
int exit_code_of(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST_F(Fetch, KeepsWhatCameWhenTheDiskIsFull) {
  serve({.body = body_, .etag = "\"v1\""});
  const pid_t child = spawn([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{40'000, 40'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      fetch();
    } catch (const std::system_error& error) {
      const std::string message = error.what();
      const bool says = message.find("40,000 bytes that came are kept in") != message.npos &&
                        message.find(part().string()) != message.npos;
      return says && error.code().value() == EFBIG ? 0 : 1;
    }
    return 2;
  });
  EXPECT_EQ(exit_code_of(child), 0);
  EXPECT_EQ(content(part()), body_.substr(0, 40'000));
  fetch();
  expect_in_place();
  EXPECT_THAT(last_headers(), Contains(Pair("range", "bytes=40000-")));
}

TEST_F(Fetch, KeepsWhatCameWhenASignalEndsIt) {
  serve({.body = body_, .etag = "\"v1\"", .cut_after = 40'000, .hangs = true});
  const pid_t child = spawn([&] {
    install_signal_handlers();
    try {
      fetch();
    } catch (const Interrupted&) {
      return 75;
    }
    return 2;
  });
  while (!fs::exists(part()) || fs::file_size(part()) < 40'000) ::usleep(1000);
  ::kill(child, SIGINT);
  EXPECT_EQ(exit_code_of(child), 75);
  EXPECT_EQ(content(part()), body_.substr(0, 40'000));
  serve({.body = body_, .etag = "\"v1\""});
  fetch();
  expect_in_place();
}

TEST_F(Fetch, OfOneFileByTwoProcessesAsksOnce) {
  serve({.body = body_});
  const auto fetch_quietly = [&] {
    fetch();
    return 0;
  };
  const pid_t first = spawn(fetch_quietly), second = spawn(fetch_quietly);
  EXPECT_EQ(exit_code_of(first), 0);
  EXPECT_EQ(exit_code_of(second), 0);
  EXPECT_EQ(server_.requests().size(), 1u);
  expect_in_place();
}

}  // namespace
}  // namespace oar
