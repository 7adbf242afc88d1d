// Every check: one feature of the CUDA runtime, used the way programs use it. Returns a fingerprint of what the GPU
// computed, the same on every run, or throws with what was wrong.
#ifndef PAELLA_TESTS_GPU_CUDART_CHECKS_H_
#define PAELLA_TESTS_GPU_CUDART_CHECKS_H_

#include <cstdint>

namespace paella::gpu_test {

// launches.cu
std::uint64_t VectorAdd();
std::uint64_t DynamicSharedMemory();
std::uint64_t CooperativeLaunch();
std::uint64_t LaunchAttributes();
std::uint64_t RefusedLaunch();

// memory.cu
std::uint64_t PageableCopies();
std::uint64_t PinnedMemory();
std::uint64_t StreamOrderedAllocation();
std::uint64_t ManagedMemory();
std::uint64_t Copies2D();
std::uint64_t Fills();
std::uint64_t PointerAttributes();

// host_memory.cu
std::uint64_t RegisteredMemory();
std::uint64_t RegisteredNeighbours();
std::uint64_t RegistrationErrors();
std::uint64_t MemoryPools();
std::uint64_t ManagedHints();

// streams.cu
std::uint64_t ManyStreams();
std::uint64_t LegacyDefaultStream();
std::uint64_t WaitForEvent();
std::uint64_t EventTiming();
std::uint64_t HostFunctions();
std::uint64_t CapturedGraph();

// symbols.cu
std::uint64_t ConstantMemory();
std::uint64_t DeviceGlobals();

// textures.cu
std::uint64_t TexturesOfArrays();
std::uint64_t FilteredTextures();
std::uint64_t LayeredTextures();
std::uint64_t CubemapTexture();
std::uint64_t TexturesOfMemory();
std::uint64_t NormalizedReads();
std::uint64_t Surfaces();
std::uint64_t MipmappedTexture();
std::uint64_t ArrayCopies();
std::uint64_t ArrayQuestions();

}  // namespace paella::gpu_test

#endif  // PAELLA_TESTS_GPU_CUDART_CHECKS_H_
