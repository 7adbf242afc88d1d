// What a launch is known by, and what of the GPU it fills.
#include "scheduler_daemon/executor/shapes.h"

#include <gtest/gtest.h>

#include <cstring>

namespace paella::scheduler_daemon {
namespace {

constexpr double kMultiprocessors = 132;  // of an H100

class ShapesTest : public testing::Test {
 protected:
  ShapesTest() {
    kernel_.identity = 7;
    kernel_.multiprocessors = kMultiprocessors;
    kernel_.share_of_thread = 1 / (kMultiprocessors * 2048);
    kernel_.share_of_shared_byte = 1 / (kMultiprocessors * 233472);
    kernel_.attributes.assign(CU_FUNC_ATTRIBUTE_MAX, 0);
  }

  static ipc::LaunchKernel Launch(std::uint32_t blocks, std::uint32_t threads) {
    ipc::LaunchKernel launch;
    launch.grid_x = blocks;
    launch.grid_y = launch.grid_z = 1;
    launch.block_x = threads;
    launch.block_y = launch.block_z = 1;
    return launch;
  }
  static ipc::LaunchKernel InClusters(ipc::LaunchKernel launch, unsigned x, unsigned y = 1, unsigned z = 1) {
    CUlaunchAttribute attribute{};
    attribute.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
    attribute.value.clusterDim.x = x;
    attribute.value.clusterDim.y = y;
    attribute.value.clusterDim.z = z;
    launch.attributes.resize(sizeof attribute);
    std::memcpy(launch.attributes.data(), &attribute, sizeof attribute);
    return launch;
  }
  double Share(const ipc::LaunchKernel& launch) const { return WorkOfLaunch(launch, kernel_).share; }
  std::uint64_t Shape(const ipc::LaunchKernel& launch) const { return WorkOfLaunch(launch, kernel_).shape; }

  Module::Kernel kernel_;
};

TEST_F(ShapesTest, BlocksFillWhatTheyTake) {
  EXPECT_DOUBLE_EQ(Share(Launch(132, 1024)), 0.5);
  EXPECT_DOUBLE_EQ(Share(Launch(1000, 1024)), 1);
}

TEST_F(ShapesTest, ClustersFillOfThoseThatFit) {
  // By its shared memory a block has an SM for itself: a GPC of 16 takes one cluster of 16, and there are 8.
  ipc::LaunchKernel launch = Launch(16, 128);
  launch.shared_bytes = 200'000;
  EXPECT_DOUBLE_EQ(Share(InClusters(launch, 16)), 1.0 / 8);
  launch.grid_x = 8 * 16;
  EXPECT_DOUBLE_EQ(Share(InClusters(launch, 16)), 1);
  // Of nine blocks only one cluster fits in a GPC, though seven SMs of it stay empty.
  launch.grid_x = 4 * 9;
  EXPECT_DOUBLE_EQ(Share(InClusters(launch, 9)), 4.0 / 8);
  EXPECT_LT(Share(launch), 4.0 / 8);
}

TEST_F(ShapesTest, ClustersFillNoLessThanTheirBlocks) {
  const ipc::LaunchKernel launch = Launch(64, 512);
  EXPECT_GE(Share(InClusters(launch, 2)), Share(launch));
  EXPECT_LE(Share(InClusters(launch, 2)), 1.1 * Share(launch));
}

TEST_F(ShapesTest, ClustersThatTheKernelWasCompiledForCount) {
  ipc::LaunchKernel launch = Launch(16, 128);
  launch.shared_bytes = 200'000;
  const auto plain = Shape(launch);
  kernel_.attributes[CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH] = 4;
  kernel_.attributes[CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT] = 4;
  kernel_.attributes[CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH] = 1;
  EXPECT_DOUBLE_EQ(Share(launch), 1.0 / 8);
  EXPECT_NE(Shape(launch), plain);
}

TEST_F(ShapesTest, ShapesDifferByCluster) {
  const ipc::LaunchKernel launch = Launch(64, 128);
  EXPECT_EQ(Shape(InClusters(launch, 1)), Shape(launch));
  EXPECT_NE(Shape(InClusters(launch, 2)), Shape(launch));
  EXPECT_NE(Shape(InClusters(launch, 2)), Shape(InClusters(launch, 4)));
  EXPECT_NE(Shape(InClusters(launch, 1, 2)), Shape(InClusters(launch, 2, 1)));
}

// A client says what it likes; the driver refuses such a launch when it comes to that.
TEST_F(ShapesTest, NonsenseGivesAShareAllTheSame) {
  const ipc::LaunchKernel launch = Launch(64, 128);
  for (const unsigned size : {0u, 1u, 65u, ~0u}) {
    const double share = Share(InClusters(launch, size, size, size));
    EXPECT_GT(share, 0) << size;
    EXPECT_LE(share, 1) << size;
  }
  ipc::LaunchKernel cut = InClusters(launch, 4);
  cut.attributes.pop_back();
  EXPECT_EQ(Shape(cut), Shape(launch));
  EXPECT_GE(Share(InClusters(Launch(0, 0), 2)), 0);
}

}  // namespace
}  // namespace paella::scheduler_daemon
