// Code that the driver has loaded: each image once, however many clients load it, where that makes no difference to
// them; and what is known of its kernels.
//
// A module is shared if the bytes and the options are the same and the image has no variables (image_variables.h). No
// client gets at the parts of a shared module that can be changed: who asks for an address in it, or changes an
// attribute of its kernels, gets a copy of the module first (ModuleCache::OwnCopy). One attribute is not copied for,
// since every library of matrix products sets it: the most dynamic shared memory of a launch. In the driver it is only
// ever raised, and what a client may use is kept and checked for each client (client_objects.h, launch.h).
//
// Used by the workers of all clients, and by the reaper. The dispatching thread is not kept waiting: it holds
// CUfunctions, which live as long as the libraries that they were found in.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_MODULES_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_MODULES_H_

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "scheduler_daemon/driver.h"
#include "scheduler_daemon/executor/jit_options.h"
#include "scheduler_daemon/executor/kernel_text.h"

namespace paella::scheduler_daemon {

// What all SMs together have of what kernels take.
struct GpuCapacity {
  double multiprocessors = 1;
  double threads = 1;
  double registers = 1;
  double shared_bytes = 1;

  static GpuCapacity Of(const Driver& driver, CUdevice device);
};

class Module {
 public:
  // As the driver described it before anybody changed an attribute.
  struct Kernel {
    CUfunction function = nullptr;
    std::vector<std::uint64_t> parameter_offsets_bytes;
    std::vector<std::uint64_t> parameter_sizes_bytes;
    std::uint64_t parameter_bytes = 0;  // of the whole block of parameters
    std::vector<int> attributes;        // value of each CUfunction_attribute, by number
    bool prints = false;                // it may
    bool asserts = false;               // something that may turn out wrong
    std::uint64_t identity = 0;         // a hash of the image and the name, the same after a restart
    // Of the GPU: what a thread takes, and what a byte of a block's shared memory takes.
    double share_of_thread = 1;
    double share_of_shared_byte = 1;
    double multiprocessors = 1;  // that the GPU has
  };

  Module(const Driver& driver, const GpuCapacity& gpu, CUmodule handle, KernelText text, std::uint64_t image_hash)
      : driver_(driver), gpu_(gpu), handle_(handle), text_(std::move(text)), image_hash_(image_hash) {}
  ~Module() { driver_.cuModuleUnload(handle_); }
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  CUmodule handle() const { return handle_; }
  // The kernel of that name, which lives as long as the module; its code is on the GPU then.
  CUresult Find(const std::string& name, const Kernel*& kernel);
  // From now on the driver takes launches of the kernel with so much dynamic shared memory. Never takes back.
  CUresult AllowDynamicShared(const Kernel& kernel, int bytes);
  int AllowedDynamicShared(const Kernel& kernel) const;

 private:
  friend class ModuleCache;
  enum class Sharing { kPossible, kDone, kRefused };

  CUresult Describe(const std::string& name, Kernel& kernel) const;

  const Driver& driver_;
  const GpuCapacity gpu_;
  const CUmodule handle_;
  const KernelText text_;
  const std::uint64_t image_hash_;

  std::mutex raise_mutex_;  // held while the driver is told, so that a smaller limit cannot come last
  mutable std::mutex mutex_;
  std::map<std::string, Kernel> kernels_;             // entries never move
  std::map<CUfunction, int> allowed_dynamic_shared_;  // where it was raised

  // Guarded by the cache's mutex.
  Sharing sharing_ = Sharing::kRefused;
  std::string key_;                                      // in the cache; empty if it was never there
  JitNumbers options_;
  std::shared_ptr<const std::vector<std::byte>> image_;  // once it is shared: what a copy is made of
};

class ModuleCache {
 public:
  // Copies of the images of shared modules, together; beyond that nothing more is shared.
  static constexpr std::uint64_t kMaxKeptBytes = 2ull << 30;

  struct Loaded {
    CUresult result = CUDA_SUCCESS;
    std::shared_ptr<Module> module;  // null without success
    std::string error_log;           // the driver's own words, whatever the result
    std::string info_log;
  };

  // `architecture_major`: of the GPU's compute capability. Outlives its modules.
  ModuleCache(const Driver& driver, int architecture_major, const GpuCapacity& gpu);

  // `image` ends with a zero. If another client is loading the same image this waits for it, once; a failure is theirs
  // together, and the next load tries again.
  Loaded Load(const std::vector<std::byte>& image, const JitNumbers& options);
  // A module with the same code that nobody else has or will get: `module` itself if it was never shared.
  Loaded OwnCopy(const std::shared_ptr<Module>& module);

  std::uint64_t loaded() const { return loaded_; }  // now
  std::uint64_t shared_loads() const { return shared_loads_; }  // loads, ever, that got a module which was there

 private:
  // Of images by hash and options.
  struct Entry {
    bool is_loading = true;
    Loaded failure;                // once it is not, if the load failed
    std::weak_ptr<Module> module;  // otherwise
    std::once_flag examined;
    bool has_variables = true;     // once examined; by whoever comes second
  };

  std::shared_ptr<Entry> Enter(const std::string& key, bool& is_first);
  Loaded LoadFirst(const std::string& key, Entry& entry, const std::vector<std::byte>& image,
                   const JitNumbers& options);
  Loaded LoadByDriver(const std::vector<std::byte>& image, const JitNumbers& options, std::uint64_t image_hash);
  // Nothing: the module is gone or not to be shared.
  std::optional<Loaded> Share(Entry& entry, const std::vector<std::byte>& image);
  void Release(Module* module);

  const Driver& driver_;
  const int architecture_major_;
  const GpuCapacity gpu_;
  std::atomic<std::uint64_t> loaded_{0};
  std::atomic<std::uint64_t> shared_loads_{0};

  std::mutex mutex_;  // never held across a driver call
  std::condition_variable load_ended_;
  std::unordered_map<std::string, std::shared_ptr<Entry>> entries_;
  std::uint64_t kept_bytes_ = 0;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_MODULES_H_
