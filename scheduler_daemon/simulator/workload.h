// What is simulated: tenants with clients, which run jobs of given models at given moments.
#ifndef PAELLA_SCHEDULER_DAEMON_SIMULATOR_WORKLOAD_H_
#define PAELLA_SCHEDULER_DAEMON_SIMULATOR_WORKLOAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "scheduler_daemon/policies/operations.h"

namespace paella::scheduler_daemon {

struct KernelOfModel {
  std::uint64_t shape = 0;      // what knowledge knows it by
  std::uint32_t stream = 0;     // of the client's, fewer than Workload::kStreams
  std::uint32_t blocks = 1;
  std::uint32_t threads = 128;  // of a block
  std::uint64_t block_ns = 1'000;
};

// One kind of request: its kernels in the order of their launches. Those of one stream run one after the other.
using Model = std::vector<KernelOfModel>;

struct PlannedJob {
  std::uint64_t arrival_ns = 0;
  std::uint32_t model = 0;
};

struct SimulatedTenant {
  std::string name;
  TenantInfo info;
};

// Runs its jobs one after the other; one that arrives while another runs waits at the client.
struct SimulatedClient {
  TenantId tenant = 0;
  std::vector<PlannedJob> jobs;  // by arrival
};

struct Workload {
  static constexpr std::uint32_t kStreams = 8;  // of a client

  std::vector<Model> models;
  std::vector<SimulatedTenant> tenants;
  std::vector<SimulatedClient> clients;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_SIMULATOR_WORKLOAD_H_
