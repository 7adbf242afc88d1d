// Keeps a fixed number of kernels in flight on each of several streams, and checks what every one of them wrote.
//
// Used from one thread. Owns the streams, the events and the pinned memory that the kernels write their sums to.
#ifndef EXAMPLES_BUSY_PIPELINE_H_
#define EXAMPLES_BUSY_PIPELINE_H_

#include <cuda.h>

#include <cstdint>
#include <vector>

#include "examples/busy/work.h"
#include "examples/common/gpu.h"

namespace examples::busy {

class Pipeline {
 public:
  // At most `depth` launches are unfinished on each stream.
  Pipeline(CUfunction function, Grid grid, unsigned iterations, unsigned streams, unsigned depth);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // Launches the next kernel, on the streams in turn; waits first for the launch whose place it takes, if there is one.
  void LaunchNext();
  // Waits for all that is in flight.
  void Drain();

  std::uint64_t launched() const { return launched_; }
  std::uint64_t wrong() const { return wrong_; }  // kernels with a wrong sum, of those that were waited for

 private:
  struct Slot {
    CUstream stream = nullptr;
    CUevent finished = nullptr;
    unsigned* sums = nullptr;  // one a block
    CUdeviceptr device_sums = 0;
    std::uint32_t seed = 0;
    bool in_flight = false;
  };

  void Finish(Slot& slot);
  bool IsRight(const Slot& slot) const;

  CUfunction function_;
  Grid grid_;
  unsigned iterations_;
  Step all_steps_;
  std::vector<CUstream> streams_;
  PinnedArray<unsigned> sums_;
  std::vector<Slot> slots_;  // slot i belongs to stream i % streams
  std::uint64_t launched_ = 0;
  std::uint64_t wrong_ = 0;
};

}  // namespace examples::busy

#endif  // EXAMPLES_BUSY_PIPELINE_H_
