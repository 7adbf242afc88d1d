// Contexts: all logical, all answered here.
#include "driver_api.h"
#include "shim/client.h"
#include "shim/tear_down.h"
#include "shim/unsupported.h"

using namespace paella::shim;

namespace {

constexpr unsigned kKnownFlags = CU_CTX_FLAGS_MASK;

bool FlagsAreValid(unsigned flags) {
  const unsigned scheduling = flags & CU_CTX_SCHED_MASK;
  const bool one_style = (scheduling & (scheduling - 1)) == 0;
  return (flags & ~kKnownFlags) == 0 && one_style;
}

CUresult EnterDevice(Client*& client, CUdevice device) {
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  return device == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

CUresult CreateContext(CUcontext* context, unsigned flags, CUdevice device) {
  Client* client;
  if (const CUresult result = EnterDevice(client, device); result != CUDA_SUCCESS) return result;
  if (context == nullptr || !FlagsAreValid(flags)) return CUDA_ERROR_INVALID_VALUE;
  if (const CUresult failure = client->submission.Failure(); failure != CUDA_SUCCESS) return failure;
  Context* const made = client->contexts.Create(flags);
  Contexts::Push(made);
  *context = made->handle;
  return CUDA_SUCCESS;
}

CUresult DestroyContext(CUcontext handle) {
  Client* client;
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  if (handle == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Context* const context = client->contexts.Find(handle);
  if (context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  if (context->primary) return CUDA_ERROR_INVALID_CONTEXT;
  TearDown(*client, *context);  // where it fails, the daemon has everything already
  return client->contexts.Destroy(*context);
}

CUresult PushContext(CUcontext handle) {
  Client* client;
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  if (handle == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Context* const context = client->contexts.Find(handle);
  if (context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  Contexts::Push(context);
  return CUDA_SUCCESS;
}

CUresult PopContext(CUcontext* handle) {
  Client* client;
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  const Context* const context = Contexts::Pop();
  if (context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  if (handle != nullptr) *handle = context->handle;
  return CUDA_SUCCESS;
}

CUresult ReleasePrimary(CUdevice device) {
  Client* client;
  if (const CUresult result = EnterDevice(client, device); result != CUDA_SUCCESS) return result;
  if (!client->contexts.ReleasePrimary()) return CUDA_ERROR_INVALID_CONTEXT;
  if (!client->contexts.PrimaryIsActive()) TearDown(*client, client->contexts.primary());
  return CUDA_SUCCESS;
}

CUresult ResetPrimary(CUdevice device) {
  Client* client;
  if (const CUresult result = EnterDevice(client, device); result != CUDA_SUCCESS) return result;
  if (const CUresult result = TearDown(*client, client->contexts.primary()); result != CUDA_SUCCESS) return result;
  client->contexts.ResetPrimary();
  return CUDA_SUCCESS;
}

// The context that a call names; null names the current one.
CUresult EnterNamed(Client*& client, CUcontext handle, Context*& context) {
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  context = handle == nullptr ? current_context : client->contexts.Find(handle);
  if (context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  return context->alive ? CUDA_SUCCESS : CUDA_ERROR_CONTEXT_IS_DESTROYED;
}

CUresult EnterCurrent(Client*& client, Context*& context) { return EnterNamed(client, nullptr, context); }

}  // namespace

CUresult paella_cuDevicePrimaryCtxRetain(CUcontext* pctx, CUdevice dev) {
  Client* client;
  if (const CUresult result = EnterDevice(client, dev); result != CUDA_SUCCESS) return result;
  if (pctx == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (const CUresult failure = client->submission.Failure(); failure != CUDA_SUCCESS) return failure;
  client->contexts.RetainPrimary();
  *pctx = client->contexts.primary().handle;
  return CUDA_SUCCESS;
}

CUresult paella_cuDevicePrimaryCtxRelease(CUdevice dev) { return ReleasePrimary(dev); }
CUresult paella_cuDevicePrimaryCtxRelease_v2(CUdevice dev) { return ReleasePrimary(dev); }
CUresult paella_cuDevicePrimaryCtxReset(CUdevice dev) { return ResetPrimary(dev); }
CUresult paella_cuDevicePrimaryCtxReset_v2(CUdevice dev) { return ResetPrimary(dev); }

CUresult paella_cuDevicePrimaryCtxSetFlags_v2(CUdevice dev, unsigned int flags) {
  Client* client;
  if (const CUresult result = EnterDevice(client, dev); result != CUDA_SUCCESS) return result;
  if (!FlagsAreValid(flags)) return CUDA_ERROR_INVALID_VALUE;
  client->contexts.primary().flags = flags;
  return CUDA_SUCCESS;
}

CUresult paella_cuDevicePrimaryCtxSetFlags(CUdevice dev, unsigned int flags) {
  return paella_cuDevicePrimaryCtxSetFlags_v2(dev, flags);
}

CUresult paella_cuDevicePrimaryCtxGetState(CUdevice dev, unsigned int* flags, int* active) {
  Client* client;
  if (const CUresult result = EnterDevice(client, dev); result != CUDA_SUCCESS) return result;
  if (flags == nullptr || active == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *flags = client->contexts.primary().flags.load(std::memory_order_relaxed);
  *active = client->contexts.PrimaryIsActive();
  return CUDA_SUCCESS;
}

CUresult paella_cuCtxCreate_v2(CUcontext* pctx, unsigned int flags, CUdevice dev) {
  return CreateContext(pctx, flags, dev);
}

CUresult paella_cuCtxCreate_v3(CUcontext* pctx, CUexecAffinityParam*, int numParams, unsigned int flags, CUdevice dev) {
  return numParams != 0 ? CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY : CreateContext(pctx, flags, dev);
}

CUresult paella_cuCtxCreate_v4(CUcontext* pctx, CUctxCreateParams* ctxCreateParams, unsigned int flags, CUdevice dev) {
  if (ctxCreateParams != nullptr && (ctxCreateParams->numExecAffinityParams != 0 || ctxCreateParams->cigParams != nullptr)) {
    return CUDA_ERROR_NOT_SUPPORTED;
  }
  return CreateContext(pctx, flags, dev);
}

CUresult paella_cuCtxDestroy(CUcontext ctx) { return DestroyContext(ctx); }
CUresult paella_cuCtxDestroy_v2(CUcontext ctx) { return DestroyContext(ctx); }
CUresult paella_cuCtxPushCurrent(CUcontext ctx) { return PushContext(ctx); }
CUresult paella_cuCtxPushCurrent_v2(CUcontext ctx) { return PushContext(ctx); }
CUresult paella_cuCtxPopCurrent(CUcontext* pctx) { return PopContext(pctx); }
CUresult paella_cuCtxPopCurrent_v2(CUcontext* pctx) { return PopContext(pctx); }

CUresult paella_cuCtxAttach(CUcontext* pctx, unsigned int flags) {
  Client* client;
  Context* context;
  if (const CUresult result = EnterCurrent(client, context); result != CUDA_SUCCESS) return result;
  if (pctx == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  ++context->attach_count;
  *pctx = context->handle;
  return CUDA_SUCCESS;
}

CUresult paella_cuCtxDetach(CUcontext ctx) {
  Client* client;
  Context* context;
  if (const CUresult result = EnterNamed(client, ctx, context); result != CUDA_SUCCESS) return result;
  if (ctx == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  return --context->attach_count == 0 ? DestroyContext(ctx) : CUDA_SUCCESS;
}

CUresult paella_cuCtxSetCurrent(CUcontext ctx) {
  Client* client;
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  Context* const context = ctx == nullptr ? nullptr : client->contexts.Find(ctx);
  if (ctx != nullptr && context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  Contexts::SetCurrent(context);
  return CUDA_SUCCESS;
}

CUresult paella_cuCtxGetCurrent(CUcontext* pctx) {
  Client* client;
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  if (pctx == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pctx = current_context == nullptr ? nullptr : current_context->handle;
  return CUDA_SUCCESS;
}

CUresult paella_cuCtxGetDevice(CUdevice* device) {
  Client* client;
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  if (current_context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  if (device == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *device = 0;
  return CUDA_SUCCESS;
}

CUresult paella_cuCtxGetDevice_v2(CUdevice* device, CUcontext ctx) {
  Client* client;
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  const Context* const context = ctx == nullptr ? current_context : client->contexts.Find(ctx);
  if (context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  if (device == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *device = 0;
  return CUDA_SUCCESS;
}

CUresult paella_cuCtxGetFlags(unsigned int* flags) {
  Client* client;
  Context* context;
  if (const CUresult result = EnterCurrent(client, context); result != CUDA_SUCCESS) return result;
  if (flags == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *flags = context->flags;
  return CUDA_SUCCESS;
}

CUresult paella_cuCtxSetFlags(unsigned int flags) {
  Client* client;
  Context* context;
  if (const CUresult result = EnterCurrent(client, context); result != CUDA_SUCCESS) return result;
  if (!FlagsAreValid(flags)) return CUDA_ERROR_INVALID_VALUE;
  context->flags = flags;
  return CUDA_SUCCESS;
}

CUresult paella_cuCtxGetId(CUcontext ctx, unsigned long long* ctxId) {
  Client* client;
  Context* context;
  if (const CUresult result = EnterNamed(client, ctx, context); result != CUDA_SUCCESS) return result;
  if (ctxId == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *ctxId = context->id;
  return CUDA_SUCCESS;
}

CUresult paella_cuCtxGetApiVersion(CUcontext ctx, unsigned int* version) {
  Client* client;
  Context* context;
  if (const CUresult result = EnterNamed(client, ctx, context); result != CUDA_SUCCESS) return result;
  if (version == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *version = context->api_version;
  return CUDA_SUCCESS;
}

CUresult paella_cuCtxSynchronize() {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (const CUresult result = client->captures.CheckContextWide(); result != CUDA_SUCCESS) return result;
  return client->streams.SynchronizeAll(client->wait_style());
}

CUresult paella_cuCtxSynchronize_v2(CUcontext ctx) {
  Client* client;
  Context* context;
  if (const CUresult result = EnterNamed(client, ctx, context); result != CUDA_SUCCESS) return result;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  if (const CUresult result = client->captures.CheckContextWide(); result != CUDA_SUCCESS) return result;
  return client->streams.SynchronizeAll(context->wait_style());
}

CUresult paella_cuCtxSetLimit(CUlimit limit, size_t value) {
  Client* client;
  Context* context;
  if (const CUresult result = EnterCurrent(client, context); result != CUDA_SUCCESS) return result;
  if (limit < 0 || limit >= kLimitCount) return CUDA_ERROR_INVALID_VALUE;
  // Kernels run in the daemon's context, which has the driver's defaults: more of these two would be a promise to break.
  const bool must_hold = limit == CU_LIMIT_STACK_SIZE || limit == CU_LIMIT_MALLOC_HEAP_SIZE;
  constexpr std::size_t kMostLocalBytes = 512 << 10;  // of a thread, on every GPU so far
  if (limit == CU_LIMIT_STACK_SIZE && value > kMostLocalBytes) return CUDA_ERROR_INVALID_VALUE;
  if (must_hold && value > context->limits[limit]) return UnsupportedForm("cuCtxSetLimit beyond the default");
  if (!must_hold) context->limits[limit] = value;
  return CUDA_SUCCESS;
}

CUresult paella_cuCtxGetLimit(size_t* pvalue, CUlimit limit) {
  Client* client;
  Context* context;
  if (const CUresult result = EnterCurrent(client, context); result != CUDA_SUCCESS) return result;
  if (pvalue == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (limit < 0 || limit >= kLimitCount) return CUDA_ERROR_INVALID_VALUE;
  *pvalue = context->limits[limit];
  return CUDA_SUCCESS;
}

CUresult paella_cuCtxGetCacheConfig(CUfunc_cache* pconfig) {
  Client* client;
  Context* context;
  if (const CUresult result = EnterCurrent(client, context); result != CUDA_SUCCESS) return result;
  if (pconfig == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pconfig = context->cache_config;
  return CUDA_SUCCESS;
}

CUresult paella_cuCtxSetCacheConfig(CUfunc_cache config) {
  Client* client;
  Context* context;
  if (const CUresult result = EnterCurrent(client, context); result != CUDA_SUCCESS) return result;
  if (config < CU_FUNC_CACHE_PREFER_NONE || config > CU_FUNC_CACHE_PREFER_EQUAL) return CUDA_ERROR_INVALID_VALUE;
  context->cache_config = config;
  return CUDA_SUCCESS;
}

CUresult paella_cuCtxGetSharedMemConfig(CUsharedconfig* pConfig) {
  Client* client;
  Context* context;
  if (const CUresult result = EnterCurrent(client, context); result != CUDA_SUCCESS) return result;
  if (pConfig == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pConfig = context->shared_config;
  return CUDA_SUCCESS;
}

CUresult paella_cuCtxSetSharedMemConfig(CUsharedconfig config) {
  Client* client;
  Context* context;
  if (const CUresult result = EnterCurrent(client, context); result != CUDA_SUCCESS) return result;
  context->shared_config = config;
  return CUDA_SUCCESS;
}

CUresult paella_cuCtxGetStreamPriorityRange(int* leastPriority, int* greatestPriority) {
  Client* client;
  Context* context;
  if (const CUresult result = EnterCurrent(client, context); result != CUDA_SUCCESS) return result;
  if (leastPriority != nullptr) *leastPriority = client->welcome.least_priority;
  if (greatestPriority != nullptr) *greatestPriority = client->welcome.greatest_priority;
  return CUDA_SUCCESS;
}

CUresult paella_cuCtxResetPersistingL2Cache() {
  Client* client;
  Context* context;
  return EnterCurrent(client, context);  // no client sets persisting lines aside
}

CUresult paella_cuCtxGetExecAffinity(CUexecAffinityParam*, CUexecAffinityType) {
  Client* client;
  Context* context;
  if (const CUresult result = EnterCurrent(client, context); result != CUDA_SUCCESS) return result;
  return CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY;
}

CUresult paella_cuCtxEnablePeerAccess(CUcontext peerContext, unsigned int Flags) {
  Client* client;
  Context* context;
  if (const CUresult result = EnterCurrent(client, context); result != CUDA_SUCCESS) return result;
  if (Flags != 0) return CUDA_ERROR_INVALID_VALUE;
  const Context* const peer = client->contexts.Find(peerContext);
  if (peer == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  return CUDA_ERROR_PEER_ACCESS_UNSUPPORTED;  // the driver's answer for a context of the same device
}

CUresult paella_cuCtxDisablePeerAccess(CUcontext peerContext) {
  Client* client;
  Context* context;
  if (const CUresult result = EnterCurrent(client, context); result != CUDA_SUCCESS) return result;
  if (client->contexts.Find(peerContext) == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  return CUDA_ERROR_PEER_ACCESS_NOT_ENABLED;
}
