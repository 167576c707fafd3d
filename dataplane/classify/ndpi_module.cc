#include "dataplane/classify/ndpi_module.h"

#include <fmt/format.h>

namespace weir::classify {

base::Result<std::unique_ptr<NdpiModule>> NdpiModule::Create() {
  // A library of another version than the header would write past the flow's end.
  const uint32_t flow_bytes = ndpi_detection_get_sizeof_ndpi_flow_struct();
  if (flow_bytes != sizeof(ndpi::Flow)) {
    return base::Error{fmt::format(
        "libndpi does not fit: its flow has {} bytes, Weir was built with a header that says {}; "
        "install the libndpi that Weir was built with, or build Weir again",
        flow_bytes, sizeof(ndpi::Flow))};
  }
  InstallHeapCounting();
  std::unique_ptr<NdpiModule> owned(new NdpiModule());
  const HeapScope scope(owned->heap_);
  owned->module_ = ndpi_init_detection_module(ndpi_no_prefs);
  if (owned->module_ == nullptr) return base::Error{"nDPI could not be started: out of memory"};
  NDPI_PROTOCOL_BITMASK all;
  NDPI_BITMASK_SET_ALL(all);
  ndpi_set_protocol_detection_bitmask2(owned->module_, &all);
  ndpi_finalize_initialization(owned->module_);
  return owned;
}

NdpiModule::~NdpiModule() {
  if (module_ == nullptr) return;
  const HeapScope scope(heap_);
  ndpi_exit_detection_module(module_);
}

}  // namespace weir::classify
