#include "harness/measure/image_features.h"

#include <ATen/Parallel.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include "datasets/dataset.h"
#include "datasets/image_file.h"
#include "datasets/npy.h"
#include "datasets/sha256.h"
#include "harness/measure/extractors.h"
#include "harness/measure/worker_pool.h"
#include "harness/store/interrupt.h"
#include "metrics/moments.h"
#include "models/weights/tensor_file.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kVersion = 1;                   // raised when the same images give other features
constexpr int64_t kImagesAhead = 64;          // read but not yet decoded, or decoded
constexpr int64_t kBytesAhead = 256'000'000;  // encoded bytes that wait, at most

/// Every operation of this process on one thread: the parallelism is over groups of images, each of
/// which a thread computes alone, always with the same kernels in the same order.
class SingleThreadedOperations {
 public:
  SingleThreadedOperations() : before_(at::get_num_threads()) { at::set_num_threads(1); }
  ~SingleThreadedOperations() { at::set_num_threads(before_); }
  SingleThreadedOperations(const SingleThreadedOperations&) = delete;
  SingleThreadedOperations& operator=(const SingleThreadedOperations&) = delete;
  int threads_before() const { return before_; }

 private:
  int before_;
};

int64_t processors() { return std::max<int64_t>(1, std::thread::hardware_concurrency()); }

std::string hash_of(const SourceImage& image) {
  if (!image.unreadable.empty()) return sha256_hex("cannot be read");
  if (!image.pixels.defined()) return sha256_hex(image.bytes);
  const torch::Tensor pixels = image.pixels.contiguous();
  const auto* bytes = static_cast<const std::byte*>(pixels.const_data_ptr());
  return sha256_hex(fmt::format("{}x{} {}", pixels.size(1), pixels.size(2),
                                sha256_hex(std::span(bytes, pixels.numel()))));
}

/// Memory that an image takes while it waits.
int64_t bytes_of(const SourceImage& image) {
  return static_cast<int64_t>(image.bytes.size()) +
         (image.pixels.defined() ? static_cast<int64_t>(image.pixels.nbytes()) : 0);
}

/// One image as the network will see it, or the reason why it will not.
struct Prepared {
  int64_t rank = 0;
  torch::Tensor input;  ///< float32 [1, 3, side, side]; undefined if broken or only looked at
  std::string broken;
};

Prepared prepare(const FeatureExtractor& extractor, const SourceImage& image, bool look_only) {
  Prepared prepared{image.rank, {}, image.unreadable};
  if (!prepared.broken.empty()) return prepared;
  try {
    if (look_only && !image.pixels.defined()) {
      check_image(image.bytes);
      return prepared;
    }
    const torch::Tensor pixels =
        image.pixels.defined() ? image.pixels : decode_whole_image(image.bytes);
    if (!look_only) prepared.input = extractor.prepare(pixels.unsqueeze(0));
  } catch (const BrokenImage& error) {
    prepared.broken = error.what();
  }
  return prepared;
}

/// Images and features in flight, in the order in which the source is read.
class Pass {
 public:
  Pass(StageContext& context, const ImageSource& source, const SourceContent& content,
       const FeatureExtractor& extractor, const FeaturePass& options, int64_t network_threads,
       int64_t decoding_threads)
      : context_(context),
        source_(source),
        content_(content),
        extractor_(extractor),
        skip_broken_(options.skip_broken),
        kept_together_(options.kept_together),
        decoders_(decoding_threads),
        networks_(network_threads) {}

  /// Leaves every chunk in scratch.
  void run() {
    context_.progress().begin("images", source_.count(), take_up_finished_chunks());
    source_.read([&](SourceImage image) {
      if (done_[static_cast<size_t>(image.rank)]) return;
      add(std::move(image));
      if (++added_in_chunk_ == kept_together_) finish_chunk();
    });
    if (added_in_chunk_ > 0) finish_chunk();
    context_.progress().end();
    if (!broken_.empty() && !skip_broken_) {
      refuse_broken(source_, broken_images(source_, {{"broken", broken_}}));
    }
  }

  int64_t chunks() const { return chunk_; }
  const std::map<int64_t, std::string>& broken() const { return broken_; }

  fs::path chunk_file(int64_t number) const {
    return context_.scratch() / fmt::format("images-{:06}.safetensors", number);
  }

