#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>

#include "harness/store/stage.h"

namespace oar {

/// A store in a folder of its own, and a stage to run in it: three steps, each of which appends a
/// line to scratch/steps; the last writes model.bin from those lines.
class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    std::string name = (std::filesystem::temp_directory_path() / "oar-store-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    root_ = name;
  }
  ~StoreTest() override { std::filesystem::remove_all(root_); }

  Store store() const { return Store(root_ / "store"); }
  std::string printed() const { return out_.str(); }

  StageResult run(const StageNode& node, const StageFunction& function) {
    const Store opened = store();
    Progress progress({.out = &out_});
    progress.stage("[1/1] " + node.stage);
    return StageRunner(opened, progress).run(node, function);
  }

  /// Runs `body` in a forked child, which exits with the number it returns; 99 if it throws.
  static pid_t spawn(const std::function<int()>& body) {
    const pid_t child = fork();
    if (child != 0) return child;
    try {
      _exit(body());
    } catch (...) {
      _exit(99);
    }
  }
  /// Its exit status, or minus the signal that ended it.
  static int wait_for(pid_t child) {
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  static int in_child(const std::function<int()>& body) { return wait_for(spawn(body)); }

  /// Whether `condition` comes true within ten seconds: more than any loaded machine needs.
  static bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000 && !condition(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return condition();
  }

  static void write(const std::filesystem::path& file, std::string_view text) {
    std::ofstream(file, std::ios::binary) << text;
  }
  static void append(const std::filesystem::path& file, std::string_view text) {
    std::ofstream(file, std::ios::binary | std::ios::app) << text;
  }
  static std::string read(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
  }
  /// Every file of a folder with its bytes, but for the manifest.
  static std::map<std::string, std::string> files_of(const std::filesystem::path& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      const std::string name = std::filesystem::relative(entry.path(), folder).generic_string();
      if (entry.is_regular_file() && name != "manifest.json") files[name] = read(entry.path());
    }
    return files;
  }

  static nlohmann::json three_steps(StageContext& context,
                                    const std::function<void(int)>& after_step = {}) {
    const auto steps = context.scratch() / "steps";
    const std::string before = read(steps);
    for (int step = static_cast<int>(before.size()) / 2; step < 3; ++step) {
      append(steps, std::to_string(step) + "\n");
      if (after_step) after_step(step);
      context.stop_if_requested();
    }
    write(context.work() / "model.bin", "made of\n" + read(steps));
    return {{"loss", 0.5}};
  }

  std::filesystem::path root_;
  std::ostringstream out_;
};

}  // namespace oar
