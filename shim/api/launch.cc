// Launches: the shim's hottest path. Checks everything that CUDA reports at once, then encodes straight into the ring.
// Nothing here allocates or throws.
#include "driver_api.h"
#include "shim/client.h"
#include "shim/graph_work.h"
#include "shim/launch_checks.h"

using namespace paella::shim;

namespace {

struct Launch {
  CUfunction function;
  LaunchShape shape;
  CUstream stream;
  std::span<const CUlaunchAttribute> attributes;
  void** parameters;
  void** extra;
};

CUresult Capture(Client& client, Stream& stream, const Kernel& kernel, const Launch& launch,
                 const LaunchParameters& parameters) noexcept try {
  return client.captures.Add(stream, DescribeKernel(kernel, launch.shape, launch.attributes, parameters));
} catch (...) {
  return CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult Post(const Launch& launch) noexcept {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) [[unlikely]] return result;
  Kernel* const kernel = client->libraries.FindKernel(launch.function);
  Stream* const stream = client->streams.Find(launch.stream);
  if (kernel == nullptr || stream == nullptr) [[unlikely]] return CUDA_ERROR_INVALID_HANDLE;
  if (const CUresult result = CheckShape(*client, launch.shape, *kernel); result != CUDA_SUCCESS) [[unlikely]] return result;
  LaunchParameters parameters;
  if (!FindParameters(launch.parameters, launch.extra, *kernel, parameters)) [[unlikely]] {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (!launch.attributes.empty()) {
    if (const CUresult result = CheckAttributes(*client, *kernel, launch.shape, launch.attributes);
        result != CUDA_SUCCESS) return result;
  }
  if (!stream->IsOrdinary()) [[unlikely]] return Capture(*client, *stream, *kernel, launch, parameters);
  const auto attributes = std::as_bytes(launch.attributes);
  std::uint64_t posted = 0;
  const CUresult result = client->submission.PostCommandAs(
      paella::ipc::MessageKind::kLaunchKernel, stream->number, LaunchRecordBytes(*kernel, attributes.size()),
      [&](std::span<std::byte> out, std::uint64_t sequence) {
        posted = sequence;
        EncodeLaunch(out, stream->number, sequence, *kernel, launch.shape, attributes, parameters);
      });
  if (kernel->prints && result == CUDA_SUCCESS) [[unlikely]] client->submission.text().Expect(stream->number, posted);
  return result;
}

}  // namespace

CUresult paella_cuLaunchKernel(CUfunction f, unsigned int gridDimX, unsigned int gridDimY, unsigned int gridDimZ,
                               unsigned int blockDimX, unsigned int blockDimY, unsigned int blockDimZ,
                               unsigned int sharedMemBytes, CUstream hStream, void** kernelParams, void** extra) {
  return Post({f,
               {{gridDimX, gridDimY, gridDimZ}, {blockDimX, blockDimY, blockDimZ}, sharedMemBytes},
               hStream, {}, kernelParams, extra});
}

CUresult paella_cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction f, void** kernelParams, void** extra) {
  if (config == nullptr || (config->attrs == nullptr && config->numAttrs != 0)) return CUDA_ERROR_INVALID_VALUE;
  return Post({f,
               {{config->gridDimX, config->gridDimY, config->gridDimZ},
                {config->blockDimX, config->blockDimY, config->blockDimZ},
                config->sharedMemBytes},
               config->hStream, {config->attrs, config->numAttrs}, kernelParams, extra});
}

CUresult paella_cuLaunchCooperativeKernel(CUfunction f, unsigned int gridDimX, unsigned int gridDimY,
                                          unsigned int gridDimZ, unsigned int blockDimX, unsigned int blockDimY,
                                          unsigned int blockDimZ, unsigned int sharedMemBytes, CUstream hStream,
                                          void** kernelParams) {
  CUlaunchAttribute cooperative{};
  cooperative.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
  cooperative.value.cooperative = 1;
  return Post({f,
               {{gridDimX, gridDimY, gridDimZ}, {blockDimX, blockDimY, blockDimZ}, sharedMemBytes},
               hStream, {&cooperative, 1}, kernelParams, nullptr});
}
