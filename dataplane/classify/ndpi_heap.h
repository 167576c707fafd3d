// What nDPI takes from the heap, counted for each classifier.
//
// nDPI allocates behind its interface (TLS records being joined, strings, caches made at first use)
// through functions that are one set for the whole process. Each call into nDPI is therefore made
// inside a HeapScope, which says whose account it is. An account belongs to one thread at a time.
#pragma once

#include <cstdint>

namespace weir::classify {

struct HeapAccount {
  uint64_t bytes = 0;
  uint64_t bytes_max = 0;
  uint64_t blocks = 0;
};

// Makes nDPI allocate through the counting functions. Call before the first module is made;
// repeating it changes nothing.
void InstallHeapCounting();

class HeapScope {
 public:
  explicit HeapScope(HeapAccount& account);
  ~HeapScope();
  HeapScope(const HeapScope&) = delete;
  HeapScope& operator=(const HeapScope&) = delete;

 private:
  HeapAccount* outer_;
};

}  // namespace weir::classify
