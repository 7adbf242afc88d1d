// What one client owns on the GPU: memory, libraries and their kernels, events; and the answers to its calls.
//
// Numbers given to the client index tables of this client alone; nothing a client sends reaches the driver untranslated.
// Handle(...) runs on the client's worker and may wait; the Find functions run on the dispatching thread and do not.
// One lock guards the tables, and is never held across a driver call. Addresses that copies may name have their own
// (owned_ranges.h), so have arrays (client_arrays.h); the virtual memory functions need none (client_virtual_memory.h).
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_CLIENT_OBJECTS_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_CLIENT_OBJECTS_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ipc/registered_pages.h"
#include "ipc/shared_memory.h"
#include "messages.h"
#include "scheduler_daemon/driver.h"
#include "scheduler_daemon/executor/client_arrays.h"
#include "scheduler_daemon/executor/client_graphs.h"
#include "scheduler_daemon/executor/client_virtual_memory.h"
#include "scheduler_daemon/executor/modules.h"
#include "scheduler_daemon/executor/owned_ranges.h"
#include "scheduler_daemon/executor/printed_text.h"
#include "scheduler_daemon/executor/range_allocator.h"
#include "scheduler_daemon/executor/shared_allocations.h"
#include "scheduler_daemon/executor/shared_events.h"
#include "scheduler_daemon/executor/tenant_memory.h"

namespace paella::scheduler_daemon {

class SmShare;

// Shared by the clients of one tenant.
struct Tenant {
  std::string name;
  std::uint32_t number;
  TenantMemory memory;
  SharedAllocations shared_allocations;
  SharedEvents shared_events;
  // Makes all tenants give back what they keep for later. No lock may be held.
  std::function<void()> reclaim_idle_memory = [] {};
  // How much all tenants together can still allocate, where the driver sees `free_bytes`.
  std::function<std::uint64_t(std::uint64_t free_bytes)> free_memory_bytes = [](std::uint64_t free) { return free; };
  // Commands read and not done, of all its clients. What is freed meanwhile is kept for later instead of unmapped, until
  // somebody runs out of memory.
  std::atomic<std::uint64_t> pending_commands{0};
  // Dispatching thread only.
  std::uint64_t in_flight = 0;
  std::uint64_t busy_since_ns = 0;
  double sm_share_percent = 0;        // that it is to have; 0: all SMs
  std::shared_ptr<SmShare> sm_share;  // null: it has none, or not yet
  // Time in which at least one of its commands was on the GPU.
  std::atomic<std::uint64_t> busy_ns{0};

  Tenant(std::string tenant_name, std::uint32_t tenant_number, const Driver& driver, CUdevice device,
         SlabStock& slabs, std::uint64_t window_base, std::uint64_t window_bytes)
      : name(std::move(tenant_name)),
        number(tenant_number),
        memory(driver, device, slabs, window_base, window_bytes) {}
};

// What a launch needs to know of a kernel.
struct KernelInfo {
  Module* module;
  const Module::Kernel* in_module;
  // This client's; the driver may allow more, since another has asked for it (modules.h).
  std::uint64_t most_dynamic_shared_bytes;
};

struct LinkInput;

class ClientObjects {
 public:
  // Total an upload may have: more than any image seen (notes: 29 MB), less than what would hurt the daemon.
  static constexpr std::uint64_t kMaxUploadBytes = 1ull << 30;
  // A program loads one image at a time in each thread; an upload that is never loaded costs more than its bytes.
  static constexpr std::size_t kMaxUploads = 4096;

  // Results that a client was told of and has not taken; then the oldest is forgotten.
  static constexpr std::size_t kMaxResults = 16;

  // Of the client's pinned memory.
  struct Arena {
    std::uint64_t base;
    std::uint64_t size_bytes;
    int memory;  // the descriptor that it is mapped from
  };

  ClientObjects(const Driver& driver, ModuleCache& modules, PrintedText& printed, Tenant& tenant, const Arena& arena);
  ~ClientObjects();  // gives everything back; nothing of it is in use on the GPU any more

