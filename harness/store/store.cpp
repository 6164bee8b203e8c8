#include "harness/store/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include "datasets/dataset.h"
#include "datasets/sha256.h"
#include "models/weights/atomic_file.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

constexpr int kManifestSchema = 2;  // 1 had no hash of its own, and `seconds` for `cost`
constexpr const char* kManifest = "manifest.json";
constexpr const char* kScratch = "scratch";
constexpr size_t kSyncedOneByOne = 64;

[[noreturn]] void refuse(const fs::path& path, const char* what) {
  throw std::system_error(errno, std::generic_category(),
                          fmt::format("{}: {}", path.string(), what));
}

/// Returns once `sync` (fsync of a file or folder, syncfs) has put it on the disk.
void sync_to_disk(const fs::path& path, int (*sync)(int) = fsync) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) refuse(path, "cannot open to sync");
  const bool synced = sync(descriptor) == 0 || errno == EINVAL;  // some systems sync no folders
  const int error = errno;
  close(descriptor);
  errno = error;
  if (!synced) refuse(path, "cannot sync to the disk");
}

/// `name.tmp.<pid>` or `name.tmp.<pid>.<n>`: what AtomicFile leaves when its process is killed.
bool is_leftover(const fs::path& path) {
  const std::string name = path.filename().string();
  const size_t mark = name.rfind(".tmp.");
  return mark != std::string::npos && mark + 5 < name.size() &&
         name.find_first_not_of("0123456789.", mark + 5) == std::string::npos;
}

/// Everything in a working folder that belongs to the artifact, files and folders apart, sorted.
struct Contents {
  std::vector<fs::path> files, folders;
};

Contents contents_of(const fs::path& work) {
  Contents contents;
  for (auto it = fs::recursive_directory_iterator(work); it != fs::end(it); ++it) {
    if (it.depth() == 0 && it->path().filename() == kScratch) {
      it.disable_recursion_pending();
    } else if (it->is_symlink() || !(it->is_directory() || it->is_regular_file())) {
      throw std::logic_error(
          fmt::format("{}: an artifact holds plain files only", it->path().string()));
    } else {
      (it->is_directory() ? contents.folders : contents.files).push_back(it->path());
    }
  }
  std::sort(contents.files.begin(), contents.files.end());
  contents.folders.push_back(work);
  return contents;
}

/// Ten thousand images would be synced one by one in half a minute; the whole file system takes
/// less than a second.
void sync_contents(const fs::path& work, const Contents& contents) {
  if (contents.files.size() > kSyncedOneByOne) return sync_to_disk(work, syncfs);
  for (const auto& file : contents.files) sync_to_disk(file);
  for (const auto& folder : contents.folders) sync_to_disk(folder);
}

/// The hash that a manifest carries of itself: of all its other members.
std::string hash_of_manifest(nlohmann::json manifest) {
  manifest.erase("sha256");
  return sha256_hex(manifest.dump());
}

/// Names in a manifest become paths: none of them may lead out of the store.
std::string damage_of_names(const nlohmann::json& manifest) {
  for (const auto& [name, entry] : manifest.at("files").items()) {
    const fs::path path = name;
    const bool inside =
        !path.is_absolute() && std::none_of(path.begin(), path.end(), [](const fs::path& step) {
          return step == ".." || step.empty();
        });
    if (!inside) return "its manifest names a file outside of it";
  }
  for (const auto& [role, input] : manifest.at("inputs").items()) {
    const auto is_made_of = [](const std::string& text, std::string_view letters) {
      return !text.empty() && text.find_first_not_of(letters) == std::string::npos;
    };
    if (!is_made_of(input.at("stage"), "abcdefghijklmnopqrstuvwxyz0123456789_") ||
        !is_made_of(input.at("key"), "0123456789abcdef") ||
        input.at("key").get_ref<const std::string&>().size() != 64) {
      return "its manifest names an input that no stage can have made";
    }
  }
  return {};
}

