// What a row of the table works with: the prepared state, and the list of answers that it writes down.
//
// Made by the runner (process.h) for one row at a time, on the main thread; the runner owns the state. A row's own
// threads and callbacks may not use it: they hand their results to the row.
#ifndef PAELLA_TESTS_BAD_CALLS_ROW_H_
#define PAELLA_TESTS_BAD_CALLS_ROW_H_

#include <cuda.h>

#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

#include "tests/bad_calls/driver_function.h"

namespace paella::bad_calls {

inline constexpr std::size_t kMemoryBytes = 1 << 20;
inline constexpr std::size_t kPinnedBytes = 1 << 16;
inline constexpr std::size_t kHostBytes = 64 << 20;
// Far enough from its neighbours that an address in it, once freed, is nobody's.
inline constexpr std::size_t kLargeBytes = 32 << 20;

// Everything that most rows need; made anew for each row, in device 0's primary context.
struct State {
  CUdevice device = 0;
  CUcontext context = nullptr;
  CUdeviceptr memory = 0;  // kMemoryBytes
  CUdeviceptr other = 0;   // kMemoryBytes
  void* pinned = nullptr;  // kPinnedBytes
  char* host = nullptr;    // kHostBytes of ordinary memory, zeros, untouched
  CUstream stream = nullptr;
  CUevent event = nullptr;          // never recorded
  CUevent untimed_event = nullptr;  // never recorded
  CUmodule module = nullptr;        // the program's own kernels
};

std::string NameOf(CUresult result);

// The driver is not as the row needs it; what it answered is already written down.
struct NotPrepared {};

class Row {
 public:
  explicit Row(const State& prepared) : state(prepared) {}

  const State& state;

  // One step of the row: the driver's answer is written down.
  template <typename... P>
  CUresult Call(DriverFunction<CUresult(P...)> function, std::type_identity_t<P>... arguments) {
    if (!function.present()) {
      Note("absent");
      return CUDA_ERROR_NOT_FOUND;
    }
    const CUresult result = function.get()(arguments...);
    Note(result);
    return result;
  }

  // What must succeed before the bad call makes sense. A success is not written down; a failure ends the row.
  template <typename... P>
  void Prepare(DriverFunction<CUresult(P...)> function, std::type_identity_t<P>... arguments) {
    if (!function.present()) {
      Note("absent");
      throw NotPrepared();
    }
    const CUresult result = function.get()(arguments...);
    if (result == CUDA_SUCCESS) return;
    Note(std::string("not prepared: ") + function.name() + " " + NameOf(result));
    throw NotPrepared();
  }

  // Tidying up: whatever the driver answers.
  template <typename... P>
  void Quietly(DriverFunction<CUresult(P...)> function, std::type_identity_t<P>... arguments) {
    if (function.present()) function.get()(arguments...);
  }

  void Note(CUresult result) { answers_.push_back(NameOf(result)); }
  void Note(std::string observation) { answers_.push_back(std::move(observation)); }

  CUdeviceptr Allocate(std::size_t bytes);
  CUdeviceptr AllocateAndFree(std::size_t bytes = kLargeBytes);
  CUfunction Function(const char* name);

  const std::vector<std::string>& answers() const { return answers_; }

 private:
  std::vector<std::string> answers_;
};

}  // namespace paella::bad_calls

#endif  // PAELLA_TESTS_BAD_CALLS_ROW_H_
