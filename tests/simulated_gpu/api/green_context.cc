// Green contexts: sets of SMs, and streams whose kernels run on one of them.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "tests/simulated_gpu/api/common.h"

namespace paella::simulated_gpu {
namespace {

constexpr unsigned kLeastSms = 2;  // of a part, and what its size is a multiple of

using SmSet = std::vector<bool>;

struct GreenContext {
  Context* context = nullptr;
  std::shared_ptr<const SmSet> sms;
};

// What stands in the part of a CUdevResource that is the driver's own.
struct SmRange {
  std::uint32_t first, count;
};

CUdevResource ResourceOf(SmRange range) {
  CUdevResource resource{};
  if (range.count == 0) return resource;  // of no valid type
  resource.type = CU_DEV_RESOURCE_TYPE_SM;
  resource.sm.smCount = range.count;
  resource.sm.minSmPartitionSize = resource.sm.smCoscheduledAlignment = kLeastSms;
  std::memcpy(resource._internal_padding, &range, sizeof range);
  return resource;
}

bool RangeOf(const CUdevResource& resource, SmRange& range) {
  std::memcpy(&range, resource._internal_padding, sizeof range);
  return resource.type == CU_DEV_RESOURCE_TYPE_SM && std::uint64_t{range.first} + range.count <= Settings::Get().sms;
}

}  // namespace
}  // namespace paella::simulated_gpu

using namespace paella::simulated_gpu;

CUresult cuDeviceGetDevResource(CUdevice device, CUdevResource* resource, CUdevResourceType type) {
  PAELLA_RETURN_IF_ERROR(UseDevice(device));
  PAELLA_RETURN_IF_NULL(resource);
  if (type != CU_DEV_RESOURCE_TYPE_SM) return CUDA_ERROR_INVALID_RESOURCE_TYPE;
  *resource = ResourceOf({0, Settings::Get().sms});
  return CUDA_SUCCESS;
}

CUresult cuDevSmResourceSplitByCount(CUdevResource* result, unsigned int* nbGroups, const CUdevResource* input,
                                     CUdevResource* remaining, unsigned int, unsigned int minCount) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  SmRange range;
  if (nbGroups == nullptr || input == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (!RangeOf(*input, range)) return CUDA_ERROR_INVALID_RESOURCE_TYPE;
  if (minCount > range.count) return CUDA_ERROR_INVALID_VALUE;
  const unsigned count = std::max(1u, (minCount + kLeastSms - 1) / kLeastSms) * kLeastSms;
  const unsigned most = range.count / count;
  *nbGroups = result == nullptr ? most : std::min(*nbGroups, most);
  if (result == nullptr) return CUDA_SUCCESS;
  for (unsigned i = 0; i < *nbGroups; ++i) result[i] = ResourceOf({range.first + i * count, count});
  const unsigned used = *nbGroups * count;
  if (remaining != nullptr) *remaining = ResourceOf({range.first + used, range.count - used});
  return CUDA_SUCCESS;
}

CUresult cuDevResourceGenerateDesc(CUdevResourceDesc* phDesc, CUdevResource* resources, unsigned int nbResources) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  if (phDesc == nullptr || resources == nullptr || nbResources == 0) return CUDA_ERROR_INVALID_VALUE;
  auto sms = std::make_shared<SmSet>(Settings::Get().sms);
  for (unsigned i = 0; i < nbResources; ++i) {
    SmRange range;
    if (!RangeOf(resources[i], range)) return CUDA_ERROR_INVALID_RESOURCE_TYPE;
    std::fill_n(sms->begin() + range.first, range.count, true);
  }
  *phDesc = reinterpret_cast<CUdevResourceDesc>(Handles<SmSet>::Get().Add(std::move(sms)));  // nothing ever ends one
  return CUDA_SUCCESS;
}

CUresult cuGreenCtxCreate(CUgreenCtx* phCtx, CUdevResourceDesc desc, CUdevice dev, unsigned int flags) {
  PAELLA_RETURN_IF_ERROR(UseDevice(dev));
  if (phCtx == nullptr || flags != CU_GREEN_CTX_DEFAULT_STREAM) return CUDA_ERROR_INVALID_VALUE;
  auto green = std::make_shared<GreenContext>();
  green->sms = Handles<SmSet>::Get().Find(desc);
  if (green->sms == nullptr) return CUDA_ERROR_INVALID_VALUE;
  CUcontext primary = nullptr;
  PAELLA_RETURN_IF_ERROR(cuDevicePrimaryCtxRetain(&primary, dev));
  green->context = reinterpret_cast<Context*>(primary);
  *phCtx = reinterpret_cast<CUgreenCtx>(Handles<GreenContext>::Get().Add(std::move(green)));
  return CUDA_SUCCESS;
}

CUresult cuGreenCtxDestroy(CUgreenCtx hCtx) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  const auto green = Handles<GreenContext>::Get().Remove(hCtx);
  return green == nullptr ? CUDA_ERROR_INVALID_CONTEXT : cuDevicePrimaryCtxRelease(green->context->device);
}

CUresult cuGreenCtxStreamCreate(CUstream* phStream, CUgreenCtx greenCtx, unsigned int flags, int priority) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  if (phStream == nullptr || flags != CU_STREAM_NON_BLOCKING) return CUDA_ERROR_INVALID_VALUE;
  const auto green = Handles<GreenContext>::Get().Find(greenCtx);
  if (green == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  auto stream = Engine::Get().MakeStream(green->context, flags, std::clamp(priority, kGreatestPriority, 0));
  stream->sms = green->sms;
  *phStream = reinterpret_cast<CUstream>(Handles<Stream>::Get().Add(std::move(stream)));
  return CUDA_SUCCESS;
}
