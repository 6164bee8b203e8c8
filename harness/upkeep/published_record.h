// The small record of a run that is committed: what lies where in its folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "models/vqgan/vqgan.h"

namespace oar {

// A published record is a folder:
//
//     results.json    the run's record
//     report.md       and tables/, figures/*.png, exhibits/: rendered from it
//     evidence/       what its numbers can be computed from again, named by keys of stages:
//       samples-<key>.safetensors    position_at [images, N]; of some cells codes [images, N]
//       tokenizer-<key>.safetensors  decoder and codebook as float16, their sizes inside
//       reference-<key>.safetensors  features of the reference images as float16
//     contents.json   written last: size and SHA-256 of every other file

inline constexpr char kContents[] = "contents.json";

/// "evidence/samples-0123456789ab.safetensors".
///
/// Errors  BadData for a key that is not made of hexadecimal digits: records of others name them.
std::string evidence_file(const std::string& kind, const std::string& key);

/// The stage of a cell of results.json that has this role; null if there is none.
const nlohmann::json* stage_of(const nlohmann::json& cell, const std::string& role);

/// True for a folder with contents.json.
bool is_published(const std::filesystem::path& folder);

/// What a folder holds or should hold: by path with "/", relative to it.
struct FileFacts {
  int64_t bytes = 0;
  std::string sha256;

  bool operator==(const FileFacts&) const = default;
};
using Contents = std::map<std::string, FileFacts>;

/// Looks at every file but contents.json.
///
/// Errors  BadData for a link or what else is no plain file; std::system_error.
Contents contents_of(const std::filesystem::path& folder);

void write_contents(const std::filesystem::path& folder);

/// What contents.json says.
///
/// Errors  BadData if it is none; std::system_error if it cannot be read.
Contents read_contents(const std::filesystem::path& folder);

/// report.md and tables/*.csv, tables/*.tex by path. Pictures are those that lie in
/// <folder>/figures as PNG.
std::map<std::string, std::string> rendered_files(const nlohmann::json& results,
                                                  const std::filesystem::path& folder);

/// A tokenizer without what encodes, float16. read_decoder() gives one whose encoder is that of no
/// training.
///
/// Errors  BadWeights as read_vqgan_file(); std::system_error with the path.
void write_decoder(const std::filesystem::path& path, const Vqgan& tokenizer);
Vqgan read_decoder(const std::filesystem::path& path);

}  // namespace oar
