// An ordinary program of the driver API that uses the virtual memory functions and checks every step.
//
//   virtual_memory_program check [--misuse]   everything; --misuse also does what CUDA leaves undefined
//   virtual_memory_program leave              fills 192 MiB and ends without giving anything back
//   virtual_memory_program zero               the same amount of new memory has to be zero
//
// Prints one line for each check, "ok" or "FAILED", and exits with 1 if one failed. Runs on a real GPU, on the
// simulated one, and through Paella. Where CUDA's description leaves an error open, any is right, and the line tells it.
#include <cuda.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kMiB = 1 << 20;
constexpr std::size_t kLeftBytes = 192 * kMiB;

// Writes the global index of each thread: fill(unsigned* out, unsigned first).
constexpr char kPtx[] = R"(
.version 7.0
.target sm_70
.address_size 64
.visible .entry fill(.param .u64 out, .param .u32 first)
{
  .reg .b32 %r<6>;
  .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [out];
  ld.param.u32 %r1, [first];
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %ntid.x;
  mov.u32 %r4, %tid.x;
  mad.lo.s32 %r5, %r2, %r3, %r4;
  cvta.to.global.u64 %rd2, %rd1;
  mul.wide.u32 %rd3, %r5, 4;
  add.s64 %rd2, %rd2, %rd3;
  add.s32 %r5, %r5, %r1;
  st.global.u32 [%rd2], %r5;
  ret;
}
)";

int failures = 0;

std::string Name(CUresult result) {
  const char* name = nullptr;
  return cuGetErrorName(result, &name) == CUDA_SUCCESS ? name : std::to_string(static_cast<int>(result));
}

bool Expect(bool is_so, const char* what, const std::string& detail = "") {
  std::printf("%s %s%s%s\n", is_so ? "ok    " : "FAILED", what, detail.empty() ? "" : ": ", detail.c_str());
  failures += !is_so;
  return is_so;
}
bool Succeeds(CUresult result, const char* what) {
  return Expect(result == CUDA_SUCCESS, what, result == CUDA_SUCCESS ? "" : Name(result));
}
void Gives(CUresult wanted, CUresult result, const char* what) { Expect(result == wanted, what, Name(result)); }
void Fails(CUresult result, const char* what) { Expect(result != CUDA_SUCCESS, what, Name(result)); }

using Words = std::vector<unsigned>;

Words Sequence(std::size_t count, unsigned first) {
  Words words(count);
  std::iota(words.begin(), words.end(), first);
  return words;
}

CUmemAllocationProp OnTheGpu() {
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  return properties;
}

std::size_t Granule() {
  const CUmemAllocationProp properties = OnTheGpu();
  std::size_t granule = 0;
  cuMemGetAllocationGranularity(&granule, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM);
  return granule == 0 ? 2 * kMiB : granule;
}

CUmemGenericAllocationHandle Create(std::size_t bytes) {
  const CUmemAllocationProp properties = OnTheGpu();
  CUmemGenericAllocationHandle handle = 0;
  if (const CUresult result = cuMemCreate(&handle, bytes, &properties, 0); result != CUDA_SUCCESS) {
    Succeeds(result, "cuMemCreate");
  }
  return handle;
}

CUdeviceptr Reserve(std::size_t bytes) {
  CUdeviceptr address = 0;
  if (const CUresult result = cuMemAddressReserve(&address, bytes, 0, 0, 0); result != CUDA_SUCCESS) {
    Succeeds(result, "cuMemAddressReserve");
  }
  return address;
}

CUresult Allow(CUdeviceptr address, std::size_t bytes, CUmemAccess_flags flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE) {
  CUmemAccessDesc access{};
  access.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  access.flags = flags;
  return cuMemSetAccess(address, bytes, &access, 1);
}

// Memory at an address, ready for use.
bool MapNew(CUdeviceptr address, std::size_t bytes, CUmemGenericAllocationHandle& handle) {
  handle = Create(bytes);
  return cuMemMap(address, bytes, 0, handle, 0) == CUDA_SUCCESS && Allow(address, bytes) == CUDA_SUCCESS;
}

