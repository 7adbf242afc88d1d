// What the driver's handles point at: contexts, streams, events, modules and kernels.
//
// Made and looked up by the API's functions on any thread; a handle is the object's address, and an object lives until
// its handle is destroyed and nothing under way refers to it. Members marked so are guarded by the engine's mutex.
#ifndef PAELLA_TESTS_SIMULATED_GPU_OBJECTS_H_
#define PAELLA_TESTS_SIMULATED_GPU_OBJECTS_H_

#include <cuda.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/simulated_gpu/program.h"

namespace paella::simulated_gpu {

struct Operation;
struct Stream;

struct Context {
  const std::uint64_t id = NextId();  // addresses are used again, ids never
  std::atomic<CUresult> error{CUDA_SUCCESS};  // sticky
  std::atomic<unsigned> flags{0};
  bool primary = false;
  int device = 0;
  std::shared_ptr<Stream> legacy;
  std::vector<std::weak_ptr<Stream>> streams;  // guarded by the engine: all, the legacy one too

 private:
  static std::uint64_t NextId() {
    static std::atomic<std::uint64_t> next{1};
    return next++;
  }
};

struct Stream {
  Context* context = nullptr;
  bool blocking = true;  // waits for the legacy stream and the reverse
  bool legacy = false;
  unsigned flags = 0;
  int priority = 0;
  std::shared_ptr<const std::vector<bool>> sms;  // of a green context's: on which its kernels run; null: on any
  std::uint32_t queue = 0;  // the hardware queue that it is mapped to
  std::uint64_t id = 0;
  std::shared_ptr<Operation> last;  // guarded by the engine
};

struct Event {
  Context* context = nullptr;
  unsigned flags = 0;
  std::shared_ptr<Operation> recorded;  // guarded by the engine; null before the first record
};

struct Module;

// The memory of a module's variables: kept by its kernels under way, so that an unload need not wait for them.
struct ModuleMemory {
  ModuleMemory() = default;
  ~ModuleMemory();
  ModuleMemory(const ModuleMemory&) = delete;
  ModuleMemory& operator=(const ModuleMemory&) = delete;

  std::uintptr_t address = 0;  // 0 without variables
};

// A CUfunction and, for a library, a CUkernel.
struct Kernel {
  Context* context = nullptr;
  Module* module = nullptr;
  std::shared_ptr<const Program> program;  // keeps `function` after an unload
  std::shared_ptr<const ModuleMemory> memory;
  const Function* function = nullptr;
  std::atomic<int> max_dynamic_shared{0};
  std::atomic<int> shared_carveout{-1};
  std::atomic<int> cache_config{0};
};

// A CUmodule and a CUlibrary.
struct Module {
  Context* context = nullptr;
  std::shared_ptr<const Program> program;
  std::shared_ptr<ModuleMemory> memory = std::make_shared<ModuleMemory>();
  std::vector<std::shared_ptr<Kernel>> kernels;
};

// Which handles are alive: a wrong one is an error and not a crash.
template <typename T>
class Handles {
 public:
  static Handles& Get() {
    static Handles* const handles = new Handles;
    return *handles;
  }
  T* Add(std::shared_ptr<T> object) {
    T* const handle = object.get();
    const std::lock_guard lock(mutex_);
    objects_[handle] = std::move(object);
    return handle;
  }
  std::shared_ptr<T> Find(const void* handle) {
    const std::lock_guard lock(mutex_);
    const auto it = objects_.find(handle);
    return it == objects_.end() ? nullptr : it->second;
  }
  std::shared_ptr<T> Remove(const void* handle) {
    const std::lock_guard lock(mutex_);
    const auto it = objects_.find(handle);
    if (it == objects_.end()) return nullptr;
    std::shared_ptr<T> object = std::move(it->second);
    objects_.erase(it);
    return object;
  }
  template <typename Predicate>
  void RemoveIf(Predicate predicate) {
    std::vector<std::shared_ptr<T>> removed;  // destroyed after the lock
    const std::lock_guard lock(mutex_);
    std::erase_if(objects_, [&](auto& entry) {
      if (!predicate(*entry.second)) return false;
      removed.push_back(std::move(entry.second));
      return true;
    });
  }

 private:
  std::mutex mutex_;
  std::unordered_map<const void*, std::shared_ptr<T>> objects_;
};

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_OBJECTS_H_
