#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>

#include "harness/verb.h"

namespace oar {

/// What `oar-bench tokenizer` was asked to do.
struct TokenizerCommand {
  std::filesystem::path input;    ///< an image, or codes
  std::filesystem::path weights;  ///< of a tokenizer, see read_vqgan_file()
  std::string config;             ///< a file or a published name, see read_vqgan_config()
  std::filesystem::path out;      ///< empty: codes go to standard output
  int64_t image_size = 0;         ///< of the square that is cut out; 0: the image as it is
  /// Not `auto`: one image takes no time, and GPUs may multiply with fewer digits.
  std::string device = "cpu";
};

/// Adds the verb `tokenizer` with its actions `encode` and `decode`.
Verb add_tokenizer_verb(CLI::App& app);

/// Writes the codes of one image: a line for each row of patches. An image of any height and width
/// that patches divide is taken as it is, as the published tools see it; with `image_size` the
/// largest square in its middle, resized, as data sets do.
///
/// Errors  BadData if the image cannot be used; what read_vqgan_file() and read_vqgan_config()
/// throw.
int run_tokenizer_encode(const TokenizerCommand& command, std::ostream& out);

/// Writes the image of codes: as `.npy` float32 [3, height, width] what the decoder gives, about
/// -1 .. 1 and not clamped; as `.png` 8 bits.
///
/// Errors  std::invalid_argument for another ending; BadData with file and line for bad codes; as
///         above.
int run_tokenizer_decode(const TokenizerCommand& command, std::ostream& out);

}  // namespace oar