// The usual order at the end: what XLA and PyTorch do.
bool Undo(CUdeviceptr address, std::size_t bytes, CUmemGenericAllocationHandle handle) {
  return cuMemUnmap(address, bytes) == CUDA_SUCCESS && cuMemRelease(handle) == CUDA_SUCCESS;
}

bool Holds(CUdeviceptr address, const Words& wanted) {
  Words found(wanted.size());
  return cuMemcpyDtoH(found.data(), address, found.size() * 4) == CUDA_SUCCESS && found == wanted;
}

bool IsFull(CUdeviceptr address, std::size_t bytes, unsigned char byte) {
  std::vector<unsigned char> found(16 * kMiB);
  for (std::size_t done = 0; done < bytes; done += found.size()) {
    const std::size_t piece = std::min(found.size(), bytes - done);
    if (cuMemcpyDtoH(found.data(), address + done, piece) != CUDA_SUCCESS) return false;
    if (found[0] != byte || std::memcmp(found.data(), found.data() + 1, piece - 1) != 0) return false;
  }
  return true;
}

// A kernel writes `first`, `first` + 1, ... into `blocks` * 256 words.
CUresult RunFill(CUdeviceptr out, unsigned blocks, unsigned first) {
  static CUfunction function = nullptr;
  CUmodule module = nullptr;
  if (function == nullptr) {
    if (const CUresult result = cuModuleLoadData(&module, kPtx); result != CUDA_SUCCESS) return result;
    if (const CUresult result = cuModuleGetFunction(&function, module, "fill"); result != CUDA_SUCCESS) return result;
  }
  void* parameters[] = {&out, &first};
  return cuLaunchKernel(function, blocks, 1, 1, 256, 1, 1, 0, nullptr, parameters, nullptr);
}

void CheckSupport(CUdevice device) {
  int supported = 0;
  cuDeviceGetAttribute(&supported, CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED, device);
  Expect(supported == 1, "the device supports virtual memory management");
  const CUmemAllocationProp properties = OnTheGpu();
  std::size_t least = 0, recommended = 0;
  Succeeds(cuMemGetAllocationGranularity(&least, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM), "least granularity");
  Succeeds(cuMemGetAllocationGranularity(&recommended, &properties, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED),
           "recommended granularity");
  Expect(least != 0 && recommended % least == 0, "granularities fit together");
}

void CheckOneMapping() {
  const std::size_t bytes = 2 * Granule();
  CUmemGenericAllocationHandle handle = 0;
  const CUdeviceptr address = Reserve(bytes);
  Expect(MapNew(address, bytes, handle), "reserve, create, map, set access");
  Succeeds(cuMemsetD32(address, 0x01020304, bytes / 4), "a memset");
  Expect(Holds(address + bytes - 64, Words(16, 0x01020304)), "a copy of its end to the host");
  Succeeds(RunFill(address, 16, 5), "a kernel");
  Expect(Holds(address, Sequence(16 * 256, 5)), "what the kernel wrote");
  Gives(CUDA_ERROR_INVALID_VALUE, cuMemFree(address), "cuMemFree of a mapping");
  Expect(Undo(address, bytes, handle), "unmap, release");
  Fails(cuMemcpyDtoH(&handle, address, 4), "a copy after unmapping");
  Succeeds(cuMemAddressFree(address, bytes), "free the addresses");
}

void CheckAliases() {
  const std::size_t bytes = Granule();
  CUmemGenericAllocationHandle handle = 0;
  const CUdeviceptr first = Reserve(bytes), second = Reserve(bytes);
  Expect(MapNew(first, bytes, handle), "first mapping");
  Succeeds(RunFill(first, 4, 100), "written through it");
  Succeeds(cuMemMap(second, bytes, 0, handle, 0), "second mapping of the same memory");
  Succeeds(Allow(second, bytes), "rights for it");
  Expect(Holds(second, Sequence(4 * 256, 100)), "the second mapping shows what the first one got");
  Succeeds(cuMemcpyDtoD(second + 4096, first, 1024), "a copy from one to the other");
  Succeeds(cuMemUnmap(first, bytes), "the first one goes");
  Expect(Holds(second + 4096, Sequence(256, 100)), "and the second one still holds it");
  Expect(Undo(second, bytes, handle), "the second one goes");
  cuMemAddressFree(first, bytes);
  cuMemAddressFree(second, bytes);
}

