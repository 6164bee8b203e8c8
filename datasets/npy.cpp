#include "datasets/npy.h"

#include <fmt/format.h>

#include <algorithm>

#include "datasets/utf8.h"

namespace oar {
namespace {

std::span<const std::byte> bytes_of(const torch::Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()};
}

}  // namespace

NpyMatrixWriter::NpyMatrixWriter(const std::filesystem::path& path, int64_t rows, int64_t cols)
    : file_(path), cols_(cols), written_(rows) {
  TORCH_CHECK(rows >= 0 && cols > 0, "a matrix of ", rows, " x ", cols);
  const std::vector<std::byte> header = make_npy_header(torch::kFloat32, {rows, cols});
  header_bytes_ = static_cast<int64_t>(header.size());
  file_.write_at(0, header);
}

void NpyMatrixWriter::write(int64_t first_row, const torch::Tensor& rows) {
  TORCH_CHECK(rows.dim() == 2 && rows.size(1) == cols_ && rows.scalar_type() == torch::kFloat32,
              "rows of float32 [n, ", cols_, "] are written, got ", rows.toString(), " ",
              rows.sizes());
  const int64_t end = first_row + rows.size(0);
  TORCH_CHECK(first_row >= 0 && end <= std::ssize(written_), "rows ", first_row, " .. ", end - 1,
              " of ", written_.size());
  for (int64_t row = first_row; row < end; ++row) {
    TORCH_CHECK(!written_[row], "row ", row, " is written twice");
    written_[row] = true;
  }
  const torch::Tensor values = rows.to(torch::kCPU).contiguous();
  file_.write_at(header_bytes_ + first_row * cols_ * static_cast<int64_t>(sizeof(float)),
                 bytes_of(values));
}

void NpyMatrixWriter::finish() {
  const auto missing = std::find(written_.begin(), written_.end(), false);
  TORCH_CHECK(missing == written_.end(), "row ", missing - written_.begin(), " of ",
              written_.size(), " was never written");
  file_.commit();
}

NpyHeader check_npy(const InputFile& file) {
  const std::string where = quoted(file.path());
  int64_t at = 0;
  const NpyHeader header = read_npy_header(
      [&](std::span<std::byte> bytes) {
        const size_t got = file.read_at(at, bytes);
        at += static_cast<int64_t>(got);
        return got;
      },
      where);
  const int64_t expected = header.size + header.data_bytes(where);
  if (expected != file.size()) {
    throw BadData(fmt::format("{}: {} bytes, but an array {} takes {}; it is cut off or damaged",
                              where, file.size(), header.text(), expected));
  }
  return header;
}

NpyMatrix::NpyMatrix(const std::filesystem::path& path) : file_(path), header_(check_npy(file_)) {
  if (header_.descr != "<f4" || header_.shape.size() != 2 || header_.fortran_order) {
    throw BadData(fmt::format("{}: an array {}{}; a matrix <f4 [rows, cols] in C order is needed",
                              quoted(path), header_.text(),
                              header_.fortran_order ? " in Fortran order" : ""));
  }
}

void NpyMatrix::read_into(int64_t begin, int64_t end, float* out) const {
  const int64_t row_bytes = dim() * static_cast<int64_t>(sizeof(float));
  const auto bytes = std::as_writable_bytes(std::span(out, (end - begin) * dim()));
  if (file_.read_at(header_.size + begin * row_bytes, bytes) != bytes.size()) {
    throw BadData(fmt::format("{} has been cut since it was opened", quoted(file_.path())));
  }
}

torch::Tensor NpyMatrix::rows(int64_t begin, int64_t end) const {
  TORCH_CHECK(0 <= begin && begin <= end && end <= count(), "rows ", begin, " .. ", end, " of ",
              count());
  torch::Tensor rows = torch::empty({end - begin, dim()}, torch::kFloat32);
  read_into(begin, end, rows.data_ptr<float>());
  return rows;
}

torch::Tensor NpyMatrix::rows(const torch::Tensor& numbers) const {
  TORCH_CHECK(numbers.dim() == 1 && numbers.scalar_type() == torch::kInt64,
              "row numbers are int64 [n], got ", numbers.toString(), " ", numbers.sizes());
  const torch::Tensor wanted = numbers.to(torch::kCPU).contiguous();
  const auto* number = wanted.const_data_ptr<int64_t>();
  torch::Tensor rows = torch::empty({wanted.numel(), dim()}, torch::kFloat32);
  for (int64_t i = 0; i < wanted.numel();) {
    int64_t next = i + 1;  // neighbours in the file are read at once
    while (next < wanted.numel() && number[next] == number[next - 1] + 1) ++next;
    TORCH_CHECK(number[i] >= 0 && number[next - 1] < count(), "row ", number[next - 1], " of ",
                count());
    read_into(number[i], number[next - 1] + 1, rows.data_ptr<float>() + i * dim());
    i = next;
  }
  return rows;
}

}  // namespace oar
