// An nDPI detection module, owned: every dissector on, nothing read from files, no log.
//
// Modules share static tables in nDPI that are filled by the first one made: make them on one
// thread, use each on one thread at a time.
#pragma once

#include <memory>

#include "dataplane/base/result.h"
#include "dataplane/classify/ndpi_api.h"
#include "dataplane/classify/ndpi_heap.h"

namespace weir::classify {

class NdpiModule {
 public:
  static base::Result<std::unique_ptr<NdpiModule>> Create();
  ~NdpiModule();
  NdpiModule(const NdpiModule&) = delete;
  NdpiModule& operator=(const NdpiModule&) = delete;

  ndpi::Module* get() const { return module_; }
  HeapAccount& heap() { return heap_; }

 private:
  NdpiModule() = default;

  HeapAccount heap_;
  ndpi::Module* module_ = nullptr;
};

}  // namespace weir::classify
