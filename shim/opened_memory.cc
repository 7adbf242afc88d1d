#include "shim/opened_memory.h"

#include "shim/ipc_handle.h"

namespace paella::shim {

CUresult OpenedMemory::Open(const CUipcMemHandle& handle, const Context* context, std::uint64_t& address) {
  ipc::MemoryOpen message;
  ReadToken(handle, message);
  ipc::MemoryOpenReply reply;
  if (const CUresult result = submission_.Call(message, reply); result != CUDA_SUCCESS) return result;
  const std::lock_guard lock(mutex_);
  if (openings_[reply.address]++ == 0) {
    Allocation allocation;
    allocation.base = reply.address;
    allocation.size_bytes = reply.size_bytes;
    allocation.kind = MemoryKind::kOpened;
    allocation.context = context;
    allocations_.Add(allocation);
  }
  address = reply.address;
  return CUDA_SUCCESS;
}

// Before the daemon hears of it: whoever opens the memory meanwhile counts anew on both sides.
bool OpenedMemory::ForgetOne(std::uint64_t address) {
  const std::lock_guard lock(mutex_);
  const auto found = openings_.find(address);
  if (found == openings_.end()) return false;
  if (--found->second == 0) {
    openings_.erase(found);
    allocations_.Remove(address);
  }
  return true;
}

CUresult OpenedMemory::Close(std::uint64_t address) {
  if (!ForgetOne(address)) return CUDA_ERROR_INVALID_VALUE;
  ipc::MemoryClose message;
  message.address = address;
  ipc::MemoryCloseReply reply;
  return submission_.Call(message, reply);
}

CUresult OpenedMemory::CloseAll(std::uint64_t address) {
  CUresult result = CUDA_SUCCESS;
  while (result == CUDA_SUCCESS) result = Close(address);
  return result == CUDA_ERROR_INVALID_VALUE ? CUDA_SUCCESS : result;
}

}  // namespace paella::shim
