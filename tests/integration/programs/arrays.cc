// integration_arrays SCENARIO: programs that copy arrays and give them to kernels as textures and surfaces, and know
// nothing of Paella. Exits with 0 if all that the scenario checks holds.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "examples/common/check.h"
#include "examples/common/fail.h"
#include "examples/common/gpu.h"

extern "C" const unsigned long long integration_arrays_kernels[];

namespace paella::integration {
namespace {

using examples::Check;
using examples::DeviceBuffer;
using examples::PinnedArray;

void Expect(bool holds, const std::string& what) {
  if (!holds) examples::Fail(examples::kExitWrongResult, what);
}

void ExpectResult(CUresult result, CUresult expected, const std::string& what) {
  Expect(result == expected, what + " gives " + std::to_string(result));
}

class Stream {
 public:
  Stream() { Check(cuStreamCreate(&stream_, CU_STREAM_NON_BLOCKING), "cuStreamCreate"); }
  ~Stream() { cuStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator CUstream() const { return stream_; }  // NOLINT: it stands for the stream wherever the driver takes one
  void Synchronize() const { Check(cuStreamSynchronize(stream_), "cuStreamSynchronize"); }

 private:
  CUstream stream_ = nullptr;
};

CUDA_ARRAY3D_DESCRIPTOR Shape(std::size_t width, std::size_t height, std::size_t depth, CUarray_format format,
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

class Array {
 public:
  explicit Array(const CUDA_ARRAY3D_DESCRIPTOR& shape) { Check(cuArray3DCreate(&array_, &shape), "cuArray3DCreate"); }
  ~Array() { Check(cuArrayDestroy(array_), "cuArrayDestroy"); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  operator CUarray() const { return array_; }  // NOLINT: as Stream

 private:
  CUarray array_ = nullptr;
};

struct Box {
  std::size_t width_bytes, height, depth;
  std::size_t bytes() const { return width_bytes * height * depth; }
};

// Between a packed box in memory and the corner of an array.
CUDA_MEMCPY3D IntoArray(CUarray array, const void* from, const Box& box) {
  CUDA_MEMCPY3D copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_HOST;
  copy.srcHost = from;
  copy.srcPitch = box.width_bytes;
  copy.srcHeight = box.height;
  copy.dstMemoryType = CU_MEMORYTYPE_ARRAY;
  copy.dstArray = array;
  copy.WidthInBytes = box.width_bytes;
  copy.Height = box.height;
  copy.Depth = box.depth;
  return copy;
}

CUDA_MEMCPY3D OutOfArray(CUarray array, void* to, const Box& box) {
  CUDA_MEMCPY3D copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_ARRAY;
  copy.srcArray = array;
  copy.dstMemoryType = CU_MEMORYTYPE_HOST;
  copy.dstHost = to;
  copy.dstPitch = box.width_bytes;
  copy.dstHeight = box.height;
  copy.WidthInBytes = box.width_bytes;
  copy.Height = box.height;
  copy.Depth = box.depth;
  return copy;
}

template <typename T>
void Write(CUarray array, const std::vector<T>& values, const Box& box) {
  const CUDA_MEMCPY3D copy = IntoArray(array, values.data(), box);
  Check(cuMemcpy3D(&copy), "cuMemcpy3D into an array");
}

template <typename T>
std::vector<T> Read(CUarray array, const Box& box) {
  std::vector<T> values(box.bytes() / sizeof(T));
  const CUDA_MEMCPY3D copy = OutOfArray(array, values.data(), box);
  Check(cuMemcpy3D(&copy), "cuMemcpy3D out of an array");
  return values;
}

template <typename T>
std::vector<T> Counted(std::size_t count, unsigned factor) {
  std::vector<T> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<T>(i * factor + i / 251);
  return values;
}

CUDA_RESOURCE_DESC OfArray(CUarray array) {
  CUDA_RESOURCE_DESC resource{};
  resource.resType = CU_RESOURCE_TYPE_ARRAY;
  resource.res.array.hArray = array;
  return resource;
}

class Texture {
 public:
  explicit Texture(const CUDA_RESOURCE_DESC& resource, unsigned flags = 0) {
    CUDA_TEXTURE_DESC description{};
    std::fill_n(description.addressMode, 3, CU_TR_ADDRESS_MODE_CLAMP);
    description.flags = flags;
    Check(cuTexObjectCreate(&texture_, &resource, &description, nullptr), "cuTexObjectCreate");
  }
  ~Texture() { Destroy(); }
  Texture(const Texture&) = delete;
  Texture& operator=(const Texture&) = delete;
  CUtexObject operator*() const { return texture_; }
  void Destroy() {
    if (texture_ != 0) Check(cuTexObjectDestroy(texture_), "cuTexObjectDestroy");
    texture_ = 0;
  }

 private:
  CUtexObject texture_ = 0;
};

struct Program {
  examples::Gpu gpu{integration_arrays_kernels};

  template <typename... Parameters>
  void Launch(const char* name, unsigned threads, CUstream stream, Parameters... parameters) const {
    void* pointers[] = {&parameters...};
    Check(cuLaunchKernel(gpu.Function(name), threads / 32, 1, 1, 32, 1, 1, 0, stream, pointers, nullptr), name);
  }
};

template <typename T>
std::vector<T> FromDevice(const DeviceBuffer& device, std::size_t count) {
  std::vector<T> values(count);
  Check(cuMemcpyDtoH(values.data(), device.address(), count * sizeof(T)), "cuMemcpyDtoH");
  return values;
}

// Pageable memory in boxes of every number of dimensions; one is more than any staging area, one has long rows.
void PageableCopies() {
  const struct {
    CUDA_ARRAY3D_DESCRIPTOR shape;
    Box box;
  } arrays[] = {
      {Shape(1000, 0, 0, CU_AD_FORMAT_FLOAT, 1), {4000, 1, 1}},
      {Shape(61, 37, 0, CU_AD_FORMAT_UNSIGNED_INT8, 1), {61, 37, 1}},
      {Shape(20, 30, 40, CU_AD_FORMAT_HALF, 4), {160, 30, 40}},
      {Shape(33, 0, 7, CU_AD_FORMAT_UNSIGNED_INT16, 2, CUDA_ARRAY3D_LAYERED), {132, 1, 7}},
      {Shape(1200, 900, 0, CU_AD_FORMAT_FLOAT, 4), {19200, 900, 1}},
      {Shape(120000, 3, 0, CU_AD_FORMAT_SIGNED_INT32, 4), {1920000, 3, 1}},
      {Shape(300, 200, 50, CU_AD_FORMAT_UNSIGNED_INT32, 2), {2400, 200, 50}},
  };
  for (const auto& [shape, box] : arrays) {
    const Array array(shape);
    const auto values = Counted<unsigned char>(box.bytes(), 7);
    Write(array, values, box);
    Expect(Read<unsigned char>(array, box) == values, "a copy through an array of width " + std::to_string(shape.Width));
  }
}

// Part of a box, from inside of a wider one in memory to inside of an array.
void Corners() {
  const Array array(Shape(16, 8, 4, CU_AD_FORMAT_UNSIGNED_INT32, 1));
  const Box whole{64, 8, 4};
  const auto values = Counted<unsigned>(16 * 8 * 4, 3);
  Write(array, std::vector<unsigned>(16 * 8 * 4, 1), whole);
  CUDA_MEMCPY3D copy = IntoArray(array, values.data(), whole);
  copy.srcXInBytes = copy.dstXInBytes = 8;
  copy.srcY = copy.dstY = 3;
  copy.srcZ = copy.dstZ = 1;
  copy.WidthInBytes = 20;
  copy.Height = 4;
  copy.Depth = 2;
  Check(cuMemcpy3D(&copy), "cuMemcpy3D of a part");
  const auto result = Read<unsigned>(array, whole);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const std::size_t x = i % 16, y = i / 16 % 8, z = i / 128;
    const bool copied = x >= 2 && x < 7 && y >= 3 && y < 7 && z >= 1 && z < 3;
    Expect(result[i] == (copied ? values[i] : 1), "an element of a partial copy");
  }
}

// Pinned memory, device memory and other arrays, in a stream.
void GpuCopies() {
  const Stream stream;
  const Array first(Shape(100, 0, 0, CU_AD_FORMAT_UNSIGNED_INT32, 1)), second(Shape(100, 0, 0, CU_AD_FORMAT_FLOAT, 1));
  PinnedArray<unsigned> from(100), to(100);
  std::iota(from.data(), from.data() + 100, 5u);
  const DeviceBuffer device(400);
  Write(second, std::vector<unsigned>(100), {400, 1, 1});
  Check(cuMemcpyHtoAAsync(first, 0, from.data(), 400, stream), "cuMemcpyHtoAAsync");
  stream.Synchronize();
  Check(cuMemcpyAtoA(second, 40, first, 0, 200), "cuMemcpyAtoA");
  Check(cuMemcpyAtoD(device.address(), second, 0, 400), "cuMemcpyAtoD");
  Check(cuMemcpyDtoA(first, 0, device.address(), 400), "cuMemcpyDtoA");
  Check(cuCtxSynchronize(), "cuCtxSynchronize");
  Check(cuMemcpyAtoHAsync(to.data(), first, 0, 400, stream), "cuMemcpyAtoHAsync");
  stream.Synchronize();
  for (unsigned i = 0; i < 100; ++i) {
    Expect(to.data()[i] == (i >= 10 && i < 60 ? i - 10 + 5 : 0), "an element that went through four copies");
  }
  std::vector<unsigned> pageable(25);
  Check(cuMemcpyAtoH(pageable.data(), first, 40, 100), "cuMemcpyAtoH");
  Check(cuMemcpyHtoA(second, 300, pageable.data(), 100), "cuMemcpyHtoA");
  Expect(Read<unsigned>(second, {400, 1, 1})[75] == 5, "a row from pageable memory");
}

void WrongCopies() {
  const CUDA_ARRAY3D_DESCRIPTOR shape = Shape(16, 8, 0, CU_AD_FORMAT_UNSIGNED_INT32, 1);
  const Array array(shape);
  std::vector<unsigned> values(1024);
  const auto refuse = [&](void (*spoil)(CUDA_MEMCPY3D&), const char* what) {
    CUDA_MEMCPY3D copy = IntoArray(array, values.data(), {64, 8, 1});
    spoil(copy);
    ExpectResult(cuMemcpy3D(&copy), CUDA_ERROR_INVALID_VALUE, what);
  };
  refuse([](CUDA_MEMCPY3D& copy) { copy.WidthInBytes = copy.srcPitch = 68; }, "a copy beyond the width");
  refuse([](CUDA_MEMCPY3D& copy) { copy.dstY = 1; }, "a copy beyond the height");
  refuse([](CUDA_MEMCPY3D& copy) { copy.dstZ = 1; }, "a copy beyond the depth");
  refuse([](CUDA_MEMCPY3D& copy) { copy.dstArray = nullptr; }, "a copy to no array");
  CUarray none = nullptr;
  CUDA_ARRAY3D_DESCRIPTOR wrong = shape;
  wrong.NumChannels = 3;
  ExpectResult(cuArray3DCreate(&none, &wrong), CUDA_ERROR_INVALID_VALUE, "an array of three channels");
  wrong = shape;
  wrong.Width = std::size_t{1} << 30;
  ExpectResult(cuArray3DCreate(&none, &wrong), CUDA_ERROR_INVALID_VALUE, "an array that is too wide");
}

int Copies() {
  const Program program;
  PageableCopies();
  Corners();
  GpuCopies();
  WrongCopies();
  return 0;
}

// Whatever was in the memory before.
int Zeroed() {
  const Program program;
  for (int round = 0; round < 2; ++round) {
    const Array wide(Shape(1000, 700, 0, CU_AD_FORMAT_FLOAT, 4)), deep(Shape(40, 30, 200, CU_AD_FORMAT_FLOAT, 2));
    const Box of_wide{16000, 700, 1}, of_deep{320, 30, 200};
    for (const auto& [array, box] : {std::pair<CUarray, Box>{wide, of_wide}, {deep, of_deep}}) {
      const auto values = Read<unsigned char>(array, box);
      Expect(std::ranges::all_of(values, [](unsigned char value) { return value == 0; }), "a new array is not zero");
      Write(array, std::vector<unsigned char>(box.bytes(), 0x5a), box);
    }
  }
  return 0;
}

void TexturesOfArrays(const Program& program) {
  const struct {
    CUDA_ARRAY3D_DESCRIPTOR shape;
    Box box;
    int dimensions;
  } arrays[] = {
      {Shape(64, 0, 0, CU_AD_FORMAT_FLOAT, 1), {256, 1, 1}, 1},
      {Shape(16, 12, 0, CU_AD_FORMAT_FLOAT, 1), {64, 12, 1}, 2},
      {Shape(8, 4, 5, CU_AD_FORMAT_FLOAT, 1), {32, 4, 5}, 3},
  };
  for (const auto& [shape, box, dimensions] : arrays) {
    const auto count = static_cast<unsigned>(box.bytes() / sizeof(float));
    const Array array(shape);
    const auto values = Counted<float>(count, 3);
    Write(array, values, box);
    const DeviceBuffer out(box.bytes());
    const Texture texture(OfArray(array));
    program.Launch("ReadTexture", count, nullptr, *texture, out.address(), dimensions, static_cast<int>(shape.Width),
                   static_cast<int>(box.height));
    Expect(FromDevice<float>(out, count) == values, "a texture of " + std::to_string(dimensions) + " dimensions");
  }
}

void LayeredTexture(const Program& program) {
  constexpr unsigned kCount = 16 * 8 * 3;
  const Array array(Shape(16, 8, 3, CU_AD_FORMAT_UNSIGNED_INT16, 1, CUDA_ARRAY3D_LAYERED));
  const auto values = Counted<unsigned short>(kCount, 5);
  Write(array, values, {32, 8, 3});
  const DeviceBuffer out(kCount * sizeof(unsigned));
  const Texture texture(OfArray(array), CU_TRSF_READ_AS_INTEGER | CU_TRSF_NORMALIZED_COORDINATES);
  program.Launch("ReadLayers", kCount, nullptr, *texture, out.address(), 16, 8);
  const auto result = FromDevice<unsigned>(out, kCount);
  Expect(std::equal(result.begin(), result.end(), values.begin()), "a layered texture");
}

void TexturesOfMemory(const Program& program) {
  constexpr unsigned kCount = 96;
  const auto values = Counted<unsigned char>(4 * kCount, 3);
  const DeviceBuffer memory(4 * kCount), out(4 * kCount);
  Check(cuMemcpyHtoD(memory.address(), values.data(), values.size()), "cuMemcpyHtoD");
  CUDA_RESOURCE_DESC resource{};
  resource.resType = CU_RESOURCE_TYPE_LINEAR;
  resource.res.linear = {memory.address(), CU_AD_FORMAT_UNSIGNED_INT8, 4, values.size()};
  const Texture linear(resource, CU_TRSF_READ_AS_INTEGER);
  program.Launch("ReadLinear", kCount, nullptr, *linear, out.address());
  Expect(FromDevice<unsigned char>(out, values.size()) == values, "a texture of linear memory");

  CUdeviceptr pitched = 0;
  std::size_t pitch = 0;
  Check(cuMemAllocPitch(&pitched, &pitch, 32 * sizeof(float), 4, 16), "cuMemAllocPitch");
  const auto rows = Counted<float>(32 * 4, 9);
  for (std::size_t y = 0; y < 4; ++y) {
    Check(cuMemcpyHtoD(pitched + y * pitch, rows.data() + 32 * y, 32 * sizeof(float)), "cuMemcpyHtoD");
  }
  resource = {};
  resource.resType = CU_RESOURCE_TYPE_PITCH2D;
  resource.res.pitch2D = {pitched, CU_AD_FORMAT_FLOAT, 1, 32, 4, pitch};
  const DeviceBuffer read(32 * 4 * sizeof(float));
  {
    const Texture texture(resource);
    program.Launch("ReadTexture", 32 * 4, nullptr, *texture, read.address(), 2, 32, 4);
    Expect(FromDevice<float>(read, 32 * 4) == rows, "a texture of pitched memory");
  }
  Check(cuMemFree(pitched), "cuMemFree");
}

int Textures() {
  const Program program;
  TexturesOfArrays(program);
  LayeredTexture(program);
  TexturesOfMemory(program);
  return 0;
}

CUsurfObject MakeSurface(CUarray array) {
  CUsurfObject surface = 0;
  const CUDA_RESOURCE_DESC resource = OfArray(array);
  Check(cuSurfObjectCreate(&surface, &resource), "cuSurfObjectCreate");
  return surface;
}

// Natively, nobody says that an object may go before the kernels that use it.
void EndSurface(CUsurfObject surface) {
  Check(cuCtxSynchronize(), "cuCtxSynchronize");
  Check(cuSurfObjectDestroy(surface), "cuSurfObjectDestroy");
}

// Also of a level of a mipmapped array, whose other levels stay as they are.
int Surfaces() {
  const Program program;
  const Array array(Shape(16, 4, 0, CU_AD_FORMAT_UNSIGNED_INT32, 1, CUDA_ARRAY3D_SURFACE_LDST));
  auto values = Counted<unsigned>(64, 11);
  Write(array, values, {64, 4, 1});
  const CUsurfObject surface = MakeSurface(array);
  for (int i = 0; i < 3; ++i) program.Launch("AddToSurface", 64, nullptr, surface, 100u, 16);
  EndSurface(surface);
  for (unsigned& value : values) value += 300;
  Expect(Read<unsigned>(array, {64, 4, 1}) == values, "what kernels wrote to a surface");

  CUmipmappedArray mipmapped = nullptr;
  const CUDA_ARRAY3D_DESCRIPTOR shape = Shape(32, 16, 0, CU_AD_FORMAT_UNSIGNED_INT32, 1, CUDA_ARRAY3D_SURFACE_LDST);
  Check(cuMipmappedArrayCreate(&mipmapped, &shape, 3), "cuMipmappedArrayCreate");
  CUarray levels[3] = {};
  for (unsigned i = 0; i < 3; ++i) Check(cuMipmappedArrayGetLevel(&levels[i], mipmapped, i), "cuMipmappedArrayGetLevel");
  CUDA_ARRAY3D_DESCRIPTOR level{};
  Check(cuArray3DGetDescriptor(&level, levels[1]), "cuArray3DGetDescriptor");
  Expect(level.Width == 16 && level.Height == 8 && level.Depth == 0, "the size of a level");
  CUarray none = nullptr;
  ExpectResult(cuMipmappedArrayGetLevel(&none, mipmapped, 3), CUDA_ERROR_INVALID_VALUE, "a level that is not there");
  Write(levels[0], std::vector<unsigned>(512, 3), {128, 16, 1});
  Write(levels[1], std::vector<unsigned>(128, 0), {64, 8, 1});
  const CUsurfObject of_level = MakeSurface(levels[1]);
  program.Launch("AddToSurface", 128, nullptr, of_level, 7u, 16);
  EndSurface(of_level);
  Expect(Read<unsigned>(levels[1], {64, 8, 1}) == std::vector<unsigned>(128, 7), "what a kernel wrote to a level");
  Expect(Read<unsigned>(levels[0], {128, 16, 1}) == std::vector<unsigned>(512, 3), "the level before it");
  Check(cuMipmappedArrayDestroy(mipmapped), "cuMipmappedArrayDestroy");
  return 0;
}

// A texture that is destroyed while a kernel that reads it waits behind another one.
int DestroyedBehindWork() {
  const Program program;
  constexpr unsigned kCount = 64;
  const Stream stream;
  PinnedArray<unsigned> flag(1);
  *flag.data() = 0;
  const Array array(Shape(kCount, 0, 0, CU_AD_FORMAT_FLOAT, 1));
  const auto values = Counted<float>(kCount, 2);
  Write(array, values, {kCount * sizeof(float), 1, 1});
  const DeviceBuffer out(kCount * sizeof(float));
  Texture texture(OfArray(array));
  const auto one = flag.device_address();
  void* parameters[] = {const_cast<CUdeviceptr*>(&one)};
  Check(cuLaunchKernel(program.gpu.Function("AwaitFlag"), 1, 1, 1, 1, 1, 1, 0, stream, parameters, nullptr), "AwaitFlag");
  program.Launch("ReadTexture", kCount, stream, *texture, out.address(), 1, static_cast<int>(kCount), 1);
  texture.Destroy();
  __atomic_store_n(flag.data(), 1u, __ATOMIC_RELEASE);
  stream.Synchronize();
  Expect(FromDevice<float>(out, kCount) == values, "a texture whose end waited");
  return 0;
}

std::size_t FreeBytes() {
  std::size_t free = 0, total = 0;
  Check(cuMemGetInfo(&free, &total), "cuMemGetInfo");
  return free;
}

// Until the GPU is full; then memory that this program only keeps for later goes to arrays, and theirs comes back.
int OutOfMemory() {
  const Program program;
  constexpr std::size_t kWidth = 1024, kRowBytes = kWidth * 16;
  const std::size_t height = std::clamp<std::size_t>(FreeBytes() / kRowBytes / 64, 1024, 32768);
  const CUDA_ARRAY3D_DESCRIPTOR shape = Shape(kWidth, height, 0, CU_AD_FORMAT_FLOAT, 4);
  const std::size_t bytes = height * kRowBytes;
  for (int round = 0; round < 2; ++round) {
    { const DeviceBuffer large(FreeBytes() / 4 * 3); }
    const std::size_t fitting = FreeBytes() / bytes;
    const std::size_t too_many = 2 * fitting + 8;  // what is free is not exact
    std::vector<CUarray> arrays;
    CUresult result = CUDA_SUCCESS;
    while (result == CUDA_SUCCESS && arrays.size() < too_many) {
      CUarray array = nullptr;
      result = cuArray3DCreate(&array, &shape);
      if (result == CUDA_SUCCESS) arrays.push_back(array);
    }
    ExpectResult(result, CUDA_ERROR_OUT_OF_MEMORY, "an array too many");
    Expect(arrays.size() * 2 > fitting, "only " + std::to_string(arrays.size()) + " arrays of " +
                                            std::to_string(fitting) + " that fit");
    for (const CUarray array : arrays) Check(cuArrayDestroy(array), "cuArrayDestroy");
  }
  const DeviceBuffer again(bytes);
  return 0;
}

// Everything goes with the context.
int Reset() {
  const Program program;
  const std::size_t before = FreeBytes();
  CUarray array = nullptr;
  CUmipmappedArray mipmapped = nullptr;
  CUtexObject texture = 0;
  const CUDA_ARRAY3D_DESCRIPTOR shape = Shape(1024, 1024, 0, CU_AD_FORMAT_FLOAT, 4);
  Check(cuArray3DCreate(&array, &shape), "cuArray3DCreate");
  Check(cuMipmappedArrayCreate(&mipmapped, &shape, 4), "cuMipmappedArrayCreate");
  const CUDA_RESOURCE_DESC resource = OfArray(array);
  const CUDA_TEXTURE_DESC description{};
  Check(cuTexObjectCreate(&texture, &resource, &description, nullptr), "cuTexObjectCreate");
  Expect(FreeBytes() < before, "arrays need no memory");
  Check(cuDevicePrimaryCtxReset(0), "cuDevicePrimaryCtxReset");
  CUcontext context = nullptr;
  Check(cuDevicePrimaryCtxRetain(&context, 0), "cuDevicePrimaryCtxRetain");
  Check(cuCtxSetCurrent(context), "cuCtxSetCurrent");
  Expect(FreeBytes() >= before, "arrays outlive their context");
  CUarray level = nullptr;
  ExpectResult(cuMipmappedArrayGetLevel(&level, mipmapped, 0), CUDA_ERROR_INVALID_HANDLE, "an array of no context");
  std::_Exit(0);  // what `program` holds went with the context
}

// Until it is killed.
int Hold() {
  const Program program;
  std::vector<CUarray> arrays(8);
  const CUDA_ARRAY3D_DESCRIPTOR shape = Shape(1024, 1024, 0, CU_AD_FORMAT_FLOAT, 4);
  for (CUarray& array : arrays) Check(cuArray3DCreate(&array, &shape), "cuArray3DCreate");
  CUtexObject texture = 0;
  const CUDA_RESOURCE_DESC resource = OfArray(arrays[0]);
  const CUDA_TEXTURE_DESC description{};
  Check(cuTexObjectCreate(&texture, &resource, &description, nullptr), "cuTexObjectCreate");
  std::puts("ready");
  std::fflush(stdout);
  std::getchar();
  return 0;
}

}  // namespace
}  // namespace paella::integration

int main(int argc, char** argv) {
  using namespace paella::integration;
  const std::map<std::string, int (*)()> scenarios{
      {"copies", Copies},     {"zeroed", Zeroed},
      {"textures", Textures}, {"surfaces", Surfaces},
      {"destroyed_behind_work", DestroyedBehindWork},
      {"out_of_memory", OutOfMemory},
      {"reset", Reset},       {"hold", Hold},
  };
  if (argc != 2 || !scenarios.contains(argv[1])) examples::Fail(examples::kExitUsage, "name a scenario");
  return scenarios.at(argv[1])();
}
