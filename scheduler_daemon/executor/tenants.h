// The tenants that have clients in this executor. A tenant's memory goes with its last client; what it has used is
// remembered for a while.
//
// Thread-safe: clients come on the control thread and leave on the reaper, and the main thread asks.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_TENANTS_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_TENANTS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "scheduler_daemon/executor/client_objects.h"

namespace paella::scheduler_daemon {

class Tenants {
 public:
  // Finished tenants that are remembered, the latest of them.
  static constexpr std::size_t kMaxFinished = 64;

  struct Finished {
    std::string tenant;
    double gpu_seconds;
  };

  Tenants(const Driver& driver, CUdevice device, SlabStock& slabs) : driver_(driver), device_(device), slabs_(slabs) {}

  // The client's tenant, made with its window at the first client. Null: the window's addresses are taken.
  std::shared_ptr<Tenant> Get(const ipc::ClientAttach& client, CUresult& result) {
    const std::lock_guard lock(mutex_);
    auto& tenant = tenants_[client.tenant];
    if (tenant != nullptr) return tenant;
    tenant = std::make_shared<Tenant>(client.tenant, FreeNumber(), driver_, device_, slabs_,
                                      client.window_base, client.window_bytes);
    tenant->reclaim_idle_memory = [this] { TrimIdleMemory(); };
    tenant->free_memory_bytes = [this](std::uint64_t free_bytes) { return FreeMemoryBytes(free_bytes); };
    result = tenant->memory.ReserveWindow();
    if (result == CUDA_SUCCESS) return tenant;
    tenants_.erase(client.tenant);
    return nullptr;
  }

  // Lets go of tenants without clients.
  void Tidy() {
    const std::lock_guard lock(mutex_);
    std::erase_if(tenants_, [this](const auto& entry) {
      if (entry.second.use_count() != 1) return false;
      Remember(*entry.second);
      return true;
    });
  }

  // In the order in which their last clients left. One that comes back and leaves again is there twice.
  std::vector<Finished> finished() const {
    const std::lock_guard lock(mutex_);
    return {finished_.begin(), finished_.end()};
  }

  // What was free before the first slab was made: once, at the start.
  void SetFreeAtStart(std::uint64_t bytes) { free_at_start_bytes_ = bytes; }

  // What nobody has allocated: what tenants keep idle goes to whoever needs it. By our own count, which is exact at once.
  // What takes memory beside the tenants' allocations (code, programs without Paella) only the driver knows, and what it
  // sees lags behind by the slabs that are just being made; those that are just being given back are waited for.
  std::uint64_t FreeMemoryBytes(std::uint64_t driver_free_bytes) {
    constexpr std::uint64_t kOnTheirWayBytes = 4 * TenantMemory::kSlabBytes;
    std::uint64_t used = 0;
    std::uint64_t idle = slabs_.ready_bytes();
    for (const auto& tenant : All()) {
      used += tenant->memory.used_bytes();
      idle += tenant->memory.idle_bytes();
    }
    Tidy();
    const std::uint64_t not_allocated = free_at_start_bytes_ - std::min(free_at_start_bytes_, used);
    if (driver_free_bytes + idle + kOnTheirWayBytes < not_allocated && slabs_.HasReturns()) {
      slabs_.AwaitReturns();
      std::size_t free = 0, total = 0;
      if (driver_.cuMemGetInfo(&free, &total) == CUDA_SUCCESS) driver_free_bytes = free;
    }
    return std::min(not_allocated, driver_free_bytes + idle + kOnTheirWayBytes);
  }

  // Of all tenants, and what is ready for the next one.
  void TrimIdleMemory() {
    auto all = All();
    for (const auto& tenant : all) tenant->memory.TrimIdle();
    slabs_.GiveUp();
    all.clear();
    Tidy();  // one whose last client has left meanwhile
  }

 private:
  // The smallest: policies use it as an index. Under mutex_.
  std::uint32_t FreeNumber() const {
    std::set<std::uint32_t> taken;
    for (const auto& [name, tenant] : tenants_) {
      if (tenant != nullptr) taken.insert(tenant->number);
    }
    std::uint32_t number = 0;
    while (taken.contains(number)) ++number;
    return number;
  }

  std::vector<std::shared_ptr<Tenant>> All() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Tenant>> all;
    for (const auto& [name, tenant] : tenants_) all.push_back(tenant);
    return all;
  }

  void Remember(const Tenant& tenant) {
    if (finished_.size() == kMaxFinished) finished_.pop_front();
    finished_.push_back({tenant.name, static_cast<double>(tenant.busy_ns.load()) * 1e-9});
  }

  const Driver& driver_;
  const CUdevice device_;
  SlabStock& slabs_;
  std::uint64_t free_at_start_bytes_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Tenant>> tenants_;
  std::deque<Finished> finished_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_TENANTS_H_
