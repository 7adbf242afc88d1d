// Values in memory, attributes of streams, events of a whole context, tensor maps.
#include <gtest/gtest.h>

#include <cstring>

#include "client_fixture.h"

namespace paella {
namespace {

class ClientValuesTest : public ClientTest {
 protected:
  void SetUp() override {
    ClientTest::SetUp();
    void* pinned;
    ASSERT_EQ(cuMemAllocHost_v2(&pinned, 64), CUDA_SUCCESS);
    words_ = static_cast<std::uint64_t*>(pinned);
    std::memset(words_, 0, 64);
    address_ = reinterpret_cast<CUdeviceptr>(pinned);
  }
  std::uint64_t* words_ = nullptr;
  CUdeviceptr address_ = 0;
};

TEST_F(ClientValuesTest, AreWrittenInStreamOrder) {
  EXPECT_EQ(cuStreamWriteValue32_v2(nullptr, address_, 0x12345678, 0), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamWriteValue64_v2(nullptr, address_ + 8, 0x123456789abcdef0, 0), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamWriteValue32(nullptr, address_ + 16, 3, CU_STREAM_WRITE_VALUE_NO_MEMORY_BARRIER), CUDA_SUCCESS);
  ASSERT_EQ(cuStreamSynchronize(nullptr), CUDA_SUCCESS);
  EXPECT_EQ(words_[0], 0x12345678u);
  EXPECT_EQ(words_[1], 0x123456789abcdef0u);
  EXPECT_EQ(words_[2], 3u);
}

TEST_F(ClientValuesTest, AreWaitedForInPinnedAndInDeviceMemory) {
  const CUdeviceptr memory = Allocate(64);
  EXPECT_EQ(cuStreamWaitValue32_v2(nullptr, address_, 5, CU_STREAM_WAIT_VALUE_EQ), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamWaitValue64_v2(nullptr, memory + 8, 6, CU_STREAM_WAIT_VALUE_NOR), CUDA_SUCCESS);
  ASSERT_EQ(cuStreamSynchronize(nullptr), CUDA_SUCCESS);
  const auto waits = daemon_.waits_for_values();
  ASSERT_EQ(waits.size(), 2u);
  EXPECT_EQ(waits[0].address, address_);
  EXPECT_EQ(waits[0].size_bytes, 4u);
  EXPECT_EQ(waits[0].condition, static_cast<unsigned>(CU_STREAM_WAIT_VALUE_EQ));
  EXPECT_EQ(waits[1].value, 6u);
  EXPECT_EQ(waits[1].size_bytes, 8u);
}

TEST_F(ClientValuesTest, WhatIsRefused) {
  EXPECT_EQ(cuStreamWaitValue32_v2(nullptr, address_ + 2, 5, 0), CUDA_ERROR_INVALID_VALUE) << "misaligned";
  EXPECT_EQ(cuStreamWriteValue64_v2(nullptr, address_ + 4, 5, 0), CUDA_ERROR_INVALID_VALUE) << "misaligned";
  EXPECT_EQ(cuStreamWaitValue32_v2(nullptr, 0x1000, 5, 0), CUDA_ERROR_INVALID_VALUE) << "nobody's memory";
  EXPECT_EQ(cuStreamWriteValue32_v2(nullptr, address_ + 64, 5, 0), CUDA_ERROR_INVALID_VALUE) << "past the end";
  EXPECT_EQ(cuStreamWaitValue32_v2(nullptr, address_, 5, 4), CUDA_ERROR_INVALID_VALUE) << "an unknown condition";
  EXPECT_EQ(cuStreamWriteValue32_v2(nullptr, address_, 5, CU_STREAM_WRITE_VALUE_NO_MEMORY_BARRIER),
            CUDA_ERROR_INVALID_VALUE) << "not in the second version";
  EXPECT_EQ(cuStreamWaitValue32_v2(nullptr, address_, 5, CU_STREAM_WAIT_VALUE_FLUSH), CUDA_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(cuStreamWaitValue32_v2(reinterpret_cast<CUstream>(0x1234), address_, 5, 0), CUDA_ERROR_INVALID_HANDLE);
  int value = 0;
  EXPECT_EQ(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_CAN_USE_64_BIT_STREAM_MEM_OPS, 0), CUDA_SUCCESS);
  EXPECT_EQ(value, 1);
  EXPECT_EQ(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_CAN_FLUSH_REMOTE_WRITES, 0), CUDA_SUCCESS);
  EXPECT_EQ(value, 0);
}

TEST_F(ClientValuesTest, ABatchIsAllOrNothing) {
  CUstreamBatchMemOpParams batch[3]{};
  batch[0].writeValue = {CU_STREAM_MEM_OP_WRITE_VALUE_32, address_, {1}, 0, 0};
  batch[1].memoryBarrier = {CU_STREAM_MEM_OP_BARRIER, CU_STREAM_MEMORY_BARRIER_TYPE_SYS};
  batch[2].waitValue = {CU_STREAM_MEM_OP_WAIT_VALUE_32, 0x1000, {1}, 0, 0};
  EXPECT_EQ(cuStreamBatchMemOp_v2(nullptr, 3, batch, 0), CUDA_ERROR_INVALID_VALUE);
  ASSERT_EQ(cuStreamSynchronize(nullptr), CUDA_SUCCESS);
  EXPECT_EQ(words_[0], 0u);
  batch[2].waitValue.address = address_;
  EXPECT_EQ(cuStreamBatchMemOp_v2(nullptr, 3, batch, 0), CUDA_SUCCESS);
  ASSERT_EQ(cuStreamSynchronize(nullptr), CUDA_SUCCESS);
  EXPECT_EQ(words_[0], 1u);
  EXPECT_EQ(daemon_.waits_for_values().size(), 1u);
  EXPECT_EQ(cuStreamBatchMemOp_v2(nullptr, 0, batch, 0), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamBatchMemOp_v2(nullptr, 257, batch, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuStreamBatchMemOp_v2(nullptr, 1, batch, 1), CUDA_ERROR_INVALID_VALUE);
  batch[0].operation = CU_STREAM_MEM_OP_FLUSH_REMOTE_WRITES;
  EXPECT_EQ(cuStreamBatchMemOp_v2(nullptr, 1, batch, 0), CUDA_ERROR_NOT_SUPPORTED);
}

TEST_F(ClientTest, StreamAttributes) {
  CUstream stream, other;
  ASSERT_EQ(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
  ASSERT_EQ(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
  CUstreamAttrValue value{};
  ASSERT_EQ(cuStreamGetAttribute(stream, CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY, &value), CUDA_SUCCESS);
  EXPECT_EQ(value.syncPolicy, CU_SYNC_POLICY_AUTO);
  value.syncPolicy = CU_SYNC_POLICY_BLOCKING_SYNC;
  EXPECT_EQ(cuStreamSetAttribute(stream, CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY, &value), CUDA_SUCCESS);
  value.priority = -2;
  EXPECT_EQ(cuStreamSetAttribute(stream, CU_LAUNCH_ATTRIBUTE_PRIORITY, &value), CUDA_SUCCESS);
  value.memSyncDomain = CU_LAUNCH_MEM_SYNC_DOMAIN_REMOTE;
  EXPECT_EQ(cuStreamSetAttribute(stream, CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN, &value), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamCopyAttributes(other, stream), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamGetAttribute(other, CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY, &value), CUDA_SUCCESS);
  EXPECT_EQ(value.syncPolicy, CU_SYNC_POLICY_BLOCKING_SYNC);
  EXPECT_EQ(cuStreamGetAttribute(other, CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN, &value), CUDA_SUCCESS);
  EXPECT_EQ(value.memSyncDomain, CU_LAUNCH_MEM_SYNC_DOMAIN_REMOTE);
  int priority = 0;
  EXPECT_EQ(cuStreamGetPriority(other, &priority), CUDA_SUCCESS);
  EXPECT_EQ(priority, -2);
  EXPECT_EQ(cuStreamSynchronize(other), CUDA_SUCCESS);
}

TEST_F(ClientTest, StreamAttributesThatAreRefused) {
  CUstreamAttrValue value{};
  value.priority = -6;
  EXPECT_EQ(cuStreamSetAttribute(nullptr, CU_LAUNCH_ATTRIBUTE_PRIORITY, &value), CUDA_ERROR_INVALID_VALUE);
  value.syncPolicy = static_cast<CUsynchronizationPolicy>(9);
  EXPECT_EQ(cuStreamSetAttribute(nullptr, CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY, &value), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuStreamSetAttribute(nullptr, CU_LAUNCH_ATTRIBUTE_COOPERATIVE, &value), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuStreamGetAttribute(nullptr, CU_LAUNCH_ATTRIBUTE_COOPERATIVE, &value), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuStreamSetAttribute(nullptr, CU_LAUNCH_ATTRIBUTE_PRIORITY, nullptr), CUDA_ERROR_INVALID_VALUE);
  value.accessPolicyWindow = {nullptr, 0, 2.0f, CU_ACCESS_PROPERTY_NORMAL, CU_ACCESS_PROPERTY_NORMAL};
  EXPECT_EQ(cuStreamSetAttribute(nullptr, CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW, &value), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientTest, EventsOfAContextWithNothingToDo) {
  CUevent all;
  ASSERT_EQ(cuEventCreate(&all, CU_EVENT_DEFAULT), CUDA_SUCCESS);
  ASSERT_EQ(cuCtxRecordEvent(context_, all), CUDA_SUCCESS);
  EXPECT_EQ(cuEventSynchronize(all), CUDA_SUCCESS);
  EXPECT_EQ(cuCtxWaitEvent(context_, all), CUDA_SUCCESS);
  EXPECT_EQ(cuCtxRecordEvent(reinterpret_cast<CUcontext>(0x1234), all), CUDA_ERROR_INVALID_CONTEXT);
  EXPECT_EQ(cuCtxWaitEvent(context_, reinterpret_cast<CUevent>(0x1234)), CUDA_ERROR_INVALID_HANDLE);
}

// Of three streams with work that is not done, and of one that is made later.
TEST_F(ClientTest, EventsOfAContextAreWaitedForByEveryStream) {
  const CUdeviceptr memory = Allocate(16);
  CUstream streams[2];
  for (CUstream& stream : streams) ASSERT_EQ(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
  CUevent all;
  ASSERT_EQ(cuEventCreate(&all, CU_EVENT_DISABLE_TIMING), CUDA_SUCCESS);
  daemon_.Pause();
  for (const CUstream stream : streams) ASSERT_EQ(cuMemsetD8Async(memory, 1, 16, stream), CUDA_SUCCESS);
  ASSERT_EQ(cuCtxRecordEvent(context_, all), CUDA_SUCCESS);
  EXPECT_EQ(cuEventQuery(all), CUDA_ERROR_NOT_READY);
  ASSERT_EQ(cuCtxWaitEvent(context_, all), CUDA_SUCCESS);
  CUstream later;
  ASSERT_EQ(cuStreamCreate(&later, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamQuery(later), CUDA_ERROR_NOT_READY);
  daemon_.Resume();
  EXPECT_EQ(cuCtxSynchronize(), CUDA_SUCCESS);
  EXPECT_EQ(cuEventQuery(all), CUDA_SUCCESS);
  // Two of the record, one of the gate, and one each of default stream, both streams and the later one.
  EXPECT_EQ(daemon_.waits_for_sequences().size(), 7u);
}

TEST_F(ClientTest, TensorMapsOfImages) {
  CUtensorMap map{};
  const cuuint64_t dimensions[] = {8, 8, 8, 2}, strides[] = {16, 128, 1024};
  const int lower[] = {-1, -1}, upper[] = {1, 1};
  const cuuint32_t element_strides[] = {1, 1, 1, 1};
  const auto encode = [&](cuuint32_t rank, const int* corner) {
    return cuTensorMapEncodeIm2col(&map, CU_TENSOR_MAP_DATA_TYPE_FLOAT16, rank, nullptr, dimensions, strides, corner, upper,
                                   8, 16, element_strides, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_NONE,
                                   CU_TENSOR_MAP_L2_PROMOTION_NONE, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  };
  EXPECT_EQ(encode(4, lower), CUDA_SUCCESS);
  unsigned char bytes[sizeof map];
  std::memcpy(bytes, &map, sizeof map);
  EXPECT_EQ(bytes[0], 2) << "the corner has the rank less two numbers";
  EXPECT_EQ(encode(2, lower), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(encode(6, lower), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(encode(4, nullptr), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuTensorMapEncodeIm2colWide(&map, CU_TENSOR_MAP_DATA_TYPE_FLOAT16, 4, nullptr, dimensions, strides, -1, 1, 8,
                                        16, element_strides, CU_TENSOR_MAP_INTERLEAVE_NONE,
                                        CU_TENSOR_MAP_IM2COL_WIDE_MODE_W, CU_TENSOR_MAP_SWIZZLE_NONE,
                                        CU_TENSOR_MAP_L2_PROMOTION_NONE, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
            CUDA_SUCCESS);
  EXPECT_EQ(cuTensorMapReplaceAddress(&map, reinterpret_cast<void*>(0x70)), CUDA_SUCCESS);
  std::memcpy(bytes, &map, sizeof map);
  EXPECT_EQ(bytes[0], 1);
  EXPECT_EQ(bytes[1], 1);
  EXPECT_EQ(bytes[2], 0x70);
  EXPECT_EQ(cuTensorMapReplaceAddress(nullptr, nullptr), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientTest, AtomicsOverLinks) {
  const CUatomicOperation operations[] = {CU_ATOMIC_OPERATION_INTEGER_ADD, CU_ATOMIC_OPERATION_CAS};
  unsigned capabilities[2] = {9, 9};
  EXPECT_EQ(cuDeviceGetHostAtomicCapabilities(capabilities, operations, 2, 0), CUDA_SUCCESS);
  EXPECT_EQ(capabilities[0], 0u);
  EXPECT_EQ(capabilities[1], 0u);
  EXPECT_EQ(cuDeviceGetHostAtomicCapabilities(capabilities, operations, 0, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuDeviceGetHostAtomicCapabilities(capabilities, operations, 2, 1), CUDA_ERROR_INVALID_DEVICE);
  EXPECT_EQ(cuDeviceGetP2PAtomicCapabilities(capabilities, operations, 2, 0, 0), CUDA_ERROR_INVALID_DEVICE);
}

}  // namespace
}  // namespace paella
