// The CUDA driver as paellad and its executor use it: a table of its functions, taken from a library at run time.
//
// Opened by path or name, so that the same daemon drives a GPU, or the simulated GPU on a machine without one. paellad
// uses only the functions that need no context. Immutable after Load, so any thread may call through it.
#ifndef PAELLA_SCHEDULER_DAEMON_DRIVER_H_
#define PAELLA_SCHEDULER_DAEMON_DRIVER_H_

#include <cuda.h>

#include <memory>
#include <string>

namespace paella::scheduler_daemon {

// Each entry is the exported symbol's name: cuda.h maps the plain spelling to the current version, and stringifying
// happens after that mapping.
#define PAELLA_DRIVER_FUNCTIONS(X)                                                                                   \
  X(cuInit) X(cuDriverGetVersion) X(cuDeviceGet) X(cuDeviceGetCount) X(cuDeviceGetName) X(cuDeviceGetUuid)           \
  X(cuDeviceGetPCIBusId) X(cuDeviceTotalMem) X(cuDeviceGetAttribute) X(cuDevicePrimaryCtxRetain)                     \
  X(cuDevicePrimaryCtxRelease) X(cuCtxSetCurrent) X(cuCtxSynchronize) X(cuCtxGetStreamPriorityRange)                 \
  X(cuGetErrorName) X(cuMemGetAllocationGranularity) X(cuMemCreate) X(cuMemRelease) X(cuMemExportToShareableHandle)   \
  X(cuMemImportFromShareableHandle) X(cuMemAddressReserve) X(cuMemAddressFree) X(cuMemMap) X(cuMemUnmap)              \
  X(cuMemSetAccess) X(cuMemHostRegister) X(cuMemHostUnregister) X(cuMemHostAlloc) X(cuMemFreeHost)                   \
  X(cuMemcpyAsync) X(cuMemcpyHtoDAsync) X(cuMemcpyDtoHAsync) X(cuMemcpyDtoDAsync) X(cuMemcpy3DAsync)                 \
  X(cuMemsetD8Async) X(cuMemsetD16Async) X(cuMemsetD32Async) X(cuMemsetD2D8Async) X(cuMemsetD2D16Async)              \
  X(cuMemsetD2D32Async) X(cuModuleLoadDataEx) X(cuModuleUnload) X(cuModuleGetFunction) X(cuModuleGetGlobal)          \
  X(cuModuleGetFunctionCount) X(cuModuleEnumerateFunctions) X(cuFuncGetName) X(cuFuncGetAttribute)                   \
  X(cuFuncSetAttribute) X(cuFuncGetParamInfo) X(cuFuncLoad) X(cuLaunchKernelEx) X(cuStreamCreateWithPriority)        \
  X(cuStreamDestroy) X(cuStreamSynchronize) X(cuStreamQuery) X(cuStreamWriteValue32) X(cuStreamWriteValue64)         \
  X(cuStreamWaitValue64)                                                                                             \
  X(cuEventCreate) X(cuEventRecord) X(cuEventElapsedTime) X(cuEventDestroy)                                          \
  X(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags) X(cuOccupancyAvailableDynamicSMemPerBlock)                 \
  X(cuOccupancyMaxActiveClusters) X(cuMemGetInfo) X(cuCtxGetCurrent)                                                 \
  X(cuGraphCreate) X(cuGraphDestroy) X(cuGraphAddKernelNode) X(cuGraphAddMemcpyNode) X(cuGraphAddMemsetNode)         \
  X(cuGraphAddEmptyNode) X(cuGraphKernelNodeSetAttribute) X(cuGraphInstantiate) X(cuGraphExecDestroy)                \
  X(cuGraphUpload) X(cuGraphLaunch) X(cuGraphExecKernelNodeSetParams) X(cuGraphExecMemcpyNodeSetParams)              \
  X(cuGraphExecMemsetNodeSetParams)                                                                                  \
  X(cuArray3DCreate) X(cuArray3DGetDescriptor) X(cuArrayDestroy) X(cuMipmappedArrayCreate)                           \
  X(cuMipmappedArrayGetLevel) X(cuMipmappedArrayDestroy) X(cuTexObjectCreate) X(cuTexObjectDestroy)                  \
  X(cuSurfObjectCreate) X(cuSurfObjectDestroy)

// May be null: what a client asks of them is not supported then.
#define PAELLA_OPTIONAL_DRIVER_FUNCTIONS(X)                                                                          \
  X(cuOccupancyMaxPotentialClusterSize) X(cuTensorMapEncodeTiled) X(cuTensorMapEncodeIm2col)                         \
  X(cuTensorMapEncodeIm2colWide) X(cuTensorMapReplaceAddress) X(cuLinkCreate) X(cuLinkAddData) X(cuLinkComplete)     \
  X(cuLinkDestroy) X(cuDeviceGetDevResource) X(cuDevSmResourceSplitByCount) X(cuDevResourceGenerateDesc)             \
  X(cuGreenCtxCreate) X(cuGreenCtxDestroy) X(cuGreenCtxStreamCreate)

struct Driver {
#define PAELLA_DECLARE(name) decltype(&::name) name = nullptr;
  PAELLA_DRIVER_FUNCTIONS(PAELLA_DECLARE)
  PAELLA_OPTIONAL_DRIVER_FUNCTIONS(PAELLA_DECLARE)
#undef PAELLA_DECLARE

  // Takes the functions out of `library` (a path, or a name for the loader) and calls cuInit. Null on failure, with the
  // reason in `error`.
  static std::unique_ptr<const Driver> Load(const std::string& library, std::string& error);

  // "CUDA_ERROR_OUT_OF_MEMORY", or the number of a result that the driver does not know.
  std::string ErrorName(CUresult result) const;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_DRIVER_H_
