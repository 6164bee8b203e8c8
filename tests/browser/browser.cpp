#include "tests/browser/browser.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace oar {

using nlohmann::json;

double seconds_now() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since).count();
}

std::string exception_text(const json& details) {
  const json exception = details.value("exception", json::object());
  return exception.value("description", details.value("text", "an exception"));
}

namespace {

namespace fs = std::filesystem;

constexpr double kAnswerSeconds = 60.0;  // to one message; the first one waits for the start
constexpr size_t kLongestUrl = 300;

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A folder that nobody else has.
fs::path own_folder() {
  std::string name = (fs::temp_directory_path() / "oar-browser-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder " + name);
  return name;
}

std::string file_url(const fs::path& file) {
  std::string url = "file://";
  for (const unsigned char c : fs::absolute(file).lexically_normal().string()) {
    const bool plain =
        std::isalnum(c) != 0 || std::string_view("/-_.~").find(c) != std::string::npos;
    url += plain ? std::string(1, static_cast<char>(c)) : fmt::format("%{:02X}", c);
  }
  return url;
}

std::vector<std::string> arguments_of(const std::string& program, const fs::path& folder) {
  return {program, "--headless",
          "--no-sandbox",  // tests may run as root
          "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
          "--disable-component-update", "--disable-default-apps", "--disable-extensions",
          "--disable-sync", "--disable-breakpad", "--disable-crash-reporter", "--no-first-run",
          "--no-default-browser-check", "--password-store=basic", "--force-device-scale-factor=1",
          "--window-size=1280,800",
          // A mouse, as desktops have one: fine, and it hovers.
          "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,"
          "availablePointerTypes=4",
          "--host-resolver-rules=MAP * ~NOTFOUND",
          "--user-data-dir=" + (folder / "profile").string(), "--remote-debugging-pipe",
          "about:blank"};
}

/// What the console was told: strings as they are, everything else as Chromium describes it.
std::string console_text(const json& arguments) {
  std::string text;
  for (const json& argument : arguments) {
    if (!text.empty()) text += ' ';
    const json value = argument.value("value", json());
    text += value.is_string()  ? value.get<std::string>()
            : !value.is_null() ? value.dump()
                               : argument.value("description", "");
  }
  return text;
}

}  // namespace

std::string Browser::program() {
  if (const char* own = std::getenv("OAR_CHROMIUM"); own != nullptr && *own != '\0') return own;
  const char* const path = std::getenv("PATH");
  for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
    std::istringstream folders(path == nullptr ? "/usr/bin" : path);
    for (std::string folder; std::getline(folders, folder, ':');) {
      const std::string found = folder + "/" + name;
      if (::access(found.c_str(), X_OK) == 0) return found;
    }
  }
  return "";
}

Browser::Browser() : folder_(own_folder()) {
  fs::create_directories(downloads());
  try {
    start(program());
    call("", "Browser.setDownloadBehavior",
         {{"behavior", "allow"}, {"downloadPath", downloads().string()}});
  } catch (...) {
    shut_down();
    throw;
  }
}

Browser::~Browser() { shut_down(); }

void Browser::start(const std::string& program) {
  std::vector<std::string> words = arguments_of(program, folder_);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string log = folder_ / "log.txt", home = folder_;
  std::array<int, 2> in, out;
  if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error("no pipes for Chromium");
  }
  ::signal(SIGPIPE, SIG_IGN);  // a Chromium that ended is an error of write()
  const pid_t parent = ::getpid();
  process_ = ::fork();
  if (process_ == 0) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves no browser behind
    if (::getppid() != parent) ::_exit(1);
    ::setenv("HOME", home.c_str(), 1);
    const int reads = ::fcntl(in[0], F_DUPFD_CLOEXEC, 10);  // not 3 or 4, which are written next
    const int writes = ::fcntl(out[1], F_DUPFD_CLOEXEC, 10);
    ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
    const int words_go_to = ::open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
    ::dup2(words_go_to, 1);
    ::dup2(words_go_to, 2);
    ::dup2(reads, 3);
    ::dup2(writes, 4);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ::setpgid(process_, process_);
  ::close(in[0]);
  ::close(out[1]);
  to_ = in[1];
  from_ = out[0];
}

