// Arrays, textures and surfaces: what kernels read through them, and copies of every kind.
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "tests/gpu/cudart/check.h"
#include "tests/gpu/cudart/checks.h"

namespace paella::gpu_test {
namespace {

constexpr unsigned kThreads = 64;

__global__ void Read1D(cudaTextureObject_t texture, float* out, float step, unsigned count) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) out[i] = tex1D<float>(texture, (i + 0.5f) * step);
}

// Of a picture of `width`, at the centres of its elements and `offset` beside them, in units of `step`.
__global__ void Read2D(cudaTextureObject_t texture, float* out, int width, float offset, float step_x, float step_y,
                       unsigned count) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const float x = i % width + 0.5f + offset, y = i / width + 0.5f + offset;
  out[i] = tex2D<float>(texture, x * step_x, y * step_y);
}

__global__ void Read3D(cudaTextureObject_t texture, float* out, int width, int height, float offset, unsigned count) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const float x = i % width + 0.5f, y = i / width % height + 0.5f, z = i / (width * height) + 0.5f;
  out[i] = tex3D<float>(texture, x + offset, y + offset, z + offset);
}

__global__ void ReadLayers(cudaTextureObject_t texture, unsigned* out, int width, int height, unsigned count) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  out[i] = tex2DLayered<unsigned short>(texture, i % width + 0.5f, i / width % height + 0.5f, i / (width * height));
}

__global__ void ReadFaces(cudaTextureObject_t texture, float4* out) {
  constexpr float3 kAxes[] = {{1, 0, 0}, {-1, 0, 0}, {0, 1, 0}, {0, -1, 0}, {0, 0, 1}, {0, 0, -1}};
  const float3 axis = kAxes[threadIdx.x];
  out[threadIdx.x] = texCubemap<float4>(texture, axis.x, axis.y, axis.z);
}

__global__ void ReadLevels(cudaTextureObject_t texture, float* out, float step, unsigned count) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) out[i] = tex2DLod<float>(texture, 0.5f, 0.5f, i * step);
}

__global__ void ReadLinear(cudaTextureObject_t texture, uchar4* out, unsigned count) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) out[i] = tex1Dfetch<uchar4>(texture, static_cast<int>(i));
}

__global__ void ReadNormalized(cudaTextureObject_t texture, float4* out, unsigned count) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) out[i] = tex1D<float4>(texture, i + 0.5f);
}

__global__ void AddToSurface(cudaSurfaceObject_t surface, float add, int width, unsigned count) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const int x = static_cast<int>(i % width * sizeof(float)), y = static_cast<int>(i / width);
  surf2Dwrite(surf2Dread<float>(surface, x, y) + add, surface, x, y);
}

__global__ void WriteVolume(cudaSurfaceObject_t surface, int width, int height, unsigned count) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const int x = static_cast<int>(i % width * sizeof(uint2)), y = static_cast<int>(i / width % height);
  surf3Dwrite(make_uint2(i, i * 3), surface, x, y, static_cast<int>(i / (width * height)));
}

__global__ void WriteLevel(cudaSurfaceObject_t surface, float value, int width) {
  surf2Dwrite(value, surface, static_cast<int>(threadIdx.x % width * sizeof(float)),
              static_cast<int>(threadIdx.x / width));
}

unsigned Blocks(unsigned count) { return (count + kThreads - 1) / kThreads; }