 private:
  // Marks the images that an earlier attempt has done, and counts them. That attempt may have read
  // them in another order: an archive and a folder of the same images share their scratch.
  int64_t take_up_finished_chunks() {
    done_.assign(static_cast<size_t>(source_.count()), false);
    int64_t count = 0;
    const auto mark = [&](int64_t rank) {
      if (rank < 0 || rank >= source_.count() || done_[static_cast<size_t>(rank)]) {
        throw BadData(
            fmt::format("{}: image {} does not belong there; delete that folder and start "
                        "again",
                        chunk_file(chunk_).string(), rank));
      }
      done_[static_cast<size_t>(rank)] = true;
      ++count;
    };
    for (; fs::exists(chunk_file(chunk_)); ++chunk_) {
      const torch::Tensor ranks = read_tensors(chunk_file(chunk_)).at("ranks");
      const auto* rank = ranks.const_data_ptr<int64_t>();
      std::for_each(rank, rank + ranks.numel(), mark);
      const json broken = json::parse(read_safetensors_metadata(chunk_file(chunk_)).at("broken"));
      for (const json& entry : broken) {
        mark(entry[0]);
        broken_.emplace(entry[0], entry[1]);
      }
    }
    images_done_ = count;
    return count;
  }

  // A broken image that will not be skipped ends the arithmetic; the rest is only looked at, for
  // the list to be complete.
  bool look_only() const { return !broken_.empty() && !skip_broken_; }

  void add(SourceImage image) {
    const int64_t size = bytes_of(image);
    bytes_ahead_ += size;
    auto task = [this, image = std::make_shared<SourceImage>(std::move(image)),
                 look_only = look_only()] {
      // What is measured is what was hashed, or the cache would hold a lie.
      if (hash_of(*image) != content_.images[static_cast<size_t>(image->rank)]) {
        throw BadData(
            fmt::format("{}: {} has changed while it was measured; start again when "
                        "nothing writes to it",
                        source_.description(), image->name));
      }
      return prepare(extractor_, *image, look_only);
    };
    decoding_.push_back({decoders_.submit(std::move(task)), size});
    while (!decoding_.empty() &&
           (static_cast<int64_t>(decoding_.size()) >= kImagesAhead || bytes_ahead_ > kBytesAhead)) {
      take_decoded();
    }
  }

  void take_decoded() {
    auto [future, size] = std::move(decoding_.front());
    decoding_.pop_front();
    bytes_ahead_ -= size;
    Prepared prepared = future.get();
    if (!prepared.broken.empty()) {
      broken_.emplace(prepared.rank, prepared.broken);
      broken_in_chunk_.push_back({prepared.rank, prepared.broken});
    } else if (prepared.input.defined()) {
      group_.push_back(std::move(prepared));
      if (static_cast<int64_t>(group_.size()) == extractor_.group_size()) run_group();
    }
    context_.progress().update(++images_done_);
    context_.stop_if_requested();
  }

  void run_group() {
    std::vector<int64_t> ranks;
    std::vector<torch::Tensor> inputs;
    for (Prepared& prepared : group_) {
      ranks.push_back(prepared.rank);
      inputs.push_back(std::move(prepared.input));
    }
    group_.clear();
    running_.push_back({std::move(ranks), networks_.submit([this, inputs = std::move(inputs)] {
                          return extractor_.run(at::cat(inputs));
                        })});
    while (static_cast<int64_t>(running_.size()) > 2 * networks_.threads()) take_features();
  }

  void take_features() {
    auto [ranks, future] = std::move(running_.front());
    running_.pop_front();
    finished_.push_back(future.get());
    ranks_.insert(ranks_.end(), ranks.begin(), ranks.end());
  }

  void finish_chunk() {
    while (!decoding_.empty()) take_decoded();
    if (!group_.empty()) run_group();
    while (!running_.empty()) take_features();
    if (!look_only()) write_chunk();
    finished_.clear();
    ranks_.clear();
    broken_in_chunk_ = json::array();
    added_in_chunk_ = 0;
    ++chunk_;
  }

  void write_chunk() {
    const auto joined = [&](torch::Tensor Features::*part, int64_t columns) {
      std::vector<torch::Tensor> all{torch::empty({0, columns})};
      for (const Features& some : finished_) all.push_back(some.*part);
      return at::cat(all);
    };
    write_safetensors(chunk_file(chunk_),
                      {{"ranks", torch::tensor(ranks_, torch::kInt64)},
                       {"features", joined(&Features::features, extractor_.feature_dim())},
                       {"logits", joined(&Features::logits, extractor_.num_classes())},
                       {"spatial", joined(&Features::spatial, extractor_.spatial_dim())}},
                      {{"broken", broken_in_chunk_.dump()}});
  }

