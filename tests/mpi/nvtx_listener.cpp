// A profiler, for tests: NVTX loads it by NVTX_INJECTION64_PATH, and it prints the ranges that
// begin and end in the process.
#include <nvtx3/nvToolsExt.h>

#include <cstdio>

namespace {

// NVTX keeps domains as addresses of its tool's own.
struct Domain {
  const char* name;
  int depth;
} the_domain;

nvtxDomainHandle_t NVTX_API create_domain(const char* name) {
  the_domain.name = name;
  return reinterpret_cast<nvtxDomainHandle_t>(&the_domain);
}

int NVTX_API begin_range(nvtxDomainHandle_t domain, const nvtxEventAttributes_t* attributes) {
  Domain& of = *reinterpret_cast<Domain*>(domain);
  std::printf("%s:%d:%s\n", of.name, of.depth, attributes->message.ascii);
  return of.depth++;
}

int NVTX_API end_range(nvtxDomainHandle_t domain) {
  return --reinterpret_cast<Domain*>(domain)->depth;
}

template <class Function>
void set(NvtxFunctionTable table, unsigned index, Function function) {
  *table[index] = reinterpret_cast<NvtxFunctionPointer>(function);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int InitializeInjectionNvtx2(
    NvtxGetExportTableFunc_t get_table) {
  const auto* const callbacks =
      static_cast<const NvtxExportTableCallbacks*>(get_table(NVTX_ETID_CALLBACKS));
  NvtxFunctionTable table = nullptr;
  unsigned size = 0;
  if (callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &table, &size) == 0) return 0;
  set(table, NVTX_CBID_CORE2_DomainCreateA, create_domain);
  set(table, NVTX_CBID_CORE2_DomainRangePushEx, begin_range);
  set(table, NVTX_CBID_CORE2_DomainRangePop, end_range);
  return 1;
}
