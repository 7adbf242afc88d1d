// Contexts: the primary one, those that programs make, and each thread's stack of current ones.
#include <mutex>
#include <unordered_map>
#include <vector>

#include "tests/simulated_gpu/allocations.h"
#include "tests/simulated_gpu/api/common.h"
#include "tests/simulated_gpu/arrays.h"
#include "tests/simulated_gpu/print_buffer.h"

namespace paella::simulated_gpu {
namespace {

struct Primary {
  std::mutex mutex;
  std::shared_ptr<Context> context = std::make_shared<Context>();
  int retained = 0;
};

Primary& PrimaryOf(CUdevice device) {
  static Primary* const primaries = [] {
    auto* const made = new Primary[kMaxDevices];
    for (int i = 0; i < static_cast<int>(kMaxDevices); ++i) made[i].context->device = i;
    return made;
  }();
  return primaries[device];
}

std::vector<std::shared_ptr<Context>>& Stack() {
  thread_local std::vector<std::shared_ptr<Context>> stack;
  return stack;
}

std::shared_ptr<Context> Current() { return Stack().empty() ? nullptr : Stack().back(); }

CUcontext HandleOf(const std::shared_ptr<Context>& context) { return reinterpret_cast<CUcontext>(context.get()); }

CUresult FindContext(CUcontext handle, std::shared_ptr<Context>& context) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  context = Handles<Context>::Get().Find(handle);
  return context == nullptr ? CUDA_ERROR_INVALID_CONTEXT : CUDA_SUCCESS;
}

void Open(const std::shared_ptr<Context>& context, unsigned flags) {
  context->flags = flags;
  context->error = CUDA_SUCCESS;
  if (context->legacy == nullptr) context->legacy = Engine::Get().MakeStream(context.get(), 0, 0, true);
  Handles<Context>::Get().Add(context);
}

// Work under way is dropped: a kernel that never ends must not keep its program.
void Close(const std::shared_ptr<Context>& context) {
  Engine::Get().Fail(context.get(), CUDA_ERROR_CONTEXT_IS_DESTROYED);
  Engine::Get().WaitForContext(context.get());
  const auto belongs = [&](const auto& object) { return object.context == context.get(); };
  Handles<Stream>::Get().RemoveIf(belongs);
  Handles<Event>::Get().RemoveIf(belongs);
  Handles<Kernel>::Get().RemoveIf(belongs);
  Handles<Module>::Get().RemoveIf(belongs);
  Handles<Array>::Get().RemoveIf(belongs);
  Handles<MipmappedArray>::Get().RemoveIf(belongs);
  Allocations::Get().FreeAllOf(context.get());
  context->error = CUDA_ERROR_CONTEXT_IS_DESTROYED;
}

std::shared_ptr<Stream> PerThreadStream(Context* context) {
  thread_local std::unordered_map<std::uint64_t, std::shared_ptr<Stream>> streams;  // by the context's id
  std::shared_ptr<Stream>& stream = streams[context->id];
  if (stream == nullptr) stream = Engine::Get().MakeStream(context, 0, 0);
  return stream;
}

}  // namespace

CUresult UseContext(Context*& context) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  if (Stack().empty() || Stack().back() == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  context = Stack().back().get();
  return context->error;
}

CUresult UseStream(CUstream handle, std::shared_ptr<Stream>& stream) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  if (handle == nullptr || handle == CU_STREAM_LEGACY) {
    stream = context->legacy;
  } else if (handle == CU_STREAM_PER_THREAD) {
    stream = PerThreadStream(context);
  } else {
    stream = Handles<Stream>::Get().Find(handle);
  }
  if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  return stream->context->error;
}

CUresult Submit(const std::shared_ptr<Stream>& stream, const std::shared_ptr<Operation>& operation, bool wait) {
  Engine::Get().Enqueue(stream, operation);
  if (!wait) return CUDA_SUCCESS;
  Engine::Get().Wait(operation);
  return stream->context->error;
}

}  // namespace paella::simulated_gpu

using namespace paella::simulated_gpu;

