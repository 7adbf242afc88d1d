#include <cstdint>

#include "tests/bad_calls/bad_call.h"

namespace paella::bad_calls {
namespace {

// What a host function is given, and what it leaves for the row, which waits for it first.
struct Inside {
  const State& state;
  CUresult (*call)(const State& state);
  CUresult answer = CUDA_ERROR_UNKNOWN;
};

void CUDA_CB HostFunction(void* data) {
  auto* const inside = static_cast<Inside*>(data);
  inside->answer = inside->call(inside->state);
}

void CUDA_CB StreamCallback(CUstream, CUresult, void* data) { HostFunction(data); }

void CallInHostFunction(Row& row, CUresult (*call)(const State& state)) {
  Inside inside{row.state, call};
  row.Call(DRIVER(cuLaunchHostFunc), row.state.stream, HostFunction, &inside);
  row.Call(DRIVER(cuStreamSynchronize), row.state.stream);
  row.Note(inside.answer);
}

void CallInStreamCallback(Row& row, CUresult (*call)(const State& state)) {
  Inside inside{row.state, call};
  row.Call(DRIVER(cuStreamAddCallback), row.state.stream, StreamCallback, &inside, 0);
  row.Call(DRIVER(cuStreamSynchronize), row.state.stream);
  row.Note(inside.answer);
}

CUresult Allocate(const State&) {
  CUdeviceptr address = 0;
  return cuMemAlloc(&address, 1024);
}
CUresult Fill(const State& state) { return cuMemsetD8Async(state.memory, 1, 64, state.stream); }
CUresult CopyDown(const State& state) { return cuMemcpyDtoH(state.host, state.memory, 64); }
CUresult SynchronizeContext(const State&) { return cuCtxSynchronize(); }
CUresult QueryDefaultStream(const State&) { return cuStreamQuery(nullptr); }
CUresult Record(const State& state) { return cuEventRecord(state.event, state.stream); }
CUresult CreateStream(const State&) {
  CUstream stream = nullptr;
  return cuStreamCreate(&stream, 0);
}

constexpr BadCall kRows[] = {
    {"callback.null_host_function",
     [](Row& row) { row.Call(DRIVER(cuLaunchHostFunc), row.state.stream, nullptr, nullptr); }},
    {"callback.null_stream_callback",
     [](Row& row) { row.Call(DRIVER(cuStreamAddCallback), row.state.stream, nullptr, nullptr, 0); }},
    {"callback.flags_not_zero",
     [](Row& row) { row.Call(DRIVER(cuStreamAddCallback), row.state.stream, StreamCallback, nullptr, 1); }},
    {"callback.allocates", [](Row& row) { CallInHostFunction(row, Allocate); }, Start::kInOwnProcess},
    {"callback.fills", [](Row& row) { CallInHostFunction(row, Fill); }, Start::kInOwnProcess},
    {"callback.copies", [](Row& row) { CallInHostFunction(row, CopyDown); }, Start::kInOwnProcess},
    {"callback.synchronizes_context", [](Row& row) { CallInHostFunction(row, SynchronizeContext); },
     Start::kInOwnProcess},
    {"callback.queries_stream", [](Row& row) { CallInHostFunction(row, QueryDefaultStream); }, Start::kInOwnProcess},
    {"callback.records_event", [](Row& row) { CallInHostFunction(row, Record); }, Start::kInOwnProcess},
    {"callback.creates_stream", [](Row& row) { CallInHostFunction(row, CreateStream); }, Start::kInOwnProcess},
    {"callback.added_allocates", [](Row& row) { CallInStreamCallback(row, Allocate); }, Start::kInOwnProcess},
    {"callback.added_synchronizes_context", [](Row& row) { CallInStreamCallback(row, SynchronizeContext); },
     Start::kInOwnProcess},
};

}  // namespace

BadCalls CallbackBadCalls() { return kRows; }

}  // namespace paella::bad_calls
