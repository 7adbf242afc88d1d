// This process as a client: everything that exists between a successful cuInit and the process's end, and the gate that
// every call passes.
//
// Made by cuInit, once, and never destroyed: other threads and exit handlers may be in it.
#ifndef PAELLA_SHIM_CLIENT_H_
#define PAELLA_SHIM_CLIENT_H_

#include <atomic>

#include "shim/allocations.h"
#include "shim/arrays.h"
#include "shim/callbacks.h"
#include "shim/captures.h"
#include "shim/contexts.h"
#include "shim/cuda_api.h"
#include "shim/events.h"
#include "shim/graph_execs.h"
#include "shim/graphs.h"
#include "shim/handshake.h"
#include "shim/libraries.h"
#include "shim/linker.h"
#include "shim/managed_hints.h"
#include "shim/memory_pools.h"
#include "shim/opened_memory.h"
#include "shim/pinned_blocks.h"
#include "shim/real_driver.h"
#include "shim/registered_memory.h"
#include "shim/reservations.h"
#include "shim/staging.h"
#include "shim/streams.h"
#include "shim/submission.h"
#include "shim/textures.h"
#include "shim/user_objects.h"

namespace paella::shim {

struct Client {
  // `real`: the initialised real driver, or null.
  Client(Connection&& accepted, RealDriver* real);

  Connection connection;
  const ipc::Welcome& welcome;
  const ipc::Channel channel;
  RealDriver* const real;
  Submission submission;
  Contexts contexts;
  Streams streams;
  Events events;
  Callbacks callbacks;
  Allocations allocations;
  OpenedMemory opened_memory;
  Reservations reservations;
  StagingAllocator staging;
  Libraries libraries;
  Arrays arrays;
  Textures textures;
  Linker linker;
  PinnedBlocks pinned_blocks;
  GraphMemories graph_memories;
  Graphs graphs;
  Captures captures;
  GraphExecs graph_execs;
  UserObjects user_objects;
  MemoryPools memory_pools;
  ManagedHintTable managed_hints;
  RegisteredMemory registered_memory;

  ipc::WaitStyle wait_style() const {
    return current_context == nullptr ? ipc::WaitStyle::kAuto : current_context->wait_style();
  }
  // Whether an address is in memory that only the daemon gives out.
  bool OwnsAddress(std::uint64_t address) const {
    return address - welcome.window_base < welcome.window_bytes || address - welcome.arena_base < welcome.arena_bytes;
  }
};

// Null before a successful cuInit, in a forked child, and at the process's end.
extern std::atomic<Client*> ready_client;

// cuInit: the first call connects; the later ones give its result.
CUresult InitialiseProcess();

// Why ready_client is null.
CUresult WhyNotReady() noexcept;

// The gates. Each gives the client, or the error that the call returns. A call that needs only cuInit:
inline CUresult Enter(Client*& client) {
  client = ready_client.load(std::memory_order_acquire);
  return client != nullptr ? CUDA_SUCCESS : WhyNotReady();
}

// One that also returns this client's earlier failure, and is not allowed in a callback:
inline CUresult EnterWork(Client*& client) {
  client = ready_client.load(std::memory_order_acquire);
  if (client == nullptr) [[unlikely]] return WhyNotReady();
  if (in_callback) [[unlikely]] return CUDA_ERROR_NOT_PERMITTED;
  return client->submission.Failure();
}

// And one that needs a current context:
inline CUresult EnterContext(Client*& client) {
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) [[unlikely]] return result;
  const Context* const context = current_context;
  if (context == nullptr) [[unlikely]] return CUDA_ERROR_INVALID_CONTEXT;
  return context->alive.load(std::memory_order_relaxed) ? CUDA_SUCCESS : CUDA_ERROR_CONTEXT_IS_DESTROYED;
}

}  // namespace paella::shim

#endif  // PAELLA_SHIM_CLIENT_H_
