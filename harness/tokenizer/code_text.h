#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>

namespace oar {

/// Codes of one image as people and scripts read them: a line for each row of patches, codes in
/// decimal with spaces between them.
///
/// Shapes  codes int64 [rows, cols].
std::string code_text(const torch::Tensor& codes);

/// The codes of such a file; lines that are empty are left out.
///
/// Shapes  int64 [rows, cols].
/// Errors  BadData with file and line: something that is no code below `codebook_size`, a row of
///         another length than the first, or no row at all; std::system_error if the file cannot be
///         read.
torch::Tensor read_codes(const std::filesystem::path& file, int64_t codebook_size);

}  // namespace oar