// As an expandable segment grows.
void CheckGrowth() {
  const std::size_t granule = Granule(), chunks = 3, reserved = 64 * granule;
  const CUdeviceptr base = Reserve(reserved);
  CUmemGenericAllocationHandle handles[chunks] = {};
  Expect(MapNew(base, granule, handles[0]), "first chunk");
  const Words first = Sequence(granule / 4, 1);
  Succeeds(cuMemcpyHtoD(base, first.data(), granule), "filled");
  Fails(cuMemcpyHtoD(base, first.data(), granule + 4), "a copy past what is mapped");
  Succeeds(RunFill(base, 4, 1), "a kernel runs in it");
  Expect(MapNew(base + granule, granule, handles[1]), "a second chunk meanwhile");
  Expect(MapNew(base + 2 * granule, granule, handles[2]), "and a third");
  Expect(Holds(base, first), "the first one kept its content");
  const CUdeviceptr seam = base + granule - 2048;
  Succeeds(RunFill(seam, 4, 77), "a kernel across the seam");
  Expect(Holds(seam, Sequence(4 * 256, 77)), "a copy across the seam to the host");
  const Words all = Sequence(3 * granule / 4, 9);
  Succeeds(cuMemcpyHtoD(base, all.data(), 3 * granule), "a copy of all three from the host");
  Expect(Holds(base, all), "and back");
  Succeeds(cuMemcpyDtoD(base + 2 * granule - 512, base + granule - 512, 1024), "from seam to seam");
  Expect(Holds(base + 2 * granule - 512, Words(all.begin() + (granule - 512) / 4, all.begin() + (granule + 512) / 4)),
         "what it carried");
  Succeeds(cuMemsetD8(base + granule / 2, 7, granule), "a memset across a seam");
  Expect(IsFull(base + granule / 2, granule, 7), "what it wrote");
  Succeeds(cuMemUnmap(base + granule, granule), "a hole in the middle");
  Fails(cuMemcpyHtoD(seam, all.data(), 4096), "no copy across it");
  Expect(Holds(base + 2 * granule + 512, Words(all.begin() + (2 * granule + 512) / 4, all.end())),
         "what lies behind is still there");
  cuMemRelease(handles[1]);
  Expect(MapNew(base + granule, granule, handles[1]), "filled again");
  Succeeds(Allow(base, 3 * granule), "rights for all three at once");
  Succeeds(cuMemUnmap(base, 3 * granule), "all three unmapped at once");
  for (const auto handle : handles) cuMemRelease(handle);
  Succeeds(cuMemAddressFree(base, reserved), "free the addresses");
}

void CheckLifetimes() {
  const std::size_t bytes = Granule();
  CUmemGenericAllocationHandle handle = 0, retained = 0;
  const CUdeviceptr address = Reserve(bytes);
  Expect(MapNew(address, bytes, handle), "a mapping");
  Succeeds(cuMemRelease(handle), "its handle is released");
  Succeeds(RunFill(address, 4, 3), "the memory is still there");
  Expect(Holds(address, Sequence(4 * 256, 3)), "and works");
  Succeeds(cuMemRetainAllocationHandle(&retained, reinterpret_cast<void*>(address + 100)), "a handle of an address");
  Succeeds(cuMemUnmap(address, bytes), "unmapped, the handle keeps it");
  Succeeds(cuMemMap(address, bytes, 0, retained, 0), "mapped again");
  Succeeds(Allow(address, bytes), "with rights");
  Expect(Holds(address, Sequence(4 * 256, 3)), "with its content");
  Expect(Undo(address, bytes, retained), "unmap, release");
  Succeeds(cuMemAddressFree(address, bytes), "free the addresses");
}

