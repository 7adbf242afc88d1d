// Questions that frameworks ask thousands of times a request, and that need nobody but the process itself.
#include <semaphore>

#include "tests/benchmark/batch_timer.h"
#include "tests/benchmark/driver_rows.h"

namespace paella::benchmarks {
namespace {

constexpr int kQueriesPerBatch = 1000;

// `query()` is asked again and again and must answer `expected` each time.
template <typename Query>
void AddQuery(const std::string& name, CUresult expected, Query query) {
  AddRow("query/" + name, [=](benchmark::State& state) {
    int surprises = 0;
    TimeBatches(state, kQueriesPerBatch, [&] {
      for (int i = 0; i < kQueriesPerBatch; ++i) surprises += query() != expected;
    });
    if (surprises != 0) state.SkipWithError("another answer than expected");
  });
}

// What the queries ask about.
struct Objects {
  Objects() {
    Check(cuLibraryLoadData(&library, driver_benchmark_kernels, nullptr, nullptr, 0, nullptr, nullptr, 0),
          "cuLibraryLoadData");
    Check(cuLibraryGetKernel(&kernel, library, "NoParameters"), "cuLibraryGetKernel");
    Check(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING), "cuEventCreate");
    Check(cuEventRecord(event, stream.handle()), "cuEventRecord");
    stream.Synchronize();
  }

  Stream stream;
  CUlibrary library = nullptr;
  CUkernel kernel = nullptr;
  CUevent event = nullptr;
  examples::DeviceBuffer buffer{1 << 20};
};

// A stream that stays busy as long as this lives: behind a host function, which takes no part of the GPU.
class BusyStream {
 public:
  BusyStream() { Check(cuLaunchHostFunc(stream_.handle(), Wait, &end_), "cuLaunchHostFunc"); }
  ~BusyStream() {
    end_.release();
    stream_.Synchronize();
  }

  CUstream handle() const { return stream_.handle(); }

 private:
  static void Wait(void* end) { static_cast<std::binary_semaphore*>(end)->acquire(); }

  Stream stream_;
  std::binary_semaphore end_{0};
};

void AddContextQueries() {
  AddQuery("cuCtxGetDevice", CUDA_SUCCESS, [] {
    CUdevice device;
    return cuCtxGetDevice(&device);
  });
  AddQuery("cuCtxGetCurrent", CUDA_SUCCESS, [] {
    CUcontext context;
    return cuCtxGetCurrent(&context);
  });
  AddQuery("cuDevicePrimaryCtxGetState", CUDA_SUCCESS, [] {
    unsigned flags;
    int active;
    return cuDevicePrimaryCtxGetState(0, &flags, &active);
  });
}

void AddObjectQueries(CUfunction function) {
  static const Objects* const objects = new Objects;  // to the end: it goes with the context
  AddQuery("cuFuncGetAttribute", CUDA_SUCCESS, [=] {
    int value;
    return cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_NUM_REGS, function);
  });
  AddQuery("cuKernelGetAttribute", CUDA_SUCCESS, [] {
    int value;
    return cuKernelGetAttribute(&value, CU_FUNC_ATTRIBUTE_NUM_REGS, objects->kernel, 0);
  });
  AddQuery("cuStreamIsCapturing", CUDA_SUCCESS, [] {
    CUstreamCaptureStatus status;
    return cuStreamIsCapturing(objects->stream.handle(), &status);
  });
  AddQuery("cuPointerGetAttribute", CUDA_SUCCESS, [] {
    unsigned type;
    return cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, objects->buffer.address() + 4096);
  });
  AddQuery("cuEventQuery_done", CUDA_SUCCESS, [] { return cuEventQuery(objects->event); });
  AddQuery("cuStreamQuery_done", CUDA_SUCCESS, [] { return cuStreamQuery(objects->stream.handle()); });
}

void EventQueryNotDone(benchmark::State& state) {
  CUevent event;
  Check(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING), "cuEventCreate");
  int surprises = 0;
  {
    const BusyStream stream;
    Check(cuEventRecord(event, stream.handle()), "cuEventRecord");
    TimeBatches(state, kQueriesPerBatch, [&] {
      for (int i = 0; i < kQueriesPerBatch; ++i) surprises += cuEventQuery(event) != CUDA_ERROR_NOT_READY;
    });
  }
  cuEventDestroy(event);
  if (surprises != 0) state.SkipWithError("the event was done");
}

void StreamQueryNotDone(benchmark::State& state) {
  const BusyStream stream;
  int surprises = 0;
  TimeBatches(state, kQueriesPerBatch, [&] {
    for (int i = 0; i < kQueriesPerBatch; ++i) surprises += cuStreamQuery(stream.handle()) != CUDA_ERROR_NOT_READY;
  });
  if (surprises != 0) state.SkipWithError("the stream was done");
}

}  // namespace

void RegisterQueryRows(const Gpu& gpu) {
  AddContextQueries();
  AddObjectQueries(gpu.Function("NoParameters"));
  AddRow("query/cuEventQuery_not_done", EventQueryNotDone);
  AddRow("query/cuStreamQuery_not_done", StreamQueryNotDone);
}

}  // namespace paella::benchmarks
