// Faults of kernels. Each row has a process of its own, since nothing works in the context afterwards.
#include "tests/bad_calls/bad_call.h"
#include "tests/bad_calls/launch_shape.h"

namespace paella::bad_calls {
namespace {

constexpr CUdeviceptr kUnmapped = 0x10000;  // no driver gives so low an address to anybody

void LaunchStore(Row& row, CUdeviceptr to) {
  int value = 1;
  void* parameters[] = {&to, &value};
  Launch(row, "Store", {}, parameters);
}

void LaunchLoad(Row& row, CUdeviceptr from) {
  CUdeviceptr to = row.state.memory;
  void* parameters[] = {&from, &to};
  Launch(row, "Load", {}, parameters);
}

void LaunchAdd(Row& row, CUdeviceptr to) {
  int value = 1;
  void* parameters[] = {&to, &value};
  Launch(row, "Add", {}, parameters);
}

void Synchronize(Row& row) { row.Call(DRIVER(cuStreamSynchronize), row.state.stream); }

// The kernel's error, seen once; what is asked next is the row's subject.
void Fault(Row& row) {
  LaunchStore(row, kUnmapped);
  Synchronize(row);
}

constexpr BadCall kFaults[] = {
    {"fault.store_to_null", [](Row& row) { LaunchStore(row, 0); Synchronize(row); }, Start::kInOwnProcess},
    {"fault.store_to_unmapped", [](Row& row) { LaunchStore(row, kUnmapped); Synchronize(row); }, Start::kInOwnProcess},
    {"fault.load_from_unmapped", [](Row& row) { LaunchLoad(row, kUnmapped); Synchronize(row); }, Start::kInOwnProcess},
    {"fault.atomic_on_unmapped", [](Row& row) { LaunchAdd(row, kUnmapped); Synchronize(row); }, Start::kInOwnProcess},
    {"fault.misaligned_store", [](Row& row) { LaunchStore(row, row.state.memory + 1); Synchronize(row); },
     Start::kInOwnProcess},
    {"fault.misaligned_load", [](Row& row) { LaunchLoad(row, row.state.memory + 2); Synchronize(row); },
     Start::kInOwnProcess},
    {"fault.trap", [](Row& row) { Launch(row, "Trap", {}, nullptr); Synchronize(row); }, Start::kInOwnProcess},
    {"fault.assert",
     [](Row& row) {
       int value = 1;
       void* parameters[] = {&value};
       Launch(row, "Assert", {}, parameters);
       Synchronize(row);
     },
     Start::kInOwnProcess},
    {"fault.found_by_context_synchronize",
     [](Row& row) { LaunchStore(row, kUnmapped); row.Call(DRIVER(cuCtxSynchronize)); }, Start::kInOwnProcess},
    {"fault.found_by_copy",
     [](Row& row) {
       CUdeviceptr to = kUnmapped;
       int value = 1;
       void* parameters[] = {&to, &value};
       row.Call(DRIVER(cuLaunchKernel), row.Function("Store"), 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr);
       row.Call(DRIVER(cuMemcpyDtoH), row.state.host, row.state.memory, 64);
     },
     Start::kInOwnProcess},
    {"fault.found_by_event_synchronize",
     [](Row& row) {
       LaunchStore(row, kUnmapped);
       row.Quietly(DRIVER(cuEventRecord), row.state.event, row.state.stream);  // may have found it already
       row.Call(DRIVER(cuEventSynchronize), row.state.event);
     },
     Start::kInOwnProcess},
};

constexpr BadCall kAfterFaults[] = {
    {"after_fault.launch",
     [](Row& row) {
       const CUfunction function = row.Function("Empty");
       Fault(row);
       row.Call(DRIVER(cuLaunchKernel), function, 1, 1, 1, 1, 1, 1, 0, row.state.stream, nullptr, nullptr);
     },
     Start::kInOwnProcess},
    {"after_fault.allocate_and_free",
     [](Row& row) {
       CUdeviceptr address = 0;
       Fault(row);
       row.Call(DRIVER(cuMemAlloc), &address, 1024);
       row.Call(DRIVER(cuMemFree), row.state.memory);
     },
     Start::kInOwnProcess},
    {"after_fault.host_memory",
     [](Row& row) {
       void* host = nullptr;
       Fault(row);
       row.Call(DRIVER(cuMemHostAlloc), &host, 1024, 0);
       row.Call(DRIVER(cuMemFreeHost), row.state.pinned);
     },
     Start::kInOwnProcess},
    {"after_fault.copy_and_fill",
     [](Row& row) {
       Fault(row);
       row.Call(DRIVER(cuMemcpyHtoD), row.state.memory, row.state.host, 64);
       row.Call(DRIVER(cuMemcpyDtoH), row.state.host, row.state.memory, 64);
       row.Call(DRIVER(cuMemsetD8), row.state.memory, 1, 64);
     },
     Start::kInOwnProcess},
    {"after_fault.streams",
     [](Row& row) {
       CUstream stream = nullptr;
       Fault(row);
       row.Call(DRIVER(cuStreamQuery), row.state.stream);
       row.Call(DRIVER(cuStreamCreate), &stream, 0);
       row.Call(DRIVER(cuStreamDestroy), row.state.stream);
     },
     Start::kInOwnProcess},
    {"after_fault.events",
     [](Row& row) {
       CUevent event = nullptr;
       Fault(row);
       row.Call(DRIVER(cuEventQuery), row.state.event);
       row.Call(DRIVER(cuEventRecord), row.state.event, row.state.stream);
       row.Call(DRIVER(cuEventCreate), &event, 0);
       row.Call(DRIVER(cuEventDestroy), row.state.event);
     },
     Start::kInOwnProcess},
    {"after_fault.modules",
     [](Row& row) {
       CUfunction function = nullptr;
       Fault(row);
       row.Call(DRIVER(cuModuleGetFunction), &function, row.state.module, "Empty");
       row.Call(DRIVER(cuModuleUnload), row.state.module);
     },
     Start::kInOwnProcess},
    {"after_fault.questions",
     [](Row& row) {
       std::size_t available = 0, total = 0;
       int value = 0;
       CUcontext context = nullptr;
       Fault(row);
       row.Call(DRIVER(cuCtxGetCurrent), &context);
       row.Call(DRIVER(cuDeviceGetAttribute), &value, CU_DEVICE_ATTRIBUTE_WARP_SIZE, row.state.device);
       row.Call(DRIVER(cuMemGetInfo), &available, &total);
     },
     Start::kInOwnProcess},
};

}  // namespace

BadCalls FaultBadCalls() { return kFaults; }
BadCalls AfterFaultBadCalls() { return kAfterFaults; }

}  // namespace paella::bad_calls
