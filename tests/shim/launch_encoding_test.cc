#include "shim/launch_encoding.h"

#include <gtest/gtest.h>

#include "messages.h"

namespace paella::shim {
namespace {

ipc::LibraryGetKernelReply SomeKernel() {
  ipc::LibraryGetKernelReply reply;
  reply.kernel = 77;
  reply.parameter_offsets_bytes = {0, 8, 12, 16, 24};  // 8 bytes, 4, 2 with a gap behind, 8, 3
  reply.parameter_sizes_bytes = {8, 4, 2, 8, 3};
  return reply;
}

// The hand-written encoder writes what the description of the message says.
TEST(LaunchEncodingTest, IsTheMessagesOwnEncoding) {
  Kernel kernel;
  ASSERT_TRUE(Describe(SomeKernel(), kernel));
  EXPECT_EQ(kernel.parameter_bytes, 27u);
  EXPECT_TRUE(kernel.parameters_have_gaps);

  std::uint64_t a = 0x1111111111111111, d = 0x4444444444444444;
  std::uint32_t b = 0x22222222;
  std::uint16_t c = 0x3333;
  char e[3] = {1, 2, 3};
  void* pointers[] = {&a, &b, &c, &d, e};
  const LaunchShape shape{{1, 2, 3}, {4, 5, 6}, 7};
  for (const std::size_t attribute_bytes : {0, 72}) {
    const std::vector<std::byte> attributes(attribute_bytes, std::byte{9});
    ipc::LaunchKernel message;
    message.stream = 5;
    message.sequence = 6;
    message.kernel = 77;
    message.grid_x = 1;
    message.grid_y = 2;
    message.grid_z = 3;
    message.block_x = 4;
    message.block_y = 5;
    message.block_z = 6;
    message.shared_bytes = 7;
    message.attributes = attributes;
    message.parameters.resize(27);
    std::memcpy(message.parameters.data(), &a, 8);
    std::memcpy(message.parameters.data() + 8, &b, 4);
    std::memcpy(message.parameters.data() + 12, &c, 2);
    std::memcpy(message.parameters.data() + 16, &d, 8);
    std::memcpy(message.parameters.data() + 24, e, 3);
    std::vector<std::byte> expected(message.EncodedSize());
    message.Encode(expected);

    LaunchParameters parameters;
    parameters.pointers = pointers;
    ASSERT_EQ(LaunchRecordBytes(kernel, attributes.size()), expected.size());
    std::vector<std::byte> written(expected.size(), std::byte{0xff});  // what lay in the ring before
    EncodeLaunch(written, 5, 6, kernel, shape, attributes, parameters);
    EXPECT_EQ(written, expected);

    LaunchParameters block;
    block.block = message.parameters.data();
    std::vector<std::byte> from_block(expected.size(), std::byte{0xff});
    EncodeLaunch(from_block, 5, 6, kernel, shape, attributes, block);
    EXPECT_EQ(from_block, expected);
  }
}

TEST(LaunchEncodingTest, NoParameters) {
  Kernel kernel;
  ASSERT_TRUE(Describe({}, kernel));
  EXPECT_EQ(kernel.parameter_bytes, 0u);
  EXPECT_FALSE(kernel.parameters_have_gaps);
}

TEST(LaunchEncodingTest, AbsurdLayoutsAreRefused) {
  auto reply = SomeKernel();
  reply.parameter_sizes_bytes[0] = 1ull << 40;
  Kernel kernel;
  EXPECT_FALSE(Describe(reply, kernel));
  reply = SomeKernel();
  reply.parameter_sizes_bytes.pop_back();
  EXPECT_FALSE(Describe(reply, kernel));
}

}  // namespace
}  // namespace paella::shim
