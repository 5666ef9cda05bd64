// Ranges by CUDA's tools extension, NVTX, for Nsight Systems and others.
#include "ranges.hpp"

#include <nvtx3/nvToolsExt.h>

namespace causeway {

namespace {

/// Null where no tool was there when it was first asked for.
nvtxDomainHandle_t domain() {
  static const nvtxDomainHandle_t the_domain = nvtxDomainCreateA("causeway");
  return the_domain;
}

}  // namespace

bool has_profiler() { return domain() != nullptr; }

void begin_range(const char* name) {
  nvtxEventAttributes_t attributes{};
  attributes.version = NVTX_VERSION;
  attributes.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
  attributes.messageType = NVTX_MESSAGE_TYPE_ASCII;
  attributes.message.ascii = name;
  nvtxDomainRangePushEx(domain(), &attributes);
}

void end_range() { nvtxDomainRangePop(domain()); }

}  // namespace causeway