template <typename T>
class Array {
 public:
  explicit Array(cudaExtent extent, unsigned flags = cudaArrayDefault) : extent_(extent) {
    const cudaChannelFormatDesc format = cudaCreateChannelDesc<T>();
    Check(cudaMalloc3DArray(&array_, &format, extent, flags), "cudaMalloc3DArray");
  }
  ~Array() { cudaFreeArray(array_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  operator cudaArray_t() const { return array_; }
  std::size_t count() const { return extent_.width * rows() * slices(); }

  void Write(const std::vector<T>& values) const {
    cudaMemcpy3DParms copy = {};
    copy.srcPtr = make_cudaPitchedPtr(const_cast<T*>(values.data()), extent_.width * sizeof(T), extent_.width, rows());
    copy.dstArray = array_;
    Finish(copy, cudaMemcpyHostToDevice, "cudaMemcpy3D into an array");
  }
  std::vector<T> Read() const {
    std::vector<T> values(count());
    cudaMemcpy3DParms copy = {};
    copy.srcArray = array_;
    copy.dstPtr = make_cudaPitchedPtr(values.data(), extent_.width * sizeof(T), extent_.width, rows());
    Finish(copy, cudaMemcpyDeviceToHost, "cudaMemcpy3D out of an array");
    return values;
  }

 private:
  std::size_t rows() const { return std::max<std::size_t>(1, extent_.height); }
  std::size_t slices() const { return std::max<std::size_t>(1, extent_.depth); }
  void Finish(cudaMemcpy3DParms& copy, cudaMemcpyKind kind, const char* call) const {
    copy.extent = make_cudaExtent(extent_.width, rows(), slices());
    copy.kind = kind;
    Check(cudaMemcpy3D(&copy), call);
  }

  cudaExtent extent_;
  cudaArray_t array_ = nullptr;
};

cudaResourceDesc OfArray(cudaArray_t array) {
  cudaResourceDesc resource = {};
  resource.resType = cudaResourceTypeArray;
  resource.res.array.array = array;
  return resource;
}

// Clamped, point by point, not normalised: what a check wants otherwise it says.
cudaTextureDesc Plain() {
  cudaTextureDesc description = {};
  std::fill_n(description.addressMode, 3, cudaAddressModeClamp);
  description.filterMode = cudaFilterModePoint;
  description.readMode = cudaReadModeElementType;
  return description;
}

class Texture {
 public:
  explicit Texture(const cudaResourceDesc& resource, const cudaTextureDesc& description = Plain()) {
    Check(cudaCreateTextureObject(&texture_, &resource, &description, nullptr), "cudaCreateTextureObject");
  }
  ~Texture() { cudaDestroyTextureObject(texture_); }
  Texture(const Texture&) = delete;
  Texture& operator=(const Texture&) = delete;
  operator cudaTextureObject_t() const { return texture_; }

 private:
  cudaTextureObject_t texture_ = 0;
};

class Surface {
 public:
  explicit Surface(cudaArray_t array) {
    const cudaResourceDesc resource = OfArray(array);
    Check(cudaCreateSurfaceObject(&surface_, &resource), "cudaCreateSurfaceObject");
  }
  ~Surface() { cudaDestroySurfaceObject(surface_); }
  Surface(const Surface&) = delete;
  Surface& operator=(const Surface&) = delete;
  operator cudaSurfaceObject_t() const { return surface_; }

 private:
  cudaSurfaceObject_t surface_ = 0;
};

template <typename T>
std::vector<T> Counted(std::size_t count, unsigned factor) {
  std::vector<T> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<T>(i * factor + i / 101);
  return values;
}

void Launched() { Check(cudaGetLastError(), "launch"); }

std::uint64_t Together(std::initializer_list<std::uint64_t> fingerprints) {
  return Fingerprint(fingerprints.begin(), fingerprints.size() * sizeof(std::uint64_t));
}

}  // namespace

std::uint64_t TexturesOfArrays() {
  const Array<float> line(make_cudaExtent(100, 0, 0));
  const Array<float> picture(make_cudaExtent(40, 30, 0));
  const Array<float> volume(make_cudaExtent(12, 10, 8));
  const auto of_line = Counted<float>(line.count(), 3);
  const auto of_picture = Counted<float>(picture.count(), 5);
  const auto of_volume = Counted<float>(volume.count(), 7);
  line.Write(of_line);
  picture.Write(of_picture);
  volume.Write(of_volume);
  const DeviceArray<float> out_line(100), out_picture(1200), out_volume(960);
  const Texture in_line(OfArray(line)), in_picture(OfArray(picture)), in_volume(OfArray(volume));
  Read1D<<<Blocks(100), kThreads>>>(in_line, out_line.data(), 1.0f, 100);
  Read2D<<<Blocks(1200), kThreads>>>(in_picture, out_picture.data(), 40, 0.25f, 1.0f, 1.0f, 1200);
  Read3D<<<Blocks(960), kThreads>>>(in_volume, out_volume.data(), 12, 10, -0.25f, 960);
  Launched();
  Expect(out_line.Read() == of_line, "a value of the 1D texture is wrong");
  Expect(out_picture.Read() == of_picture, "a value of the 2D texture is wrong");
  Expect(out_volume.Read() == of_volume, "a value of the 3D texture is wrong");
  return Together({Fingerprint(of_line), Fingerprint(of_picture), Fingerprint(of_volume)});
}

// Between elements, with coordinates from 0 to 1 that wrap. The hardware weighs with 8 bits.
std::uint64_t FilteredTextures() {
  constexpr int kWidth = 32;
  constexpr int kHeight = 16;
  const Array<float> picture(make_cudaExtent(kWidth, kHeight, 0));
  std::vector<float> values(picture.count());
  for (int i = 0; i < kWidth * kHeight; ++i) values[i] = static_cast<float>(i % kWidth * 10 + i / kWidth * 3);
  picture.Write(values);
  cudaTextureDesc description = Plain();
  description.filterMode = cudaFilterModeLinear;
  description.normalizedCoords = 1;
  description.addressMode[0] = description.addressMode[1] = cudaAddressModeWrap;
  const Texture texture(OfArray(picture), description);
  const DeviceArray<float> out(values.size());
  Read2D<<<Blocks(512), kThreads>>>(texture, out.data(), kWidth, 0.5f, 1.0f / kWidth, 1.0f / kHeight, 512);
  Launched();
  const std::vector<float> result = out.Read();
  for (int y = 0; y + 1 < kHeight; ++y) {
    for (int x = 0; x + 1 < kWidth; ++x) {
      const float middle = static_cast<float>(x * 10 + y * 3) + 6.5f;
      Expect(std::fabs(result[y * kWidth + x] - middle) < 0.1f, "a filtered value is wrong");
    }
  }
  // The last column lies between the right edge and, around the corner, the left one.
  Expect(std::fabs(result[kWidth - 1] - (155.0f + 1.5f)) < 0.1f, "a value does not wrap");
  return Fingerprint(result);
}

std::uint64_t LayeredTextures() {
  const Array<unsigned short> layers(make_cudaExtent(24, 10, 5), cudaArrayLayered);
  const auto values = Counted<unsigned short>(layers.count(), 11);
  layers.Write(values);
  const Texture texture(OfArray(layers));
  const DeviceArray<unsigned> out(values.size());
  ReadLayers<<<Blocks(1200), kThreads>>>(texture, out.data(), 24, 10, 1200);
  Launched();
  const std::vector<unsigned> result = out.Read();
  Expect(std::equal(result.begin(), result.end(), values.begin()), "a value of a layer is wrong");
  return Fingerprint(result);
}

std::uint64_t CubemapTexture() {
  const Array<float4> cube(make_cudaExtent(4, 4, 6), cudaArrayCubemap);
  std::vector<float4> faces(cube.count());
  for (unsigned i = 0; i < faces.size(); ++i) faces[i] = make_float4(static_cast<float>(i / 16), 1.0f, 2.0f, 3.0f);
  cube.Write(faces);
  cudaTextureDesc description = Plain();
  description.normalizedCoords = 1;
  const Texture texture(OfArray(cube), description);
  const DeviceArray<float4> out(6);
  ReadFaces<<<1, 6>>>(texture, out.data());
  Launched();
  const std::vector<float4> result = out.Read();
  for (unsigned i = 0; i < 6; ++i) {
    Expect(result[i].x == static_cast<float>(i) && result[i].w == 3.0f, "a face is wrong");
  }
  return Fingerprint(result);
}

std::uint64_t TexturesOfMemory() {
  constexpr unsigned kCount = 4096;
  const auto bytes = Counted<unsigned char>(4 * kCount, 7);
  const DeviceArray<unsigned char> memory(bytes);
  cudaResourceDesc resource = {};
  resource.resType = cudaResourceTypeLinear;
  resource.res.linear.devPtr = memory.data();
  resource.res.linear.desc = cudaCreateChannelDesc<uchar4>();
  resource.res.linear.sizeInBytes = bytes.size();
  const DeviceArray<uchar4> read(kCount);
  const Texture linear(resource);
  ReadLinear<<<Blocks(kCount), kThreads>>>(linear, read.data(), kCount);
  Launched();
  const std::vector<uchar4> elements = read.Read();
  for (unsigned i = 0; i < kCount; ++i) {
    Expect(elements[i].x == bytes[4 * i] && elements[i].w == bytes[4 * i + 3], "an element of linear memory is wrong");
  }

  void* pitched = nullptr;
  std::size_t pitch = 0;
  Check(cudaMallocPitch(&pitched, &pitch, 50 * sizeof(float), 20), "cudaMallocPitch");
  const auto picture = Counted<float>(1000, 3);
  Check(cudaMemcpy2D(pitched, pitch, picture.data(), 50 * sizeof(float), 50 * sizeof(float), 20, cudaMemcpyHostToDevice),
        "cudaMemcpy2D");
  resource = {};
  resource.resType = cudaResourceTypePitch2D;
  resource.res.pitch2D.devPtr = pitched;
  resource.res.pitch2D.desc = cudaCreateChannelDesc<float>();
  resource.res.pitch2D.width = 50;
  resource.res.pitch2D.height = 20;
  resource.res.pitch2D.pitchInBytes = pitch;
  const DeviceArray<float> out(1000);
  {
    const Texture texture(resource);
    Read2D<<<Blocks(1000), kThreads>>>(texture, out.data(), 50, 0.0f, 1.0f, 1.0f, 1000);
    Launched();
    Expect(out.Read() == picture, "a value of pitched memory is wrong");
  }
  Check(cudaFree(pitched), "cudaFree");
  return Together({Fingerprint(elements), Fingerprint(picture)});
}

// Bytes that are read as numbers from 0 to 1, and borders.
std::uint64_t NormalizedReads() {
  const Array<uchar4> line(make_cudaExtent(64, 0, 0));
  std::vector<uchar4> values(64);
  for (unsigned i = 0; i < 64; ++i) values[i] = make_uchar4(i, 255 - i, 0, 255);
  line.Write(values);
  cudaTextureDesc description = Plain();
  description.readMode = cudaReadModeNormalizedFloat;
  description.addressMode[0] = cudaAddressModeBorder;
  description.borderColor[1] = 0.5f;
  const Texture texture(OfArray(line), description);
  const DeviceArray<float4> out(66);
  ReadNormalized<<<Blocks(66), kThreads>>>(texture, out.data(), 66);
  Launched();
  const std::vector<float4> result = out.Read();
  for (unsigned i = 0; i < 64; ++i) {
    Expect(std::fabs(result[i].x - i / 255.0f) < 1e-4f && result[i].w == 1.0f, "a normalised value is wrong");
  }
  Expect(result[65].x == 0.0f && std::fabs(result[65].y - 0.5f) < 0.01f, "the border is wrong");
  return Fingerprint(result);
}

std::uint64_t Surfaces() {
  const Array<float> picture(make_cudaExtent(48, 32, 0), cudaArraySurfaceLoadStore);
  auto values = Counted<float>(picture.count(), 2);
  picture.Write(values);
  const Stream stream;
  const Surface surface(picture);
  for (int round = 0; round < 4; ++round) {
    AddToSurface<<<Blocks(1536), kThreads, 0, stream>>>(surface, 0.5f, 48, 1536);
  }
  Launched();
  stream.Wait();
  for (float& value : values) value += 2.0f;
  Expect(picture.Read() == values, "a value of the surface is wrong");
  // A texture of the same array sees what the surface wrote.
  const Texture texture(OfArray(picture));
  const DeviceArray<float> out(values.size());
  Read2D<<<Blocks(1536), kThreads>>>(texture, out.data(), 48, 0.0f, 1.0f, 1.0f, 1536);
  Launched();
  Expect(out.Read() == values, "the texture reads something else than the surface wrote");

  const Array<uint2> volume(make_cudaExtent(8, 6, 5), cudaArraySurfaceLoadStore);
  const Surface of_volume(volume);
  WriteVolume<<<Blocks(240), kThreads>>>(of_volume, 8, 6, 240);
  Launched();
  const std::vector<uint2> written = volume.Read();
  for (unsigned i = 0; i < 240; ++i) {
    Expect(written[i].x == i && written[i].y == 3 * i, "a value of the volume is wrong");
  }
  return Together({Fingerprint(values), Fingerprint(written)});
}

std::uint64_t MipmappedTexture() {
  constexpr unsigned kLevels = 4;
  cudaMipmappedArray_t mipmapped = nullptr;
  const cudaChannelFormatDesc format = cudaCreateChannelDesc<float>();
  Check(cudaMallocMipmappedArray(&mipmapped, &format, make_cudaExtent(16, 16, 0), kLevels, cudaArraySurfaceLoadStore),
        "cudaMallocMipmappedArray");
  for (unsigned i = 0; i < kLevels; ++i) {
    cudaArray_t level = nullptr;
    Check(cudaGetMipmappedArrayLevel(&level, mipmapped, i), "cudaGetMipmappedArrayLevel");
    const int width = 16 >> i;
    cudaChannelFormatDesc found = {};
    cudaExtent extent = {};
    unsigned flags = 0;
    Check(cudaArrayGetInfo(&found, &extent, &flags, level), "cudaArrayGetInfo");
    Expect(extent.width == static_cast<std::size_t>(width) && extent.height == extent.width, "a level has another size");
    const Surface surface(level);
    WriteLevel<<<1, width * width>>>(surface, 10.0f * (i + 1), width);
    Launched();
    Check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  }
  cudaResourceDesc resource = {};
  resource.resType = cudaResourceTypeMipmappedArray;
  resource.res.mipmap.mipmap = mipmapped;
  cudaTextureDesc description = Plain();
  description.normalizedCoords = 1;
  description.filterMode = description.mipmapFilterMode = cudaFilterModeLinear;
  description.maxMipmapLevelClamp = kLevels - 1;
  std::vector<float> result;
  {
    const Texture texture(resource, description);
    const DeviceArray<float> out(8);
    ReadLevels<<<1, 8>>>(texture, out.data(), 0.5f, 8);
    Launched();
    result = out.Read();
  }
  for (unsigned i = 0; i < 7; ++i) {
    Expect(std::fabs(result[i] - (10.0f + 5.0f * i)) < 0.1f, "a value between levels is wrong");
  }
  Check(cudaFreeMipmappedArray(mipmapped), "cudaFreeMipmappedArray");
  return Fingerprint(result);
}

// More than any staging area, pinned memory in a stream, from array to array, parts of rows.
std::uint64_t ArrayCopies() {
  const Array<float4> large(make_cudaExtent(2000, 1200, 0));
  std::vector<float4> values(large.count());
  for (unsigned i = 0; i < values.size(); ++i) values[i] = make_float4(i, i * 2.0f, 3.0f, i / 7.0f);
  large.Write(values);
  const std::vector<float4> back = large.Read();
  Expect(Fingerprint(back) == Fingerprint(values), "a large copy is wrong");

  constexpr std::size_t kRow = 64 * sizeof(unsigned);
  const Array<unsigned> first(make_cudaExtent(64, 16, 0)), second(make_cudaExtent(64, 16, 0));
  unsigned* pinned = nullptr;
  Check(cudaMallocHost(&pinned, 16 * kRow), "cudaMallocHost");
  const std::unique_ptr<unsigned, cudaError_t (*)(void*)> owner(pinned, cudaFreeHost);
  std::generate_n(pinned, 64 * 16, [i = 0u]() mutable { return 5 * i++; });
  const Stream stream;
  Check(cudaMemcpy2DToArrayAsync(first, 0, 0, pinned, kRow, kRow, 16, cudaMemcpyHostToDevice, stream),
        "cudaMemcpy2DToArrayAsync");
  stream.Wait();
  Check(cudaMemcpy2DArrayToArray(second, 8 * sizeof(unsigned), 2, first, 0, 0, 32 * sizeof(unsigned), 10),
        "cudaMemcpy2DArrayToArray");
  const DeviceArray<unsigned> device(64 * 16);
  Check(cudaMemcpy2DFromArray(device.data(), kRow, second, 0, 0, kRow, 16, cudaMemcpyDeviceToDevice),
        "cudaMemcpy2DFromArray to the device");
  const std::vector<unsigned> result = device.Read();
  for (unsigned i = 0; i < result.size(); ++i) {
    const unsigned x = i % 64, y = i / 64;
    if (x < 8 || x >= 40 || y < 2 || y >= 12) continue;  // natively, nobody says what was there
    Expect(result[i] == 5 * ((y - 2) * 64 + x - 8), "an element that was copied between arrays is wrong");
  }
  Check(cudaMemcpy2DFromArrayAsync(pinned, kRow, first, 0, 0, kRow, 16, cudaMemcpyDeviceToHost, stream),
        "cudaMemcpy2DFromArrayAsync");
  stream.Wait();
  Expect(pinned[1023] == 5 * 1023, "an element that came back is wrong");
  return Together({Fingerprint(back), Fingerprint(pinned, 16 * kRow)});
}

std::uint64_t ArrayQuestions() {
  const Array<short2> array(make_cudaExtent(10, 20, 3), cudaArrayLayered);
  cudaChannelFormatDesc format = {};
  cudaExtent extent = {};
  unsigned flags = 0;
  Check(cudaArrayGetInfo(&format, &extent, &flags, array), "cudaArrayGetInfo");
  Expect(format.x == 16 && format.y == 16 && format.z == 0 && format.f == cudaChannelFormatKindSigned, "another format");
  Expect(extent.width == 10 && extent.height == 20 && extent.depth == 3 && flags == cudaArrayLayered, "another extent");
  const Texture texture(OfArray(array));
  cudaResourceDesc resource = {};
  Check(cudaGetTextureObjectResourceDesc(&resource, texture), "cudaGetTextureObjectResourceDesc");
  Expect(resource.resType == cudaResourceTypeArray && resource.res.array.array == array, "another resource");
  cudaTextureDesc description = {};
  Check(cudaGetTextureObjectTextureDesc(&description, texture), "cudaGetTextureObjectTextureDesc");
  Expect(description.addressMode[0] == cudaAddressModeClamp, "another address mode");

  // What cannot be: each is an error at once, and leaves nothing behind.
  cudaArray_t none = nullptr;
  const cudaChannelFormatDesc wide = cudaCreateChannelDesc<float>();
  const cudaError_t too_wide = cudaMallocArray(&none, &wide, std::size_t{1} << 30, 16);
  const cudaChannelFormatDesc three_channels = {32, 32, 32, 0, cudaChannelFormatKindFloat};
  const cudaError_t of_three = cudaMallocArray(&none, &three_channels, 16, 16);
  char byte = 0;
  const cudaError_t outside = cudaMemcpy2DToArray(array, 40, 0, &byte, 1, 1, 1, cudaMemcpyHostToDevice);
  cudaGetLastError();
  Expect(too_wide != cudaSuccess && of_three != cudaSuccess && outside != cudaSuccess, "what cannot be succeeds");
  const std::array<int, 3> errors = {too_wide, of_three, outside};
  return Fingerprint(errors.data(), sizeof errors);
}

}  // namespace paella::gpu_test
