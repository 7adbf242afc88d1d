// What the clients of the end-to-end tests do: ordinary programs of the driver API, which know nothing of Paella. Each
// checks its own results and prints one line that is the same natively and through the daemon.
#ifndef PAELLA_TESTS_INTEGRATION_PROGRAMS_SCENARIOS_H_
#define PAELLA_TESTS_INTEGRATION_PROGRAMS_SCENARIOS_H_

#include <cuda.h>

#include <span>
#include <string>
#include <vector>

#include "examples/common/check.h"
#include "examples/common/gpu.h"

extern "C" const unsigned long long integration_client_kernels[];

namespace paella::integration {

using Arguments = std::span<const std::string>;

int ManyThreads(Arguments);
int StreamsAndEvents(Arguments);
int HostCallbacks(Arguments);
int ForkBeforeInit(Arguments);
int ForkAfterInit(Arguments);
int ForkAndExec(Arguments);
int Memory(Arguments);
int RegisteredMemory(Arguments);
int OutOfMemory(Arguments);
int IllegalAddress(Arguments);
int AsNobody(Arguments);
int Racer(Arguments arguments);
int Backlog(Arguments);
int Neighbour(Arguments);
int Hold(Arguments);
int StopAt(Arguments);
int SmShares(Arguments arguments);
int Turnstile(Arguments);

// Ends the program with `what` on standard error if something is not as it must be.
void Expect(bool holds, const std::string& what);
void ExpectResult(CUresult result, CUresult expected, const std::string& what);

// Says that a point is reached that the test waits for.
void Say(const std::string& line);
// Until the test says something, or has nothing more to say.
void AwaitLine();

// The kernels of scenarios.cu, and what they compute on the CPU.
class Kernels {
 public:
  explicit Kernels(const examples::Gpu& gpu);
  void Fill(CUdeviceptr values, unsigned count, unsigned first, CUstream stream) const;
  void Mix(CUdeviceptr values, unsigned count, unsigned rounds, CUstream stream) const;
  CUresult TryToMix(CUdeviceptr values, unsigned count, unsigned rounds, CUstream stream) const;
  // Does not end before somebody writes something else than 0 to `flag`.
  void AwaitFlag(CUdeviceptr flag, CUstream stream) const;
  // Blocks of the most threads there can be, of which the first `passed` end.
  void AwaitTurns(CUdeviceptr passed, unsigned blocks, CUstream stream) const;
  // Writes for each block on which SM it runs.
  void NoteSms(CUdeviceptr sms, examples::Grid grid, bool cooperative, CUstream stream) const;
  void WriteTo(CUdeviceptr address, CUstream stream) const;

 private:
  CUfunction fill_, mix_, await_flag_, await_turn_, note_sm_, write_to_;
};

unsigned Mixed(unsigned value, unsigned rounds);

// Pinned words that a kernel waits for, so that a test decides how long it is in flight.
class Flag {
 public:
  Flag() : word_(1) { *word_.data() = 0; }
  CUdeviceptr address() const { return word_.device_address(); }
  void Lower() { __atomic_store_n(word_.data(), 0u, __ATOMIC_RELEASE); }
  void Raise() { __atomic_store_n(word_.data(), 1u, __ATOMIC_RELEASE); }

 private:
  examples::PinnedArray<unsigned> word_;
};

class Stream {
 public:
  explicit Stream(unsigned flags = CU_STREAM_DEFAULT) { examples::Check(cuStreamCreate(&stream_, flags), "cuStreamCreate"); }
  ~Stream() { cuStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator CUstream() const { return stream_; }  // NOLINT: it stands for the stream wherever the driver takes one
  void Synchronize() const { examples::Check(cuStreamSynchronize(stream_), "cuStreamSynchronize"); }

 private:
  CUstream stream_ = nullptr;
};

}  // namespace paella::integration

#endif  // PAELLA_TESTS_INTEGRATION_PROGRAMS_SCENARIOS_H_