  // Whether [address, address + size) is memory of this client that it may use so.
  bool Owns(std::uint64_t address, std::uint64_t size_bytes, RangeUse use) const {
    return ranges_.Allow(address, size_bytes, use);
  }
  // Lives as long as the library.
  std::optional<KernelInfo> FindKernel(std::uint64_t kernel) const;
  // The client has asked for the library's unload: from now on its kernels are not found, while the unload itself waits
  // for the launches that were read before.
  void RetireLibrary(std::uint64_t library);
  OwnedRanges& ranges() { return ranges_; }
  // How often the client has given up memory, or kernels: a graph that names them is looked at again after that.
  std::uint64_t ranges_lost() const { return ranges_.lost(); }
  std::uint64_t kernels_lost() const { return kernels_lost_.load(std::memory_order_acquire); }
  ClientGraphs& graphs() { return graphs_; }
  ClientArrays& arrays() { return arrays_; }
  const ClientArrays& arrays() const { return arrays_; }
  const std::shared_ptr<ClientText>& text() const { return text_; }
  // The event's driver object, made at first use; null if the driver makes none, and `result` says why. A command that
  // records it keeps it.
  std::shared_ptr<CUevent_st> EventFor(std::uint64_t event, CUresult& result);
  void DestroyEvent(std::uint64_t event);
  // False: more than kMaxUploadBytes or kMaxUploads.
  bool AppendUpload(std::uint64_t upload, const std::vector<std::byte>& data);
  // The upload's bytes, which are then no longer here.
  std::optional<std::vector<std::byte>> TakeUpload(std::uint64_t upload);
  // Forgets the allocation for later commands and returns whether there was one.
  bool ForgetDevice(std::uint64_t address);
  void ReleaseDevice(std::uint64_t address);

  CUresult Handle(const ipc::Ping&, ipc::PingReply&) { return CUDA_SUCCESS; }
  CUresult Handle(const ipc::LibraryLoad& call, ipc::LibraryLoadReply& reply);
  CUresult Handle(const ipc::LibraryUnload& call, ipc::LibraryUnloadReply& reply);
  CUresult Handle(const ipc::LibraryKernels& call, ipc::LibraryKernelsReply& reply);
  CUresult Handle(const ipc::LibraryGetKernel& call, ipc::LibraryGetKernelReply& reply);
  CUresult Handle(const ipc::LibraryGetGlobal& call, ipc::LibraryGetGlobalReply& reply);
  CUresult Handle(const ipc::KernelSetAttribute& call, ipc::KernelSetAttributeReply& reply);
  CUresult Handle(const ipc::KernelOccupancy& call, ipc::KernelOccupancyReply& reply);
  CUresult Handle(const ipc::KernelAvailableShared& call, ipc::KernelAvailableSharedReply& reply);
  CUresult Handle(const ipc::KernelMaxClusters& call, ipc::KernelMaxClustersReply& reply);
  CUresult Handle(const ipc::TextTake& call, ipc::TextTakeReply& reply);
  CUresult Handle(const ipc::LinkComplete& call, ipc::LinkCompleteReply& reply);
  CUresult Handle(const ipc::ResultTake& call, ipc::ResultTakeReply& reply);
  CUresult Handle(const ipc::AllocateDevice& call, ipc::AllocateDeviceReply& reply);
  CUresult Handle(const ipc::FreeDevice& call, ipc::FreeDeviceReply& reply);
  CUresult Handle(const ipc::AllocateHost& call, ipc::AllocateHostReply& reply);
  CUresult Handle(const ipc::FreeHost& call, ipc::FreeHostReply& reply);
  CUresult Handle(const ipc::RegisterHost& call, ipc::RegisterHostReply& reply);
  CUresult Handle(const ipc::UnregisterHost& call, ipc::UnregisterHostReply& reply);
  CUresult Handle(const ipc::MemoryShare& call, ipc::MemoryShareReply& reply);
  CUresult Handle(const ipc::MemoryOpen& call, ipc::MemoryOpenReply& reply);
  CUresult Handle(const ipc::MemoryClose& call, ipc::MemoryCloseReply& reply);
  CUresult Handle(const ipc::MemoryInfo& call, ipc::MemoryInfoReply& reply);
  CUresult Handle(const ipc::EventElapsed& call, ipc::EventElapsedReply& reply);
  CUresult Handle(const ipc::EncodeTensorMap& call, ipc::EncodeTensorMapReply& reply);
  CUresult Handle(const ipc::EncodeTensorMapIm2col& call, ipc::EncodeTensorMapIm2colReply& reply);
  CUresult Handle(const ipc::ReplaceTensorMapAddress& call, ipc::ReplaceTensorMapAddressReply& reply);

  template <typename Call, typename Reply>
    requires requires(ClientVirtualMemory& memory, const Call& call, Reply& reply) { memory.Handle(call, reply); }
  CUresult Handle(const Call& call, Reply& reply) {
    return WithReclaim([&] { return virtual_memory_.Handle(call, reply); });
  }

