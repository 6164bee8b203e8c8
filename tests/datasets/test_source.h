#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "datasets/image_source.h"
#include "tests/datasets/test_folder.h"

namespace oar {

/// Every image of a source, in the order in which they were visited.
inline std::vector<SourceImage> images_of(const ImageSource& source) {
  std::vector<SourceImage> images;
  source.read([&](SourceImage image) { images.push_back(std::move(image)); });
  return images;
}

/// "rank name", and ": reason" where it is unreadable.
inline std::vector<std::string> visits_of(const ImageSource& source) {
  std::vector<std::string> visits;
  for (const SourceImage& image : images_of(source)) {
    visits.push_back(std::to_string(image.rank) + " " + image.name +
                     (image.unreadable.empty() ? "" : ": " + image.unreadable));
  }
  return visits;
}

/// Why a path is refused, with the test's own folder left out.
inline std::string refusal_of(const TestFolder& folder, const std::string& file,
                              const SourceOptions& options = {}) {
  std::string message = message_of<BadData>([&] {
    const auto source = open_image_source(folder.path() / file, options);
    source->read([](const SourceImage&) {});
  });
  const std::string root = folder.path().string() + "/";
  for (size_t at; (at = message.find(root)) != std::string::npos;) message.erase(at, root.size());
  return message;
}

}  // namespace oar
