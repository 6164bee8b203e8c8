#pragma once

#include <string>

namespace oar {

/// A number of bytes for people, three digits of it: "0 B", "12.3 MiB", "1.25 GiB".
std::string byte_text(double bytes);

}  // namespace oar
