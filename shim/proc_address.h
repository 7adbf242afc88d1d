// cuGetProcAddress: a function by (name, version, flags). Any thread, before cuInit too. Owns nothing.
#ifndef PAELLA_SHIM_PROC_ADDRESS_H_
#define PAELLA_SHIM_PROC_ADDRESS_H_

#include "shim/cuda_api.h"

namespace paella::shim {

// One form of a function; the generated table is sorted by (name, per_thread, version).
struct ProcVersion {
  const char* name;
  int version;
  bool per_thread;  // the _ptsz or _ptds form
  int entry;
};

extern const ProcVersion kProcVersions[];
extern const int kProcVersionCount;

// The newest form that is not newer than `version`; a per-thread one first if `per_thread`. `entry` is its entry, or -1.
CUdriverProcAddressQueryResult FindProc(const char* name, int version, bool per_thread, int& entry);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_PROC_ADDRESS_H_
