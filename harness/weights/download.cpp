#include "harness/weights/download.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <exception>
#include <memory>
#include <span>
#include <string_view>

#include "harness/store/interrupt.h"
#include "models/weights/tensor_file.h"

namespace oar {
namespace {

constexpr long kConnectSeconds = 30;
constexpr long kSlowSeconds = 60;  // that long below kSlowBytes a second is a dead connection
constexpr long kSlowBytes = 100;
constexpr long kMaxRedirections = 10;
constexpr long kPartialContent = 206;
constexpr long kRangeNotSatisfiable = 416;
constexpr int64_t kMillion = 1'000'000;
constexpr const char* kProtocols = "http,https";

/// "[=======>            ] 37%".
std::string bar(int64_t done, int64_t total) {
  constexpr int64_t kWidth = 20;
  const int64_t filled = total > 0 ? done * kWidth / total : 0;
  std::string cells(static_cast<size_t>(filled), '=');
  if (filled < kWidth) cells += '>';
  cells.resize(kWidth, ' ');
  return fmt::format("[{}] {}%", cells, total > 0 ? done * 100 / total : 0);
}

struct ContentRange {
  int64_t begin = -1;
  int64_t total = -1;  ///< -1: not told
};

/// "bytes 100-199/200"; -1 for what is not there.
ContentRange parse_content_range(std::string_view text) {
  ContentRange range;
  if (!text.starts_with("bytes ")) return range;
  text.remove_prefix(6);
  std::from_chars(text.data(), text.data() + text.size(), range.begin);
  const size_t slash = text.find('/');
  if (slash != text.npos) {
    std::from_chars(text.data() + slash + 1, text.data() + text.size(), range.total);
  }
  return range;
}

/// One request and its answer.
class Transfer {
 public:
  Transfer(const std::string& url, int64_t bytes, PartFile& part, Progress& progress)
      : url_(url), bytes_(bytes), begin_(part.size()), part_(part), progress_(progress) {
    if (!curl_) throw std::runtime_error("libcurl cannot be started");
    set_up();
  }

  /// False if the part does not fit what the server has: begin anew.
  bool run() {
    const CURLcode code = curl_easy_perform(curl_.get());
    if (failure_) std::rethrow_exception(failure_);
    if (code == CURLE_ABORTED_BY_CALLBACK) throw Interrupted();
    if (range_misfits_ || (begin_ > 0 && status() == kRangeNotSatisfiable)) return false;
    if (code != CURLE_OK) {
      throw DownloadFailed(message_[0] != '\0' ? message_.data() : curl_easy_strerror(code));
    }
    if (part_.size() < bytes_) {
      throw DownloadFailed(fmt::format("the server stopped after {} of {} bytes",
                                       count_text(part_.size()), count_text(bytes_)));
    }
    progress_.end();
    return true;
  }

 private:
  static CURL* new_handle() {
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);  // once, before all else
    return ready == CURLE_OK ? curl_easy_init() : nullptr;
  }

  template <typename Value>
  void set(CURLoption option, Value value) {
    if (const CURLcode code = curl_easy_setopt(curl_.get(), option, value); code != CURLE_OK) {
      throw std::runtime_error(fmt::format("libcurl: {}", curl_easy_strerror(code)));
    }
  }

  void set_up() {
    set(CURLOPT_URL, url_.c_str());
    set(CURLOPT_PROTOCOLS_STR, kProtocols);
    set(CURLOPT_REDIR_PROTOCOLS_STR, kProtocols);
    set(CURLOPT_FOLLOWLOCATION, 1L);
    set(CURLOPT_MAXREDIRS, kMaxRedirections);
    set(CURLOPT_FAILONERROR, 1L);
    set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    set(CURLOPT_LOW_SPEED_TIME, kSlowSeconds);
    set(CURLOPT_LOW_SPEED_LIMIT, kSlowBytes);
    set(CURLOPT_NOSIGNAL, 1L);  // the program's own handlers stay
    set(CURLOPT_USERAGENT, "oar-bench");
    set(CURLOPT_ERRORBUFFER, message_.data());
    set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_XFERINFOFUNCTION, &Transfer::on_time);
    set(CURLOPT_NOPROGRESS, 0L);
    if (begin_ == 0) return;
    set(CURLOPT_RANGE, fmt::format("{}-", begin_).c_str());
    const PartOrigin& origin = part_.origin();
    if (origin.url != url_ || origin.etag.empty()) return;
    // Another version than the one the part began with is sent whole.
    headers_.reset(curl_slist_append(nullptr, ("If-Range: " + origin.etag).c_str()));
    set(CURLOPT_HTTPHEADER, headers_.get());
  }