void Browser::shut_down() {
  if (to_ >= 0) ::close(to_);
  if (from_ >= 0) ::close(from_);
  to_ = from_ = -1;
  if (process_ > 0) {
    ::kill(-process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
  }
  std::error_code error;
  for (int i = 0; i < 50; ++i) {  // a child may still have been writing
    fs::remove_all(folder_, error);
    if (!error) break;
    ::usleep(20'000);
  }
}

std::string Browser::log_text() const {
  const std::string text = text_of(folder_ / "log.txt");
  return text.substr(text.size() - std::min<size_t>(text.size(), 2000));
}

json Browser::call(const std::string& session, const std::string& method, const json& parameters) {
  json message = {{"id", ++last_id_}, {"method", method}};
  if (!parameters.is_null()) message["params"] = parameters;
  if (!session.empty()) message["sessionId"] = session;
  const std::string text = message.dump() + '\0';
  for (size_t sent = 0; sent < text.size();) {
    const ssize_t size = ::write(to_, text.data() + sent, text.size() - sent);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) throw std::runtime_error(method + ": Chromium has ended:\n" + log_text());
    sent += static_cast<size_t>(size);
  }
  const double deadline = seconds_now() + kAnswerSeconds;
  for (;;) {
    const json answer = next_message(deadline, "an answer to " + method);
    if (answer.value("id", 0) != last_id_) {
      take_event(answer);
      continue;
    }
    if (answer.contains("error")) throw std::runtime_error(method + ": " + answer["error"].dump());
    return answer.at("result");
  }
}

json Browser::next_message(double deadline, const std::string& what) {
  for (size_t scanned = 0;;) {
    const size_t end = unread_.find('\0', scanned);
    if (end != std::string::npos) {
      json message = json::parse(unread_.begin(), unread_.begin() + static_cast<ptrdiff_t>(end));
      unread_.erase(0, end + 1);
      return message;
    }
    scanned = unread_.size();
    pollfd readable = {from_, POLLIN, 0};
    const double left = deadline - seconds_now();
    if (left <= 0 || ::poll(&readable, 1, static_cast<int>(1000 * left) + 1) == 0) {
      throw std::runtime_error(
          fmt::format("Chromium did not send {} in {} s:\n{}", what, kAnswerSeconds, log_text()));
    }
    std::array<char, 1 << 16> part;
    const ssize_t size = ::read(from_, part.data(), part.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) throw std::runtime_error("Chromium ended before " + what + ":\n" + log_text());
    unread_.append(part.data(), static_cast<size_t>(size));
  }
}

void Browser::take_event(const json& message) {
  const std::string method = message.value("method", "");
  const json parameters = message.value("params", json::object());
  Seen& seen = seen_[message.value("sessionId", "")];
  const auto complain = [&](const std::string& words) { seen.complaints.push_back(words); };
  if (method == "Runtime.consoleAPICalled") {
    const std::string type = parameters.at("type");
    if (type == "error" || type == "warning" || type == "assert") {
      complain("console." + type + ": " + console_text(parameters.at("args")));
    }
  } else if (method == "Runtime.exceptionThrown") {
    complain("exception: " + exception_text(parameters.at("exceptionDetails")));
  } else if (method == "Log.entryAdded") {
    const json& entry = parameters.at("entry");
    const std::string level = entry.at("level");
    if (level == "error" || level == "warning") {
      complain("log: " + entry.at("text").get<std::string>() + " " +
               entry.value("url", "").substr(0, kLongestUrl));
    }
  } else if (method == "Inspector.targetCrashed") {
    throw std::runtime_error("the page crashed");
  } else if (method == "Network.requestWillBeSent") {
    const std::string url = parameters.at("request").at("url");
    if (!url.starts_with("data:") && !url.starts_with("blob:")) {
      seen.requests.push_back(url.substr(0, kLongestUrl));
    }
  }
}

Page Browser::open(const fs::path& file, const std::string& query) {
  if (!fs::exists(file)) throw std::runtime_error("there is no page " + file.string());
  const json target = call("", "Target.createTarget", {{"url", "about:blank"}}).at("targetId");
  const json attached =
      call("", "Target.attachToTarget", {{"targetId", target}, {"flatten", true}});
  Page page(*this, attached.at("sessionId"), file_url(file) + query);
  for (const char* domain : {"Page.enable", "Runtime.enable", "Network.enable", "Log.enable"}) {
    page.call(domain);
  }
  const json navigated = page.call("Page.navigate", {{"url", page.url_}});
  if (navigated.contains("errorText")) {
    throw std::runtime_error(page.url_ + ": " + navigated["errorText"].get<std::string>());
  }
  page.wait_until("location.protocol === 'file:' && document.readyState === 'complete'", 60);
  return page;
}

void BrowserTest::SetUp() {
  if (Browser::program().empty()) {
    GTEST_SKIP()
        << "no Chromium on this machine: `make test` installs it, or $OAR_CHROMIUM names one";
  }
  folder_ = own_folder();
}

void BrowserTest::TearDown() {
  browser_.reset();
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

Browser& BrowserTest::browser() {
  if (!browser_) browser_ = std::make_unique<Browser>();
  return *browser_;
}

}  // namespace oar
