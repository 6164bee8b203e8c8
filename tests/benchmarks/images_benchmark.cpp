// Images a second from files to tensors, beside a plain OpenCV loop on one thread, and what the
// encoder reaches when it is fed by it, beside the encoder alone. JPEGs of 224x224 generated here;
// OAR_BENCHMARK_IMAGES names a folder of others.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "datasets/image_file.h"
#include "datasets/parallel.h"
#include "datasets/sha256.h"
#include "datasets/square.h"
#include "harness/stages/image_input.h"
#include "models/vqgan/vqgan.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kGenerated = 256;  // images
constexpr int64_t kAtMost = 1024;    // images of a folder that is brought
constexpr int64_t kSide = 64;        // pixels, of the squares
constexpr int64_t kBatch = 32;

/// The images, their index and an empty cache; made once and removed at the end.
class Images {
 public:
  static const Images& get() {
    static const Images images;
    return images;
  }
  ~Images() { fs::remove_all(scratch_); }

  const DatasetConfig& config() const { return config_; }
  const Dataset& dataset() const { return *dataset_; }
  int64_t count() const { return static_cast<int64_t>(dataset_->index().images.size()); }
  std::vector<int64_t> all() const {
    std::vector<int64_t> numbers(count());
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
  }
  fs::path file(int64_t image) const {
    return config_.root / dataset_->index().images.at(image).file;
  }
  std::unique_ptr<Dataset> cached() const {
    auto dataset = with_pixel_cache(open_dataset(config_, dataset_->index()), config_,
                                    {scratch_ / "pixels"}, {});
    dataset->load(all());  // fills it
    return dataset;
  }

 private:
  Images() : scratch_(fs::temp_directory_path() / ("oar-images-" + std::to_string(::getpid()))) {
    fs::create_directories(scratch_ / "images");
    const char* const brought = std::getenv("OAR_BENCHMARK_IMAGES");
    if (brought == nullptr) generate();
    config_.name = "image_folder";
    config_.root = brought == nullptr ? scratch_ / "images" : fs::path(brought);
    config_.image_size = kSide;
    config_.max_images = kAtMost;
    dataset_ = make_dataset(config_);
  }

  void generate() const {
    DatasetConfig config;
    config.name = "sunset";
    config.image_size = 224;
    config.max_images = kGenerated;
    const torch::Tensor pixels = make_dataset(config)->load([] {
      std::vector<int64_t> numbers(kGenerated);
      std::iota(numbers.begin(), numbers.end(), 0);
      return numbers;
    }());
    for (int64_t i = 0; i < kGenerated; ++i) {
      const torch::Tensor image = pixels[i].permute({1, 2, 0}).contiguous();
      cv::imwrite((scratch_ / "images" / (std::to_string(i) + ".jpg")).string(),
                  cv::Mat(224, 224, CV_8UC3, image.data_ptr()));
    }
  }

  fs::path scratch_;
  DatasetConfig config_;
  std::unique_ptr<Dataset> dataset_;
};

void per_second(benchmark::State& state, int64_t images) {
  state.SetItemsProcessed(state.iterations() * images);
}

/// What one writes by hand, with all of OpenCV's threads off.
void plain_opencv_loop(benchmark::State& state) {
  const Images& images = Images::get();
  cv::setNumThreads(1);
  for (auto _ : state) {
    for (int64_t i = 0; i < images.count(); ++i) {
      const cv::Mat image = cv::imread(images.file(i).string(), cv::IMREAD_COLOR);
      const int side = std::min(image.cols, image.rows);
      const cv::Mat square =
          image(cv::Rect((image.cols - side) / 2, (image.rows - side) / 2, side, side));
      cv::Mat resized;
      cv::resize(square, resized, cv::Size(kSide, kSide), 0, 0, cv::INTER_AREA);
      benchmark::DoNotOptimize(resized.data);
    }
  }
  per_second(state, images.count());
}
BENCHMARK(plain_opencv_loop)->UseRealTime()->Unit(benchmark::kMillisecond);

/// Reading, hashing, decoding, cutting, resizing and taking apart into planes, as load() does.
void squares(benchmark::State& state, const std::string& resize) {
  const Images& images = Images::get();
  cv::setNumThreads(1);
  for (auto _ : state) {
    parallel_for(images.count(), state.range(0), [&](int64_t i) {
      const auto bytes = read_bytes(images.file(i));
      benchmark::DoNotOptimize(sha256_hex(bytes));
      benchmark::DoNotOptimize(decode_square(bytes, Square{kSide, "centre", resize}));
    });
  }
  per_second(state, images.count());
}
BENCHMARK_CAPTURE(squares, area, std::string("area"))
    ->ArgName("threads")
    ->Arg(1)
    ->Arg(2)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(squares, bicubic, std::string("bicubic"))
    ->ArgName("threads")
    ->Arg(1)
    ->Arg(2)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void epoch(benchmark::State& state, const Dataset& dataset) {
  const int64_t count = Images::get().count();
  for (auto _ : state) {
    for (int64_t first = 0; first < count; first += kBatch) {
      std::vector<int64_t> batch(std::min(kBatch, count - first));
      std::iota(batch.begin(), batch.end(), first);
      benchmark::DoNotOptimize(dataset.load(batch));
    }
  }
  per_second(state, count);
}
void epoch_decoded(benchmark::State& state) { epoch(state, Images::get().dataset()); }
void epoch_cached(benchmark::State& state) { epoch(state, *Images::get().cached()); }
BENCHMARK(epoch_decoded)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(epoch_cached)->UseRealTime()->Unit(benchmark::kMillisecond);

Vqgan& encoder() {
  static Vqgan tokenizer = [] {
    Vqgan made(vqgan_preset("tiny", kSide));
    made->eval();
    return made;
  }();
  return tokenizer;
}

/// `load(begin, end)` gives the batches.
template <typename Load>
void tokenise(benchmark::State& state, const Load& load) {
  const int64_t count = Images::get().count() / kBatch * kBatch;
  const c10::InferenceMode no_gradients;
  for (auto _ : state) {
    for (int64_t first = 0; first < count; first += kBatch) {
      benchmark::DoNotOptimize(
          encoder()->encode(to_network_range(load(first, first + kBatch))).codes);
    }
  }
  per_second(state, count);
}
void encoder_alone(benchmark::State& state) {
  const torch::Tensor batch = Images::get().dataset().load(std::vector<int64_t>(kBatch, 0));
  tokenise(state, [&](int64_t, int64_t) { return batch; });
}
void tokenise_from(benchmark::State& state, const Dataset& dataset) {
  const int64_t count = Images::get().count() / kBatch * kBatch;
  ConsecutiveImages images(dataset, count, kBatch);
  tokenise(state, [&](int64_t begin, int64_t end) { return images.load(begin, end); });
}
void tokenise_waiting(benchmark::State& state) {  // loading and encoding take turns
  tokenise(state, [&](int64_t begin, int64_t end) {
    std::vector<int64_t> batch(end - begin);
    std::iota(batch.begin(), batch.end(), begin);
    return Images::get().dataset().load(batch);
  });
}
void tokenise_decoded(benchmark::State& state) { tokenise_from(state, Images::get().dataset()); }
void tokenise_cached(benchmark::State& state) { tokenise_from(state, *Images::get().cached()); }
BENCHMARK(encoder_alone)->UseRealTime()->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);
BENCHMARK(tokenise_waiting)->UseRealTime()->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);
BENCHMARK(tokenise_decoded)->UseRealTime()->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);
BENCHMARK(tokenise_cached)->UseRealTime()->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace oar

BENCHMARK_MAIN();
