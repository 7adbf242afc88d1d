// Memory and events that processes share: what the shim says by itself, and what it tells the daemon.
#include <gtest/gtest.h>

#include <cstring>

#include "client_fixture.h"

namespace paella {
namespace {

class ClientSharingTest : public ClientTest {
 protected:
  // Another process's, as the fake daemon knows it.
  static CUipcMemHandle ForeignMemory(CUdeviceptr address) {
    CUipcMemHandle handle{};
    const std::uint64_t token[] = {address, 7};
    std::memcpy(handle.reserved, token, sizeof token);
    return handle;
  }
  static CUipcEventHandle ForeignEvent() {
    CUipcEventHandle handle{};
    const std::uint64_t token[] = {1234, 9};
    std::memcpy(handle.reserved, token, sizeof token);
    return handle;
  }
  // Memory that nobody has allocated here.
  CUdeviceptr foreign_address() { return Allocate(512) + (32 << 20); }
  static CUresult Open(CUdeviceptr& address, const CUipcMemHandle& handle) {
    return cuIpcOpenMemHandle_v2(&address, handle, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS);
  }
  static constexpr unsigned kShared = CU_EVENT_INTERPROCESS | CU_EVENT_DISABLE_TIMING;
};

TEST_F(ClientSharingTest, AHandleStandsForAWholeAllocation) {
  const CUdeviceptr memory = Allocate(1024);
  CUipcMemHandle of_start{}, of_middle{};
  EXPECT_EQ(cuIpcGetMemHandle(&of_start, memory), CUDA_SUCCESS);
  EXPECT_EQ(cuIpcGetMemHandle(&of_middle, memory + 100), CUDA_SUCCESS);
  EXPECT_EQ(std::memcmp(&of_start, &of_middle, sizeof of_start), 0);
  int capable = 0;
  EXPECT_EQ(cuPointerGetAttribute(&capable, CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE, memory), CUDA_SUCCESS);
  EXPECT_EQ(capable, 1);
}

TEST_F(ClientSharingTest, OnlyOrdinaryDeviceMemoryCanBeShared) {
  CUipcMemHandle handle;
  CUdeviceptr from_pool, managed;
  void* pinned;
  ASSERT_EQ(cuMemAllocAsync(&from_pool, 1024, nullptr), CUDA_SUCCESS);
  ASSERT_EQ(cuMemAllocManaged(&managed, 1024, CU_MEM_ATTACH_GLOBAL), CUDA_SUCCESS);
  ASSERT_EQ(cuMemAllocHost_v2(&pinned, 1024), CUDA_SUCCESS);
  for (const CUdeviceptr address : {from_pool, managed, reinterpret_cast<CUdeviceptr>(pinned), CUdeviceptr{0x1000}}) {
    EXPECT_EQ(cuIpcGetMemHandle(&handle, address), CUDA_ERROR_INVALID_VALUE) << address;
  }
  EXPECT_EQ(cuIpcGetMemHandle(nullptr, Allocate(16)), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientSharingTest, OpenedMemoryIsAPointerLikeAnyOther) {
  const CUipcMemHandle handle = ForeignMemory(foreign_address());
  CUdeviceptr address = 0, base = 0;
  ASSERT_EQ(Open(address, handle), CUDA_SUCCESS);
  std::size_t size = 0;
  EXPECT_EQ(cuMemGetAddressRange_v2(&base, &size, address + 8), CUDA_SUCCESS);
  EXPECT_EQ(base, address);
  EXPECT_EQ(size, 4096u);
  EXPECT_EQ(cuMemsetD8_v2(address, 5, 4096), CUDA_SUCCESS);
  EXPECT_EQ(cuMemsetD8_v2(address, 5, 4097), CUDA_ERROR_INVALID_VALUE);
  CUipcMemHandle again;
  EXPECT_EQ(cuIpcGetMemHandle(&again, address), CUDA_ERROR_INVALID_VALUE) << "it is not this process's to share";
  EXPECT_EQ(cuMemFree_v2(address), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemFreeAsync(address, nullptr), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuIpcCloseMemHandle(address), CUDA_SUCCESS);
  EXPECT_EQ(cuMemsetD8_v2(address, 5, 1), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(daemon_.open_memories(), 0);
}

TEST_F(ClientSharingTest, OpeningsAreCounted) {
  const CUipcMemHandle handle = ForeignMemory(foreign_address());
  CUdeviceptr first = 0, second = 0;
  ASSERT_EQ(Open(first, handle), CUDA_SUCCESS);
  ASSERT_EQ(Open(second, handle), CUDA_SUCCESS);
  EXPECT_EQ(first, second);
  EXPECT_EQ(cuIpcCloseMemHandle(first), CUDA_SUCCESS);
  EXPECT_EQ(cuMemsetD8_v2(first, 5, 1), CUDA_SUCCESS);
  EXPECT_EQ(cuIpcCloseMemHandle(first), CUDA_SUCCESS);
  EXPECT_EQ(cuIpcCloseMemHandle(first), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(daemon_.open_memories(), 0);
}

TEST_F(ClientSharingTest, WhatCannotBeOpened) {
  CUdeviceptr address = 0;
  CUipcMemHandle forged{};
  EXPECT_EQ(Open(address, forged), CUDA_ERROR_INVALID_VALUE);
  const CUipcMemHandle handle = ForeignMemory(foreign_address());
  EXPECT_EQ(cuIpcOpenMemHandle_v2(nullptr, handle, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuIpcOpenMemHandle_v2(&address, handle, 2), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuIpcCloseMemHandle(Allocate(16)), CUDA_ERROR_INVALID_VALUE);
  CUevent event;
  EXPECT_EQ(cuIpcOpenEventHandle(&event, CUipcEventHandle{}), CUDA_ERROR_MAP_FAILED);
  EXPECT_EQ(cuIpcOpenEventHandle(nullptr, ForeignEvent()), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientSharingTest, OpenedMemoryGoesWithItsContext) {
  CUcontext own;
  ASSERT_EQ(cuCtxCreate_v2(&own, 0, 0), CUDA_SUCCESS);
  const CUipcMemHandle handle = ForeignMemory(foreign_address());
  CUdeviceptr address = 0;
  ASSERT_EQ(Open(address, handle), CUDA_SUCCESS);
  ASSERT_EQ(Open(address, handle), CUDA_SUCCESS);
  EXPECT_EQ(cuCtxDestroy_v2(own), CUDA_SUCCESS);
  EXPECT_EQ(daemon_.open_memories(), 0);
}

TEST_F(ClientSharingTest, AnInterprocessEventHasNoTimingAndAHandle) {
  CUevent event, ordinary;
  EXPECT_EQ(cuEventCreate(&event, CU_EVENT_INTERPROCESS), CUDA_ERROR_INVALID_VALUE);
  ASSERT_EQ(cuEventCreate(&event, kShared), CUDA_SUCCESS);
  ASSERT_EQ(cuEventCreate(&ordinary, CU_EVENT_DISABLE_TIMING), CUDA_SUCCESS);
  CUipcEventHandle handle;
  EXPECT_EQ(cuIpcGetEventHandle(&handle, event), CUDA_SUCCESS);
  EXPECT_EQ(cuIpcGetEventHandle(nullptr, event), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuIpcGetEventHandle(&handle, ordinary), CUDA_ERROR_INVALID_HANDLE);
  float milliseconds;
  EXPECT_EQ(cuEventElapsedTime(&milliseconds, event, event), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cuEventDestroy_v2(event), CUDA_SUCCESS);
  EXPECT_EQ(cuIpcGetEventHandle(&handle, event), CUDA_ERROR_INVALID_HANDLE);
  int supported = 0;
  EXPECT_EQ(cuDeviceGetAttribute(&supported, CU_DEVICE_ATTRIBUTE_IPC_EVENT_SUPPORTED, 0), CUDA_SUCCESS);
  EXPECT_EQ(supported, 1);
}

// Whoever has it, an event's state is asked for: the other process may have recorded it.
TEST_F(ClientSharingTest, ASharedEventIsAskedAbout) {
  CUevent own, opened;
  ASSERT_EQ(cuEventCreate(&own, kShared), CUDA_SUCCESS);
  ASSERT_EQ(cuIpcOpenEventHandle(&opened, ForeignEvent()), CUDA_SUCCESS);
  for (const CUevent event : {own, opened}) {
    EXPECT_EQ(cuEventRecord(event, nullptr), CUDA_SUCCESS);
    EXPECT_EQ(cuStreamWaitEvent(CU_STREAM_PER_THREAD, event, 0), CUDA_SUCCESS);
    daemon_.KeepEventsIncomplete(1);
    EXPECT_EQ(cuEventQuery(event), CUDA_ERROR_NOT_READY);
    EXPECT_EQ(cuEventQuery(event), CUDA_SUCCESS);
    daemon_.KeepEventsIncomplete(3);  // the daemon has as many waiting as it takes
    EXPECT_EQ(cuEventSynchronize(event), CUDA_SUCCESS);
    EXPECT_EQ(cuCtxSynchronize(), CUDA_SUCCESS);
  }
  CUipcEventHandle handle;
  EXPECT_EQ(cuIpcGetEventHandle(&handle, opened), CUDA_ERROR_INVALID_HANDLE) << "it is not this process's to share";
  EXPECT_EQ(cuEventDestroy_v2(opened), CUDA_SUCCESS);
}

TEST_F(ClientSharingTest, ASharedEventOrdersACaptureLikeAnyOther) {
  CUevent event;
  CUstream stream, other;
  ASSERT_EQ(cuEventCreate(&event, kShared), CUDA_SUCCESS);
  ASSERT_EQ(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
  ASSERT_EQ(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
  const CUdeviceptr memory = Allocate(16);
  ASSERT_EQ(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_RELAXED), CUDA_SUCCESS);
  EXPECT_EQ(cuMemsetD8Async(memory, 1, 16, stream), CUDA_SUCCESS);
  EXPECT_EQ(cuEventRecord(event, stream), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamWaitEvent(other, event, 0), CUDA_SUCCESS);
  EXPECT_EQ(cuMemsetD8Async(memory, 2, 16, other), CUDA_SUCCESS);
  EXPECT_EQ(cuEventRecord(event, other), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamWaitEvent(stream, event, 0), CUDA_SUCCESS);
  CUgraph graph;
  EXPECT_EQ(cuStreamEndCapture(stream, &graph), CUDA_SUCCESS);
  std::size_t count = 0;
  EXPECT_EQ(cuGraphGetNodes(graph, nullptr, &count), CUDA_SUCCESS);
  EXPECT_EQ(count, 2u);
}

TEST_F(ClientSharingTest, ADeadDaemonEndsTheWaiting) {
  CUevent event;
  ASSERT_EQ(cuEventCreate(&event, kShared), CUDA_SUCCESS);
  ASSERT_EQ(cuEventRecord(event, nullptr), CUDA_SUCCESS);
  daemon_.Die();
  EXPECT_EQ(cuEventSynchronize(event), CUDA_ERROR_DEVICE_UNAVAILABLE);
  EXPECT_EQ(cuEventRecord(event, nullptr), CUDA_ERROR_DEVICE_UNAVAILABLE);
}

}  // namespace
}  // namespace paella
