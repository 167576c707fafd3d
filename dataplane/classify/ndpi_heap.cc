#include "dataplane/classify/ndpi_heap.h"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>

#include "dataplane/classify/ndpi_api.h"

namespace weir::classify {
namespace {

// nDPI's hooks carry no context, so the account in force is the thread's.
thread_local HeapAccount* current_account = nullptr;

void* CountedMalloc(size_t bytes) {
  void* block = std::malloc(bytes);
  if (block != nullptr && current_account != nullptr) {
    current_account->bytes += malloc_usable_size(block);
    current_account->bytes_max = std::max(current_account->bytes_max, current_account->bytes);
    ++current_account->blocks;
  }
  return block;
}

void CountedFree(void* block) {
  if (block != nullptr && current_account != nullptr) {
    current_account->bytes -= malloc_usable_size(block);
    --current_account->blocks;
  }
  std::free(block);
}

}  // namespace

void InstallHeapCounting() {
  static std::once_flag once;
  std::call_once(once, [] {
    set_ndpi_malloc(CountedMalloc);
    set_ndpi_free(CountedFree);
    set_ndpi_flow_malloc(CountedMalloc);
    set_ndpi_flow_free(CountedFree);
  });
}

HeapScope::HeapScope(HeapAccount& account) : outer_(current_account) { current_account = &account; }

HeapScope::~HeapScope() { current_account = outer_; }

}  // namespace weir::classify
