// What the program's handles of arrays and mipmapped arrays mean: the daemon's numbers, and what is known of each, so
// that questions about them are answered here. Any thread. The daemon owns the arrays; this is what it gave.
//
// A handle is the address of what is kept here; whoever works with it holds it, so another thread may destroy it.
#ifndef PAELLA_SHIM_ARRAYS_H_
#define PAELLA_SHIM_ARRAYS_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "shim/contexts.h"
#include "shim/cuda_api.h"
#include "shim/submission.h"

namespace paella::shim {

// An array, or one level of a mipmapped one.
struct Array {
  std::uint64_t number = 0;
  CUDA_ARRAY3D_DESCRIPTOR descriptor{};
  std::uint64_t element_bytes = 0;
  bool is_level = false;
  const Context* context = nullptr;  // with which it goes

  CUarray handle() const { return reinterpret_cast<CUarray>(const_cast<Array*>(this)); }
  // Of what copies reach; an extent that it does not have counts 1.
  std::uint64_t width_bytes() const { return descriptor.Width * element_bytes; }
  std::uint64_t rows() const { return descriptor.Height == 0 ? 1 : descriptor.Height; }
  std::uint64_t slices() const { return descriptor.Depth == 0 ? 1 : descriptor.Depth; }
};

struct MipmappedArray {
  std::uint64_t number = 0;
  std::vector<std::shared_ptr<const Array>> levels;
  const Context* context = nullptr;

  CUmipmappedArray handle() const { return reinterpret_cast<CUmipmappedArray>(const_cast<MipmappedArray*>(this)); }
};

class Arrays {
 public:
  explicit Arrays(Submission& submission) : submission_(submission) {}

  CUresult Create(const CUDA_ARRAY3D_DESCRIPTOR& descriptor, const Context* context, CUarray& handle);
  CUresult CreateMipmapped(const CUDA_ARRAY3D_DESCRIPTOR& descriptor, unsigned levels, const Context* context,
                           CUmipmappedArray& handle);
  // Null: no array of this client.
  std::shared_ptr<const Array> Find(CUarray handle) const;
  std::shared_ptr<const MipmappedArray> Find(CUmipmappedArray handle) const;
  // INVALID_HANDLE for a level, too. The daemon waits for what was posted before.
  CUresult Destroy(CUarray handle);
  CUresult Destroy(CUmipmappedArray handle);
  CUresult DestroyAllOf(const Context& context);

 private:
  CUresult CallCreate(const CUDA_ARRAY3D_DESCRIPTOR& descriptor, unsigned levels, ipc::ArrayCreateReply& reply);
  CUresult CallDestroy(std::uint64_t number);

  Submission& submission_;
  mutable std::mutex mutex_;
  std::unordered_map<const void*, std::shared_ptr<const Array>> arrays_;  // levels too
  std::unordered_map<const void*, std::shared_ptr<const MipmappedArray>> mipmapped_;
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_ARRAYS_H_
