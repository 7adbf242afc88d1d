#include "tests/integration/programs/sharing_peer.h"

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

namespace paella::integration {
namespace {

std::string NameOf(CUresult result) {
  const char* name = nullptr;
  if (result == CUDA_SUCCESS) return "ok";
  return cuGetErrorName(result, &name) == CUDA_SUCCESS ? name : std::to_string(result);
}

template <typename Handle>
std::string InDigits(const Handle& handle) {
  std::string digits;
  for (const char byte : handle.reserved) {
    constexpr char kDigits[] = "0123456789abcdef";
    digits += kDigits[static_cast<unsigned char>(byte) >> 4];
    digits += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  return digits;
}

template <typename Handle>
Handle OfDigits(const std::string& digits) {
  Handle handle{};
  for (std::size_t i = 0; i < sizeof handle.reserved && 2 * i + 2 <= digits.size(); ++i) {
    handle.reserved[i] = static_cast<char>(std::stoi(digits.substr(2 * i, 2), nullptr, 16));
  }
  return handle;
}

unsigned Number(const std::string& text) { return static_cast<unsigned>(std::stoul(text)); }

}  // namespace

SharingPeer::SharingPeer() : gpu_(integration_sharing_kernels), kernels_(gpu_), stream_(CU_STREAM_NON_BLOCKING) {}

std::string SharingPeer::Answer(const std::string& command, const std::string& first, const std::string& second) {
  if (const auto answer = AnswerAboutMemory(command, first, second)) return *answer;
  if (const auto answer = AnswerAboutEvent(command, first)) return *answer;
  if (const auto answer = AnswerAboutStream(command)) return *answer;
  return "there is no such command";
}

std::optional<std::string> SharingPeer::AnswerAboutMemory(const std::string& command, const std::string& first,
                                                          const std::string& second) {
  if (command == "allocate") return NameOf(cuMemAlloc(&memory_, kCount * sizeof(unsigned)));
  if (command == "share") {
    CUipcMemHandle handle;
    const CUresult result = cuIpcGetMemHandle(&handle, memory_);
    return result == CUDA_SUCCESS ? InDigits(handle) : NameOf(result);
  }
  if (command == "open") {
    const auto handle = OfDigits<CUipcMemHandle>(first);
    return NameOf(cuIpcOpenMemHandle(&memory_, handle, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS));
  }
  if (command == "close") return NameOf(cuIpcCloseMemHandle(memory_));
  if (command == "free") return NameOf(cuMemFree(memory_));
  if (command == "fill") {
    kernels_.Fill(memory_, kCount, Number(first), stream_);
    return "ok";
  }
  if (command == "mix") return NameOf(kernels_.TryToMix(memory_, kCount, Number(first), stream_));
  if (command == "check") return Check(Number(first), Number(second));
  return std::nullopt;
}

std::string SharingPeer::Check(unsigned first, unsigned rounds) {
  std::vector<unsigned> values(kCount);
  CUresult result = cuMemcpyDtoHAsync(values.data(), memory_, kCount * sizeof(unsigned), stream_);
  if (result == CUDA_SUCCESS) result = cuStreamSynchronize(stream_);
  if (result != CUDA_SUCCESS) return NameOf(result);
  for (unsigned i = 0; i < kCount; ++i) {
    if (values[i] != Mixed(first + i, rounds)) return "wrong";
  }
  return "right";
}

// More threads than there are answers on the way to one process.
std::string SharingPeer::SynchronizeMany() {
  constexpr int kThreads = 40;
  CUcontext context = nullptr;
  examples::Check(cuCtxGetCurrent(&context), "cuCtxGetCurrent");
  std::atomic<int> begun{0}, failed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      ++begun;
      if (cuCtxSetCurrent(context) != CUDA_SUCCESS || cuEventSynchronize(event_) != CUDA_SUCCESS) ++failed;
    });
  }
  while (begun < kThreads) std::this_thread::yield();
  flag_.Raise();
  for (std::thread& thread : threads) thread.join();
  return failed == 0 ? "ok" : std::to_string(failed) + " failed";
}

std::optional<std::string> SharingPeer::AnswerAboutEvent(const std::string& command, const std::string& handle) {
  if (command == "event") return NameOf(cuEventCreate(&event_, CU_EVENT_INTERPROCESS | CU_EVENT_DISABLE_TIMING));
  if (command == "share_event") {
    CUipcEventHandle own;
    const CUresult result = cuIpcGetEventHandle(&own, event_);
    return result == CUDA_SUCCESS ? InDigits(own) : NameOf(result);
  }
  if (command == "open_event") return NameOf(cuIpcOpenEventHandle(&event_, OfDigits<CUipcEventHandle>(handle)));
  if (command == "destroy_event") return NameOf(cuEventDestroy(event_));
  if (command == "record") return NameOf(cuEventRecord(event_, stream_));
  if (command == "await") return NameOf(cuStreamWaitEvent(stream_, event_, 0));
  if (command == "query") return NameOf(cuEventQuery(event_));
  if (command == "synchronize") return NameOf(cuEventSynchronize(event_));
  if (command == "synchronize_many") return SynchronizeMany();
  return std::nullopt;
}

std::optional<std::string> SharingPeer::AnswerAboutStream(const std::string& command) {
  if (command == "block") {
    flag_.Lower();
    kernels_.AwaitFlag(flag_.address(), stream_);
    return "ok";
  }
  if (command == "unblock") {
    flag_.Raise();
    return "ok";
  }
  if (command == "stall") return NameOf(cuStreamWaitValue32(stream_, never_.address(), 1, CU_STREAM_WAIT_VALUE_EQ));
  if (command == "query_stream") return NameOf(cuStreamQuery(stream_));
  return std::nullopt;
}

}  // namespace paella::integration
