#include "datasets/image_names.h"

#include <gtest/gtest.h>

namespace oar {
namespace {

TEST(NamedAs, GoesByTheExtensionInAnyCase) {
  for (const char* file : {"a.jpg", "a.JPEG", "sub.webp/a.Png"}) {
    EXPECT_EQ(named_as(file), NamedAs::kImage) << file;
  }
  for (const char* file : {"a.webp", "a.GIF", "a.tiff", "a.ppm"}) {
    EXPECT_EQ(named_as(file), NamedAs::kForeignImage) << file;
  }
  for (const char* file : {"a.txt", "jpg", "a.jpg.part", ".png", "a.png/b", ""}) {
    EXPECT_EQ(named_as(file), NamedAs::kOther) << file;
  }
  EXPECT_EQ(foreign_image_reason("a.WEBP"), ".webp files are not read; convert it to PNG or JPEG");
}

TEST(IsHidden, GoesByAnyPartOfThePath) {
  for (const char* file : {".a.png", "a/._b.png", ".cache/b.png", "__MACOSX/b.png", ".DS_Store"}) {
    EXPECT_TRUE(is_hidden(file)) << file;
  }
  for (const char* file : {"a.png", "./a.png", "../a.png", "a/b.c/d.png", "MACOSX__/a.png"}) {
    EXPECT_FALSE(is_hidden(file)) << file;
  }
}

}  // namespace
}  // namespace oar
