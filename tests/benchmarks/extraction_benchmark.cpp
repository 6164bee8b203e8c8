// Images a second of the feature pass: with everything on (reading, decoding, resizing, the
// network, writing), and the network alone on the same number of threads, which is the most that
// any pass can reach.
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <opencv2/imgcodecs.hpp>
#include <thread>

#include "datasets/sha256.h"
#include "harness/measure/extractors.h"
#include "harness/measure/image_features.h"
#include "tests/metrics/test_extractors.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kImages = 96;
constexpr int kSide = 256;  // pixels

/// A folder of PNG images and a weights file, made once and removed at the end.
class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("oar-benchmark-" + std::to_string(::getpid()))) {
    fs::create_directories(path_ / "images");
    for (int64_t i = 0; i < kImages; ++i) {
      const at::Tensor image = hashed_image(i, kSide, kSide)[0].permute({1, 2, 0}).contiguous();
      cv::imwrite((path_ / "images" / (std::to_string(i) + ".png")).string(),
                  cv::Mat(kSide, kSide, CV_8UC3, image.data_ptr()));
    }
    write_safetensors(path_ / "inception.safetensors", test_weights("inception_v3"));
  }
  ~Folder() { fs::remove_all(path_); }

  static const fs::path& path() {
    static const Folder folder;
    return folder.path_;
  }
  static std::string weights(const std::string& extractor) {
    return extractor == "inception_v3" ? (path() / "inception.safetensors").string() : "";
  }

 private:
  fs::path path_;
};

void network_alone(benchmark::State& state, const std::string& name, const std::string& precision) {
  const auto extractor =
      load_extractor(name, Folder::weights(name), torch::kCPU, {"torch_fidelity", precision});
  const int threads = at::get_num_threads();
  const int64_t group = extractor->group_size();
  const at::Tensor input =
      extractor->prepare(hashed_image(1, kSide, kSide)).repeat({group, 1, 1, 1});
  at::set_num_threads(1);
  for (auto _ : state) {
    std::atomic<int64_t> left{kImages / group};
    std::vector<std::jthread> workers;
    for (int i = 0; i < threads; ++i) {
      workers.emplace_back([&] {
        while (left-- > 0) extractor->run(input);
      });
    }
  }
  at::set_num_threads(threads);
  state.SetItemsProcessed(state.iterations() * kImages);
}

void whole_pass(benchmark::State& state, const std::string& name, const std::string& precision) {
  const auto source = open_image_source(Folder::path() / "images");
  const ExtractorIdentity identity{
      name, extractor_sha256(name, Folder::weights(name)), {"torch_fidelity", precision}};
  Progress progress;
  for (auto _ : state) {
    const Store store(Folder::path() / "store");
    StageRunner runner(store, progress);
    const SourceContent content = hash_source(*source, progress);
    runner.run(image_features_node(content, identity), [&](StageContext& context) {
      return run_image_features(context, *source, content, identity, {Folder::weights(name)});
    });
    state.PauseTiming();
    fs::remove_all(Folder::path() / "store");
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * kImages);
}

void add(const std::string& name, const std::string& precision) {
  const std::string suffix = "/" + name + "/" + precision;
  benchmark::RegisterBenchmark(("network_alone" + suffix).c_str(), network_alone, name, precision)
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
  benchmark::RegisterBenchmark(("whole_pass" + suffix).c_str(), whole_pass, name, precision)
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}

}  // namespace
}  // namespace oar

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  oar::add("inception_v3", "float32");
  if (oar::has_bfloat16(torch::kCPU)) oar::add("inception_v3", "bfloat16");
  oar::add("efficientnet_lite0", "float32");
  benchmark::RunSpecifiedBenchmarks();
}
