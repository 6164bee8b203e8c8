#pragma once

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace oar {

/// What the server answers under one path, and how it misbehaves.
struct Served {
  std::string body;
  std::string etag = {};      ///< with its quotes; empty: none is sent
  bool has_ranges = true;     ///< false: every request is answered with the whole file
  bool tells_length = true;   ///< false: no Content-Length, the end is where the connection ends
  int64_t cut_after = -1;     ///< bytes of body after which the connection is closed; -1: never
  bool hangs = false;         ///< then nothing more is sent until the client goes away
  int status = 0;             ///< answered without a body, e.g. 404; 0: as HTTP has it
  std::string location = {};  ///< of a redirection
  int64_t range_begin = -1;   ///< a wrong begin to claim in Content-Range
};

/// A request as it came: names of header lines in lower case.
struct Request {
  std::string path;
  std::map<std::string, std::string> headers;
};

/// An HTTP/1.1 server on the loopback interface, one connection at a time, for as long as it lives.
class HttpServer {
 public:
  HttpServer() : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (listener_ < 0 || ::bind(listener_, generic, size) != 0 || ::listen(listener_, 8) != 0 ||
        ::getsockname(listener_, generic, &size) != 0) {
      throw std::runtime_error("no server on the loopback interface");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~HttpServer() {
    ::shutdown(listener_, SHUT_RDWR);  // wakes accept
    thread_.join();
    ::close(listener_);
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  void put(const std::string& path, Served served) {
    const std::lock_guard lock(mutex_);
    files_[path] = std::move(served);
  }
  std::string url(const std::string& path) const {
    return fmt::format("http://127.0.0.1:{}{}", port_, path);
  }
  std::vector<Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void serve() {
    for (;;) {
      const int connection = ::accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      answer(connection);
      ::close(connection);
    }
  }

  static Request read_request(int connection) {
    std::string text;
    char piece[1024];
    while (text.find("\r\n\r\n") == text.npos) {
      const ssize_t count = ::recv(connection, piece, sizeof(piece), 0);
      if (count <= 0) return {};
      text.append(piece, static_cast<size_t>(count));
    }
    Request request;
    const size_t path = text.find(' ') + 1;
    request.path = text.substr(path, text.find(' ', path) - path);
    for (size_t at = text.find("\r\n") + 2; at < text.size();) {
      const size_t end = text.find("\r\n", at);
      const size_t colon = text.find(": ", at);
      if (colon == text.npos || colon > end) break;
      std::string name = text.substr(at, colon - at);
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      request.headers[name] = text.substr(colon + 2, end - colon - 2);
      at = end + 2;
    }
    return request;
  }

  void answer(int connection) {
    const Request request = read_request(connection);
    Served served{.body = "", .status = 404};
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      if (files_.contains(request.path)) served = files_[request.path];
    }
    const std::string body = send_head(connection, request, served);
    const bool cut = served.cut_after >= 0 && served.cut_after < std::ssize(body);
    send(connection, cut ? body.substr(0, static_cast<size_t>(served.cut_after)) : body);
    char nothing;
    if (cut && served.hangs) ::recv(connection, &nothing, 1, 0);  // returns when the client leaves
  }

  /// Sends status and header; the body that belongs to them.
  static std::string send_head(int connection, const Request& request, const Served& served) {
    if (served.status != 0) {
      const std::string location =
          served.location.empty() ? "" : "Location: " + served.location + "\r\n";
      send(connection,
           fmt::format("HTTP/1.1 {} X\r\n{}Content-Length: 0\r\nConnection: close\r\n\r\n",
                       served.status, location));
      return "";
    }
    const auto header = [&request](const char* name) {
      const auto found = request.headers.find(name);
      return found == request.headers.end() ? std::string() : found->second;
    };
    const std::string range = header("range"), if_range = header("if-range");
    const bool is_part = served.has_ranges && range.starts_with("bytes=") &&
                         (if_range.empty() || if_range == served.etag);
    const size_t begin = is_part ? std::strtoull(range.c_str() + 6, nullptr, 10) : 0;
    if (is_part && begin >= served.body.size()) {
      send(connection, "HTTP/1.1 416 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      return "";
    }
    std::string head = is_part ? "HTTP/1.1 206 X\r\n" : "HTTP/1.1 200 X\r\n";
    if (is_part) {
      head += fmt::format("Content-Range: bytes {}-{}/{}\r\n",
                          served.range_begin < 0 ? static_cast<int64_t>(begin) : served.range_begin,
                          served.body.size() - 1, served.body.size());
    }
    const std::string body = served.body.substr(begin);
    if (served.tells_length) head += fmt::format("Content-Length: {}\r\n", body.size());
    if (!served.etag.empty()) head += "ETag: " + served.etag + "\r\n";
    send(connection, head + "Connection: close\r\n\r\n");
    return body;
  }

  static void send(int connection, const std::string& text) {
    for (size_t sent = 0; sent < text.size();) {
      const ssize_t count =
          ::send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) return;
      sent += static_cast<size_t>(count);
    }
  }

  int listener_;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, Served> files_;
  std::vector<Request> requests_;
  std::thread thread_;
};

/// An address at which nobody listens.
inline std::string closed_url(const std::string& path) { return HttpServer().url(path); }

}  // namespace oar
