// Tensor maps: the driver makes them only in a context, so the executor does.
#include <cstring>

#include "driver_api.h"
#include "shim/client.h"

using namespace paella::shim;
namespace ipc = paella::ipc;

namespace {

constexpr cuuint32_t kMaxRank = 5;
constexpr cuuint32_t kLeastIm2colRank = 3;

CUresult Give(const std::vector<std::byte>& bytes, CUtensorMap* map) {
  if (bytes.size() != sizeof *map) return CUDA_ERROR_UNKNOWN;
  std::memcpy(map, bytes.data(), sizeof *map);
  return CUDA_SUCCESS;
}

// What both forms of im2col say; the corners are added by the caller.
struct Im2col {
  CUtensorMapDataType data_type;
  cuuint32_t rank;
  void* address;
  const cuuint64_t* dimensions;
  const cuuint64_t* strides_bytes;
  cuuint32_t channels_per_pixel;
  cuuint32_t pixels_per_column;
  const cuuint32_t* element_strides;
  CUtensorMapInterleave interleave;
  CUtensorMapSwizzle swizzle;
  CUtensorMapL2promotion l2_promotion;
  CUtensorMapFloatOOBfill fill;
};

bool HasForm(const CUtensorMap* map, const Im2col& call) {
  return map != nullptr && call.rank >= kLeastIm2colRank && call.rank <= kMaxRank && call.dimensions != nullptr &&
         call.strides_bytes != nullptr && call.element_strides != nullptr;
}

CUresult Encode(Client& client, const Im2col& call, ipc::EncodeTensorMapIm2col& message, CUtensorMap* map) {
  message.data_type = call.data_type;
  message.rank = call.rank;
  message.address = reinterpret_cast<std::uintptr_t>(call.address);
  message.dimensions.assign(call.dimensions, call.dimensions + call.rank);
  message.strides_bytes.assign(call.strides_bytes, call.strides_bytes + call.rank - 1);
  message.channels_per_pixel = call.channels_per_pixel;
  message.pixels_per_column = call.pixels_per_column;
  message.element_strides.assign(call.element_strides, call.element_strides + call.rank);
  message.interleave = call.interleave;
  message.swizzle = call.swizzle;
  message.l2_promotion = call.l2_promotion;
  message.out_of_bounds_fill = call.fill;
  ipc::EncodeTensorMapIm2colReply reply;
  const CUresult result = client.submission.Call(message, reply);
  return result != CUDA_SUCCESS ? result : Give(reply.tensor_map, map);
}

}  // namespace

CUresult paella_cuTensorMapEncodeTiled(CUtensorMap* tensorMap, CUtensorMapDataType tensorDataType, cuuint32_t tensorRank,
                                       void* globalAddress, const cuuint64_t* globalDim, const cuuint64_t* globalStrides,
                                       const cuuint32_t* boxDim, const cuuint32_t* elementStrides,
                                       CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                                       CUtensorMapL2promotion l2Promotion, CUtensorMapFloatOOBfill oobFill) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (tensorMap == nullptr || tensorRank == 0 || tensorRank > kMaxRank || globalDim == nullptr || boxDim == nullptr ||
      elementStrides == nullptr || (globalStrides == nullptr && tensorRank > 1)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  ipc::EncodeTensorMap message;
  message.data_type = tensorDataType;
  message.rank = tensorRank;
  message.address = reinterpret_cast<std::uintptr_t>(globalAddress);
  message.dimensions.assign(globalDim, globalDim + tensorRank);
  if (tensorRank > 1) message.strides_bytes.assign(globalStrides, globalStrides + tensorRank - 1);
  message.box.assign(boxDim, boxDim + tensorRank);
  message.element_strides.assign(elementStrides, elementStrides + tensorRank);
  message.interleave = interleave;
  message.swizzle = swizzle;
  message.l2_promotion = l2Promotion;
  message.out_of_bounds_fill = oobFill;
  ipc::EncodeTensorMapReply reply;
  const CUresult result = client->submission.Call(message, reply);
  if (result != CUDA_SUCCESS) return result;
  return Give(reply.tensor_map, tensorMap);
}

CUresult paella_cuTensorMapEncodeIm2col(CUtensorMap* tensorMap, CUtensorMapDataType tensorDataType,
                                        cuuint32_t tensorRank, void* globalAddress, const cuuint64_t* globalDim,
                                        const cuuint64_t* globalStrides, const int* pixelBoxLowerCorner,
                                        const int* pixelBoxUpperCorner, cuuint32_t channelsPerPixel,
                                        cuuint32_t pixelsPerColumn, const cuuint32_t* elementStrides,
                                        CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                                        CUtensorMapL2promotion l2Promotion, CUtensorMapFloatOOBfill oobFill) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  const Im2col call{tensorDataType,  tensorRank,     globalAddress, globalDim, globalStrides, channelsPerPixel,
                    pixelsPerColumn, elementStrides, interleave,    swizzle,   l2Promotion,   oobFill};
  if (!HasForm(tensorMap, call) || pixelBoxLowerCorner == nullptr || pixelBoxUpperCorner == nullptr) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  ipc::EncodeTensorMapIm2col message;
  message.lower_corner.assign(pixelBoxLowerCorner, pixelBoxLowerCorner + tensorRank - 2);
  message.upper_corner.assign(pixelBoxUpperCorner, pixelBoxUpperCorner + tensorRank - 2);
  return Encode(*client, call, message, tensorMap);
}

CUresult paella_cuTensorMapEncodeIm2colWide(CUtensorMap* tensorMap, CUtensorMapDataType tensorDataType,
                                            cuuint32_t tensorRank, void* globalAddress, const cuuint64_t* globalDim,
                                            const cuuint64_t* globalStrides, int pixelBoxLowerCornerWidth,
                                            int pixelBoxUpperCornerWidth, cuuint32_t channelsPerPixel,
                                            cuuint32_t pixelsPerColumn, const cuuint32_t* elementStrides,
                                            CUtensorMapInterleave interleave, CUtensorMapIm2ColWideMode mode,
                                            CUtensorMapSwizzle swizzle, CUtensorMapL2promotion l2Promotion,
                                            CUtensorMapFloatOOBfill oobFill) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  const Im2col call{tensorDataType,  tensorRank,     globalAddress, globalDim, globalStrides, channelsPerPixel,
                    pixelsPerColumn, elementStrides, interleave,    swizzle,   l2Promotion,   oobFill};
  if (!HasForm(tensorMap, call)) return CUDA_ERROR_INVALID_VALUE;
  ipc::EncodeTensorMapIm2col message;
  message.lower_corner = {pixelBoxLowerCornerWidth};
  message.upper_corner = {pixelBoxUpperCornerWidth};
  message.wide = 1;
  message.mode = mode;
  return Encode(*client, call, message, tensorMap);
}

CUresult paella_cuTensorMapReplaceAddress(CUtensorMap* tensorMap, void* globalAddress) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (tensorMap == nullptr) return CUDA_ERROR_INVALID_VALUE;
  ipc::ReplaceTensorMapAddress message;
  message.tensor_map.resize(sizeof *tensorMap);
  std::memcpy(message.tensor_map.data(), tensorMap, sizeof *tensorMap);
  message.address = reinterpret_cast<std::uintptr_t>(globalAddress);
  ipc::ReplaceTensorMapAddressReply reply;
  const CUresult result = client->submission.Call(message, reply);
  return result != CUDA_SUCCESS ? result : Give(reply.tensor_map, tensorMap);
}
