// Batches of copies, and copies between contexts.
#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <vector>

#include "client_fixture.h"

namespace paella {
namespace {

class ClientBatchTest : public ClientTest {
 protected:
  void SetUp() override {
    ClientTest::SetUp();
    ASSERT_EQ(cuStreamCreate(&stream_, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
    std::iota(host_.begin(), host_.end(), std::uint8_t{1});
  }
  static CUdeviceptr Address(const void* pointer) { return reinterpret_cast<CUdeviceptr>(pointer); }

  CUstream stream_ = nullptr;
  std::vector<std::uint8_t> host_ = std::vector<std::uint8_t>(64);
  std::vector<std::uint8_t> back_ = std::vector<std::uint8_t>(64);
};

TEST_F(ClientBatchTest, CopiesEach) {
  const CUdeviceptr memory = Allocate(64);
  CUdeviceptr destinations[] = {memory, memory + 32};
  CUdeviceptr sources[] = {Address(host_.data() + 32), Address(host_.data())};
  std::size_t sizes[] = {32, 32};
  CUmemcpyAttributes attributes[2]{};
  attributes[0].srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_STREAM;
  attributes[1].srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_DURING_API_CALL;
  std::size_t first_copies[] = {0, 1};
  ASSERT_EQ(cuMemcpyBatchAsync_v2(destinations, sources, sizes, 2, attributes, first_copies, 2, stream_), CUDA_SUCCESS);
  ASSERT_EQ(cuMemcpyDtoH_v2(back_.data(), memory, 64), CUDA_SUCCESS);
  for (int i = 0; i < 64; ++i) EXPECT_EQ(back_[i], host_[(i + 32) % 64]) << i;
}

TEST_F(ClientBatchTest, TellsWhichCopyFailed) {
  const CUdeviceptr memory = Allocate(64);
  CUdeviceptr destinations[] = {memory, memory + 48};
  CUdeviceptr sources[] = {Address(host_.data()), memory};
  std::size_t sizes[] = {32, 32};  // the second one leaves its memory
  CUmemcpyAttributes attributes{};
  attributes.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_STREAM;
  std::size_t first_copy = 0, failed = 99;
  const auto copy = [&](std::size_t count, std::size_t attribute_count, CUstream stream) {
    return cuMemcpyBatchAsync(destinations, sources, sizes, count, &attributes, &first_copy, attribute_count, &failed,
                              stream);
  };
  EXPECT_EQ(copy(2, 1, stream_), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(failed, 1u);
  constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();
  EXPECT_EQ(copy(0, 1, stream_), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(failed, kNone);
  EXPECT_EQ(copy(1, 0, stream_), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(copy(1, 1, nullptr), CUDA_ERROR_INVALID_VALUE) << "not in the legacy stream";
  first_copy = 1;
  EXPECT_EQ(copy(2, 1, stream_), CUDA_ERROR_INVALID_VALUE);
  first_copy = 0;
  attributes.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_INVALID;
  EXPECT_EQ(copy(1, 1, stream_), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientBatchTest, CopiesBoxes) {
  const CUdeviceptr memory = Allocate(64);
  ASSERT_EQ(cuMemcpyHtoD_v2(memory, host_.data(), 64), CUDA_SUCCESS);
  void* pinned;
  ASSERT_EQ(cuMemAllocHost_v2(&pinned, 64), CUDA_SUCCESS);
  CUDA_MEMCPY3D_BATCH_OP operation{};
  operation.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_ANY;
  operation.extent = {3, 2, 2};
  operation.src.type = operation.dst.type = CU_MEMCPY_OPERAND_TYPE_POINTER;
  operation.src.op.ptr = {memory, 8, 4, {}};
  operation.dst.op.ptr = {Address(pinned), 0, 0, {}};  // tightly packed
  ASSERT_EQ(cuMemcpy3DBatchAsync_v2(1, &operation, 0, stream_), CUDA_SUCCESS);
  ASSERT_EQ(cuStreamSynchronize(stream_), CUDA_SUCCESS);
  const auto* packed = static_cast<const std::uint8_t*>(pinned);
  for (int i = 0; i < 12; ++i) EXPECT_EQ(packed[i], host_[i / 6 * 32 + i / 3 % 2 * 8 + i % 3]) << i;
  std::size_t failed = 99;
  operation.src.op.ptr.rowLength = 2;
  EXPECT_EQ(cuMemcpy3DBatchAsync(1, &operation, &failed, 0, stream_), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(failed, 0u);
  EXPECT_EQ(cuMemcpy3DBatchAsync_v2(1, &operation, 1, stream_), CUDA_ERROR_INVALID_VALUE);
  operation.src.op.ptr.rowLength = 8;
  operation.extent.depth = 0;
  EXPECT_EQ(cuMemcpy3DBatchAsync_v2(1, &operation, 0, stream_), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientBatchTest, CopiesBetweenContextsAreOfOneDevice) {
  const CUdeviceptr memory = Allocate(64);
  CUDA_MEMCPY3D_PEER copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_HOST;
  copy.srcHost = host_.data();
  copy.srcPitch = 8;
  copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.dstDevice = memory;
  copy.dstPitch = 16;
  copy.srcContext = copy.dstContext = context_;
  copy.WidthInBytes = 8;
  copy.Height = 4;
  copy.Depth = 1;
  ASSERT_EQ(cuMemcpy3DPeer(&copy), CUDA_SUCCESS);
  ASSERT_EQ(cuMemcpy3DPeerAsync(&copy, stream_), CUDA_SUCCESS);
  ASSERT_EQ(cuStreamSynchronize(stream_), CUDA_SUCCESS);
  ASSERT_EQ(cuMemcpyDtoH_v2(back_.data(), memory, 64), CUDA_SUCCESS);
  for (int row = 0; row < 4; ++row) {
    for (int i = 0; i < 8; ++i) EXPECT_EQ(back_[row * 16 + i], host_[row * 8 + i]);
  }
  EXPECT_EQ(cuMemcpy3DPeer(nullptr), CUDA_ERROR_INVALID_VALUE);
}

}  // namespace
}  // namespace paella
