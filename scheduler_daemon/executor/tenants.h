// The tenants that have clients in this executor. A tenant's memory goes with its last client.
//
// Thread-safe: clients come on the control thread and leave on the reaper.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_TENANTS_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_TENANTS_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "scheduler_daemon/executor/client_objects.h"

namespace paella::scheduler_daemon {

class Tenants {
 public:
  Tenants(const Driver& driver, SlabSource& slabs) : driver_(driver), slabs_(slabs) {}

  // The client's tenant, made with its window at the first client. Null: the window's addresses are taken.
  std::shared_ptr<Tenant> Get(const ipc::ClientAttach& client, CUresult& result) {
    const std::lock_guard lock(mutex_);
    auto& tenant = tenants_[client.tenant];
    if (tenant != nullptr) return tenant;
    tenant = std::make_shared<Tenant>(client.tenant, next_number_++, driver_, slabs_, client.window_base,
                                      client.window_bytes);
    tenant->reclaim_idle_memory = [this] { TrimIdleMemory(); };
    result = tenant->memory.ReserveWindow();
    if (result == CUDA_SUCCESS) return tenant;
    tenants_.erase(client.tenant);
    return nullptr;
  }

  // Lets go of tenants without clients.
  void Tidy() {
    const std::lock_guard lock(mutex_);
    std::erase_if(tenants_, [](const auto& entry) { return entry.second.use_count() == 1; });
  }

  void TrimIdleMemory() {
    std::vector<std::shared_ptr<Tenant>> all;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [name, tenant] : tenants_) all.push_back(tenant);
    }
    for (const auto& tenant : all) tenant->memory.TrimIdle();
    all.clear();
    Tidy();  // one whose last client has left meanwhile
  }

 private:
  const Driver& driver_;
  SlabSource& slabs_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Tenant>> tenants_;
  std::uint32_t next_number_ = 0;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_TENANTS_H_
