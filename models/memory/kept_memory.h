#pragma once

namespace oar {

/// From now on freed memory stays with the process where it can, for what is allocated next.
/// Training allocates and frees the same activations in every step; given back to the system, each
/// page of them is cleared and mapped anew. Elsewhere than in glibc it does nothing.
void keep_freed_memory();

}  // namespace oar
