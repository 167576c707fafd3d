// A property that does not hold stops the fuzzer, in every kind of build.
#pragma once

#include <cstdio>
#include <cstdlib>

// Before a function of a model: a fuzzer need not follow its ways, which would take most of the
// time.
#if defined(__clang__)
#define FUZZ_MODEL __attribute__((no_sanitize("coverage")))
#else
#define FUZZ_MODEL
#endif

#define FUZZ_CHECK(condition)                                                             \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                       \
    }                                                                                     \
  } while (false)