  StageContext& context_;
  const ImageSource& source_;
  const SourceContent& content_;
  const FeatureExtractor& extractor_;
  const bool skip_broken_;
  const int64_t kept_together_;

  struct Decoding {
    std::future<Prepared> prepared;
    int64_t bytes;
  };
  struct Running {
    std::vector<int64_t> ranks;
    std::future<Features> features;
  };
  std::deque<Decoding> decoding_;
  int64_t bytes_ahead_ = 0;
  std::vector<Prepared> group_;
  std::deque<Running> running_;

  int64_t chunk_ = 0;  ///< the one at hand
  int64_t added_in_chunk_ = 0;
  int64_t images_done_ = 0;  ///< over all attempts
  std::vector<bool> done_;   ///< by rank, in earlier attempts
  std::vector<Features> finished_;
  std::vector<int64_t> ranks_;
  json broken_in_chunk_ = json::array();
  std::map<int64_t, std::string> broken_;  ///< rank -> reason, all chunks

  WorkerPool decoders_, networks_;  // last: their threads use the rest
};

/// Row of each image among those that are not broken: ranks without gaps.
std::vector<int64_t> rows_of(int64_t count, const std::map<int64_t, std::string>& broken) {
  std::vector<int64_t> rows(static_cast<size_t>(count), -1);
  int64_t row = 0;
  for (int64_t rank = 0; rank < count; ++rank) {
    if (!broken.contains(rank)) rows[static_cast<size_t>(rank)] = row++;
  }
  return rows;
}

/// Brings the rows of one kind, of all chunks, into measured order.
void write_matrix(const Pass& pass, const std::string& part, const std::vector<int64_t>& rows,
                  int64_t count, int64_t columns, const fs::path& file) {
  NpyMatrixWriter writer(file, count, columns);
  for (int64_t chunk = 0; chunk < pass.chunks(); ++chunk) {
    const TensorMap found = read_tensors(pass.chunk_file(chunk));
    const torch::Tensor &ranks = found.at("ranks"), &values = found.at(part);
    const auto* rank = ranks.const_data_ptr<int64_t>();
    for (int64_t i = 0; i < ranks.numel(); ++i) {
      writer.write(rows[static_cast<size_t>(rank[i])], values.slice(0, i, i + 1));
    }
  }
  writer.finish();
}

Moments moments_of_file(const fs::path& file) {
  const NpyMatrix matrix(file);
  constexpr int64_t kRows = 1024;
  MomentsAccumulator moments;
  for (int64_t first = 0; first < matrix.count(); first += kRows) {
    moments.add(matrix.rows(first, std::min(first + kRows, matrix.count())));
  }
  return moments.finish();
}

void write_moments(StageContext& context, bool spatial) {
  TensorMap tensors;
  const auto add = [&](const fs::path& file, const std::string& suffix) {
    const Moments moments = moments_of_file(file);
    tensors["mu" + suffix] = moments.mean;
    tensors["sigma" + suffix] = moments.covariance;
  };
  add(context.work() / "features.npy", "");
  if (spatial) add(context.scratch() / "spatial.npy", "_s");
  write_safetensors(context.work() / "moments.safetensors", tensors);
}

FeatureRows rows_of_file(const fs::path& file) {
  const auto matrix = std::make_shared<NpyMatrix>(file);
  return FeatureRows(matrix->count(), matrix->dim(),
                     [matrix](const torch::Tensor& index) { return matrix->rows(index); });
}

}  // namespace

