#include "models/memory/kept_memory.h"

#include <cstdlib>  // defines __GLIBC__ where that is the library

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace oar {

void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most it takes; larger ones are mapped on their own
  mallopt(M_TRIM_THRESHOLD, 2047 << 20);
#endif
}

}  // namespace oar
