#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "examples/common/fail.h"
#include "tests/integration/programs/scenarios.h"

namespace paella::integration {
namespace {

constexpr unsigned kThreads = 128;

examples::Grid GridFor(unsigned count) { return {(count + kThreads - 1) / kThreads, kThreads}; }

}  // namespace

void Expect(bool holds, const std::string& what) {
  if (!holds) examples::Fail(examples::kExitWrongResult, what);
}

void ExpectResult(CUresult result, CUresult expected, const std::string& what) {
  if (result == expected) return;
  const char* name = nullptr;
  cuGetErrorName(result, &name);
  examples::Fail(examples::kExitWrongResult, what + ": " + (name != nullptr ? name : std::to_string(result)));
}

void Say(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

void AwaitLine() {
  char letter = 0;
  while (letter != '\n' && read(STDIN_FILENO, &letter, 1) == 1) continue;
}

Kernels::Kernels(const examples::Gpu& gpu)
    : fill_(gpu.Function("Fill")),
      mix_(gpu.Function("Mix")),
      await_flag_(gpu.Function("AwaitFlag")),
      await_turn_(gpu.Function("AwaitTurn")),
      note_sm_(gpu.Function("NoteSm")),
      write_to_(gpu.Function("WriteTo")) {}

void Kernels::Fill(CUdeviceptr values, unsigned count, unsigned first, CUstream stream) const {
  examples::Launch(fill_, GridFor(count), stream, values, count, first);
}

void Kernels::Mix(CUdeviceptr values, unsigned count, unsigned rounds, CUstream stream) const {
  examples::Check(TryToMix(values, count, rounds, stream), "cuLaunchKernel");
}

CUresult Kernels::TryToMix(CUdeviceptr values, unsigned count, unsigned rounds, CUstream stream) const {
  const examples::Grid grid = GridFor(count);
  void* parameters[] = {&values, &count, &rounds};
  return cuLaunchKernel(mix_, grid.blocks, 1, 1, grid.threads, 1, 1, 0, stream, parameters, nullptr);
}

void Kernels::AwaitFlag(CUdeviceptr flag, CUstream stream) const {
  examples::Launch(await_flag_, {1, 1}, stream, flag);
}

void Kernels::AwaitTurns(CUdeviceptr passed, unsigned blocks, CUstream stream) const {
  examples::Launch(await_turn_, {blocks, 1024}, stream, passed);
}

void Kernels::NoteSms(CUdeviceptr sms, examples::Grid grid, bool cooperative, CUstream stream) const {
  void* parameters[] = {&sms};
  if (!cooperative) return examples::LaunchWithPointers(note_sm_, grid, stream, parameters);
  examples::Check(cuLaunchCooperativeKernel(note_sm_, grid.blocks, 1, 1, grid.threads, 1, 1, 0, stream, parameters),
                  "cuLaunchCooperativeKernel");
}

void Kernels::WriteTo(CUdeviceptr address, CUstream stream) const {
  examples::Launch(write_to_, {1, 1}, stream, address);
}

unsigned Mixed(unsigned value, unsigned rounds) {
  for (unsigned round = 0; round < rounds; ++round) value = value * 1664525u + 1013904223u;
  return value;
}

}  // namespace paella::integration
