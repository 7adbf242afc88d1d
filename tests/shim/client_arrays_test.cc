// Arrays, textures and surfaces: what the shim says of them by itself, and what it sends.
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <vector>

#include "client_fixture.h"

namespace paella {
namespace {

class ClientArraysTest : public ClientTest {
 protected:
  static CUDA_ARRAY3D_DESCRIPTOR Shape(std::size_t width, std::size_t height, std::size_t depth = 0, unsigned flags = 0) {
    CUDA_ARRAY3D_DESCRIPTOR shape{};
    shape.Width = width;
    shape.Height = height;
    shape.Depth = depth;
    shape.Format = CU_AD_FORMAT_UNSIGNED_INT32;
    shape.NumChannels = 1;
    shape.Flags = flags;
    return shape;
  }
  static CUarray Make(const CUDA_ARRAY3D_DESCRIPTOR& shape) {
    CUarray array = nullptr;
    EXPECT_EQ(cuArray3DCreate_v2(&array, &shape), CUDA_SUCCESS);
    return array;
  }
  static CUresult TryToMake(CUDA_ARRAY3D_DESCRIPTOR shape) {
    CUarray array = nullptr;
    return cuArray3DCreate_v2(&array, &shape);
  }
  static CUDA_RESOURCE_DESC Of(CUarray array) {
    CUDA_RESOURCE_DESC resource{};
    resource.resType = CU_RESOURCE_TYPE_ARRAY;
    resource.res.array.hArray = array;
    return resource;
  }
  // Rows of a packed picture to the corner of an array.
  static CUDA_MEMCPY2D Into(CUarray array, const void* from, std::size_t width_bytes, std::size_t rows) {
    CUDA_MEMCPY2D copy{};
    copy.srcMemoryType = CU_MEMORYTYPE_HOST;
    copy.srcHost = from;
    copy.srcPitch = width_bytes;
    copy.dstMemoryType = CU_MEMORYTYPE_ARRAY;
    copy.dstArray = array;
    copy.WidthInBytes = width_bytes;
    copy.Height = rows;
    return copy;
  }
  static CUDA_MEMCPY2D OutOf(CUarray array, void* to, std::size_t width_bytes, std::size_t rows) {
    CUDA_MEMCPY2D copy{};
    copy.srcMemoryType = CU_MEMORYTYPE_ARRAY;
    copy.srcArray = array;
    copy.dstMemoryType = CU_MEMORYTYPE_HOST;
    copy.dstHost = to;
    copy.dstPitch = width_bytes;
    copy.WidthInBytes = width_bytes;
    copy.Height = rows;
    return copy;
  }
  static std::vector<unsigned> Counted(std::size_t count) {
    std::vector<unsigned> values(count);
    std::iota(values.begin(), values.end(), 1u);
    return values;
  }
};

TEST_F(ClientArraysTest, TellWhatTheyAre) {
  const CUDA_ARRAY_DESCRIPTOR flat{30, 20, CU_AD_FORMAT_HALF, 4};
  CUarray array = nullptr;
  ASSERT_EQ(cuArrayCreate_v2(&array, &flat), CUDA_SUCCESS);
  CUDA_ARRAY3D_DESCRIPTOR found{};
  ASSERT_EQ(cuArray3DGetDescriptor_v2(&found, array), CUDA_SUCCESS);
  EXPECT_EQ(found.Width, 30u);
  EXPECT_EQ(found.Height, 20u);
  EXPECT_EQ(found.Depth, 0u);
  EXPECT_EQ(found.Format, CU_AD_FORMAT_HALF);
  EXPECT_EQ(found.NumChannels, 4u);
  CUDA_ARRAY_DESCRIPTOR again{};
  ASSERT_EQ(cuArrayGetDescriptor_v2(&again, array), CUDA_SUCCESS);
  EXPECT_EQ(again.Height, 20u);
  EXPECT_EQ(cuArrayGetDescriptor_v2(nullptr, array), CUDA_ERROR_INVALID_VALUE);
  CUDA_ARRAY_MEMORY_REQUIREMENTS requirements;
  EXPECT_EQ(cuArrayGetMemoryRequirements(&requirements, array, 0), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientArraysTest, EndOnce) {
  const CUarray array = Make(Shape(8, 8));
  EXPECT_EQ(daemon_.live_arrays(), 1u);
  EXPECT_EQ(cuArrayDestroy(array), CUDA_SUCCESS);
  EXPECT_EQ(daemon_.live_arrays(), 0u);
  EXPECT_EQ(cuArrayDestroy(array), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cuArrayDestroy(nullptr), CUDA_ERROR_INVALID_HANDLE);
  CUDA_ARRAY3D_DESCRIPTOR found;
  EXPECT_EQ(cuArray3DGetDescriptor_v2(&found, array), CUDA_ERROR_INVALID_HANDLE);
  unsigned value = 0;
  EXPECT_EQ(cuMemcpyAtoH_v2(&value, array, 0, 4), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(ClientArraysTest, RefuseWhatIsNoArray) {
  CUDA_ARRAY3D_DESCRIPTOR shape = Shape(8, 8);
  EXPECT_EQ(cuArray3DCreate_v2(nullptr, &shape), CUDA_ERROR_INVALID_VALUE);
  CUarray array;
  EXPECT_EQ(cuArray3DCreate_v2(&array, nullptr), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(TryToMake(Shape(0, 8)), CUDA_ERROR_INVALID_VALUE);
  shape.NumChannels = 3;
  EXPECT_EQ(TryToMake(shape), CUDA_ERROR_INVALID_VALUE);
  shape.NumChannels = 4;
  shape.Format = static_cast<CUarray_format>(0x77);
  EXPECT_EQ(TryToMake(shape), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(TryToMake(Shape(8, 8, 0, 0x8000)), CUDA_ERROR_INVALID_VALUE);
  shape.Format = CU_AD_FORMAT_BC7_UNORM;
  EXPECT_EQ(TryToMake(shape), CUDA_ERROR_NOT_SUPPORTED);
  shape.Format = CU_AD_FORMAT_NV12;
  EXPECT_EQ(TryToMake(shape), CUDA_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(TryToMake(Shape(8, 8, 0, CUDA_ARRAY3D_SPARSE)), CUDA_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(TryToMake(Shape(8, 8, 0, CUDA_ARRAY3D_DEFERRED_MAPPING)), CUDA_ERROR_NOT_SUPPORTED);
  shape.Format = CU_AD_FORMAT_SNORM_INT16X4;
  EXPECT_EQ(TryToMake(shape), CUDA_SUCCESS);
  shape.NumChannels = 2;
  EXPECT_EQ(TryToMake(shape), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientArraysTest, MipmappedOnesHaveLevels) {
  const CUDA_ARRAY3D_DESCRIPTOR shape = Shape(16, 8, 0, CUDA_ARRAY3D_SURFACE_LDST);
  CUmipmappedArray mipmapped = nullptr;
  ASSERT_EQ(cuMipmappedArrayCreate(&mipmapped, &shape, 9), CUDA_SUCCESS);  // the daemon cuts it down
  CUarray level = nullptr, again = nullptr;
  ASSERT_EQ(cuMipmappedArrayGetLevel(&level, mipmapped, 2), CUDA_SUCCESS);
  ASSERT_EQ(cuMipmappedArrayGetLevel(&again, mipmapped, 2), CUDA_SUCCESS);
  EXPECT_EQ(level, again);
  EXPECT_EQ(cuMipmappedArrayGetLevel(&again, mipmapped, 3), CUDA_ERROR_INVALID_VALUE);
  CUDA_ARRAY3D_DESCRIPTOR found{};
  ASSERT_EQ(cuArray3DGetDescriptor_v2(&found, level), CUDA_SUCCESS);
  EXPECT_EQ(found.Width, 4u);
  EXPECT_EQ(found.Height, 2u);
  EXPECT_EQ(found.Flags, unsigned{CUDA_ARRAY3D_SURFACE_LDST});
  const std::vector<unsigned> from = Counted(4);
  std::vector<unsigned> to(4);
  EXPECT_EQ(cuMemcpyHtoA_v2(level, 0, from.data(), 16), CUDA_SUCCESS);
  EXPECT_EQ(cuMemcpyAtoH_v2(to.data(), level, 0, 16), CUDA_SUCCESS);
  EXPECT_EQ(to, from);
  EXPECT_EQ(cuArrayDestroy(level), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cuMipmappedArrayDestroy(mipmapped), CUDA_SUCCESS);
  EXPECT_EQ(cuMipmappedArrayDestroy(mipmapped), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cuMemcpyAtoH_v2(to.data(), level, 0, 16), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(daemon_.live_arrays(), 0u);
}

TEST_F(ClientArraysTest, PageableCopiesGoInPieces) {
  constexpr std::size_t kWidth = 700, kRows = 900;  // 2.4 MiB
  const CUarray array = Make(Shape(kWidth, kRows));
  std::vector<unsigned> from = Counted(kWidth * kRows), to(kWidth * kRows);
  const CUDA_MEMCPY2D into = Into(array, from.data(), kWidth * 4, kRows);
  ASSERT_EQ(cuMemcpy2D_v2(&into), CUDA_SUCCESS);
  const std::vector<unsigned> before = from;
  std::fill(from.begin(), from.end(), 0);  // it is the program's again
  const CUDA_MEMCPY2D out = OutOf(array, to.data(), kWidth * 4, kRows);
  ASSERT_EQ(cuMemcpy2DUnaligned_v2(&out), CUDA_SUCCESS);
  EXPECT_EQ(to, before);
  EXPECT_EQ(daemon_.array_copies(), 10);
}

TEST_F(ClientArraysTest, BoxesReachEveryCorner) {
  constexpr std::size_t kWidth = 50, kRows = 40, kSlices = 100;  // slices go together
  const CUarray array = Make(Shape(kWidth, kRows, kSlices));
  const std::vector<unsigned> from = Counted(kWidth * kRows * kSlices);
  std::vector<unsigned> to(from.size());
  CUDA_MEMCPY3D copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_HOST;
  copy.srcHost = from.data();
  copy.srcPitch = kWidth * 4;
  copy.srcHeight = kRows;
  copy.dstMemoryType = CU_MEMORYTYPE_ARRAY;
  copy.dstArray = array;
  copy.WidthInBytes = kWidth * 4;
  copy.Height = kRows;
  copy.Depth = kSlices;
  ASSERT_EQ(cuMemcpy3D_v2(&copy), CUDA_SUCCESS);
  CUDA_MEMCPY3D_PEER out{};
  out.srcMemoryType = CU_MEMORYTYPE_ARRAY;
  out.srcArray = array;
  out.srcXInBytes = 8;
  out.srcY = 3;
  out.srcZ = 7;
  out.dstMemoryType = CU_MEMORYTYPE_HOST;
  out.dstHost = to.data();
  out.dstPitch = kWidth * 4;
  out.dstHeight = kRows;
  out.WidthInBytes = kWidth * 4 - 8;
  out.Height = kRows - 3;
  out.Depth = kSlices - 7;
  ASSERT_EQ(cuMemcpy3DPeer(&out), CUDA_SUCCESS);
  for (std::size_t z = 0; z < kSlices - 7; ++z) {
    for (std::size_t y = 0; y < kRows - 3; ++y) {
      const unsigned* const row = &to[(z * kRows + y) * kWidth];
      const unsigned* const wanted = &from[((z + 7) * kRows + y + 3) * kWidth + 2];
      ASSERT_EQ(std::memcmp(row, wanted, kWidth * 4 - 8), 0) << z << " " << y;
    }
  }
}

TEST_F(ClientArraysTest, CopiesOnTheGpuAreOneCommand) {
  const CUarray first = Make(Shape(64, 0)), second = Make(Shape(64, 0));
  const CUdeviceptr device = Allocate(256);
  void* pinned = nullptr;
  ASSERT_EQ(cuMemAllocHost_v2(&pinned, 256), CUDA_SUCCESS);
  const std::vector<unsigned> from = Counted(64);
  std::memcpy(pinned, from.data(), 256);
  EXPECT_EQ(cuMemcpyHtoA_v2(first, 0, pinned, 256), CUDA_SUCCESS);
  EXPECT_EQ(cuMemcpyAtoA_v2(second, 128, first, 0, 128), CUDA_SUCCESS);
  EXPECT_EQ(cuMemcpyAtoD_v2(device, second, 128, 64), CUDA_SUCCESS);
  EXPECT_EQ(cuMemcpyDtoA_v2(first, 192, device, 64), CUDA_SUCCESS);
  std::memset(pinned, 0, 256);
  EXPECT_EQ(cuMemcpyAtoHAsync_v2(pinned, first, 0, 256, nullptr), CUDA_SUCCESS);
  EXPECT_EQ(cuCtxSynchronize(), CUDA_SUCCESS);
  EXPECT_EQ(daemon_.array_copies(), 5);
  std::vector<unsigned> wanted = from;
  std::copy_n(from.begin(), 16, wanted.begin() + 48);
  EXPECT_EQ(std::memcmp(pinned, wanted.data(), 256), 0);
}

TEST_F(ClientArraysTest, WrongCopiesAreToldAtOnce) {
  const CUarray array = Make(Shape(8, 4));
  CUDA_ARRAY3D_DESCRIPTOR wide = Shape(8, 4);
  wide.NumChannels = 2;
  const CUarray other = Make(wide);
  std::vector<unsigned> host(64);
  const auto copy = [&](auto spoil) {
    CUDA_MEMCPY3D description{};
    description.srcMemoryType = CU_MEMORYTYPE_HOST;
    description.srcHost = host.data();
    description.srcPitch = description.WidthInBytes = 32;
    description.dstMemoryType = CU_MEMORYTYPE_ARRAY;
    description.dstArray = array;
    description.Height = 4;
    description.Depth = 1;
    spoil(description);
    return cuMemcpy3D_v2(&description);
  };
  EXPECT_EQ(copy([](CUDA_MEMCPY3D&) {}), CUDA_SUCCESS);
  EXPECT_EQ(copy([](CUDA_MEMCPY3D& d) { d.WidthInBytes = d.srcPitch = 36; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(copy([](CUDA_MEMCPY3D& d) { d.dstXInBytes = 4; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(copy([](CUDA_MEMCPY3D& d) { d.dstY = 1; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(copy([](CUDA_MEMCPY3D& d) { d.dstZ = 1; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(copy([](CUDA_MEMCPY3D& d) { d.dstLOD = 1; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(copy([](CUDA_MEMCPY3D& d) { d.WidthInBytes = 6; }), CUDA_ERROR_INVALID_VALUE);  // one element and a half
  EXPECT_EQ(copy([](CUDA_MEMCPY3D& d) { d.dstArray = nullptr; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(copy([](CUDA_MEMCPY3D& d) { d.srcHost = nullptr; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(copy([](CUDA_MEMCPY3D& d) { d.srcPitch = 16; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(copy([](CUDA_MEMCPY3D& d) { d.Height = 0; }), CUDA_SUCCESS);
  EXPECT_EQ(cuMemcpyAtoA_v2(other, 0, array, 0, 16), CUDA_ERROR_INVALID_VALUE);  // elements of another size
  EXPECT_EQ(cuMemcpyAtoD_v2(0x1234, array, 0, 16), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemcpy3DPeer(nullptr), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientArraysTest, GraphsDoNotCopyThem) {
  const CUarray array = Make(Shape(8, 0));
  CUstream stream = nullptr;
  ASSERT_EQ(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
  ASSERT_EQ(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_RELAXED), CUDA_SUCCESS);
  unsigned host[8] = {};
  EXPECT_EQ(cuMemcpyHtoAAsync_v2(array, 0, host, 32, stream), CUDA_ERROR_NOT_SUPPORTED);
  CUgraph graph = nullptr;
  ASSERT_EQ(cuStreamEndCapture(stream, &graph), CUDA_SUCCESS);
  CUDA_MEMCPY3D copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_HOST;
  copy.srcHost = host;
  copy.dstMemoryType = CU_MEMORYTYPE_ARRAY;
  copy.dstArray = array;
  copy.WidthInBytes = 32;
  copy.Height = copy.Depth = 1;
  CUgraphNode node;
  EXPECT_EQ(cuGraphAddMemcpyNode(&node, graph, nullptr, 0, &copy, context_), CUDA_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(daemon_.array_copies(), 0);
}

TEST_F(ClientArraysTest, TexturesTellWhatTheyAre) {
  const CUarray array = Make(Shape(8, 4));
  const CUDA_RESOURCE_DESC resource = Of(array);
  CUDA_TEXTURE_DESC description{};
  description.filterMode = CU_TR_FILTER_MODE_LINEAR;
  description.maxAnisotropy = 3;
  CUDA_RESOURCE_VIEW_DESC view{};
  view.width = 8;
  CUtexObject plain = 0, viewed = 0;
  ASSERT_EQ(cuTexObjectCreate(&plain, &resource, &description, nullptr), CUDA_SUCCESS);
  EXPECT_EQ(daemon_.last_texture().texture.size(), sizeof description);
  EXPECT_TRUE(daemon_.last_texture().view.empty());
  ASSERT_EQ(cuTexObjectCreate(&viewed, &resource, &description, &view), CUDA_SUCCESS);
  EXPECT_EQ(daemon_.last_texture().view.size(), sizeof view);
  EXPECT_NE(plain, viewed);
  CUDA_RESOURCE_DESC found{};
  ASSERT_EQ(cuTexObjectGetResourceDesc(&found, plain), CUDA_SUCCESS);
  EXPECT_EQ(found.resType, CU_RESOURCE_TYPE_ARRAY);
  EXPECT_EQ(found.res.array.hArray, array);
  CUDA_TEXTURE_DESC described{};
  ASSERT_EQ(cuTexObjectGetTextureDesc(&described, plain), CUDA_SUCCESS);
  EXPECT_EQ(described.maxAnisotropy, 3u);
  CUDA_RESOURCE_VIEW_DESC seen{};
  seen.width = 5;
  EXPECT_EQ(cuTexObjectGetResourceViewDesc(&seen, plain), CUDA_SUCCESS);
  EXPECT_EQ(seen.width, 0u) << "none is one of zeros";
  ASSERT_EQ(cuTexObjectGetResourceViewDesc(&seen, viewed), CUDA_SUCCESS);
  EXPECT_EQ(seen.width, 8u);
  EXPECT_EQ(cuTexObjectDestroy(plain), CUDA_SUCCESS);
  EXPECT_EQ(cuTexObjectDestroy(plain), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cuTexObjectGetTextureDesc(&described, plain), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cuTexObjectDestroy(viewed), CUDA_SUCCESS);
}

TEST_F(ClientArraysTest, TexturesAreOfArraysAndMemory) {
  const CUDA_TEXTURE_DESC description{};
  CUtexObject texture = 0;
  CUDA_RESOURCE_DESC resource{};
  resource.resType = CU_RESOURCE_TYPE_PITCH2D;
  resource.res.pitch2D = {Allocate(4096), CU_AD_FORMAT_FLOAT, 2, 16, 8, 512};
  ASSERT_EQ(cuTexObjectCreate(&texture, &resource, &description, nullptr), CUDA_SUCCESS);
  const ipc::TextureCreate sent = daemon_.last_texture();
  EXPECT_EQ(sent.resource, resource.res.pitch2D.devPtr);
  EXPECT_EQ(sent.width, 16u);
  EXPECT_EQ(sent.height, 8u);
  EXPECT_EQ(sent.pitch_bytes, 512u);
  EXPECT_EQ(sent.channels, 2u);
  resource.flags = 1;
  EXPECT_EQ(cuTexObjectCreate(&texture, &resource, &description, nullptr), CUDA_ERROR_INVALID_VALUE);
  resource = Of(nullptr);
  EXPECT_EQ(cuTexObjectCreate(&texture, &resource, &description, nullptr), CUDA_ERROR_INVALID_HANDLE);
  resource.resType = CU_RESOURCE_TYPE_MIPMAPPED_ARRAY;
  EXPECT_EQ(cuTexObjectCreate(&texture, &resource, &description, nullptr), CUDA_ERROR_INVALID_HANDLE);
  resource.resType = static_cast<CUresourcetype>(7);
  EXPECT_EQ(cuTexObjectCreate(&texture, &resource, &description, nullptr), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuTexObjectCreate(&texture, nullptr, &description, nullptr), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuTexObjectCreate(&texture, &resource, nullptr, nullptr), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientArraysTest, SurfacesAreOfArraysOnly) {
  const CUarray array = Make(Shape(8, 4, 0, CUDA_ARRAY3D_SURFACE_LDST));
  CUDA_RESOURCE_DESC resource = Of(array), found{};
  CUsurfObject surface = 0;
  ASSERT_EQ(cuSurfObjectCreate(&surface, &resource), CUDA_SUCCESS);
  ASSERT_EQ(cuSurfObjectGetResourceDesc(&found, surface), CUDA_SUCCESS);
  EXPECT_EQ(found.res.array.hArray, array);
  EXPECT_EQ(cuTexObjectDestroy(surface), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cuSurfObjectDestroy(surface), CUDA_SUCCESS);
  EXPECT_EQ(cuSurfObjectDestroy(surface), CUDA_ERROR_INVALID_HANDLE);
  resource.resType = CU_RESOURCE_TYPE_LINEAR;
  EXPECT_EQ(cuSurfObjectCreate(&surface, &resource), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientArraysTest, GoWithTheirContext) {
  const CUarray array = Make(Shape(8, 4));
  const CUDA_RESOURCE_DESC resource = Of(array);
  const CUDA_TEXTURE_DESC description{};
  CUtexObject texture = 0;
  CUmipmappedArray mipmapped = nullptr;
  const CUDA_ARRAY3D_DESCRIPTOR shape = Shape(16, 8);
  ASSERT_EQ(cuTexObjectCreate(&texture, &resource, &description, nullptr), CUDA_SUCCESS);
  ASSERT_EQ(cuMipmappedArrayCreate(&mipmapped, &shape, 2), CUDA_SUCCESS);
  EXPECT_EQ(daemon_.live_arrays(), 3u);
  ASSERT_EQ(cuDevicePrimaryCtxReset_v2(0), CUDA_SUCCESS);
  EXPECT_EQ(daemon_.live_arrays(), 0u);
  EXPECT_EQ(daemon_.live_objects(), 0);
}

}  // namespace
}  // namespace paella
