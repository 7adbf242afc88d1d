#include "shim/allocate.h"

namespace paella::shim {
namespace {

template <typename Message, typename Reply>
CUresult AskFor(Submission& submission, Allocation& allocation) {
  Message message;
  message.size_bytes = allocation.size_bytes;
  Reply reply;
  if (const CUresult result = submission.Call(message, reply); result != CUDA_SUCCESS) return result;
  allocation.base = reply.address;
  return CUDA_SUCCESS;
}

}  // namespace

CUresult MakeAllocation(Submission& submission, Allocations& allocations, Allocation& allocation) {
  const CUresult result = allocation.IsHost()
                              ? AskFor<ipc::AllocateHost, ipc::AllocateHostReply>(submission, allocation)
                              : AskFor<ipc::AllocateDevice, ipc::AllocateDeviceReply>(submission, allocation);
  if (result == CUDA_SUCCESS) allocations.Add(allocation);
  return result;
}

}  // namespace paella::shim