SourceContent hash_source(const ImageSource& source, Progress& progress) {
  struct Hashing {
    int64_t rank, bytes;
    std::future<std::string> sha256;
  };
  SourceContent content;
  content.images.resize(static_cast<size_t>(source.count()));
  WorkerPool pool(processors());
  std::deque<Hashing> hashing;
  int64_t done = 0, bytes_ahead = 0;
  const auto take = [&] {
    Hashing& first = hashing.front();
    content.images[static_cast<size_t>(first.rank)] = first.sha256.get();
    bytes_ahead -= first.bytes;
    hashing.pop_front();
    progress.update(++done);
    if (interrupt_requested()) throw Interrupted();
  };
  progress.begin("files", source.count());
  source.read([&](SourceImage image) {
    const int64_t rank = image.rank, bytes = bytes_of(image);
    const auto shared = std::make_shared<SourceImage>(std::move(image));
    hashing.push_back({rank, bytes, pool.submit([shared] { return hash_of(*shared); })});
    bytes_ahead += bytes;
    while (!hashing.empty() &&
           (static_cast<int64_t>(hashing.size()) >= kImagesAhead || bytes_ahead > kBytesAhead)) {
      take();
    }
  });
  while (!hashing.empty()) take();
  progress.end();
  std::string all;
  for (const std::string& image : content.images) all.append(image).push_back('\n');
  content.sha256 = sha256_hex(all);
  return content;
}

StageNode image_features_node(const SourceContent& content, const ExtractorIdentity& extractor) {
  return make_node("image_features", kVersion,
                   {{"content", content.sha256},
                    {"images", content.images.size()},
                    {"extractor", extractor.name},
                    {"weights_sha256", extractor.weights_sha256},
                    {"convention", extractor.options.convention},
                    {"precision", extractor.options.precision},
                    {"libtorch", TORCH_VERSION}});
}

json run_image_features(StageContext& context, const ImageSource& source,
                        const SourceContent& content, const ExtractorIdentity& identity,
                        const FeaturePass& options) {
  auto extractor = load_extractor(identity.name, options.weights, options.device, identity.options);
  std::optional<SingleThreadedOperations> single(std::in_place);
  const int64_t threads = options.device.is_cpu() ? single->threads_before() : 1;
  const int64_t decoders =
      options.device.is_cpu() ? std::max<int64_t>(1, threads / 2) : processors();
  Pass pass(context, source, content, *extractor, options, threads, decoders);
  pass.run();
  single.reset();
  const int64_t feature_dim = extractor->feature_dim(), num_classes = extractor->num_classes(),
                spatial_dim = extractor->spatial_dim();
  extractor.reset();  // its memory is worth more to the covariances

  const std::vector<int64_t> rows = rows_of(source.count(), pass.broken());
  const auto count = source.count() - static_cast<int64_t>(pass.broken().size());
  if (count == 0) {
    throw BadData(fmt::format("{}: all of its images are broken, nothing is left to measure",
                              source.description()));
  }
  const auto write = [&](const char* part, int64_t columns, const fs::path& file) {
    if (columns > 0) write_matrix(pass, part, rows, count, columns, file);
  };
  write("features", feature_dim, context.work() / "features.npy");
  write("logits", num_classes, context.work() / "logits.npy");
  write("spatial", spatial_dim, context.scratch() / "spatial.npy");
  if (count > 1) write_moments(context, spatial_dim > 0);
  return {{"images", count},
          {"broken", pass.broken()},
          {"has_logits", num_classes > 0},
          {"device", options.device.str()}};
}

json broken_images(const ImageSource& source, const json& record) {
  json list = json::array();
  for (const json& entry : record.at("broken")) {
    list.push_back({{"file", source.names()[entry[0].get<size_t>()]}, {"reason", entry[1]}});
  }
  return list;
}

void refuse_broken(const ImageSource& source, const json& broken) {
  std::string message = fmt::format("{}: {} of {} images are broken", source.description(),
                                    broken.size(), source.count());
  for (const json& image : broken) {
    message += fmt::format("\n  {}: {}", image.at("file").get<std::string>(),
                           image.at("reason").get<std::string>());
  }
  throw BadData(message +
                "\n  mend or remove them, or leave them out with --skip-broken, which "
                "records their names");
}

FeatureSet read_feature_set(const fs::path& folder, const json& record) {
  FeatureSet set;
  set.count = record.at("images");
  set.features = rows_of_file(folder / "features.npy");
  if (record.at("has_logits")) set.logits = rows_of_file(folder / "logits.npy");
  if (!fs::exists(folder / "moments.safetensors")) return set;
  const TensorMap moments = read_tensors(folder / "moments.safetensors");
  set.moments = Moments{moments.at("mu"), moments.at("sigma"), set.count};
  if (moments.contains("mu_s")) {
    set.spatial = Moments{moments.at("mu_s"), moments.at("sigma_s"), set.count};
  }
  return set;
}

}  // namespace oar
