// Logical contexts: the primary one and those that the program makes, none of which exists on the GPU. They carry what
// CUDA keeps per context (flags, limits, cache preferences) and each thread has a stack of them.
//
// Any thread. A context object is never freed: another thread may still have it current, and then learns here that it is
// destroyed.
#ifndef PAELLA_SHIM_CONTEXTS_H_
#define PAELLA_SHIM_CONTEXTS_H_

#include <atomic>
#include <cstdint>
#include <mutex>

#include "ipc/waiting.h"
#include "shim/cuda_api.h"
#include "shim/handle_map.h"

namespace paella::shim {

inline constexpr int kLimitCount = CU_LIMIT_MAX;

struct Context {
  CUcontext handle = nullptr;
  bool primary = false;
  std::atomic<bool> alive{true};
  std::atomic<unsigned> flags{0};
  std::uint64_t id = 0;
  unsigned api_version = 0;
  std::atomic<int> attach_count{1};
  std::atomic<std::size_t> limits[kLimitCount] = {};
  std::atomic<CUfunc_cache> cache_config{CU_FUNC_CACHE_PREFER_NONE};
  std::atomic<CUsharedconfig> shared_config{CU_SHARED_MEM_CONFIG_DEFAULT_BANK_SIZE};

  ipc::WaitStyle wait_style() const;
};

// The context that is current to this thread; null: none.
extern thread_local constinit Context* current_context;

class Contexts {
 public:
  // `primary_handle`: the real driver's inactive primary context, or null to use a handle of our own.
  explicit Contexts(CUcontext primary_handle);

  Context& primary() { return *primary_; }
  Context* Find(CUcontext handle) const { return by_handle_.Find(handle); }
  Context* Create(unsigned flags);
  CUresult Destroy(Context& context);

  // The primary context's use count.
  void RetainPrimary() { primary_uses_.fetch_add(1, std::memory_order_relaxed); }
  bool ReleasePrimary();  // false: it was not in use
  void ResetPrimary() { primary_uses_.store(0, std::memory_order_relaxed); }
  bool PrimaryIsActive() const { return primary_uses_.load(std::memory_order_relaxed) > 0; }

  // The calling thread's stack.
  static void SetCurrent(Context* context);
  static void Push(Context* context);
  static Context* Pop();  // null: the stack is empty

 private:
  Context* New(CUcontext handle, unsigned flags);

  HandleMap<Context> by_handle_;
  std::atomic<std::uint64_t> next_id_{1};
  std::atomic<int> primary_uses_{0};
  Context* primary_;
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_CONTEXTS_H_
