#include "tests/bad_calls/bad_call.h"

namespace paella::bad_calls {
namespace {

constexpr std::size_t kPitchBytes = 1024;
constexpr auto kNoSuchMemoryType = static_cast<CUmemorytype>(7);  // the greatest that the type can hold

// A right copy of 16 rows of 64 bytes, for one field to be spoilt.
CUDA_MEMCPY2D Rows(const State& state) {
  CUDA_MEMCPY2D copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.srcDevice = state.memory;
  copy.srcPitch = kPitchBytes;
  copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.dstDevice = state.other;
  copy.dstPitch = kPitchBytes;
  copy.WidthInBytes = 64;
  copy.Height = 16;
  return copy;
}

CUDA_MEMCPY3D Slices(const State& state) {
  CUDA_MEMCPY3D copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.srcDevice = state.memory;
  copy.srcPitch = kPitchBytes;
  copy.srcHeight = 16;
  copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.dstDevice = state.other;
  copy.dstPitch = kPitchBytes;
  copy.dstHeight = 16;
  copy.WidthInBytes = 64;
  copy.Height = 16;
  copy.Depth = 4;
  return copy;
}

void CopyRows(Row& row, void (*spoil)(CUDA_MEMCPY2D& copy)) {
  CUDA_MEMCPY2D copy = Rows(row.state);
  spoil(copy);
  row.Call(DRIVER(cuMemcpy2D), &copy);
}

void CopySlices(Row& row, void (*spoil)(CUDA_MEMCPY3D& copy)) {
  CUDA_MEMCPY3D copy = Slices(row.state);
  spoil(copy);
  row.Call(DRIVER(cuMemcpy3D), &copy);
}

constexpr BadCall kRows[] = {
    {"box_copy.rows_null", [](Row& row) { row.Call(DRIVER(cuMemcpy2D), nullptr); }},
    {"box_copy.rows_null_async", [](Row& row) { row.Call(DRIVER(cuMemcpy2DAsync), nullptr, row.state.stream); }},
    {"box_copy.rows_source_pitch_too_small",
     [](Row& row) { CopyRows(row, [](CUDA_MEMCPY2D& copy) { copy.srcPitch = 32; }); }},
    {"box_copy.rows_destination_pitch_too_small",
     [](Row& row) { CopyRows(row, [](CUDA_MEMCPY2D& copy) { copy.dstPitch = 32; }); }},
    {"box_copy.rows_offset_beyond_pitch",
     [](Row& row) { CopyRows(row, [](CUDA_MEMCPY2D& copy) { copy.srcXInBytes = kPitchBytes - 32; }); }},
    {"box_copy.rows_pitch_too_large",
     [](Row& row) { CopyRows(row, [](CUDA_MEMCPY2D& copy) { copy.srcPitch = std::size_t{1} << 40; }); }},
    {"box_copy.rows_past_the_end",
     [](Row& row) { CopyRows(row, [](CUDA_MEMCPY2D& copy) { copy.Height = 1 << 20; }); }},
    {"box_copy.rows_source_type_unknown",
     [](Row& row) { CopyRows(row, [](CUDA_MEMCPY2D& copy) { copy.srcMemoryType = kNoSuchMemoryType; }); }},
    {"box_copy.rows_destination_type_zero",
     [](Row& row) { CopyRows(row, [](CUDA_MEMCPY2D& copy) { copy.dstMemoryType = static_cast<CUmemorytype>(0); }); }},
    {"box_copy.rows_from_null", [](Row& row) { CopyRows(row, [](CUDA_MEMCPY2D& copy) { copy.srcDevice = 0; }); }},
    {"box_copy.rows_to_null", [](Row& row) { CopyRows(row, [](CUDA_MEMCPY2D& copy) { copy.dstDevice = 0; }); }},
    {"box_copy.rows_from_null_array",
     [](Row& row) { CopyRows(row, [](CUDA_MEMCPY2D& copy) { copy.srcMemoryType = CU_MEMORYTYPE_ARRAY; }); }},
    {"box_copy.no_rows", [](Row& row) { CopyRows(row, [](CUDA_MEMCPY2D& copy) { copy.Height = 0; }); }},
    {"box_copy.no_width", [](Row& row) { CopyRows(row, [](CUDA_MEMCPY2D& copy) { copy.WidthInBytes = 0; }); }},
    {"box_copy.slices_null", [](Row& row) { row.Call(DRIVER(cuMemcpy3D), nullptr); }},
    {"box_copy.slices_source_pitch_too_small",
     [](Row& row) { CopySlices(row, [](CUDA_MEMCPY3D& copy) { copy.srcPitch = 32; }); }},
    {"box_copy.slices_destination_height_too_small",
     [](Row& row) { CopySlices(row, [](CUDA_MEMCPY3D& copy) { copy.dstHeight = 8; }); }},
    {"box_copy.slices_past_the_end",
     [](Row& row) { CopySlices(row, [](CUDA_MEMCPY3D& copy) { copy.Depth = 1 << 20; }); }},
    {"box_copy.slices_level_of_detail",
     [](Row& row) { CopySlices(row, [](CUDA_MEMCPY3D& copy) { copy.srcLOD = 1; }); }},
    {"box_copy.slices_type_unknown",
     [](Row& row) {
       CopySlices(row, [](CUDA_MEMCPY3D& copy) { copy.dstMemoryType = kNoSuchMemoryType; });
     }},
    {"box_copy.no_slices", [](Row& row) { CopySlices(row, [](CUDA_MEMCPY3D& copy) { copy.Depth = 0; }); }},
};

}  // namespace

BadCalls BoxCopyBadCalls() { return kRows; }

}  // namespace paella::bad_calls
