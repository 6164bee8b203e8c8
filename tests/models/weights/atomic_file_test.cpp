#include "models/weights/atomic_file.h"

#include <ATen/ops/zeros.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <system_error>

#include "tests/models/weights/expect_bad_weights.h"

namespace oar {
namespace {

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

auto count_files(const std::filesystem::path& folder) {
  return std::distance(std::filesystem::directory_iterator(folder), {});
}

TEST(AtomicFile, ReplacesTheOldContentOnlyAtTheCommit) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "x", "old");
  AtomicFile file(folder / "x");
  file.write(as_bytes("n"));
  file.write(as_bytes("ew"));
  EXPECT_EQ(content(folder / "x"), "old");
  EXPECT_TRUE(std::filesystem::exists(folder / ("x.tmp." + std::to_string(getpid()))));
  file.commit();
  EXPECT_EQ(content(folder / "x"), "new");
  EXPECT_EQ(count_files(folder.path()), 1);
  EXPECT_THROW(file.write(as_bytes("more")), std::logic_error);
}

TEST(AtomicFile, WithoutACommitLeavesNothing) {
  const TemporaryFolder folder;
  { AtomicFile(folder / "x").write(as_bytes("half of")); }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(AtomicFile, TwoWritersOfOnePathDoNotMix) {
  const TemporaryFolder folder;
  AtomicFile first(folder / "x"), second(folder / "x");
  first.write(as_bytes("first"));
  second.write(as_bytes("second"));
  second.commit();
  first.commit();
  EXPECT_EQ(content(folder / "x"), "first");
  EXPECT_EQ(count_files(folder.path()), 1);
}

TEST(AtomicFile, NamesThePathAndTheReasonOfAFailure) {
  const TemporaryFolder folder;
  try {
    write_file_atomically(folder / "no/such/folder", "x");
    FAIL() << "written into a folder that is not there";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ENOENT);
    EXPECT_THAT(error.what(), testing::HasSubstr("no/such/folder"));
  }
}

TEST(AtomicFile, AFolderInThePlaceIsAnErrorWithoutLeftovers) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "x");
  EXPECT_THROW(write_file_atomically(folder / "x", "content"), std::system_error);
  EXPECT_EQ(count_files(folder.path()), 1);
}

// Runs `write` in a child whose files may not grow beyond 4 kB: write() then fails half way, as on
// a full disk. 0: it threw std::system_error with EFBIG.
int in_a_child_with_a_full_disk(const std::function<void()>& write) {
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    try {
      write();
    } catch (const std::system_error& error) {
      _exit(error.code().value() == EFBIG ? 0 : 1);
    } catch (...) {
      _exit(2);
    }
    _exit(3);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(AtomicFile, AFullDiskLeavesTheOldFileAndNoTemporaryOne) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "x", "old");
  EXPECT_EQ(in_a_child_with_a_full_disk(
                [&] { write_file_atomically(folder / "x", std::string(10'000, 'n')); }),
            0);
  EXPECT_EQ(content(folder / "x"), "old");
  EXPECT_EQ(count_files(folder.path()), 1);
}

TEST(WriteSafetensors, AFullDiskLeavesTheOldFileAndNoTemporaryOne) {
  const TemporaryFolder folder;
  write_safetensors(folder / "x", {{"w", at::zeros({2})}});
  const TensorMap larger = {{"w", at::zeros({5000})}};
  EXPECT_EQ(in_a_child_with_a_full_disk([&] { write_safetensors(folder / "x", larger); }), 0);
  EXPECT_EQ(read_tensors(folder / "x").at("w").numel(), 2);
  EXPECT_EQ(count_files(folder.path()), 1);
}

}  // namespace
}  // namespace oar
