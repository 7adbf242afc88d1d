// Arrays, and what kernels read and write through textures and surfaces.
#include <array>
#include <string>

#include "tests/simulated_gpu/test/support.h"

namespace paella::simulated_gpu {
namespace {

class ArrayTest : public GpuTest {
 protected:
  static CUDA_ARRAY3D_DESCRIPTOR Shape(std::size_t width, std::size_t height, std::size_t depth, CUarray_format format,
                                       unsigned channels, unsigned flags = 0) {
    CUDA_ARRAY3D_DESCRIPTOR shape{};
    shape.Width = width;
    shape.Height = height;
    shape.Depth = depth;
    shape.Format = format;
    shape.NumChannels = channels;
    shape.Flags = flags;
    return shape;
  }
  static CUarray Make(const CUDA_ARRAY3D_DESCRIPTOR& shape) {
    CUarray array = nullptr;
    EXPECT_CU(cuArray3DCreate(&array, &shape));
    return array;
  }
  // A line of eight elements, the first of them 10, 11, ...
  template <typename T>
  static CUarray Line(CUarray_format format) {
    const CUarray array = Make(Shape(8, 0, 0, format, 1, CUDA_ARRAY3D_SURFACE_LDST));
    std::array<T, 8> values;
    for (int i = 0; i < 8; ++i) values[static_cast<std::size_t>(i)] = static_cast<T>(10 + i);
    EXPECT_CU(cuMemcpyHtoA(array, 0, values.data(), sizeof values));
    return array;
  }
  static CUDA_RESOURCE_DESC Of(CUarray array) {
    CUDA_RESOURCE_DESC resource{};
    resource.resType = CU_RESOURCE_TYPE_ARRAY;
    resource.res.array.hArray = array;
    return resource;
  }
  static CUtexObject Texture(CUarray array, CUaddress_mode mode, unsigned flags) {
    const CUDA_RESOURCE_DESC resource = Of(array);
    CUDA_TEXTURE_DESC description{};
    description.addressMode[0] = mode;
    description.borderColor[0] = -1;
    description.flags = flags;
    CUtexObject texture = 0;
    EXPECT_CU(cuTexObjectCreate(&texture, &resource, &description, nullptr));
    return texture;
  }
  // What tex.1d gives at x.
  float Sample(CUtexObject texture, float x) {
    const CUfunction function = Load(
        KernelText("Sample", "ld.param.u64 %rd1, [p0]; ld.param.u64 %rd2, [p1]; ld.param.f32 %f1, [p2];\n"
                             "tex.1d.v4.f32.f32 {%f2, %f3, %f4, %f5}, [%rd1, {%f1}]; st.global.f32 [%rd2], %f2;"),
        "Sample");
    const CUdeviceptr out = ToDevice(std::vector<float>{0});
    EXPECT_CU(Launch(function, 1, 1, nullptr, texture, out, x));
    return FromDevice<float>(out, 1)[0];
  }
  CUresult TouchSurface(CUsurfObject surface, std::uint32_t x_bytes) {
    const CUfunction function = Load(
        KernelText("Touch", "ld.param.u64 %rd1, [p0]; ld.param.u32 %r1, [p2];\n"
                            "suld.b.1d.b32.trap {%r2}, [%rd1, {%r1}]; add.u32 %r2, %r2, 1;\n"
                            "sust.b.1d.b32.trap [%rd1, {%r1}], {%r2};"),
        "Touch");
    EXPECT_CU(Launch(function, 1, 1, nullptr, surface, CUdeviceptr{0}, x_bytes));
    return cuCtxSynchronize();
  }
};

TEST_F(ArrayTest, HasABudgetAndBounds) {
  std::size_t before = 0, with = 0, total = 0;
  EXPECT_CU(cuMemGetInfo(&before, &total));
  const CUarray array = Make(Shape(1024, 1024, 0, CU_AD_FORMAT_FLOAT, 4));
  EXPECT_CU(cuMemGetInfo(&with, &total));
  EXPECT_EQ(before - with, std::size_t{16} << 20);
  std::vector<float> row(4097);
  EXPECT_EQ(cuMemcpyHtoA(array, 0, row.data(), 4097 * 4), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemcpyHtoA(array, 2, row.data(), 16), CUDA_ERROR_INVALID_VALUE);
  EXPECT_CU(cuArrayDestroy(array));
  EXPECT_EQ(cuArrayDestroy(array), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cuMemcpyHtoA(array, 0, row.data(), 16), CUDA_ERROR_INVALID_HANDLE);
  CUarray none = nullptr;
  const CUDA_ARRAY3D_DESCRIPTOR vast = Shape(16384, 16384, 16384, CU_AD_FORMAT_FLOAT, 4);
  EXPECT_EQ(cuArray3DCreate(&none, &vast), CUDA_ERROR_OUT_OF_MEMORY);
}

TEST_F(ArrayTest, AddressModesSayWhatLiesOutside) {
  const CUarray line = Line<float>(CU_AD_FORMAT_FLOAT);
  const CUtexObject clamped = Texture(line, CU_TR_ADDRESS_MODE_CLAMP, 0);
  EXPECT_EQ(Sample(clamped, 3.9f), 13);
  EXPECT_EQ(Sample(clamped, -5), 10);
  EXPECT_EQ(Sample(clamped, 100), 17);
  EXPECT_EQ(Sample(Texture(line, CU_TR_ADDRESS_MODE_BORDER, 0), 8), -1);
  const CUtexObject wrapped = Texture(line, CU_TR_ADDRESS_MODE_WRAP, CU_TRSF_NORMALIZED_COORDINATES);
  EXPECT_EQ(Sample(wrapped, 1.26f), 12);
  EXPECT_EQ(Sample(wrapped, -0.01f), 17);
  const CUtexObject mirrored = Texture(line, CU_TR_ADDRESS_MODE_MIRROR, CU_TRSF_NORMALIZED_COORDINATES);
  EXPECT_EQ(Sample(mirrored, 1.01f), 17);
  EXPECT_EQ(Sample(mirrored, -0.26f), 12);
}

TEST_F(ArrayTest, SmallIntegersAreReadFromZeroToOne) {
  const CUtexObject bytes = Texture(Line<std::uint8_t>(CU_AD_FORMAT_UNSIGNED_INT8), CU_TR_ADDRESS_MODE_CLAMP, 0);
  EXPECT_FLOAT_EQ(Sample(bytes, 2.5f), 12 / 255.0f);
  const CUtexObject words = Texture(Line<std::int16_t>(CU_AD_FORMAT_SIGNED_INT16), CU_TR_ADDRESS_MODE_CLAMP, 0);
  EXPECT_FLOAT_EQ(Sample(words, 2.5f), 12 / 32767.0f);
}

TEST_F(ArrayTest, SurfacesEndWhereTheirArrayEnds) {
  const CUarray line = Line<std::uint32_t>(CU_AD_FORMAT_UNSIGNED_INT32);
  const CUDA_RESOURCE_DESC resource = Of(line);
  CUsurfObject surface = 0;
  ASSERT_CU(cuSurfObjectCreate(&surface, &resource));
  EXPECT_CU(TouchSurface(surface, 12));
  std::uint32_t value = 0;
  EXPECT_CU(cuMemcpyAtoH(&value, line, 12, 4));
  EXPECT_EQ(value, 14u);
  EXPECT_EQ(TouchSurface(surface, 32), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_F(ArrayTest, AnObjectThatHasEndedIsAFault) {
  const CUDA_RESOURCE_DESC resource = Of(Line<std::uint32_t>(CU_AD_FORMAT_UNSIGNED_INT32));
  CUsurfObject surface = 0;
  ASSERT_CU(cuSurfObjectCreate(&surface, &resource));
  ASSERT_CU(cuSurfObjectDestroy(surface));
  EXPECT_EQ(TouchSurface(surface, 0), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_F(ArrayTest, WhatIsNotSimulatedIsRefused) {
  const CUDA_RESOURCE_DESC resource = Of(Line<float>(CU_AD_FORMAT_FLOAT));
  CUDA_TEXTURE_DESC description{};
  CUtexObject texture = 0;
  description.filterMode = CU_TR_FILTER_MODE_LINEAR;
  EXPECT_EQ(cuTexObjectCreate(&texture, &resource, &description, nullptr), CUDA_ERROR_NOT_SUPPORTED);
  CUmodule module = nullptr;
  const std::string cubes =
      KernelText("Cube", "tex.cube.v4.f32.f32 {%f1, %f2, %f3, %f4}, [%rd1, {%f1, %f2, %f3, %f3}];");
  EXPECT_EQ(cuModuleLoadData(&module, cubes.c_str()), CUDA_ERROR_INVALID_PTX);
  const std::string formatted = KernelText("Formatted", "sust.p.1d.b32.trap [%rd1, {%r1}], {%r2};");
  EXPECT_EQ(cuModuleLoadData(&module, formatted.c_str()), CUDA_ERROR_INVALID_PTX);
}

}  // namespace
}  // namespace paella::simulated_gpu
