// What programs set about a stream beside its flags (cuStreamSetAttribute). The policy of waiting and the priority have
// their effect; the rest are hints for the GPU, kept and told to who asks.
#ifndef PAELLA_SHIM_STREAM_ATTRIBUTES_H_
#define PAELLA_SHIM_STREAM_ATTRIBUTES_H_

#include "ipc/waiting.h"
#include "shim/cuda_api.h"

namespace paella::shim {

struct StreamHints {
  CUaccessPolicyWindow access_policy{};
  CUlaunchMemSyncDomain memory_domain = CU_LAUNCH_MEM_SYNC_DOMAIN_DEFAULT;
  CUlaunchMemSyncDomainMap memory_domain_map{0, 1};
};

// How a thread waits for a stream of that policy, where the context says `of_context`.
inline ipc::WaitStyle WaitStyleOf(CUsynchronizationPolicy policy, ipc::WaitStyle of_context) {
  switch (policy) {
    case CU_SYNC_POLICY_SPIN: return ipc::WaitStyle::kSpin;
    case CU_SYNC_POLICY_YIELD: return ipc::WaitStyle::kYield;
    case CU_SYNC_POLICY_BLOCKING_SYNC: return ipc::WaitStyle::kBlock;
    case CU_SYNC_POLICY_AUTO: break;
  }
  return of_context;
}

}  // namespace paella::shim

#endif  // PAELLA_SHIM_STREAM_ATTRIBUTES_H_
