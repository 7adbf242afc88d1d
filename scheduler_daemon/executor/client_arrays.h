// The arrays of one client, plain and mipmapped, and the texture and surface objects that it made.
//
//   array, mipmapped array, level   known to the client by numbers; levels go with their mipmapped array
//   texture, surface                known by the driver's own numbers, since kernels take them: recorded with their owner
//
// An array lies where the driver wants it, so it is new to the client only if nobody had that memory before: it is
// zeroed here. It may be destroyed while a texture of it is left, as natively; a kernel that reads such a texture reads
// memory that is gone.
//
// Handle(...) and Destroy... on the client's worker; Find and Retire... on the dispatching thread. One lock guards the
// tables, and is not held across a driver call. Owns all of it and gives it back.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_CLIENT_ARRAYS_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_CLIENT_ARRAYS_H_

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "messages.h"
#include "scheduler_daemon/driver.h"
#include "scheduler_daemon/executor/owned_ranges.h"
#include "scheduler_daemon/executor/tenant_memory.h"

namespace paella::scheduler_daemon {

// What copies need to know of an array or a level. Extents that it does not have count 1.
struct ArrayInfo {
  CUarray array;
  std::uint64_t width_bytes, height, depth;
};

class ClientArrays {
 public:
  // Programs have hundreds. Beyond these they get OUT_OF_MEMORY.
  static constexpr std::size_t kMaxArrays = 1 << 16;   // levels count too
  static constexpr std::size_t kMaxObjects = 1 << 15;  // textures, and again surfaces

  ClientArrays(const Driver& driver, TenantMemory& memory, const OwnedRanges& ranges)
      : driver_(driver), memory_(memory), ranges_(ranges) {}
  ~ClientArrays();  // no command of the client is left
  ClientArrays(const ClientArrays&) = delete;

  // Nothing: it is no array of the client's, or one that ends.
  std::optional<ArrayInfo> Find(std::uint64_t array) const;
  // The client has asked for its end: from now on no command may name it, nor its levels.
  void RetireArray(std::uint64_t array);
  // False: there is none, or its end was asked for before. Destroy... then follows once nothing uses it any more.
  bool RetireTexture(std::uint64_t texture);
  bool RetireSurface(std::uint64_t surface);
  void DestroyTexture(std::uint64_t texture);
  void DestroySurface(std::uint64_t surface);

  CUresult Handle(const ipc::ArrayCreate& call, ipc::ArrayCreateReply& reply);
  CUresult Handle(const ipc::ArrayDestroy& call, ipc::ArrayDestroyReply& reply);
  CUresult Handle(const ipc::TextureCreate& call, ipc::TextureCreateReply& reply);
  CUresult Handle(const ipc::SurfaceCreate& call, ipc::SurfaceCreateReply& reply);

 private:
  struct Array {
    CUarray array = nullptr;               // null: it is mipmapped
    CUmipmappedArray mipmapped = nullptr;  // null: it is none
    bool is_level = false;
    bool is_retired = false;
    std::uint64_t width_bytes = 0, height = 0, depth = 0;
    std::vector<std::uint64_t> levels;  // numbers
    std::uint64_t counted_bytes = 0;    // in the tenant's memory
  };
  struct Made;
  using Objects = std::unordered_map<std::uint64_t, bool>;  // the driver's number -> whether it is retired

  CUresult Make(const CUDA_ARRAY3D_DESCRIPTOR& wanted, std::uint32_t levels, Made& made);
  CUresult Clear(const Array& array);
  void Release(const Array& array);
  void Keep(Made& made, ipc::ArrayCreateReply& reply);
  bool Retire(Objects& objects, std::uint64_t object);
  CUresult ReadResource(const ipc::TextureCreate& call, CUDA_RESOURCE_DESC& resource) const;

  const Driver& driver_;
  TenantMemory& memory_;
  const OwnedRanges& ranges_;

  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, Array> arrays_;
  Objects textures_;
  Objects surfaces_;
  std::uint64_t next_number_ = 1;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_CLIENT_ARRAYS_H_