  long status() const {
    long code = 0;
    curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &code);
    return code;
  }

  std::string header(const char* name) const {
    curl_header* found = nullptr;
    const auto code = curl_easy_header(curl_.get(), name, 0, CURLH_HEADER, -1, &found);
    return code == CURLHE_OK ? found->value : "";
  }

  /// An ETag that stands for the exact bytes; "W/..." only for what they mean.
  std::string strong_etag() const {
    std::string etag = header("ETag");
    return etag.starts_with('"') ? etag : "";
  }

  static int on_time(void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return interrupt_requested() ? 1 : 0;
  }

  // Exceptions must not pass through libcurl: the first is kept, and the transfer ended.
  static size_t on_body(char* data, size_t, size_t size, void* self) {
    auto* transfer = static_cast<Transfer*>(self);
    try {
      const bool taken = transfer->take(std::as_bytes(std::span(data, size)));
      return taken ? size : CURL_WRITEFUNC_ERROR;
    } catch (...) {
      transfer->failure_ = std::current_exception();
      return CURL_WRITEFUNC_ERROR;
    }
  }

  bool take(std::span<const std::byte> data) {
    if (!started_ && !start_body()) return false;
    if (static_cast<int64_t>(data.size()) > bytes_ - part_.size()) {
      part_.clear();
      refuse_size("more");
    }
    part_.append(data);
    progress_.update(part_.size() / kMillion, bar(part_.size(), bytes_));
    return true;
  }

  /// Looks at the answer's header before the first byte is written; false if the part misfits.
  bool start_body() {
    started_ = true;
    const long code = status();
    const bool is_part = code == kPartialContent;
    if (code != 200 && !(is_part && begin_ > 0)) {
      throw DownloadFailed(
          fmt::format("the server answers with HTTP {}; accepted is the file", code));
    }
    curl_off_t length = -1;
    curl_easy_getinfo(curl_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    int64_t total = length;
    if (is_part) {
      const ContentRange range = parse_content_range(header("Content-Range"));
      range_misfits_ = range.begin != begin_;
      if (range_misfits_) return false;
      total = range.total;
    }
    if (total >= 0 && total != bytes_) refuse_size(count_text(total));
    if (!is_part) part_.clear();
    part_.continue_from({url_, strong_etag()});
    progress_.begin("MB", (bytes_ + kMillion - 1) / kMillion, part_.size() / kMillion);
    return true;
  }

  [[noreturn]] void refuse_size(const std::string& found) const {
    throw BadWeights(
        fmt::format("the server's file has {} bytes, the known one {}", found, count_text(bytes_)));
  }

  const std::string url_;
  const int64_t bytes_;
  const int64_t begin_;  ///< size of the part when the request was made
  PartFile& part_;
  Progress& progress_;
  std::array<char, CURL_ERROR_SIZE> message_ = {};
  std::exception_ptr failure_;
  bool started_ = false;
  bool range_misfits_ = false;
  std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers_{nullptr,
                                                                       curl_slist_free_all};
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl_{new_handle(), curl_easy_cleanup};
};

}  // namespace

void download(const std::string& url, int64_t bytes, PartFile& part, Progress& progress) {
  if (part.size() > bytes) part.clear();
  if (part.size() == bytes) return;
  if (Transfer(url, bytes, part, progress).run()) return;
  part.clear();
  if (!Transfer(url, bytes, part, progress).run()) {
    throw DownloadFailed("the server answers a request for the whole file with a part of it");
  }
}

}  // namespace oar
