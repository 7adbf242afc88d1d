#include "shim/contexts.h"

#include <vector>

namespace paella::shim {
namespace {

constexpr unsigned kApiVersion = 3020;  // what cuCtxGetApiVersion says of every context made since then

// What lies below the current context. Allocated at the first push, since most threads never push; left to the process's
// end, since calls of other libraries' thread-exit handlers may still pop.
thread_local constinit std::vector<Context*>* below = nullptr;

}  // namespace

thread_local constinit Context* current_context = nullptr;

ipc::WaitStyle Context::wait_style() const {
  switch (flags.load(std::memory_order_relaxed) & CU_CTX_SCHED_MASK) {
    case CU_CTX_SCHED_SPIN: return ipc::WaitStyle::kSpin;
    case CU_CTX_SCHED_YIELD: return ipc::WaitStyle::kYield;
    case CU_CTX_SCHED_BLOCKING_SYNC: return ipc::WaitStyle::kBlock;
    default: return ipc::WaitStyle::kAuto;
  }
}

Contexts::Contexts(CUcontext primary_handle) : primary_(New(primary_handle, 0)) { primary_->primary = true; }

Context* Contexts::New(CUcontext handle, unsigned flags) {
  auto* context = new Context;
  context->handle = handle != nullptr ? handle : reinterpret_cast<CUcontext>(context);
  context->flags = flags;
  context->id = next_id_.fetch_add(1, std::memory_order_relaxed);
  context->api_version = kApiVersion;
  // The driver's defaults, seen on an H100.
  context->limits[CU_LIMIT_STACK_SIZE] = 1024;
  context->limits[CU_LIMIT_PRINTF_FIFO_SIZE] = 1 << 20;
  context->limits[CU_LIMIT_MALLOC_HEAP_SIZE] = 8 << 20;
  context->limits[CU_LIMIT_DEV_RUNTIME_SYNC_DEPTH] = 2;
  context->limits[CU_LIMIT_DEV_RUNTIME_PENDING_LAUNCH_COUNT] = 2048;
  context->limits[CU_LIMIT_MAX_L2_FETCH_GRANULARITY] = 64;
  by_handle_.Insert(context->handle, context);
  return context;
}

Context* Contexts::Create(unsigned flags) { return New(nullptr, flags); }

CUresult Contexts::Destroy(Context& context) {
  if (context.primary) return CUDA_ERROR_INVALID_CONTEXT;
  if (by_handle_.Erase(context.handle) == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  context.alive = false;
  if (current_context == &context) Pop();
  return CUDA_SUCCESS;
}

bool Contexts::ReleasePrimary() {
  int uses = primary_uses_.load(std::memory_order_relaxed);
  while (uses > 0) {
    if (primary_uses_.compare_exchange_weak(uses, uses - 1, std::memory_order_relaxed)) return true;
  }
  return false;
}

void Contexts::SetCurrent(Context* context) {
  if (context != nullptr) {
    current_context = context;  // takes the place of the stack's top
  } else {
    Pop();
  }
}

void Contexts::Push(Context* context) {
  if (below == nullptr) below = new std::vector<Context*>;
  if (current_context != nullptr) below->push_back(current_context);
  current_context = context;
}

Context* Contexts::Pop() {
  Context* const top = current_context;
  if (below != nullptr && !below->empty()) {
    current_context = below->back();
    below->pop_back();
  } else {
    current_context = nullptr;
  }
  return top;
}

}  // namespace paella::shim