void CheckQuestions() {
  const std::size_t granule = Granule(), reserved = 4 * granule;
  CUmemAllocationProp properties = OnTheGpu();
  properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  CUmemGenericAllocationHandle handle = 0;
  Succeeds(cuMemCreate(&handle, granule, &properties, 0), "create memory that could be exported");
  CUmemAllocationProp found{};
  Succeeds(cuMemGetAllocationPropertiesFromHandle(&found, handle), "its properties");
  Expect(found.type == CU_MEM_ALLOCATION_TYPE_PINNED && found.location.type == CU_MEM_LOCATION_TYPE_DEVICE &&
             found.location.id == 0 && found.requestedHandleTypes == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR,
         "are what was asked for");
  const CUdeviceptr base = Reserve(reserved), mapped = base + granule;
  Succeeds(cuMemMap(mapped, granule, 0, handle, 0), "map it");
  CUmemLocation here{};
  here.type = CU_MEM_LOCATION_TYPE_DEVICE;
  unsigned long long flags = 99;
  Succeeds(cuMemGetAccess(&flags, &here, mapped), "rights of a new mapping");
  Expect(flags == CU_MEM_ACCESS_FLAGS_PROT_NONE, "are none", std::to_string(flags));
  Succeeds(Allow(mapped, granule), "set rights");
  Succeeds(cuMemGetAccess(&flags, &here, mapped + 5), "rights of an address");
  Expect(flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE, "are all", std::to_string(flags));
  unsigned type = 0;
  Succeeds(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, mapped + 64), "type of the memory");
  Expect(type == CU_MEMORYTYPE_DEVICE, "is the device's");
  CUdeviceptr start = 0;
  std::size_t size = 0;
  Succeeds(cuMemGetAddressRange(&start, &size, mapped + 64), "range of an address");
  Expect(start == mapped && size == granule, "is the mapping");
  Succeeds(Allow(mapped, granule, CU_MEM_ACCESS_FLAGS_PROT_NONE), "take the rights away");
  Succeeds(cuMemGetAccess(&flags, &here, mapped), "rights afterwards");
  Expect(flags == CU_MEM_ACCESS_FLAGS_PROT_NONE, "are none", std::to_string(flags));
  Expect(Undo(mapped, granule, handle), "unmap, release");
  Succeeds(cuMemAddressFree(base, reserved), "free the addresses");
}

void CheckAddresses() {
  const std::size_t granule = Granule(), aligned = 64 * kMiB;
  CUdeviceptr first = Reserve(4 * granule), second = 0;
  Succeeds(cuMemAddressReserve(&second, 4 * granule, 0, first, 0), "a hint that is taken");
  Expect(second != 0 && second != first, "gives other addresses");
  cuMemAddressFree(first, 4 * granule);
  CUdeviceptr again = 0;
  Succeeds(cuMemAddressReserve(&again, 4 * granule, 0, first, 0), "a hint that is free");
  Expect(again == first, "is honoured");
  cuMemAddressFree(again, 4 * granule);
  cuMemAddressFree(second, 4 * granule);
  Succeeds(cuMemAddressReserve(&first, granule, aligned, 0, 0), "aligned addresses");
  Expect(first % aligned == 0, "are aligned");
  cuMemAddressFree(first, granule);
}

void CheckErrorsOfMemory() {
  const std::size_t granule = Granule();
  CUmemAllocationProp properties = OnTheGpu();
  CUmemGenericAllocationHandle handle = 0;
  std::size_t size = 0;
  Fails(cuMemCreate(nullptr, granule, &properties, 0), "create without a place for the handle");
  Fails(cuMemCreate(&handle, granule, nullptr, 0), "create without properties");
  Fails(cuMemCreate(&handle, 0, &properties, 0), "create nothing");
  Gives(CUDA_ERROR_INVALID_VALUE, cuMemCreate(&handle, granule + 4096, &properties, 0), "create half a granule");
  Fails(cuMemCreate(&handle, granule, &properties, 1), "create with flags");
  Gives(CUDA_ERROR_OUT_OF_MEMORY, cuMemCreate(&handle, std::size_t{1} << 42, &properties, 0), "create too much");
  properties.location.id = 77;
  Gives(CUDA_ERROR_INVALID_DEVICE, cuMemCreate(&handle, granule, &properties, 0), "create on another device");
  properties = OnTheGpu();
  properties.type = CU_MEM_ALLOCATION_TYPE_INVALID;
  Fails(cuMemCreate(&handle, granule, &properties, 0), "create of no type");
  properties = OnTheGpu();
  Fails(cuMemGetAllocationGranularity(nullptr, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM), "granularity nowhere");
  Fails(cuMemGetAllocationGranularity(&size, nullptr, CU_MEM_ALLOC_GRANULARITY_MINIMUM), "granularity of nothing");
}

