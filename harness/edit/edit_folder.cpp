#include "harness/edit/edit_folder.h"

#include <fmt/format.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>
#include <vector>

#include "datasets/utf8.h"
#include "harness/stages/artifacts.h"
#include "models/weights/atomic_file.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kRecord[] = "edit.json";
constexpr char kMask[] = "mask.png";
constexpr char kSample[] = "sample-";
constexpr char kTemporary[] = ".tmp.";  // as AtomicFile names its own

/// The name without `.tmp.<pid>` or `.tmp.<pid>.<n>`, which a killed edit left there.
std::string final_name(const std::string& name) {
  const size_t mark = name.rfind(kTemporary);
  const bool is_temporary =
      mark != std::string::npos &&
      name.find_first_not_of("0123456789.", mark + sizeof kTemporary - 1) == std::string::npos;
  return is_temporary ? name.substr(0, mark) : name;
}

bool is_of_an_edit(const fs::path& file) {
  const std::string name = final_name(file.filename().string());
  return name == kRecord || name == kMask || (name.starts_with(kSample) && name.ends_with(".png"));
}

void write_png_atomically(const fs::path& path, const torch::Tensor& image) {
  const fs::path temporary = path.string() + fmt::format("{}{}", kTemporary, ::getpid());
  try {
    write_png(temporary, image);
    put_in_place(temporary, path);
  } catch (...) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw;
  }
}

template <typename T>
std::vector<T> values(const torch::Tensor& row) {
  const torch::Tensor whole = row.contiguous();
  return {whole.const_data_ptr<T>(), whole.const_data_ptr<T>() + whole.numel()};
}

json sample_records(const Edits& edits) {
  const torch::Tensor means = mean_log_likelihood(edits);
  json samples = json::array();
  for (int64_t i = 0; i < edits.images.size(0); ++i) {
    samples.push_back(
        {{"file", sample_name(i)},
         {"position_at", values<int64_t>(edits.position_at[i])},
         {"codes", values<int64_t>(edits.codes[i])},
         {"log_likelihood", values<float>(edits.log_likelihood[i].slice(0, edits.num_known))},
         {"mean_log_likelihood", means[i].item<double>()}});
  }
  return samples;
}

}  // namespace

std::string sample_name(int64_t sample) { return fmt::format("{}{:03}.png", kSample, sample); }

torch::Tensor mean_log_likelihood(const Edits& edits) {
  return edits.log_likelihood.slice(1, edits.num_known).mean(1, false, torch::kFloat64);
}

EditFolder::EditFolder(fs::path path, bool replace) : path_(std::move(path)) {
  if (fs::exists(path_) && !fs::is_directory(path_)) {
    throw std::invalid_argument(fmt::format("--out: {} is a file; name a folder", quoted(path_)));
  }
  for (fs::path folder = path_; !folder.empty() && !fs::exists(folder);
       folder = folder.parent_path()) {
    made_.push_back(folder);
  }
  fs::create_directories(path_);
  for (const auto& entry : fs::directory_iterator(path_)) {
    if (!replace) {
      throw std::invalid_argument(
          fmt::format("--out: the folder {} is not empty; name another one, or replace the edit in "
                      "it with --force",
                      quoted(path_)));
    }
    if (!is_of_an_edit(entry.path())) {
      throw std::invalid_argument(
          fmt::format("--out: {} is no part of an edit, and --force replaces edits only; name "
                      "another folder",
                      quoted(entry.path())));
    }
  }
}

EditFolder::~EditFolder() {
  std::error_code not_empty;
  for (const fs::path& folder : made_) fs::remove(folder, not_empty);  // empty folders only
}

void EditFolder::write(const Canvas& canvas, const Edits& edits, json record) const {
  fs::remove(path_ / kRecord);  // from here on the folder is not whole
  for (const auto& entry : fs::directory_iterator(path_)) {
    if (is_of_an_edit(entry.path())) fs::remove(entry.path());
  }
  for (int64_t i = 0; i < edits.images.size(0); ++i) {
    write_png_atomically(path_ / sample_name(i), edits.images[i]);
  }
  const torch::Tensor white = canvas.drawn_pixels().to(torch::kUInt8) * 255;
  write_png_atomically(path_ / kMask, white.expand({3, white.size(0), white.size(1)}));
  const Grid& grid = canvas.shape.grid;
  record["schema_version"] = 1;
  record["grid"] = {{"rows", grid.rows}, {"cols", grid.cols}};
  record["known_patches"] = edits.num_known;
  record["drawn_patches"] = grid.size() - edits.num_known;
  record["samples"] = sample_records(edits);
  write_json(path_ / kRecord, record);
}

}  // namespace oar
