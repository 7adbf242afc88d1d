#include "examples/busy/pipeline.h"

#include "examples/common/check.h"

namespace examples::busy {

Pipeline::Pipeline(CUfunction function, Grid grid, unsigned iterations, unsigned streams, unsigned depth)
    : function_(function), grid_(grid), iterations_(iterations), all_steps_(Steps(iterations)), streams_(streams),
      sums_(std::size_t{grid.blocks} * streams * depth), slots_(std::size_t{streams} * depth) {
  for (CUstream& stream : streams_) Check(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), "cuStreamCreate");
  const CUdeviceptr device_sums = sums_.device_address();
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].stream = streams_[i % streams];
    slots_[i].sums = sums_.data() + i * grid.blocks;
    slots_[i].device_sums = device_sums + i * grid.blocks * sizeof(unsigned);
    // A neighbour should load the GPU, not a CPU core: its waits sleep.
    Check(cuEventCreate(&slots_[i].finished, CU_EVENT_DISABLE_TIMING | CU_EVENT_BLOCKING_SYNC), "cuEventCreate");
  }
}

Pipeline::~Pipeline() {
  for (Slot& slot : slots_) {
    if (slot.in_flight) cuEventSynchronize(slot.finished);
    cuEventDestroy(slot.finished);
  }
  for (CUstream stream : streams_) cuStreamDestroy(stream);
}

void Pipeline::LaunchNext() {
  Slot& slot = slots_[launched_ % slots_.size()];
  Finish(slot);
  // Seeds of two launches differ, so a sum that an earlier one left behind is a wrong one.
  slot.seed = static_cast<std::uint32_t>(launched_ * 2654435761u + 1);
  Launch(function_, grid_, slot.stream, slot.device_sums, slot.seed, iterations_);
  Check(cuEventRecord(slot.finished, slot.stream), "cuEventRecord");
  slot.in_flight = true;
  ++launched_;
}

void Pipeline::Drain() {
  for (Slot& slot : slots_) Finish(slot);
}

void Pipeline::Finish(Slot& slot) {
  if (!slot.in_flight) return;
  Check(cuEventSynchronize(slot.finished), "cuEventSynchronize");
  slot.in_flight = false;
  if (!IsRight(slot)) ++wrong_;
}

bool Pipeline::IsRight(const Slot& slot) const {
  for (unsigned block = 0; block < grid_.blocks; ++block) {
    if (slot.sums[block] != BlockSum(all_steps_, slot.seed, block, grid_.threads)) return false;
  }
  return true;
}

}  // namespace examples::busy