void CheckErrorsOfAddresses() {
  const std::size_t granule = Granule();
  CUdeviceptr base = 0;
  Fails(cuMemAddressReserve(nullptr, granule, 0, 0, 0), "reserve to nowhere");
  Fails(cuMemAddressReserve(&base, 0, 0, 0, 0), "reserve nothing");
  Fails(cuMemAddressReserve(&base, granule + 1, 0, 0, 0), "reserve half a page");
  Fails(cuMemAddressReserve(&base, granule, 3 * granule, 0, 0), "reserve with an odd alignment");
  base = Reserve(4 * granule);
  const CUmemGenericAllocationHandle handle = Create(2 * granule);
  Fails(cuMemMap(base + 4096, granule, 0, handle, 0), "map between granules");
  Fails(cuMemMap(base, 3 * granule, 0, handle, 0), "map more than there is");
  Fails(cuMemMap(base, 2 * granule, 0, handle, 1), "map with flags");
  Fails(Allow(base, granule), "rights for what is not mapped");
  Succeeds(cuMemMap(base, 2 * granule, 0, handle, 0), "map");
  Fails(cuMemMap(base, 2 * granule, 0, handle, 0), "map where something is");
  Fails(cuMemMap(base + granule, 2 * granule, 0, handle, 0), "map over a part of it");
  Fails(Allow(base, 4 * granule), "rights for more than is mapped");
  Fails(cuMemSetAccess(base, 2 * granule, nullptr, 1), "rights without a description");
  CUmemAccessDesc access{};
  access.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  access.location.id = 77;
  access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  Fails(cuMemSetAccess(base, 2 * granule, &access, 1), "rights for another device");
  Fails(cuMemUnmap(base, granule), "unmap a part of a mapping");
  Fails(cuMemAddressFree(base, 4 * granule), "free addresses where something is mapped");
  Succeeds(cuMemUnmap(base, 2 * granule), "unmap");
  Fails(cuMemAddressFree(base, 2 * granule), "free a part of a reservation");
  Fails(cuMemAddressFree(base + granule, granule), "free from its middle");
  cuMemRelease(handle);
  Succeeds(cuMemAddressFree(base, 4 * granule), "free");
  Fails(cuMemAddressFree(base, 4 * granule), "free again");
}

