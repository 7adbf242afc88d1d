// Clients for which something goes wrong.
#include <unistd.h>

#include "tests/integration/programs/scenarios.h"

namespace paella::integration {
namespace {

using examples::Check;

constexpr unsigned kCount = 100;

void WorkAndCheck(const Kernels& kernels) {
  const examples::DeviceBuffer values(kCount * sizeof(unsigned));
  kernels.Fill(values.address(), kCount, 8, nullptr);
  kernels.Mix(values.address(), kCount, 3, nullptr);
  std::vector<unsigned> host(kCount);
  Check(cuMemcpyDtoH(host.data(), values.address(), kCount * sizeof(unsigned)), "cuMemcpyDtoH");
  for (unsigned i = 0; i < kCount; ++i) Expect(host[i] == Mixed(8 + i, 3), "a value beside much memory");
}

}  // namespace

// Takes all that there is, gets CUDA's error, gives it back, takes it again.
int OutOfMemory(Arguments) {
  constexpr std::size_t kPieceBytes = 4 << 20;
  constexpr std::size_t kMorePieces = 1 << 20;  // than any GPU has
  const examples::Gpu gpu(integration_client_kernels);
  const Kernels kernels(gpu);
  CUdeviceptr whole = 0;
  ExpectResult(cuMemAlloc(&whole, std::size_t{1} << 45), CUDA_ERROR_OUT_OF_MEMORY, "cuMemAlloc of 32 TiB");
  WorkAndCheck(kernels);  // also: what small memory needs is there from now on
  std::size_t pieces_before = 0;
  for (int round = 0; round < 3; ++round) {
    std::vector<CUdeviceptr> pieces;
    CUresult result = CUDA_SUCCESS;
    while (pieces.size() < kMorePieces) {
      CUdeviceptr piece = 0;
      result = cuMemAlloc(&piece, kPieceBytes);
      if (result != CUDA_SUCCESS) break;
      pieces.push_back(piece);
    }
    ExpectResult(result, CUDA_ERROR_OUT_OF_MEMORY, "cuMemAlloc beyond what is there");
    Expect(!pieces.empty(), "no memory at all");
    Expect(round == 0 || pieces.size() == pieces_before, "less memory than before");
    pieces_before = pieces.size();
    for (const CUdeviceptr piece : pieces) Check(cuMemFree(piece), "cuMemFree");
    WorkAndCheck(kernels);
  }
  Say("out_of_memory: refused, and went on");
  return 0;
}

int IllegalAddress(Arguments) {
  const examples::Gpu gpu(integration_client_kernels);
  const Kernels kernels(gpu);
  WorkAndCheck(kernels);
  kernels.WriteTo(0x10, nullptr);
  ExpectResult(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS, "cuCtxSynchronize after a wild write");
  ExpectResult(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS, "cuCtxSynchronize once more");
  CUdeviceptr address = 0;
  ExpectResult(cuMemAlloc(&address, 16), CUDA_ERROR_ILLEGAL_ADDRESS, "cuMemAlloc after a wild write");
  Say("illegal_address: told, and it stays");
  return 0;
}

// Root may connect to any socket, so it stops being root first.
int AsNobody(Arguments) {
  constexpr uid_t kNobody = 65534;
  if (geteuid() == 0) Expect(setgid(kNobody) == 0 && setuid(kNobody) == 0, "cannot stop being root");
  const examples::Gpu gpu(integration_client_kernels);
  WorkAndCheck(Kernels(gpu));
  return 0;
}

}  // namespace paella::integration
