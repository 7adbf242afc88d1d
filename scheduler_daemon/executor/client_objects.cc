#include "scheduler_daemon/executor/client_objects.h"

#include <iterator>

#include "scheduler_daemon/executor/pinned_pages.h"

namespace paella::scheduler_daemon {
namespace {

constexpr std::uint64_t kPageBytes = 4096;

std::uint64_t WholePages(std::uint64_t bytes) { return (bytes + kPageBytes - 1) & ~(kPageBytes - 1); }

void* HostPointer(std::uint64_t address) { return reinterpret_cast<void*>(address); }

}  // namespace

ClientObjects::ClientObjects(const Driver& driver, ModuleCache& modules, PrintedText& printed, Tenant& tenant,
                             const Arena& arena)
    : driver_(driver),
      modules_(modules),
      printed_(printed),
      tenant_(tenant),
      arena_place_(arena),
      virtual_memory_(driver, tenant.memory, ranges_),
      arrays_(driver, tenant.memory, ranges_),
      graphs_(driver, *this),
      arena_(arena.base, arena.size_bytes, kPageBytes) {}

ClientObjects::~ClientObjects() {
  graphs_.Clear();  // they name kernels
  kernels_.clear();
  libraries_.clear();
  for (const auto& [address, size] : host_) driver_.cuMemHostUnregister(HostPointer(address));
  UnregisterAll();
  for (const auto& [address, size] : device_) FreeOwn(address, tenant_.pending_commands == 0);
  for (const auto& [address, openings] : opened_) {
    for (std::uint32_t i = 0; i < openings; ++i) CloseOne(address);
  }
}

std::optional<KernelInfo> ClientObjects::FindKernel(std::uint64_t kernel) const {
  const std::lock_guard lock(mutex_);
  const auto found = kernels_.find(kernel);
  if (found == kernels_.end()) return std::nullopt;
  const Kernel& own = found->second;
  return KernelInfo{own.module.get(), own.in_module,
                    static_cast<std::uint64_t>(own.attributes[CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES])};
}

std::shared_ptr<CUevent_st> ClientObjects::EventFor(std::uint64_t event, CUresult& result) {
  const std::lock_guard lock(mutex_);
  auto& object = events_[event];
  CUevent made = nullptr;
  result = object == nullptr ? driver_.cuEventCreate(&made, CU_EVENT_DEFAULT) : CUDA_SUCCESS;
  if (made != nullptr) {
    object = {made, [this](CUevent old) { driver_.cuEventDestroy(old); }};
  }
  return object;
}

void ClientObjects::DestroyEvent(std::uint64_t event) {
  const std::lock_guard lock(mutex_);
  events_.erase(event);
}

bool ClientObjects::AppendUpload(std::uint64_t upload, const std::vector<std::byte>& data) {
  const std::lock_guard lock(mutex_);
  if (data.size() > kMaxUploadBytes - upload_bytes_) return false;
  if (uploads_.size() >= kMaxUploads && !uploads_.contains(upload)) return false;
  upload_bytes_ += data.size();
  auto& bytes = uploads_[upload];
  bytes.insert(bytes.end(), data.begin(), data.end());
  return true;
}

std::optional<std::vector<std::byte>> ClientObjects::TakeUpload(std::uint64_t upload) {
  const std::lock_guard lock(mutex_);
  auto taken = uploads_.extract(upload);
  if (taken.empty()) return std::nullopt;
  upload_bytes_ -= taken.mapped().size();
  return std::move(taken.mapped());
}

bool ClientObjects::ForgetDevice(std::uint64_t address) {
  const std::lock_guard lock(mutex_);
  return device_.erase(address) == 1 && ranges_.Remove(address);
}

void ClientObjects::ReleaseDevice(std::uint64_t address) { FreeOwn(address, false); }

CUresult ClientObjects::Handle(const ipc::AllocateDevice& call, ipc::AllocateDeviceReply& reply) {
  const CUresult result = WithReclaim([&] { return tenant_.memory.Allocate(call.size_bytes, reply.address); });
  if (result != CUDA_SUCCESS) return result;
  const std::lock_guard lock(mutex_);
  device_.emplace(reply.address, call.size_bytes);
  ranges_.Add(reply.address, call.size_bytes);
  return CUDA_SUCCESS;
}

CUresult ClientObjects::Handle(const ipc::FreeDevice& call, ipc::FreeDeviceReply&) {
  if (!ForgetDevice(call.address)) return CUDA_ERROR_INVALID_VALUE;
  return FreeOwn(call.address, tenant_.pending_commands == 0);
}

CUresult ClientObjects::Handle(const ipc::AllocateHost& call, ipc::AllocateHostReply& reply) {
  if (call.size_bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  std::optional<std::uint64_t> address;
  {
    const std::lock_guard lock(mutex_);
    address = arena_.Allocate(call.size_bytes);
  }
  if (!address) return CUDA_ERROR_OUT_OF_MEMORY;
  const CUresult result = PinPages(driver_, HostPointer(*address), WholePages(call.size_bytes),
                                   CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP);
  const std::lock_guard lock(mutex_);
  if (result != CUDA_SUCCESS) {
    arena_.Free(*address);
    return result;
  }
  host_.emplace(*address, call.size_bytes);
  ranges_.Add(*address, call.size_bytes);
  reply.address = *address;
  return CUDA_SUCCESS;
}

CUresult ClientObjects::Handle(const ipc::FreeHost& call, ipc::FreeHostReply&) {
  {
    const std::lock_guard lock(mutex_);
    if (host_.erase(call.address) == 0) return CUDA_ERROR_INVALID_VALUE;
    ranges_.Remove(call.address);
  }
  const CUresult result = driver_.cuMemHostUnregister(HostPointer(call.address));
  const std::lock_guard lock(mutex_);
  arena_.Free(call.address);
  return result;
}

CUresult ClientObjects::Handle(const ipc::MemoryInfo&, ipc::MemoryInfoReply& reply) {
  std::size_t free = 0;
  std::size_t total = 0;
  const CUresult result = driver_.cuMemGetInfo(&free, &total);
  reply.total_bytes = total;
  reply.free_bytes = std::min<std::uint64_t>(total, tenant_.free_memory_bytes(free));
  return result;
}

CUresult ClientObjects::Handle(const ipc::EventElapsed& call, ipc::EventElapsedReply& reply) {
  std::shared_ptr<CUevent_st> start;
  std::shared_ptr<CUevent_st> end;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = events_.find(call.start); found != events_.end()) start = found->second;
    if (const auto found = events_.find(call.end); found != events_.end()) end = found->second;
  }
  if (start == nullptr || end == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  return driver_.cuEventElapsedTime(&reply.milliseconds, start.get(), end.get());
}

}  // namespace paella::scheduler_daemon
