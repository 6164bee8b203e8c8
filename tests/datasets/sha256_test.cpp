#include "datasets/sha256.h"

#include <gtest/gtest.h>

#include <string>
#include <system_error>

#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

constexpr char kOfAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kOfMillionA[] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

TEST(Sha256, AgreesWithThePublishedExamples) {  // FIPS 180-4 examples of NIST
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), kOfAbc);
  EXPECT_EQ(sha256_hex(std::string(1'000'000, 'a')), kOfMillionA);
}

TEST(Sha256, AFileHashesAsItsBytesDo) {
  const TestFolder folder;
  folder.write("a", std::string(1'000'000, 'a'));
  EXPECT_EQ(sha256_file(folder.path() / "a"), kOfMillionA);
}

TEST(Sha256, AMissingFileIsNamed) {
  const std::string message =
      message_of<std::system_error>([] { sha256_file("no-such-folder/weights.pth"); });
  EXPECT_EQ(message, "cannot open \"no-such-folder/weights.pth\": No such file or directory");
}

}  // namespace
}  // namespace oar