  template <typename Call, typename Reply>
    requires requires(ClientArrays& arrays, const Call& call, Reply& reply) { arrays.Handle(call, reply); }
  CUresult Handle(const Call& call, Reply& reply) {
    return WithReclaim([&] { return arrays_.Handle(call, reply); }, [this] { tenant_.memory.AwaitReturns(); });
  }

  template <typename Call, typename Reply>
    requires requires(ClientGraphs& graphs, const Call& call, Reply& reply) { graphs.Handle(call, reply); }
  CUresult Handle(const Call& call, Reply& reply) {
    return graphs_.Handle(call, reply);
  }

 private:
  // Tries again, once, after all tenants have given back the memory that they keep for later.
  template <typename Attempt>
  CUresult WithReclaim(Attempt attempt) {
    return WithReclaim(attempt, [] {});
  }
  // `settle`: what is to be done in between.
  template <typename Attempt, typename Settle>
  CUresult WithReclaim(Attempt attempt, Settle settle) {
    const CUresult result = attempt();
    if (result != CUDA_ERROR_OUT_OF_MEMORY) return result;
    tenant_.reclaim_idle_memory();
    settle();
    return attempt();
  }

  struct Library {
    std::shared_ptr<Module> module;  // may be other clients' too
    // Once it is needed: nobody else's, and perhaps the same one.
    std::shared_ptr<Module> own;
    std::unordered_map<std::string, std::uint64_t> kernels;
    std::vector<std::uint64_t> globals;
    bool is_retired = false;
  };

  struct Kernel {
    std::uint64_t library = 0;
    std::string name;
    std::shared_ptr<Module> module;  // the one that it runs from
    const Module::Kernel* in_module = nullptr;
    std::vector<int> attributes;     // as this client sees them
  };

  // One piece for all of them, each of which is given back by itself. Not of none.
  std::optional<std::uint64_t> TakeFromArena(const std::vector<ipc::PageRun>& runs);
  CUresult MapAndRegister(const ipc::RegisterHost& call, const std::vector<ipc::PageRun>& new_runs,
                          std::uint64_t arena_address);
  void UnregisterAll();
  // Of this client's allocation, which others may have open.
  CUresult FreeOwn(std::uint64_t address, bool may_unmap);
  void CloseOne(std::uint64_t address);

  // Under mutex_. Null: there is none, or it is retired.
  Library* FindLibrary(std::uint64_t library);
  std::shared_ptr<Module> FindModule(std::uint64_t library);
  CUresult OwnModule(std::uint64_t library, std::shared_ptr<Module>& own);
  CUresult SetInOwnCopy(Kernel& kernel, CUfunction_attribute attribute, int value);
  CUresult TakeLinkInputs(const ipc::LinkComplete& call, std::vector<LinkInput>& inputs);

  const Driver& driver_;
  ModuleCache& modules_;
  PrintedText& printed_;
  Tenant& tenant_;
  const Arena arena_place_;
  const std::shared_ptr<ClientText> text_ = std::make_shared<ClientText>();

  OwnedRanges ranges_;  // every allocation, global and mapping that may be used
  ClientVirtualMemory virtual_memory_;
  ClientArrays arrays_;
  ClientGraphs graphs_;
  std::atomic<std::uint64_t> kernels_lost_{0};

  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::uint64_t> device_;  // address -> size, what cuMemAlloc gave
  std::unordered_map<std::uint64_t, std::uint32_t> opened_;  // address -> openings of another client's allocation
  RangeAllocator arena_;
  std::unordered_map<std::uint64_t, std::uint64_t> host_;
  // Memory of the client's own; only on the worker, not under mutex_.
  ipc::RegisteredPages registered_;
  std::unordered_map<std::uint64_t, ipc::Mapping> registered_mappings_;  // of its pages, by their runs' begin
  std::unordered_map<std::uint64_t, std::vector<std::byte>> uploads_;
  std::uint64_t upload_bytes_ = 0;  // of all of them
  std::map<std::uint64_t, std::vector<std::byte>> results_;
  std::unordered_map<std::uint64_t, Library> libraries_;
  std::unordered_map<std::uint64_t, Kernel> kernels_;
  std::unordered_map<std::uint64_t, std::shared_ptr<CUevent_st>> events_;
  std::uint64_t next_number_ = 1;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_CLIENT_OBJECTS_H_
