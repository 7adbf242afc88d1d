// Memory of other processes that this one has open (cuIpcOpenMemHandle). Any thread. Owns the openings; what they mean
// for pointers is in Allocations.
#ifndef PAELLA_SHIM_OPENED_MEMORY_H_
#define PAELLA_SHIM_OPENED_MEMORY_H_

#include <cstdint>
#include <map>
#include <mutex>

#include "shim/allocations.h"
#include "shim/cuda_api.h"
#include "shim/submission.h"

namespace paella::shim {

class OpenedMemory {
 public:
  OpenedMemory(Submission& submission, Allocations& allocations)
      : submission_(submission), allocations_(allocations) {}

  // Opening what is open gives the same address once more, and needs one more closing.
  CUresult Open(const CUipcMemHandle& handle, const Context* context, std::uint64_t& address);
  // CUDA_ERROR_INVALID_VALUE: nothing is open there.
  CUresult Close(std::uint64_t address);
  CUresult CloseAll(std::uint64_t address);

 private:
  bool ForgetOne(std::uint64_t address);

  Submission& submission_;
  Allocations& allocations_;
  std::mutex mutex_;
  std::map<std::uint64_t, std::uint64_t> openings_;  // by address, under mutex_, which is held across no call
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_OPENED_MEMORY_H_
