#pragma once

/// Before a function with plain loops: one copy of it per instruction set, chosen when the program
/// starts. That is earlier than ThreadSanitizer is there, which then has one copy for all.
#ifdef __SANITIZE_THREAD__
#define OAR_EVERY_PROCESSOR
#else
#define OAR_EVERY_PROCESSOR \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif
