// Modules and libraries. A module is a library that is loaded at once, and its handle is good wherever either is taken.
#include <vector>

#include "driver_api.h"
#include "shim/client.h"
#include "shim/images.h"

using namespace paella::shim;

namespace {

CUresult EnterLibrary(Client*& client, const void* handle, Library*& library) {
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  library = client->libraries.Find(handle);
  return library != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult LoadModule(CUmodule* module, const void* image, const JitOptions& jit) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (module == nullptr || image == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Libraries::LoadRequest request;
  request.image = image;
  request.jit = jit;
  request.module_of = current_context;
  Library* library = nullptr;
  const CUresult result = client->libraries.Load(request, library);
  if (result == CUDA_SUCCESS) *module = reinterpret_cast<CUmodule>(library->handle);
  return result;
}

// Zeros to read for whoever looks at a header, even in a file that is shorter than one; and one that ends PTX.
CUresult ReadImage(const char* path, std::vector<std::byte>& bytes) {
  if (const CUresult result = ReadFile(path, bytes); result != CUDA_SUCCESS) return result;
  if (bytes.empty()) return CUDA_ERROR_INVALID_IMAGE;
  bytes.resize(bytes.size() + 64);
  return CUDA_SUCCESS;
}

bool HasFlag(CUlibraryOption* options, unsigned count, CUlibraryOption wanted, void** values) {
  for (unsigned i = 0; options != nullptr && i < count; ++i) {
    // Without an array of values the option stands for itself: cudart gives none.
    if (options[i] == wanted) return values == nullptr || values[i] != nullptr;
  }
  return false;
}

CUresult LoadLibrary(CUlibrary* handle, const void* image, const JitOptions& jit, bool image_stays) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  if (handle == nullptr || image == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Libraries::LoadRequest request;
  request.image = image;
  request.jit = jit;
  request.image_stays = image_stays;
  Library* library = nullptr;
  const CUresult result = client->libraries.Load(request, library);
  if (result == CUDA_SUCCESS) *handle = library->handle;
  return result;
}

CUresult GetKernel(const void* handle, const char* name, Kernel*& kernel) {
  Client* client;
  Library* library;
  if (const CUresult result = EnterLibrary(client, handle, library); result != CUDA_SUCCESS) return result;
  return name == nullptr ? CUDA_ERROR_INVALID_VALUE : client->libraries.GetKernel(*library, name, kernel);
}

CUresult GetGlobal(CUdeviceptr* address, std::size_t* bytes, const void* handle, const char* name) {
  Client* client;
  Library* library;
  if (const CUresult result = EnterLibrary(client, handle, library); result != CUDA_SUCCESS) return result;
  if (name == nullptr || (address == nullptr && bytes == nullptr)) return CUDA_ERROR_INVALID_VALUE;
  Allocation global;
  if (const CUresult result = client->libraries.GetGlobal(*library, name, global); result != CUDA_SUCCESS) return result;
  if (address != nullptr) *address = global.base;
  if (bytes != nullptr) *bytes = global.size_bytes;
  return CUDA_SUCCESS;
}

CUresult CountKernels(unsigned* count, const void* handle) {
  Client* client;
  Library* library;
  if (const CUresult result = EnterLibrary(client, handle, library); result != CUDA_SUCCESS) return result;
  if (count == nullptr) return CUDA_ERROR_INVALID_VALUE;
  std::vector<std::string> names;
  const CUresult result = client->libraries.GetKernelNames(*library, names);
  if (result == CUDA_SUCCESS) *count = static_cast<unsigned>(names.size());
  return result;
}

CUresult EnumerateKernels(CUkernel* kernels, unsigned capacity, const void* handle) {
  Client* client;
  Library* library;
  if (const CUresult result = EnterLibrary(client, handle, library); result != CUDA_SUCCESS) return result;
  if (kernels == nullptr) return CUDA_ERROR_INVALID_VALUE;
  std::vector<std::string> names;
  if (const CUresult result = client->libraries.GetKernelNames(*library, names); result != CUDA_SUCCESS) return result;
  for (std::size_t i = 0; i < names.size() && i < capacity; ++i) {
    Kernel* kernel = nullptr;
    const CUresult result = client->libraries.GetKernel(*library, names[i].c_str(), kernel);
    if (result != CUDA_SUCCESS) return result;
    kernels[i] = kernel->handle;
  }
  return CUDA_SUCCESS;
}

CUresult Unload(const void* handle) {
  Client* client;
  Library* library;
  if (const CUresult result = EnterLibrary(client, handle, library); result != CUDA_SUCCESS) return result;
  // Kernels that were launched before still need their code.
  if (const CUresult result = client->streams.SynchronizeAll(client->wait_style()); result != CUDA_SUCCESS) return result;
  return client->libraries.Unload(library->handle);
}

}  // namespace

CUresult paella_cuModuleLoad(CUmodule* module, const char* fname) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (fname == nullptr || *fname == '\0') return CUDA_ERROR_INVALID_VALUE;
  std::vector<std::byte> image;
  if (const CUresult result = ReadImage(fname, image); result != CUDA_SUCCESS) return result;
  return LoadModule(module, image.data(), {});
}

CUresult paella_cuModuleLoadData(CUmodule* module, const void* image) { return LoadModule(module, image, {}); }

CUresult paella_cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned int numOptions, CUjit_option* options,
                                   void** optionValues) {
  if (!JitOptions::AreValid(options, numOptions)) return CUDA_ERROR_INVALID_VALUE;
  return LoadModule(module, image, JitOptions::From(options, optionValues, numOptions));
}

CUresult paella_cuModuleLoadFatBinary(CUmodule* module, const void* fatCubin) { return LoadModule(module, fatCubin, {}); }

CUresult paella_cuModuleUnload(CUmodule hmod) { return Unload(hmod); }

CUresult paella_cuModuleGetLoadingMode(CUmoduleLoadingMode* mode) {
  Client* client;
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  if (mode == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *mode = CU_MODULE_LAZY_LOADING;
  return CUDA_SUCCESS;
}

CUresult paella_cuModuleGetFunction(CUfunction* hfunc, CUmodule hmod, const char* name) {
  if (hfunc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Kernel* kernel = nullptr;
  const CUresult result = GetKernel(hmod, name, kernel);
  if (result == CUDA_SUCCESS) *hfunc = reinterpret_cast<CUfunction>(kernel->handle);
  return result;
}

CUresult paella_cuModuleGetFunctionCount(unsigned int* count, CUmodule mod) { return CountKernels(count, mod); }

CUresult paella_cuModuleEnumerateFunctions(CUfunction* functions, unsigned int numFunctions, CUmodule mod) {
  return EnumerateKernels(reinterpret_cast<CUkernel*>(functions), numFunctions, mod);
}

CUresult paella_cuModuleGetGlobal_v2(CUdeviceptr* dptr, size_t* bytes, CUmodule hmod, const char* name) {
  return GetGlobal(dptr, bytes, hmod, name);
}

CUresult paella_cuLibraryLoadData(CUlibrary* library, const void* code, CUjit_option* jitOptions, void** jitOptionsValues,
                                  unsigned int numJitOptions, CUlibraryOption* libraryOptions,
                                  void** libraryOptionValues, unsigned int numLibraryOptions) {
  const bool stays =
      HasFlag(libraryOptions, numLibraryOptions, CU_LIBRARY_BINARY_IS_PRESERVED, libraryOptionValues);
  return LoadLibrary(library, code, JitOptions::From(jitOptions, jitOptionsValues, numJitOptions), stays);
}

CUresult paella_cuLibraryLoadFromFile(CUlibrary* library, const char* fileName, CUjit_option* jitOptions,
                                      void** jitOptionsValues, unsigned int numJitOptions, CUlibraryOption*, void**,
                                      unsigned int) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  if (fileName == nullptr) return CUDA_ERROR_INVALID_VALUE;
  std::vector<std::byte> image;
  if (const CUresult result = ReadImage(fileName, image); result != CUDA_SUCCESS) return result;
  return LoadLibrary(library, image.data(), JitOptions::From(jitOptions, jitOptionsValues, numJitOptions), false);
}

CUresult paella_cuLibraryUnload(CUlibrary library) { return Unload(library); }

CUresult paella_cuLibraryGetKernel(CUkernel* pKernel, CUlibrary library, const char* name) {
  if (pKernel == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Kernel* kernel = nullptr;
  const CUresult result = GetKernel(library, name, kernel);
  if (result == CUDA_SUCCESS) *pKernel = kernel->handle;
  // The driver says so of a module, and of a library that no kernel is found.
  const bool has_no_name = name != nullptr && *name == '\0';
  return result == CUDA_ERROR_INVALID_VALUE && has_no_name ? CUDA_ERROR_NOT_FOUND : result;
}

CUresult paella_cuLibraryGetKernelCount(unsigned int* count, CUlibrary lib) { return CountKernels(count, lib); }

CUresult paella_cuLibraryEnumerateKernels(CUkernel* kernels, unsigned int numKernels, CUlibrary lib) {
  return EnumerateKernels(kernels, numKernels, lib);
}

CUresult paella_cuLibraryGetModule(CUmodule* pMod, CUlibrary library) {
  Client* client;
  Library* found;
  if (const CUresult result = EnterLibrary(client, library, found); result != CUDA_SUCCESS) return result;
  if (pMod == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pMod = reinterpret_cast<CUmodule>(found->handle);
  return CUDA_SUCCESS;
}

CUresult paella_cuLibraryGetGlobal(CUdeviceptr* dptr, size_t* bytes, CUlibrary library, const char* name) {
  return GetGlobal(dptr, bytes, library, name);
}

// Images with __managed__ variables are refused by the daemon, and no device has unified functions: there are none.
CUresult paella_cuLibraryGetManaged(CUdeviceptr*, size_t*, CUlibrary library, const char*) {
  Client* client;
  Library* found;
  if (const CUresult result = EnterLibrary(client, library, found); result != CUDA_SUCCESS) return result;
  return CUDA_ERROR_NOT_FOUND;
}

CUresult paella_cuLibraryGetUnifiedFunction(void**, CUlibrary library, const char*) {
  Client* client;
  Library* found;
  if (const CUresult result = EnterLibrary(client, library, found); result != CUDA_SUCCESS) return result;
  return CUDA_ERROR_INVALID_VALUE;  // what the driver says of a library without unified functions
}
