// How an exported function reaches its implementation, and what the generated table of entries is made of.
//
//   export (one jump) ──▶ paella_entries[n] ──▶ Entry<paella_cuX>::Call ──▶ paella_cuX          here
//                                          └──▶ the real driver's cuX                          after StepAside()
//
// The table is written only by StepAside (real_driver.h), inside cuInit.
#ifndef PAELLA_SHIM_ENTRIES_H_
#define PAELLA_SHIM_ENTRIES_H_

#include "shim/call_log.h"
#include "shim/cuda_api.h"

extern "C" {
extern void* paella_entries[];
extern const char paella_exports[];
}

namespace paella::shim {

extern const int kEntryCount;
extern const char* const kEntryNames[];  // the symbol of each entry, sorted

inline constexpr int kExportStrideBytes = 16;  // of the generated exports

inline void* ExportAddress(int entry) { return const_cast<char*>(paella_exports) + entry * kExportStrideBytes; }

// What "stream 0" means in the call that this thread is in: true inside the _ptsz and _ptds forms.
extern thread_local constinit bool null_stream_is_per_thread;

// The net under every function that may run out of host memory: no exception reaches the program. It tells the log, too.
template <auto kFunction>
struct Entry;

template <typename... Args, CUresult (*kFunction)(Args...)>
struct Entry<kFunction> {
  static CUresult Call(Args... args) noexcept {
    try {
      const CUresult result = kFunction(args...);
      if (calls_to_log != CallsToLog::kNone) [[unlikely]] {
        if (result != CUDA_SUCCESS || calls_to_log == CallsToLog::kAll) LogCall(__PRETTY_FUNCTION__, result);
      }
      return result;
    } catch (...) {
      return CUDA_ERROR_OUT_OF_MEMORY;
    }
  }
};

template <auto kFunction>
struct PerThreadEntry;

template <typename... Args, CUresult (*kFunction)(Args...)>
struct PerThreadEntry<kFunction> {
  static CUresult Call(Args... args) noexcept {
    null_stream_is_per_thread = true;
    const CUresult result = Entry<kFunction>::Call(args...);
    null_stream_is_per_thread = false;
    return result;
  }
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_ENTRIES_H_
