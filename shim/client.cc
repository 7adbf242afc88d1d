#include "shim/client.h"

#include <pthread.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <mutex>

#include "ipc/process_barrier.h"
#include "shim/call_log.h"
#include "shim/device_attributes.h"
#include "shim/log.h"

namespace paella::shim {
namespace {

enum class Phase { kNotInitialised, kInitialising, kReady, kFailed, kForked, kExiting };

std::atomic<Phase> phase{Phase::kNotInitialised};
std::atomic<CUresult> init_result{CUDA_ERROR_NOT_INITIALIZED};
Client* client_of_parent = nullptr;

bool StagingCommandIsComplete(void* submission, std::uint32_t stream, std::uint64_t sequence) {
  return static_cast<Submission*>(submission)->IsComplete(stream, sequence);
}

// The channel is the parent's. Only system calls and stores: other threads' locks may be held for ever here, cuInit's too.
void InForkedChild() {
  if (phase == Phase::kInitialising || phase == Phase::kReady) phase = Phase::kForked;
  Client* const client = ready_client.exchange(nullptr);
  if (client == nullptr) return;
  client->registered_memory.BecomePrivateInChild();
  close(client->connection.arena_memory.get());
  close(client->connection.socket.fd());
  close(client->connection.doorbell.get());
}

// Runs after the destructors of whatever was loaded after the shim, so that they find it working; what calls even later
// gets CUDA's answer for a driver that is shutting down.
[[gnu::destructor]] void AtExit() {
  ready_client = nullptr;
  if (phase == Phase::kReady) phase = Phase::kExiting;
}

bool FallbackIsNative() {
  const char* setting = std::getenv("PAELLA_FALLBACK");
  return setting != nullptr && std::strcmp(setting, "native") == 0;
}

// An empty list, or one whose first entry is no device ("-1"), hides every GPU from a program, and the driver says so.
bool EveryDeviceIsHidden() {
  const char* list = std::getenv("CUDA_VISIBLE_DEVICES");
  if (list == nullptr) return false;
  list += std::strspn(list, " ");
  const bool names_a_device = (*list >= '0' && *list <= '9') || std::strncmp(list, "GPU-", 4) == 0 ||
                              std::strncmp(list, "MIG-", 4) == 0;
  return !names_a_device;
}

CUresult Fail(const std::string& path, const std::string& reason, RealDriver* real) {
  if (FallbackIsNative() && real != nullptr) {
    Log("no daemon at %s (%s): stepping aside for the real driver", path.c_str(), reason.c_str());
    StepAside(*real);
    return real->init(0);
  }
  const char* const no_fallback = FallbackIsNative() ? "; and no real driver was found to fall back to" : "";
  TellUser("cannot use the daemon at %s: %s%s", path.c_str(), reason.c_str(), no_fallback);
  return CUDA_ERROR_NO_DEVICE;
}

// A GPU that is named by its identity, in full or by its first digits, must be the daemon's.
bool IsAnotherGpu(const ipc::Welcome& welcome, std::string& reason) {
  const char* const list = std::getenv("CUDA_VISIBLE_DEVICES");
  if (list == nullptr) return false;
  const std::string wanted(list, std::strcspn(list, ","));
  const std::string here = UuidText(welcome.uuid);
  if (!wanted.starts_with("GPU-") || here.starts_with(wanted)) return false;
  reason = "its GPU is " + here + ", and CUDA_VISIBLE_DEVICES asks for " + wanted;
  return true;
}

CUresult InitialiseOnce() {
  if (EveryDeviceIsHidden()) return CUDA_ERROR_NO_DEVICE;
  RealDriver* real = GetRealDriver();
  std::string path, reason;
  auto connection = Connect(real == nullptr ? 0 : real->version(), path, reason);
  if (!connection || IsAnotherGpu(connection->welcome, reason)) return Fail(path, reason, real);
  TellWhatTheShimCan(connection->welcome.attributes);
  if (real != nullptr && !real->Initialise(connection->welcome)) real = nullptr;
  client_of_parent = new Client(std::move(*connection), real);
  return CUDA_SUCCESS;
}

}  // namespace

std::atomic<Client*> ready_client{nullptr};

Client::Client(Connection&& accepted, RealDriver* real_driver)
    : connection(std::move(accepted)),
      welcome(connection.welcome),
      channel(connection.channel.data()),
      real(real_driver),
      submission(channel, connection.doorbell.get(), connection.socket,
                 (welcome.features & ipc::kFeatureProcessBarriers) != 0 && ipc::RegisterForProcessBarriers()),
      contexts(real == nullptr ? nullptr : real->InactivePrimaryContext()),
      streams(submission),
      events(submission),
      callbacks(channel, connection.socket, submission),
      opened_memory(submission, allocations),
      staging(ipc::kStagingBytes, StagingCommandIsComplete, &submission),
      libraries(submission, allocations, real),
      arrays(submission),
      textures(submission, arrays),
      linker(submission, libraries),
      pinned_blocks(submission, allocations),
      graph_memories(*this),
      captures(graphs, streams),
      graph_execs(*this),
      registered_memory(*this) {}

CUresult InitialiseProcess() {
  static std::mutex mutex;
  switch (phase.load(std::memory_order_acquire)) {
    case Phase::kReady:
    case Phase::kFailed: return init_result;
    case Phase::kForked: return CUDA_ERROR_NOT_INITIALIZED;
    case Phase::kExiting: return CUDA_ERROR_DEINITIALIZED;
    case Phase::kNotInitialised:
    case Phase::kInitialising: break;
  }
  const std::lock_guard lock(mutex);
  if (phase == Phase::kNotInitialised) {
    ReadCallLogSetting();
    pthread_atfork(nullptr, nullptr, InForkedChild);
    phase = Phase::kInitialising;
    init_result = InitialiseOnce();
    ready_client.store(client_of_parent, std::memory_order_release);
    phase.store(client_of_parent != nullptr ? Phase::kReady : Phase::kFailed, std::memory_order_release);
  }
  return init_result;
}

CUresult WhyNotReady() noexcept {
  switch (phase.load(std::memory_order_acquire)) {
    case Phase::kExiting: return CUDA_ERROR_DEINITIALIZED;
    case Phase::kNotInitialised:
    case Phase::kInitialising:
    case Phase::kReady:
    case Phase::kFailed:
    case Phase::kForked: break;
  }
  return CUDA_ERROR_NOT_INITIALIZED;
}

}  // namespace paella::shim
