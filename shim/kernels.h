// One kernel of a loaded library: what launches and questions about it need, with no call to the daemon.
//
// Any thread. A Kernel is made by its library and lives as long as it. CUkernel and CUfunction are one handle here.
#ifndef PAELLA_SHIM_KERNELS_H_
#define PAELLA_SHIM_KERNELS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "messages.h"
#include "shim/cuda_api.h"

namespace paella::shim {

struct Library;

struct KernelParameter {
  std::uint32_t offset_bytes;
  std::uint32_t size_bytes;
};

inline constexpr int kKernelAttributes = 32;  // room for those of later drivers

struct Kernel {
  CUkernel handle = nullptr;
  std::uint64_t number = 0;  // what the daemon calls it
  Library* library = nullptr;
  std::string name;
  std::vector<KernelParameter> parameters;
  std::size_t parameter_bytes = 0;   // of the whole block of parameters
  bool parameters_have_gaps = false;  // which must not carry what lay in the ring before
  bool prints = false;                // it may: then who waits for its end brings the text (device_text.h)
  int attribute_count = 0;
  std::atomic<int> attributes[kKernelAttributes] = {};

  std::mutex mutex;
  // Answers of the daemon, by (threads, dynamic shared bytes, flags). Under mutex; emptied when an attribute changes.
  std::map<std::tuple<int, std::size_t, unsigned>, int> occupancy;

  int attribute(CUfunction_attribute which) const { return attributes[which].load(std::memory_order_relaxed); }
};

// Fills what the daemon tells of a kernel. False: the answer makes no sense.
bool Describe(const ipc::LibraryGetKernelReply& reply, Kernel& kernel);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_KERNELS_H_