// What the driver says to these is undefined or ends the context.
void CheckMisuse() {
  const std::size_t granule = Granule();
  const CUmemGenericAllocationHandle handle = Create(granule);
  const CUdeviceptr base = Reserve(granule);
  CUmemAllocationProp properties{};
  unsigned word = 0;
  for (const CUmemGenericAllocationHandle wrong : {CUmemGenericAllocationHandle{0}, handle + 1000, ~handle}) {
    Gives(CUDA_ERROR_INVALID_VALUE, cuMemMap(base, granule, 0, wrong, 0), "map a wrong handle");
    Gives(CUDA_ERROR_INVALID_VALUE, cuMemRelease(wrong), "release a wrong handle");
    Gives(CUDA_ERROR_INVALID_VALUE, cuMemGetAllocationPropertiesFromHandle(&properties, wrong), "ask about one");
  }
  Succeeds(cuMemMap(base, granule, 0, handle, 0), "map");
  Gives(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH(&word, base, 4), "a copy without rights");
  Gives(CUDA_ERROR_INVALID_VALUE, cuMemsetD8(base, 1, granule), "a memset without rights");
  Succeeds(Allow(base, granule, CU_MEM_ACCESS_FLAGS_PROT_READ), "rights to read");
  Succeeds(cuMemcpyDtoH(&word, base, 4), "a copy from there");
  Gives(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD(base, &word, 4), "a copy to there");
  Succeeds(cuMemRelease(handle), "release");
  Gives(CUDA_ERROR_INVALID_VALUE, cuMemRelease(handle), "release again");
  Succeeds(cuMemUnmap(base, granule), "unmap");
  Gives(CUDA_ERROR_INVALID_VALUE, cuMemMap(base, granule, 0, handle, 0), "map what is gone");
  Gives(CUDA_ERROR_INVALID_VALUE, cuMemUnmap(base, granule), "unmap again");
  void* const nowhere = reinterpret_cast<void*>(base);
  CUmemGenericAllocationHandle retained = 0;
  Gives(CUDA_ERROR_INVALID_VALUE, cuMemRetainAllocationHandle(&retained, nowhere), "a handle of nothing");
  Gives(CUDA_ERROR_INVALID_VALUE, cuMemAddressFree(base + 4096, granule), "free what is no reservation");
  cuMemAddressFree(base, granule);
}

void CheckWithoutContext() {
  std::thread([] {
    CUcontext context = nullptr;
    cuCtxGetCurrent(&context);
    Expect(context == nullptr, "a thread without a context");
    const std::size_t granule = Granule();
    CUmemGenericAllocationHandle handle = 0;
    const CUdeviceptr address = Reserve(granule);
    Expect(MapNew(address, granule, handle), "maps memory");
    Expect(Undo(address, granule, handle), "and gives it back");
    Succeeds(cuMemAddressFree(address, granule), "and its addresses");
  }).join();
}

void CheckAccounting() {
  const std::size_t bytes = 32 * kMiB;
  std::size_t before = 0, during = 0, after = 0, total = 0;
  cuMemGetInfo(&before, &total);
  const CUmemGenericAllocationHandle handle = Create(bytes);
  cuMemGetInfo(&during, &total);
  cuMemRelease(handle);
  cuMemGetInfo(&after, &total);
  Expect(before - during == bytes, "created memory is counted", std::to_string(before - during));
  Expect(after == before, "and no longer when it is released");
}

void Check(CUdevice device, bool misuse) {
  CheckSupport(device);
  CheckOneMapping();
  CheckAliases();
  CheckGrowth();
  CheckLifetimes();
  CheckQuestions();
  CheckAddresses();
  CheckErrorsOfMemory();
  CheckErrorsOfAddresses();
  if (misuse) CheckMisuse();
  CheckWithoutContext();
  CheckAccounting();
  Succeeds(cuCtxSynchronize(), "and nothing has failed behind the program's back");
}

CUdeviceptr MapMuch() {
  CUmemGenericAllocationHandle handle = 0;
  const CUdeviceptr address = Reserve(kLeftBytes);
  Expect(MapNew(address, kLeftBytes, handle), "much memory");
  return address;
}

void Leave() {
  const CUdeviceptr address = MapMuch();
  Succeeds(cuMemsetD8(address, 0x5a, kLeftBytes), "fill it");
  Expect(IsFull(address, kLeftBytes, 0x5a), "it is full");
}

void Zero() { Expect(IsFull(MapMuch(), kLeftBytes, 0), "it is zero"); }

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "check";
  const bool misuse = argc > 2 && std::string_view(argv[2]) == "--misuse";
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  CUdevice device = 0;
  CUcontext context = nullptr;
  if (!Succeeds(cuInit(0), "cuInit") || !Succeeds(cuDeviceGet(&device, 0), "a device") ||
      !Succeeds(cuDevicePrimaryCtxRetain(&context, device), "a context") ||
      !Succeeds(cuCtxSetCurrent(context), "is current")) {
    return 1;
  }
  if (what == "leave") {
    Leave();
  } else if (what == "zero") {
    Zero();
  } else {
    Check(device, misuse);
  }
  std::printf("%d failed\n", failures);
  return failures == 0 ? 0 : 1;
}