CUresult cuDevicePrimaryCtxRetain(CUcontext* pctx, CUdevice dev) {
  PAELLA_RETURN_IF_ERROR(UseDevice(dev));
  if (pctx == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Primary& primary = PrimaryOf(dev);
  const std::lock_guard lock(primary.mutex);
  primary.context->primary = true;
  if (primary.retained++ == 0) Open(primary.context, primary.context->flags);
  *pctx = HandleOf(primary.context);
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease(CUdevice dev) {
  PAELLA_RETURN_IF_ERROR(UseDevice(dev));
  Primary& primary = PrimaryOf(dev);
  const std::lock_guard lock(primary.mutex);
  if (primary.retained == 0) return CUDA_ERROR_INVALID_CONTEXT;
  if (--primary.retained == 0) Close(primary.context);
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxReset(CUdevice dev) {
  PAELLA_RETURN_IF_ERROR(UseDevice(dev));
  Primary& primary = PrimaryOf(dev);
  const std::lock_guard lock(primary.mutex);
  if (primary.retained == 0) return CUDA_SUCCESS;
  Close(primary.context);
  Open(primary.context, primary.context->flags);
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxGetState(CUdevice dev, unsigned int* flags, int* active) {
  PAELLA_RETURN_IF_ERROR(UseDevice(dev));
  Primary& primary = PrimaryOf(dev);
  const std::lock_guard lock(primary.mutex);
  *flags = primary.context->flags;
  *active = primary.retained > 0;
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxSetFlags(CUdevice dev, unsigned int flags) {
  PAELLA_RETURN_IF_ERROR(UseDevice(dev));
  PrimaryOf(dev).context->flags = flags;
  return CUDA_SUCCESS;
}

CUresult cuCtxCreate(CUcontext* pctx, CUctxCreateParams*, unsigned int flags, CUdevice dev) {
  PAELLA_RETURN_IF_ERROR(UseDevice(dev));
  if (pctx == nullptr) return CUDA_ERROR_INVALID_VALUE;
  auto context = std::make_shared<Context>();
  context->device = dev;
  Open(context, flags);
  Stack().push_back(context);
  *pctx = HandleOf(context);
  return CUDA_SUCCESS;
}

CUresult cuCtxDestroy(CUcontext ctx) {
  std::shared_ptr<Context> context;
  PAELLA_RETURN_IF_ERROR(FindContext(ctx, context));
  if (context->primary) return CUDA_ERROR_INVALID_CONTEXT;
  Close(context);
  Handles<Context>::Get().Remove(ctx);
  if (Current() == context) Stack().pop_back();
  return CUDA_SUCCESS;
}

CUresult cuCtxSetCurrent(CUcontext ctx) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  std::shared_ptr<Context> context;
  if (ctx != nullptr) PAELLA_RETURN_IF_ERROR(FindContext(ctx, context));
  if (!Stack().empty()) Stack().pop_back();
  if (context != nullptr) Stack().push_back(context);
  return CUDA_SUCCESS;
}

CUresult cuCtxGetCurrent(CUcontext* pctx) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  PAELLA_RETURN_IF_NULL(pctx);
  *pctx = HandleOf(Current());
  return CUDA_SUCCESS;
}

CUresult cuCtxPushCurrent(CUcontext ctx) {
  std::shared_ptr<Context> context;
  PAELLA_RETURN_IF_ERROR(FindContext(ctx, context));
  Stack().push_back(context);
  return CUDA_SUCCESS;
}

CUresult cuCtxPopCurrent(CUcontext* pctx) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  if (Stack().empty()) return CUDA_ERROR_INVALID_CONTEXT;
  if (pctx != nullptr) *pctx = HandleOf(Current());
  Stack().pop_back();
  return CUDA_SUCCESS;
}

CUresult cuCtxGetDevice(CUdevice* device) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  PAELLA_RETURN_IF_NULL(device);
  *device = context->device;
  return CUDA_SUCCESS;
}

CUresult cuCtxGetFlags(unsigned int* flags) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  PAELLA_RETURN_IF_NULL(flags);
  *flags = context->flags;
  return CUDA_SUCCESS;
}

CUresult cuCtxGetId(CUcontext ctx, unsigned long long* ctxId) {
  std::shared_ptr<Context> context = Current();
  if (ctx != nullptr) PAELLA_RETURN_IF_ERROR(FindContext(ctx, context));
  PAELLA_RETURN_IF_NULL(ctxId);
  if (context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  *ctxId = context->id;
  return CUDA_SUCCESS;
}

CUresult cuCtxGetApiVersion(CUcontext ctx, unsigned int* version) {
  std::shared_ptr<Context> context;
  if (ctx != nullptr) PAELLA_RETURN_IF_ERROR(FindContext(ctx, context));
  PAELLA_RETURN_IF_NULL(version);
  *version = 3020;
  return CUDA_SUCCESS;
}

CUresult cuCtxSynchronize() {
  Context* context = nullptr;
  if (const CUresult result = UseContext(context); result != CUDA_SUCCESS) {
    PrintBuffer::Get().Flush();
    return result;
  }
  Engine::Get().WaitForContext(context);
  PrintBuffer::Get().Flush();
  return context->error;
}

CUresult cuCtxGetStreamPriorityRange(int* leastPriority, int* greatestPriority) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  if (leastPriority != nullptr) *leastPriority = 0;
  if (greatestPriority != nullptr) *greatestPriority = kGreatestPriority;
  return CUDA_SUCCESS;
}

CUresult cuCtxGetLimit(size_t* pvalue, CUlimit limit) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  PAELLA_RETURN_IF_NULL(pvalue);
  switch (limit) {
    case CU_LIMIT_STACK_SIZE: *pvalue = 1024; return CUDA_SUCCESS;
    case CU_LIMIT_PRINTF_FIFO_SIZE: *pvalue = 1 << 20; return CUDA_SUCCESS;
    case CU_LIMIT_MALLOC_HEAP_SIZE: *pvalue = 8 << 20; return CUDA_SUCCESS;
    default: return CUDA_ERROR_UNSUPPORTED_LIMIT;
  }
}

// Accepted and without effect: the model has none of these limits.
CUresult cuCtxSetLimit(CUlimit, size_t) {
  Context* context = nullptr;
  return UseContext(context);
}

CUresult cuCtxGetCacheConfig(CUfunc_cache* pconfig) {
  PAELLA_RETURN_IF_NULL(pconfig);
  *pconfig = CU_FUNC_CACHE_PREFER_NONE;
  return CUDA_SUCCESS;
}

CUresult cuCtxSetCacheConfig(CUfunc_cache) {
  Context* context = nullptr;
  return UseContext(context);
}
