#include "harness/log/open_log.h"

#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "harness/log/json_lines_sink.h"
#include "harness/log/tensorboard_sink.h"
#include "harness/log/text_sink.h"

namespace oar {
namespace {

template <typename Sink>
void add(EventLog& log, const std::filesystem::path& path) {
  try {
    std::filesystem::create_directories(path.parent_path());
    log.add(std::make_unique<Sink>(path));
  } catch (const std::exception& error) {
    fmt::print(stderr, "oar-bench: the run goes on without this log: {}\n", error.what());
  }
}

}  // namespace

std::unique_ptr<EventLog> open_log(const std::filesystem::path& out, bool tensorboard) {
  auto log = std::make_unique<EventLog>();
  add<JsonLinesSink>(*log, out / "log.jsonl");
  add<TextSink>(*log, out / "log.txt");
  if (tensorboard) add<TensorboardSink>(*log, out / "tensorboard");
  return log;
}

}  // namespace oar
