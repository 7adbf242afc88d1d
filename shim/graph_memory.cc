#include "shim/graph_memory.h"

#include "shim/allocate.h"
#include "shim/client.h"

namespace paella::shim {
namespace {

// Behind the last launch, on the stream that exists for ever: the launch's own may be destroyed.
void GiveBackInOrder(Client& client, std::uint64_t address, std::uint32_t stream, std::uint64_t sequence) {
  if (!client.allocations.Remove(address)) return;
  if (stream != kLegacyStream && client.submission.PostWait(kLegacyStream, stream, sequence) != CUDA_SUCCESS) return;
  ipc::FreeInOrder message;
  message.stream = kLegacyStream;
  message.address = address;
  client.submission.PostCommand(message);
}

}  // namespace

GraphMemory::~GraphMemory() {
  {
    const std::lock_guard lock(client_.graph_memories.mutex_);
    client_.graph_memories.all_.erase(address_);
    if (live_) return;
  }
  GiveBackInOrder(client_, address_, last_stream_, last_sequence_);
}

CUresult GraphMemories::Make(std::uint64_t size_bytes, std::shared_ptr<GraphMemory>& memory) {
  Allocation allocation;
  allocation.size_bytes = size_bytes;
  allocation.context = current_context;
  const CUresult result = MakeAllocation(client_.submission, client_.allocations, allocation);
  if (result != CUDA_SUCCESS) return result;
  memory = std::make_shared<GraphMemory>(client_, allocation.base, size_bytes);
  const std::lock_guard lock(mutex_);
  all_.emplace(allocation.base, memory.get());
  return CUDA_SUCCESS;
}

bool GraphMemories::IsGraphs(std::uint64_t address) const {
  const std::lock_guard lock(mutex_);
  return all_.contains(address);
}

bool GraphMemories::Allocate(GraphMemory& memory, bool free_first) {
  const std::lock_guard lock(mutex_);
  if (memory.live_ && !free_first) return false;
  memory.live_ = true;
  return true;
}

void GraphMemories::UsedUntil(std::uint64_t address, std::uint32_t stream, std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  const auto found = all_.find(address);
  if (found == all_.end()) return;
  found->second->last_stream_ = stream;
  found->second->last_sequence_ = sequence;
}

bool GraphMemories::Free(std::uint64_t address) {
  const std::lock_guard lock(mutex_);
  const auto found = all_.find(address);
  if (found == all_.end() || !found->second->live_) return false;
  found->second->live_ = false;
  return true;
}

GraphMemories::Use GraphMemories::use() const {
  const std::lock_guard lock(mutex_);
  Use use;
  for (const auto& [address, memory] : all_) {
    use.reserved_bytes += memory->size_bytes_;
    if (memory->live_) use.used_bytes += memory->size_bytes_;
  }
  return use;
}

}  // namespace paella::shim
