#include "tests/bad_calls/bad_call.h"

namespace paella::bad_calls {
namespace {

// A right array of 16 x 8 elements of four bytes, for one field to be spoilt.
CUDA_ARRAY3D_DESCRIPTOR Flat() {
  CUDA_ARRAY3D_DESCRIPTOR shape{};
  shape.Width = 16;
  shape.Height = 8;
  shape.Format = CU_AD_FORMAT_UNSIGNED_INT32;
  shape.NumChannels = 1;
  return shape;
}

void Create(Row& row, void (*spoil)(CUDA_ARRAY3D_DESCRIPTOR& shape)) {
  CUDA_ARRAY3D_DESCRIPTOR shape = Flat();
  spoil(shape);
  CUarray array = nullptr;
  if (row.Call(DRIVER(cuArray3DCreate), &array, &shape) == CUDA_SUCCESS) row.Quietly(DRIVER(cuArrayDestroy), array);
}

void WithArray(Row& row, void (*use)(Row& row, CUarray array)) {
  const CUDA_ARRAY3D_DESCRIPTOR shape = Flat();
  CUarray array = nullptr;
  row.Prepare(DRIVER(cuArray3DCreate), &array, &shape);
  use(row, array);
  row.Quietly(DRIVER(cuArrayDestroy), array);
}

// A right copy of all rows to an array, for one field to be spoilt.
void Copy(Row& row, void (*spoil)(CUDA_MEMCPY3D& copy)) {
  const CUDA_ARRAY3D_DESCRIPTOR shape = Flat();
  CUarray array = nullptr;
  row.Prepare(DRIVER(cuArray3DCreate), &array, &shape);
  CUDA_MEMCPY3D copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.srcDevice = row.state.memory;
  copy.srcPitch = copy.WidthInBytes = 64;
  copy.srcHeight = copy.Height = 8;
  copy.dstMemoryType = CU_MEMORYTYPE_ARRAY;
  copy.dstArray = array;
  copy.Depth = 1;
  spoil(copy);
  row.Call(DRIVER(cuMemcpy3D), &copy);
  row.Quietly(DRIVER(cuArrayDestroy), array);
}

void Texture(Row& row, void (*spoil)(CUDA_RESOURCE_DESC& resource, CUDA_TEXTURE_DESC& description)) {
  CUDA_RESOURCE_DESC resource{};
  resource.resType = CU_RESOURCE_TYPE_LINEAR;
  resource.res.linear = {row.state.memory, CU_AD_FORMAT_FLOAT, 1, kMemoryBytes};
  CUDA_TEXTURE_DESC description{};
  spoil(resource, description);
  CUtexObject texture = 0;
  if (row.Call(DRIVER(cuTexObjectCreate), &texture, &resource, &description, nullptr) == CUDA_SUCCESS) {
    row.Quietly(DRIVER(cuTexObjectDestroy), texture);
  }
}

void Surface(Row& row, CUarray array, CUresourcetype type) {
  CUDA_RESOURCE_DESC resource{};
  resource.resType = type;
  resource.res.array.hArray = array;
  CUsurfObject surface = 0;
  if (row.Call(DRIVER(cuSurfObjectCreate), &surface, &resource) == CUDA_SUCCESS) {
    row.Quietly(DRIVER(cuSurfObjectDestroy), surface);
  }
}

constexpr BadCall kRows[] = {
    {"array.no_handle",
     [](Row& row) {
       const CUDA_ARRAY3D_DESCRIPTOR shape = Flat();
       row.Call(DRIVER(cuArray3DCreate), nullptr, &shape);
     }},
    {"array.no_descriptor",
     [](Row& row) {
       CUarray array = nullptr;
       row.Call(DRIVER(cuArray3DCreate), &array, nullptr);
     }},
    {"array.three_channels", [](Row& row) { Create(row, [](CUDA_ARRAY3D_DESCRIPTOR& s) { s.NumChannels = 3; }); }},
    {"array.no_channels", [](Row& row) { Create(row, [](CUDA_ARRAY3D_DESCRIPTOR& s) { s.NumChannels = 0; }); }},
    {"array.no_format",
     [](Row& row) { Create(row, [](CUDA_ARRAY3D_DESCRIPTOR& s) { s.Format = static_cast<CUarray_format>(0); }); }},
    {"array.no_width", [](Row& row) { Create(row, [](CUDA_ARRAY3D_DESCRIPTOR& s) { s.Width = 0; }); }},
    {"array.too_wide", [](Row& row) { Create(row, [](CUDA_ARRAY3D_DESCRIPTOR& s) { s.Width = 1 << 20; }); }},
    {"array.depth_without_height",
     [](Row& row) {
       Create(row, [](CUDA_ARRAY3D_DESCRIPTOR& s) {
         s.Height = 0;
         s.Depth = 2;
       });
     }},
    {"array.unknown_flag", [](Row& row) { Create(row, [](CUDA_ARRAY3D_DESCRIPTOR& s) { s.Flags = 0x8000; }); }},
    {"array.layered_without_layers",
     [](Row& row) { Create(row, [](CUDA_ARRAY3D_DESCRIPTOR& s) { s.Flags = CUDA_ARRAY3D_LAYERED; }); }},
    {"array.cubemap_of_no_cube",
     [](Row& row) {
       Create(row, [](CUDA_ARRAY3D_DESCRIPTOR& s) {
         s.Flags = CUDA_ARRAY3D_CUBEMAP;
         s.Depth = 6;
       });
     }},
    {"array.destroy_null", [](Row& row) { row.Call(DRIVER(cuArrayDestroy), nullptr); }},
    {"array.describe_nowhere",
     [](Row& row) {
       WithArray(row, [](Row& r, CUarray array) { r.Call(DRIVER(cuArray3DGetDescriptor), nullptr, array); });
     }},
    {"array.requirements",
     [](Row& row) {
       WithArray(row, [](Row& r, CUarray array) {
         CUDA_ARRAY_MEMORY_REQUIREMENTS requirements;
         r.Call(DRIVER(cuArrayGetMemoryRequirements), &requirements, array, r.state.device);
       });
     }},
    {"array.copy_beyond_the_width",
     [](Row& row) { Copy(row, [](CUDA_MEMCPY3D& copy) { copy.dstXInBytes = 4; }); }},
    {"array.copy_beyond_the_height", [](Row& row) { Copy(row, [](CUDA_MEMCPY3D& copy) { copy.dstY = 1; }); }},
    {"array.copy_beyond_the_depth", [](Row& row) { Copy(row, [](CUDA_MEMCPY3D& copy) { copy.dstZ = 1; }); }},
    {"array.copy_half_an_element", [](Row& row) { Copy(row, [](CUDA_MEMCPY3D& copy) { copy.WidthInBytes = 6; }); }},
    {"array.copy_level_of_detail", [](Row& row) { Copy(row, [](CUDA_MEMCPY3D& copy) { copy.dstLOD = 1; }); }},
    {"array.copy_nothing", [](Row& row) { Copy(row, [](CUDA_MEMCPY3D& copy) { copy.Height = 0; }); }},
    {"array.line_beyond_the_width",
     [](Row& row) {
       WithArray(row, [](Row& r, CUarray array) { r.Call(DRIVER(cuMemcpyDtoA), array, 32, r.state.memory, 64); });
     }},
    {"array.level_too_many",
     [](Row& row) {
       const CUDA_ARRAY3D_DESCRIPTOR shape = Flat();
       CUmipmappedArray array = nullptr;
       row.Prepare(DRIVER(cuMipmappedArrayCreate), &array, &shape, 2);
       CUarray level = nullptr;
       row.Call(DRIVER(cuMipmappedArrayGetLevel), &level, array, 2);
       row.Quietly(DRIVER(cuMipmappedArrayDestroy), array);
     }},
    {"array.no_levels",
     [](Row& row) {
       const CUDA_ARRAY3D_DESCRIPTOR shape = Flat();
       CUmipmappedArray array = nullptr;
       if (row.Call(DRIVER(cuMipmappedArrayCreate), &array, &shape, 0) == CUDA_SUCCESS) {
         row.Quietly(DRIVER(cuMipmappedArrayDestroy), array);
       }
     }},
    {"array.texture_of_nowhere",
     [](Row& row) { Texture(row, [](CUDA_RESOURCE_DESC& r, CUDA_TEXTURE_DESC&) { r.res.linear.devPtr = 0; }); }},
    {"array.texture_of_nothing",
     [](Row& row) { Texture(row, [](CUDA_RESOURCE_DESC& r, CUDA_TEXTURE_DESC&) { r.res.linear.sizeInBytes = 0; }); }},
    {"array.texture_of_three_channels",
     [](Row& row) { Texture(row, [](CUDA_RESOURCE_DESC& r, CUDA_TEXTURE_DESC&) { r.res.linear.numChannels = 3; }); }},
    {"array.texture_misaligned",
     [](Row& row) {
       Texture(row, [](CUDA_RESOURCE_DESC& r, CUDA_TEXTURE_DESC&) {
         r.res.linear.devPtr += 4;
         r.res.linear.sizeInBytes = 4096;
       });
     }},
    {"array.texture_flags",
     [](Row& row) { Texture(row, [](CUDA_RESOURCE_DESC& r, CUDA_TEXTURE_DESC&) { r.flags = 1; }); }},
    {"array.texture_unknown_type",
     [](Row& row) {
       Texture(row, [](CUDA_RESOURCE_DESC& r, CUDA_TEXTURE_DESC&) { r.resType = static_cast<CUresourcetype>(7); });
     }},
    {"array.texture_undescribed",
     [](Row& row) {
       CUtexObject texture = 0;
       row.Call(DRIVER(cuTexObjectCreate), &texture, nullptr, nullptr, nullptr);
     }},
    {"array.texture_without_view",
     [](Row& row) {
       CUDA_RESOURCE_DESC resource{};
       resource.resType = CU_RESOURCE_TYPE_LINEAR;
       resource.res.linear = {row.state.memory, CU_AD_FORMAT_FLOAT, 1, kMemoryBytes};
       const CUDA_TEXTURE_DESC description{};
       CUtexObject texture = 0;
       row.Prepare(DRIVER(cuTexObjectCreate), &texture, &resource, &description, nullptr);
       CUDA_RESOURCE_VIEW_DESC view{};
       row.Call(DRIVER(cuTexObjectGetResourceViewDesc), &view, texture);
       row.Quietly(DRIVER(cuTexObjectDestroy), texture);
     }},
    {"array.surface_of_memory",
     [](Row& row) {
       WithArray(row, [](Row& r, CUarray array) { Surface(r, array, CU_RESOURCE_TYPE_LINEAR); });
     }},
    {"array.surface_without_the_flag",
     [](Row& row) {
       WithArray(row, [](Row& r, CUarray array) { Surface(r, array, CU_RESOURCE_TYPE_ARRAY); });
     }},
};

}  // namespace

BadCalls ArrayBadCalls() { return kRows; }

}  // namespace paella::bad_calls