/// What is wrong with a manifest itself, or nothing.
std::string damage_of_manifest(const nlohmann::json& manifest, const std::string& stage,
                               const std::string& key) {
  const nlohmann::json& schema = manifest.at("schema_version");
  if (schema != kManifestSchema && schema != 1) {
    return fmt::format("its manifest has schema_version {}, this program reads 1 to {}",
                       schema.dump(), kManifestSchema);
  }
  if (manifest.at("stage") != stage || manifest.at("key") != key) {
    return "its manifest belongs to another artifact";
  }
  if (schema != 1 && manifest.at("sha256") != hash_of_manifest(manifest)) {
    return "its manifest.json is not what was written: its SHA-256 differs";
  }
  manifest.at("record");
  seconds_of(manifest);
  return damage_of_names(manifest);
}

/// What is wrong with an artifact, or nothing. Reads the manifest on the way.
std::string damage_of(const fs::path& folder, const std::string& stage, const std::string& key,
                      nlohmann::json* manifest) {
  std::ifstream in(folder / kManifest);
  if (!in) return "it has no readable manifest.json";
  try {
    *manifest = nlohmann::json::parse(in);
    if (std::string found = damage_of_manifest(*manifest, stage, key); !found.empty()) return found;
    for (const auto& [name, entry] : manifest->at("files").items()) {
      const auto expected = entry.at("bytes").get<std::uintmax_t>();
      std::error_code error;
      const std::uintmax_t found = fs::file_size(folder / name, error);
      if (error) return fmt::format("{}: {}", name, error.message());
      if (found != expected) {
        return fmt::format("{} holds {} bytes, its manifest says {}", name, found, expected);
      }
    }
  } catch (const nlohmann::json::exception& error) {
    return fmt::format("its manifest.json cannot be read: {}", error.what());
  }
  return {};
}

/// Stages and keys come from records and manifests too, and become paths.
void check_name(const std::string& name, const fs::path& root) {
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-';
  });
  if (plain) return;
  const nlohmann::json text = name;
  throw BadData(fmt::format(
      "{}: no artifact is called {}: stages and keys are made of letters, digits, _ and -",
      root.string(), text.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
}

}  // namespace

double seconds_of(const nlohmann::json& manifest) {
  return manifest.contains("cost") ? manifest.at("cost").at("seconds").get<double>()
                                   : manifest.at("seconds").get<double>();
}

Store::Store(fs::path root) : root_(std::move(root)) {
  std::error_code error;
  fs::create_directories(root_, error);
  if (!error && !fs::is_directory(root_)) error = std::make_error_code(std::errc::not_a_directory);
  if (error) {
    throw std::system_error(
        error, fmt::format("{}: cannot be used as the store; name another folder with --store",
                           root_.string()));
  }
}

fs::path Store::folder(const std::string& stage, const std::string& key) const {
  check_name(stage, root_);
  check_name(key, root_);
  return root_ / stage / key.substr(0, kKeyDigits);
}

fs::path Store::work(const StageNode& node) const { return fs::path(folder(node)) += ".work"; }

fs::path Store::lock_file(const std::string& stage, const std::string& key) const {
  return fs::path(folder(stage, key)) += ".lock";
}

fs::path Store::failure_file(const StageNode& node) const {
  return fs::path(folder(node)) += ".failed.json";
}

Artifact Store::inspect(const std::string& stage, const std::string& key) const {
  Artifact artifact;
  const fs::path place = folder(stage, key);
  std::error_code error;
  if (!fs::exists(fs::symlink_status(place, error))) return artifact;
  artifact.problem = damage_of(place, stage, key, &artifact.manifest);
  artifact.state =
      artifact.problem.empty() ? Artifact::State::kComplete : Artifact::State::kDamaged;
  if (artifact.state == Artifact::State::kDamaged) artifact.manifest = nullptr;
  return artifact;
}

std::string Store::damage(const std::string& stage, const std::string& key) const {
  const Artifact artifact = inspect(stage, key);
  if (artifact.state != Artifact::State::kComplete) {
    return artifact.problem.empty() ? "it is not there" : artifact.problem;
  }
  for (const auto& [name, entry] : artifact.manifest.at("files").items()) {
    std::string found;
    try {
      found = sha256_file(folder(stage, key) / name);
    } catch (const std::system_error& error) {  // unreadable, or just moved aside by another
      return error.what();
    }
    if (entry.at("sha256") != found) {
      return fmt::format("{} has the SHA-256 {}, its manifest says {}", name, found,
                         entry.at("sha256").get<std::string>());
    }
  }
  return {};
}

