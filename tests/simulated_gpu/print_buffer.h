// What kernels have printed and nobody has brought to the host's streams yet: device printf's buffer.
//
// Filled by the workers that run kernels; flushed by the functions of the driver that wait (cuStreamSynchronize,
// cuEventSynchronize, cuCtxSynchronize) and nowhere else. One for the process, as in a process with one context.
#ifndef PAELLA_TESTS_SIMULATED_GPU_PRINT_BUFFER_H_
#define PAELLA_TESTS_SIMULATED_GPU_PRINT_BUFFER_H_

#include <cstddef>
#include <deque>
#include <mutex>
#include <string>

namespace paella::simulated_gpu {

class PrintBuffer {
 public:
  static constexpr std::size_t kCapacityBytes = 1 << 20;  // the oldest text goes first

  static PrintBuffer& Get();

  void Print(std::string text);          // for standard output
  void TellOfAssertion(std::string line);  // for standard error
  void Flush();

 private:
  std::mutex flush_mutex_;  // held while text is written, so that it comes in order
  std::mutex mutex_;
  std::deque<std::string> printed_;  // guarded by mutex_, like all below
  std::size_t printed_bytes_ = 0;
  std::string assertions_;
};

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_PRINT_BUFFER_H_
