// An ordinary program of the CUDA runtime: kernels launched with <<<>>>, built by nvcc, linked with the static or the
// shared runtime. Prints a line per check; only what is the same on every run, so that two runs can be compared.
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <exception>

#include "tests/gpu/cudart/checks.h"

namespace paella::gpu_test {
namespace {

struct NamedCheck {
  const char* name;
  std::uint64_t (*run)();
};

constexpr NamedCheck kChecks[] = {
    {"vector_add", VectorAdd},
    {"dynamic_shared_memory", DynamicSharedMemory},
    {"cooperative_launch", CooperativeLaunch},
    {"launch_attributes", LaunchAttributes},
    {"refused_launch", RefusedLaunch},
    {"pageable_copies", PageableCopies},
    {"pinned_memory", PinnedMemory},
    {"stream_ordered_allocation", StreamOrderedAllocation},
    {"managed_memory", ManagedMemory},
    {"copies_2d", Copies2D},
    {"fills", Fills},
    {"pointer_attributes", PointerAttributes},
    {"registered_memory", RegisteredMemory},
    {"registered_neighbours", RegisteredNeighbours},
    {"registration_errors", RegistrationErrors},
    {"memory_pools", MemoryPools},
    {"managed_hints", ManagedHints},
    {"many_streams", ManyStreams},
    {"legacy_default_stream", LegacyDefaultStream},
    {"wait_for_event", WaitForEvent},
    {"event_timing", EventTiming},
    {"host_functions", HostFunctions},
    {"captured_graph", CapturedGraph},
    {"constant_memory", ConstantMemory},
    {"device_globals", DeviceGlobals},
    {"textures_of_arrays", TexturesOfArrays},
    {"filtered_textures", FilteredTextures},
    {"layered_textures", LayeredTextures},
    {"cubemap_texture", CubemapTexture},
    {"textures_of_memory", TexturesOfMemory},
    {"normalized_reads", NormalizedReads},
    {"surfaces", Surfaces},
    {"mipmapped_texture", MipmappedTexture},
    {"array_copies", ArrayCopies},
    {"array_questions", ArrayQuestions},
};

bool Selected(const char* name, int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], name) == 0) return true;
  }
  return argc == 1;
}

bool Passes(const NamedCheck& check) {
  try {
    std::printf("ok     %-26s %016" PRIx64 "\n", check.name, check.run());
    std::fflush(stdout);
    return true;
  } catch (const std::exception& error) {
    std::printf("failed %-26s %s\n", check.name, error.what());
    std::fflush(stdout);
    return false;
  }
}

}  // namespace
}  // namespace paella::gpu_test

// Arguments: names of the checks to run; none: all.
int main(int argc, char** argv) {
  using namespace paella::gpu_test;
  int run = 0;
  int failed = 0;
  for (const NamedCheck& check : kChecks) {
    if (!Selected(check.name, argc, argv)) continue;
    ++run;
    if (!Passes(check)) ++failed;
  }
  if (run < argc - 1 || run == 0) {
    std::fprintf(stderr, "%s: there is no check of such a name\n", argv[0]);
    return 64;
  }
  std::printf("%d of %d checks failed\n", failed, run);
  return failed == 0 ? 0 : 1;
}
