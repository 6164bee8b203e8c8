#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace oar {

/// What log.jsonl says of the latest run in its folder. A log grows by every point of every curve,
/// so it is read on from where the last look ended.
class RunLog {
 public:
  struct Error {
    std::string time, where, message;  ///< where: "any_order/0123456789ab"
  };

  explicit RunLog(std::filesystem::path file) : file_(std::move(file)) {}

  /// Reads what has been written since. Lines that are no events are passed over; a last line
  /// without an end is left for the next time. No file: nothing is known.
  void read_on();

  bool found() const { return found_; }
  /// The latest `run_started` event, with its time; null before there is one.
  const nlohmann::json& started() const { return started_; }
  /// The `run_ended` event after it; null if there is none.
  const nlohmann::json& ended() const { return ended_; }
  /// The latest kMostErrors of this run's failures, oldest first.
  const std::vector<Error>& errors() const { return errors_; }
  static constexpr size_t kMostErrors = 5;

 private:
  void take(const std::string& line);

  std::filesystem::path file_;
  bool found_ = false;
  std::streamoff read_ = 0;
  nlohmann::json started_, ended_;
  std::vector<Error> errors_;
};

}  // namespace oar