void Store::touch(const std::string& stage, const std::string& key) const noexcept {
  try {
    utimensat(AT_FDCWD, (folder(stage, key) / kManifest).c_str(), nullptr, 0);
  } catch (const std::exception&) {
  }
}

fs::path Store::set_aside(const std::string& stage, const std::string& key) const {
  const fs::path aside = fs::path(folder(stage, key)) += ".damaged";
  fs::remove_all(aside);
  fs::rename(folder(stage, key), aside);
  return aside;
}

void Store::open_work(const StageNode& node) const {
  fs::create_directories(scratch(node));
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::recursive_directory_iterator(work(node))) {
    if (entry.is_regular_file() && is_leftover(entry.path())) leftovers.push_back(entry.path());
  }
  for (const auto& path : leftovers) fs::remove(path);
  if (!sealed(node)) fs::remove(work(node) / kManifest);
}

void Store::seal(const StageNode& node, const StageFacts& facts) const {
  const fs::path place = work(node);
  if (fs::exists(place / kManifest)) {
    throw std::logic_error(
        fmt::format("{}: a stage must not write a {} of its own", node.label(), kManifest));
  }
  const Contents contents = contents_of(place);
  sync_contents(place, contents);
  auto files = nlohmann::json::object();
  for (const auto& file : contents.files) {
    files[fs::relative(file, place).generic_string()] = {{"bytes", fs::file_size(file)},
                                                         {"sha256", sha256_file(file)}};
  }
  auto inputs = nlohmann::json::object();
  for (const auto& input : node.inputs) {
    inputs[input.role] = {{"stage", input.stage}, {"key", input.key}};
  }
  nlohmann::json manifest = {{"schema_version", kManifestSchema},
                             {"stage", node.stage},
                             {"version", node.version},
                             {"key", node.key},
                             {"config", node.config},
                             {"inputs", inputs},
                             {"work", node.work},
                             {"size", node.size},
                             {"files", files},
                             {"record", facts.record},
                             {"cost", to_json(facts.cost)},
                             {"made_by", facts.made_by},
                             {"created", iso_seconds(utc_nanoseconds())}};
  // A record may quote a file name that is not UTF-8; a finished stage is not lost over it. What
  // is hashed is what a reader will have parsed.
  manifest = nlohmann::json::parse(
      manifest.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  manifest["sha256"] = hash_of_manifest(manifest);
  write_file_atomically(place / kManifest, manifest.dump(2) + "\n");
}

bool Store::sealed(const StageNode& node) const {
  nlohmann::json manifest;
  return damage_of(work(node), node.stage, node.key, &manifest).empty();
}

fs::path Store::publish(const StageNode& node) const {
  fs::remove_all(scratch(node));
  fs::rename(work(node), folder(node));
  sync_to_disk(folder(node).parent_path());
  sync_to_disk(root_);
  std::error_code stays;  // an old note misleads nobody: what is complete is looked for first
  fs::remove(failure_file(node), stays);
  return folder(node);
}

fs::path Store::finish(const StageNode& node, const StageFacts& facts) const {
  seal(node, facts);
  return publish(node);
}

void Store::sync() const { sync_to_disk(root_, syncfs); }

void Store::note_failure(const StageNode& node, const StageFailure& failure) const {
  const nlohmann::json note = {
      {"schema_version", 1},      {"stage", node.stage},        {"key", node.key},
      {"status", failure.status}, {"message", failure.message}, {"bad_data", failure.bad_data},
      {"time", failure.time}};
  write_file_atomically(failure_file(node),
                        note.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

std::optional<StageFailure> Store::noted_failure(const StageNode& node) const {
  std::ifstream in(failure_file(node));
  if (!in) return std::nullopt;
  try {
    const auto note = nlohmann::json::parse(in);
    if (note.at("key") != node.key) return std::nullopt;
    return StageFailure{note.at("status"), note.at("message"), note.at("bad_data"),
                        note.at("time")};
  } catch (const nlohmann::json::exception&) {  // torn or foreign: as if it were not there
    return std::nullopt;
  }
}

}  // namespace oar
