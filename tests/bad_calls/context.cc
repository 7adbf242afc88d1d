#include <thread>

#include "tests/bad_calls/bad_call.h"

namespace paella::bad_calls {
namespace {

// Makes a context of the program's own current, which another thread then destroys: what CUDA documents an answer for.
// A destroyed context that is nowhere current must not be named any more.
void LoseContext(Row& row) {
  CUcontext context = nullptr;
  row.Prepare(DRIVER(cuCtxCreate), &context, nullptr, 0, row.state.device);
  CUresult destroyed = CUDA_ERROR_UNKNOWN;
  std::thread([&] { destroyed = cuCtxDestroy(context); }).join();
  row.Note(destroyed);
}

constexpr BadCall kWithoutOne[] = {
    {"context.none_synchronize", [](Row& row) { row.Call(DRIVER(cuCtxSynchronize)); }, Start::kWithoutContext},
    {"context.none_device", [](Row& row) { CUdevice device; row.Call(DRIVER(cuCtxGetDevice), &device); },
     Start::kWithoutContext},
    {"context.none_pop", [](Row& row) { CUcontext context; row.Call(DRIVER(cuCtxPopCurrent), &context); },
     Start::kWithoutContext},
    {"context.none_allocate", [](Row& row) { CUdeviceptr address; row.Call(DRIVER(cuMemAlloc), &address, 1024); },
     Start::kWithoutContext},
    {"context.none_host_allocate", [](Row& row) { void* host; row.Call(DRIVER(cuMemHostAlloc), &host, 1024, 0); },
     Start::kWithoutContext},
    {"context.none_free_null", [](Row& row) { row.Call(DRIVER(cuMemFree), 0); }, Start::kWithoutContext},
    {"context.none_memory_info",
     [](Row& row) { std::size_t available, total; row.Call(DRIVER(cuMemGetInfo), &available, &total); },
     Start::kWithoutContext},
    {"context.none_stream", [](Row& row) { CUstream stream; row.Call(DRIVER(cuStreamCreate), &stream, 0); },
     Start::kWithoutContext},
    {"context.none_event", [](Row& row) { CUevent event; row.Call(DRIVER(cuEventCreate), &event, 0); },
     Start::kWithoutContext},
    {"context.none_module", [](Row& row) { CUmodule module; row.Call(DRIVER(cuModuleLoadData), &module, "rubbish"); },
     Start::kWithoutContext},
    {"context.none_default_stream_synchronize", [](Row& row) { row.Call(DRIVER(cuStreamSynchronize), nullptr); },
     Start::kWithoutContext},
    {"context.none_default_stream_query", [](Row& row) { row.Call(DRIVER(cuStreamQuery), nullptr); },
     Start::kWithoutContext},
    {"context.none_limit",
     [](Row& row) { std::size_t value; row.Call(DRIVER(cuCtxGetLimit), &value, CU_LIMIT_STACK_SIZE); },
     Start::kWithoutContext},
    {"context.none_flags", [](Row& row) { unsigned flags; row.Call(DRIVER(cuCtxGetFlags), &flags); },
     Start::kWithoutContext},
    {"context.none_priority_range",
     [](Row& row) { int least, greatest; row.Call(DRIVER(cuCtxGetStreamPriorityRange), &least, &greatest); },
     Start::kWithoutContext},
    {"context.none_pointer_attribute",
     [](Row& row) {
       CUmemorytype type{};
       row.Call(DRIVER(cuPointerGetAttribute), &type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, 0x1234560000);
     },
     Start::kWithoutContext},
    {"context.none_pointer_attributes",
     [](Row& row) {
       CUmemorytype type{};
       CUpointer_attribute attribute = CU_POINTER_ATTRIBUTE_MEMORY_TYPE;
       void* data = &type;
       row.Call(DRIVER(cuPointerGetAttributes), 1, &attribute, &data, 0x1234560000);
     },
     Start::kWithoutContext},
    {"context.none_push_null", [](Row& row) { row.Call(DRIVER(cuCtxPushCurrent), nullptr); }, Start::kWithoutContext},
};

constexpr BadCall kRows[] = {
    {"context.create_to_null", [](Row& row) { row.Call(DRIVER(cuCtxCreate), nullptr, nullptr, 0, row.state.device); }},
    {"context.create_on_unknown_device",
     [](Row& row) { CUcontext context; row.Call(DRIVER(cuCtxCreate), &context, nullptr, 0, 99); }},
    {"context.create_flags_unknown",
     [](Row& row) { CUcontext context; row.Call(DRIVER(cuCtxCreate), &context, nullptr, 0x7000, row.state.device); }},
    {"context.create_two_schedules",
     [](Row& row) {
       CUcontext context;
       const unsigned flags = CU_CTX_SCHED_SPIN | CU_CTX_SCHED_YIELD;
       row.Call(DRIVER(cuCtxCreate), &context, nullptr, flags, row.state.device);
     }},
    {"context.destroy_null", [](Row& row) { row.Call(DRIVER(cuCtxDestroy), nullptr); }},
    {"context.current_after_destroy",
     [](Row& row) {
       CUcontext context = nullptr, current = nullptr;
       CUdeviceptr address;
       row.Prepare(DRIVER(cuCtxCreate), &context, nullptr, 0, row.state.device);
       row.Call(DRIVER(cuCtxDestroy), context);
       row.Call(DRIVER(cuCtxGetCurrent), &current);
       row.Note(current == nullptr ? "none" : current == row.state.context ? "the primary one" : "another");
       row.Call(DRIVER(cuMemAlloc), &address, 1024);
     }},
    {"context.pop_until_empty",
     [](Row& row) {
       CUcontext context = nullptr;
       row.Call(DRIVER(cuCtxPopCurrent), &context);
       row.Call(DRIVER(cuCtxPopCurrent), &context);
     }},
    {"context.destroyed_by_another_thread_allocate",
     [](Row& row) { CUdeviceptr address; LoseContext(row); row.Call(DRIVER(cuMemAlloc), &address, 1024); },
     Start::kInOwnProcess},
    {"context.destroyed_by_another_thread_stream",
     [](Row& row) { CUstream stream; LoseContext(row); row.Call(DRIVER(cuStreamCreate), &stream, 0); },
     Start::kInOwnProcess},
    {"context.destroyed_by_another_thread_then_set",
     [](Row& row) {
       CUdeviceptr address;
       LoseContext(row);
       row.Call(DRIVER(cuCtxSetCurrent), row.state.context);
       row.Call(DRIVER(cuMemAlloc), &address, 1024);
     },
     Start::kInOwnProcess},
    {"context.not_current_free",
     [](Row& row) {
       CUdeviceptr address = 0;
       row.Prepare(DRIVER(cuMemAlloc), &address, 1024);
       row.Prepare(DRIVER(cuCtxSetCurrent), nullptr);
       row.Call(DRIVER(cuMemFree), address);
       row.Prepare(DRIVER(cuCtxSetCurrent), row.state.context);
     }},
    {"context.not_current_free_host",
     [](Row& row) {
       void* host = nullptr;
       row.Prepare(DRIVER(cuMemHostAlloc), &host, 1024, 0);
       row.Prepare(DRIVER(cuCtxSetCurrent), nullptr);
       row.Call(DRIVER(cuMemFreeHost), host);
       row.Prepare(DRIVER(cuCtxSetCurrent), row.state.context);
     }},
    {"context.not_current_pointer_attribute",
     [](Row& row) {
       CUmemorytype type{};
       row.Prepare(DRIVER(cuCtxSetCurrent), nullptr);
       row.Call(DRIVER(cuPointerGetAttribute), &type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, row.state.memory);
       row.Prepare(DRIVER(cuCtxSetCurrent), row.state.context);
     }},
    {"context.not_current_address_range",
     [](Row& row) {
       CUdeviceptr base = 0;
       std::size_t size = 0;
       row.Prepare(DRIVER(cuCtxSetCurrent), nullptr);
       row.Call(DRIVER(cuMemGetAddressRange), &base, &size, row.state.memory);
       row.Prepare(DRIVER(cuCtxSetCurrent), row.state.context);
     }},
    {"context.get_current_to_null", [](Row& row) { row.Call(DRIVER(cuCtxGetCurrent), nullptr); }},
    {"context.device_to_null", [](Row& row) { row.Call(DRIVER(cuCtxGetDevice), nullptr); }},
    {"context.flags_to_null", [](Row& row) { row.Call(DRIVER(cuCtxGetFlags), nullptr); }},
    {"context.id_to_null", [](Row& row) { row.Call(DRIVER(cuCtxGetId), row.state.context, nullptr); }},
    {"context.limit_unknown",
     [](Row& row) { std::size_t value; row.Call(DRIVER(cuCtxGetLimit), &value, static_cast<CUlimit>(1000)); }},
    {"context.limit_to_null", [](Row& row) { row.Call(DRIVER(cuCtxGetLimit), nullptr, CU_LIMIT_STACK_SIZE); }},
    {"context.set_limit_unknown", [](Row& row) { row.Call(DRIVER(cuCtxSetLimit), static_cast<CUlimit>(1000), 1); }},
    {"context.stack_too_large",
     [](Row& row) { row.Call(DRIVER(cuCtxSetLimit), CU_LIMIT_STACK_SIZE, std::size_t{1} << 40); }},
    {"context.cache_config_unknown",
     [](Row& row) { row.Call(DRIVER(cuCtxSetCacheConfig), static_cast<CUfunc_cache>(1000)); }},
    {"context.cache_config_to_null", [](Row& row) { row.Call(DRIVER(cuCtxGetCacheConfig), nullptr); }},
    {"context.api_version_to_null",
     [](Row& row) { row.Call(DRIVER(cuCtxGetApiVersion), row.state.context, nullptr); }},
    {"context.peer_access_to_itself",
     [](Row& row) { row.Call(DRIVER(cuCtxEnablePeerAccess), row.state.context, 0); }},
    {"context.peer_access_flags",
     [](Row& row) { row.Call(DRIVER(cuCtxEnablePeerAccess), row.state.context, 1); }},
    {"context.peer_access_to_null", [](Row& row) { row.Call(DRIVER(cuCtxEnablePeerAccess), nullptr, 0); }},
    {"context.peer_access_never_enabled",
     [](Row& row) { row.Call(DRIVER(cuCtxDisablePeerAccess), row.state.context); }},
};

}  // namespace

BadCalls NoContextBadCalls() { return kWithoutOne; }
BadCalls ContextBadCalls() { return kRows; }

}  // namespace paella::bad_calls
