// Modules, libraries, and the functions and variables in them.
#include <cstdio>
#include <cstring>
#include <string>

#include "tests/simulated_gpu/allocations.h"
#include "tests/simulated_gpu/api/common.h"
#include "tests/simulated_gpu/image.h"
#include "tests/simulated_gpu/program_builder.h"

namespace paella::simulated_gpu {

ModuleMemory::~ModuleMemory() {
  if (address != 0) Allocations::Get().Free(address);
}

CUresult UseKernel(const void* handle, std::shared_ptr<Kernel>& kernel) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  kernel = Handles<Kernel>::Get().Find(handle);
  return kernel == nullptr ? CUDA_ERROR_INVALID_HANDLE : CUDA_SUCCESS;
}

namespace {

void AddKernels(Module& module) {
  for (const Function& function : module.program->functions) {
    if (!function.entry || function.code.empty()) continue;
    auto kernel = std::make_shared<Kernel>();
    kernel->context = module.context;
    kernel->module = &module;
    kernel->program = module.program;
    kernel->memory = module.memory;
    kernel->function = &function;
    Handles<Kernel>::Get().Add(kernel);
    module.kernels.push_back(std::move(kernel));
  }
}

CUresult Load(const void* image, std::shared_ptr<Module>& module) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  if (image == nullptr) return CUDA_ERROR_INVALID_VALUE;
  std::string_view ptx;
  const ImageKind kind = FindPtx(image, ptx);
  if (kind == ImageKind::kUnknown) return CUDA_ERROR_INVALID_IMAGE;
  if (kind == ImageKind::kNoPtx) return CUDA_ERROR_NO_BINARY_FOR_GPU;
  module = std::make_shared<Module>();
  module->context = context;
  const auto allocate = [&](std::size_t bytes) -> std::uint8_t* {
    std::uintptr_t& address = module->memory->address;
    const CUresult result = Allocations::Get().Allocate(bytes, RangeKind::kModule, context, address);
    return result == CUDA_SUCCESS ? reinterpret_cast<std::uint8_t*>(address) : nullptr;
  };
  std::string error;
  module->program = BuildProgram(ptx, allocate, error);
  if (module->program == nullptr) {
    std::fprintf(stderr, "simulated gpu: PTX not accepted: %s\n", error.c_str());
    return CUDA_ERROR_INVALID_PTX;
  }
  AddKernels(*module);
  Handles<Module>::Get().Add(module);
  return CUDA_SUCCESS;
}

template <typename Handle>
CUresult LoadAs(Handle* handle, const void* image) {
  if (handle == nullptr) return CUDA_ERROR_INVALID_VALUE;
  std::shared_ptr<Module> module;
  PAELLA_RETURN_IF_ERROR(Load(image, module));
  *handle = reinterpret_cast<Handle>(module.get());
  return CUDA_SUCCESS;
}

CUresult LoadFile(const char* path, std::string& content) {
  std::FILE* const file = std::fopen(path, "rb");
  if (file == nullptr) return CUDA_ERROR_FILE_NOT_FOUND;
  char buffer[4096];
  for (std::size_t got; (got = std::fread(buffer, 1, sizeof buffer, file)) > 0;) content.append(buffer, got);
  std::fclose(file);
  return CUDA_SUCCESS;
}

CUresult UseModule(const void* handle, std::shared_ptr<Module>& module) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  module = Handles<Module>::Get().Find(handle);
  return module == nullptr ? CUDA_ERROR_INVALID_HANDLE : CUDA_SUCCESS;
}

CUresult Unload(const void* handle) {
  std::shared_ptr<Module> module;
  PAELLA_RETURN_IF_ERROR(UseModule(handle, module));
  for (const auto& kernel : module->kernels) Handles<Kernel>::Get().Remove(kernel.get());
  Handles<Module>::Get().Remove(handle);
  return CUDA_SUCCESS;
}

template <typename Handle>
CUresult FindKernel(Handle* result, const void* handle, const char* name) {
  std::shared_ptr<Module> module;
  PAELLA_RETURN_IF_ERROR(UseModule(handle, module));
  if (result == nullptr || name == nullptr) return CUDA_ERROR_INVALID_VALUE;
  for (const auto& kernel : module->kernels) {
    if (kernel->function->name != name) continue;
    *result = reinterpret_cast<Handle>(kernel.get());
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_NOT_FOUND;
}

CUresult FindGlobal(CUdeviceptr* address, std::size_t* bytes, const void* handle, const char* name) {
  std::shared_ptr<Module> module;
  PAELLA_RETURN_IF_ERROR(UseModule(handle, module));
  if (name == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const auto it = module->program->globals.find(name);
  if (it == module->program->globals.end()) return CUDA_ERROR_NOT_FOUND;
  if (address != nullptr) *address = it->second.address;
  if (bytes != nullptr) *bytes = it->second.bytes;
  return CUDA_SUCCESS;
}

template <typename Handle>
CUresult Enumerate(Handle* handles, unsigned count, const void* module_handle) {
  std::shared_ptr<Module> module;
  PAELLA_RETURN_IF_ERROR(UseModule(module_handle, module));
  if (handles == nullptr && count != 0) return CUDA_ERROR_INVALID_VALUE;
  for (unsigned i = 0; i < count && i < module->kernels.size(); ++i) {
    handles[i] = reinterpret_cast<Handle>(module->kernels[i].get());
  }
  return CUDA_SUCCESS;
}

CUresult Count(unsigned* count, const void* handle) {
  std::shared_ptr<Module> module;
  PAELLA_RETURN_IF_ERROR(UseModule(handle, module));
  if (count == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *count = static_cast<unsigned>(module->kernels.size());
  return CUDA_SUCCESS;
}

CUresult ParameterOf(const void* handle, std::size_t index, std::size_t* offset, std::size_t* bytes) {
  std::shared_ptr<Kernel> kernel;
  PAELLA_RETURN_IF_ERROR(UseKernel(handle, kernel));
  if (offset == nullptr || index >= kernel->function->parameters.size()) return CUDA_ERROR_INVALID_VALUE;
  *offset = kernel->function->parameters[index].offset;
  if (bytes != nullptr) *bytes = kernel->function->parameters[index].bytes;
  return CUDA_SUCCESS;
}

CUresult NameOf(const char** name, const void* handle) {
  std::shared_ptr<Kernel> kernel;
  PAELLA_RETURN_IF_ERROR(UseKernel(handle, kernel));
  PAELLA_RETURN_IF_NULL(name);
  *name = kernel->function->name.c_str();
  return CUDA_SUCCESS;
}

CUresult AttributeOf(int* value, CUfunction_attribute attribute, const void* handle) {
  std::shared_ptr<Kernel> kernel;
  PAELLA_RETURN_IF_ERROR(UseKernel(handle, kernel));
  if (value == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Function& function = *kernel->function;
  const int static_shared = static_cast<int>(function.static_shared_bytes);
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = static_cast<int>(function.max_threads); break;
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES: *value = static_shared; break;
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES: *value = static_cast<int>(function.local_bytes); break;
    case CU_FUNC_ATTRIBUTE_NUM_REGS: *value = static_cast<int>(function.modelled_registers); break;
    case CU_FUNC_ATTRIBUTE_PTX_VERSION: case CU_FUNC_ATTRIBUTE_BINARY_VERSION: *value = 90; break;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: *value = MaxDynamicShared(*kernel); break;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT: *value = kernel->shared_carveout; break;
    default: *value = attribute < CU_FUNC_ATTRIBUTE_MAX ? 0 : -1;
  }
  return *value == -1 && attribute >= CU_FUNC_ATTRIBUTE_MAX ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

CUresult SetAttributeOf(const void* handle, CUfunction_attribute attribute, int value) {
  std::shared_ptr<Kernel> kernel;
  PAELLA_RETURN_IF_ERROR(UseKernel(handle, kernel));
  if (attribute == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) {
    const int most = static_cast<int>(kMaxSharedPerBlockOptIn - kernel->function->static_shared_bytes);
    if (value < 0 || value > most) return CUDA_ERROR_INVALID_VALUE;
    kernel->max_dynamic_shared = value;
  } else if (attribute == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT) {
    kernel->shared_carveout = value;  // a hint, and none that the model follows
  } else if (attribute != CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

}  // namespace

int MaxDynamicShared(const Kernel& kernel) {
  const int set = kernel.max_dynamic_shared;
  if (set != 0) return set;
  return static_cast<int>(kMaxSharedPerBlockDefault) - static_cast<int>(kernel.function->static_shared_bytes);
}

}  // namespace paella::simulated_gpu

using namespace paella::simulated_gpu;

CUresult cuModuleLoad(CUmodule* module, const char* fname) {
  std::string content;
  PAELLA_RETURN_IF_ERROR(LoadFile(fname, content));
  return LoadAs(module, content.c_str());
}
CUresult cuModuleLoadData(CUmodule* module, const void* image) { return LoadAs(module, image); }
CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned int, CUjit_option*, void**) {
  return LoadAs(module, image);
}
CUresult cuModuleLoadFatBinary(CUmodule* module, const void* fatCubin) { return LoadAs(module, fatCubin); }
CUresult cuModuleUnload(CUmodule hmod) { return Unload(hmod); }
CUresult cuModuleGetFunction(CUfunction* hfunc, CUmodule hmod, const char* name) { return FindKernel(hfunc, hmod, name); }
CUresult cuModuleGetGlobal(CUdeviceptr* dptr, size_t* bytes, CUmodule hmod, const char* name) {
  return FindGlobal(dptr, bytes, hmod, name);
}
CUresult cuModuleGetFunctionCount(unsigned int* count, CUmodule mod) { return Count(count, mod); }
CUresult cuModuleEnumerateFunctions(CUfunction* functions, unsigned int numFunctions, CUmodule mod) {
  return Enumerate(functions, numFunctions, mod);
}
CUresult cuModuleGetLoadingMode(CUmoduleLoadingMode* mode) {
  PAELLA_RETURN_IF_NULL(mode);
  *mode = CU_MODULE_EAGER_LOADING;
  return CUDA_SUCCESS;
}

// A library is a module of the context that was current when it was loaded.
CUresult cuLibraryLoadData(CUlibrary* library, const void* code, CUjit_option*, void**, unsigned int, CUlibraryOption*,
                           void**, unsigned int) {
  return LoadAs(library, code);
}
CUresult cuLibraryLoadFromFile(CUlibrary* library, const char* fileName, CUjit_option*, void**, unsigned int,
                               CUlibraryOption*, void**, unsigned int) {
  std::string content;
  PAELLA_RETURN_IF_ERROR(LoadFile(fileName, content));
  return LoadAs(library, content.c_str());
}
CUresult cuLibraryUnload(CUlibrary library) { return Unload(library); }
CUresult cuLibraryGetKernel(CUkernel* pKernel, CUlibrary library, const char* name) {
  return FindKernel(pKernel, library, name);
}
CUresult cuLibraryGetKernelCount(unsigned int* count, CUlibrary lib) { return Count(count, lib); }
CUresult cuLibraryEnumerateKernels(CUkernel* kernels, unsigned int numKernels, CUlibrary lib) {
  return Enumerate(kernels, numKernels, lib);
}
CUresult cuLibraryGetModule(CUmodule* pMod, CUlibrary library) {
  std::shared_ptr<Module> module;
  PAELLA_RETURN_IF_ERROR(UseModule(library, module));
  PAELLA_RETURN_IF_NULL(pMod);
  *pMod = reinterpret_cast<CUmodule>(library);
  return CUDA_SUCCESS;
}
CUresult cuLibraryGetGlobal(CUdeviceptr* dptr, size_t* bytes, CUlibrary library, const char* name) {
  return FindGlobal(dptr, bytes, library, name);
}
CUresult cuKernelGetFunction(CUfunction* pFunc, CUkernel kernel) {
  std::shared_ptr<Kernel> found;
  PAELLA_RETURN_IF_ERROR(UseKernel(kernel, found));
  PAELLA_RETURN_IF_NULL(pFunc);
  *pFunc = reinterpret_cast<CUfunction>(kernel);
  return CUDA_SUCCESS;
}
CUresult cuKernelGetName(const char** name, CUkernel hfunc) { return NameOf(name, hfunc); }
CUresult cuKernelGetParamInfo(CUkernel kernel, size_t paramIndex, size_t* paramOffset, size_t* paramSize) {
  return ParameterOf(kernel, paramIndex, paramOffset, paramSize);
}
CUresult cuKernelGetAttribute(int* pi, CUfunction_attribute attrib, CUkernel kernel, CUdevice) {
  return AttributeOf(pi, attrib, kernel);
}
CUresult cuKernelSetAttribute(CUfunction_attribute attrib, int val, CUkernel kernel, CUdevice) {
  return SetAttributeOf(kernel, attrib, val);
}
CUresult cuFuncGetName(const char** name, CUfunction hfunc) { return NameOf(name, hfunc); }
CUresult cuFuncGetAttribute(int* pi, CUfunction_attribute attrib, CUfunction hfunc) { return AttributeOf(pi, attrib, hfunc); }
CUresult cuFuncSetAttribute(CUfunction hfunc, CUfunction_attribute attrib, int value) {
  return SetAttributeOf(hfunc, attrib, value);
}
CUresult cuFuncGetParamInfo(CUfunction func, size_t paramIndex, size_t* paramOffset, size_t* paramSize) {
  return ParameterOf(func, paramIndex, paramOffset, paramSize);
}
CUresult cuFuncGetModule(CUmodule* hmod, CUfunction hfunc) {
  std::shared_ptr<Kernel> kernel;
  PAELLA_RETURN_IF_ERROR(UseKernel(hfunc, kernel));
  PAELLA_RETURN_IF_NULL(hmod);
  *hmod = reinterpret_cast<CUmodule>(kernel->module);
  return CUDA_SUCCESS;
}
CUresult cuFuncSetCacheConfig(CUfunction hfunc, CUfunc_cache config) {
  std::shared_ptr<Kernel> kernel;
  PAELLA_RETURN_IF_ERROR(UseKernel(hfunc, kernel));
  kernel->cache_config = config;
  return CUDA_SUCCESS;
}
CUresult cuFuncLoad(CUfunction function) {
  std::shared_ptr<Kernel> kernel;
  return UseKernel(function, kernel);
}
CUresult cuFuncIsLoaded(CUfunctionLoadingState* state, CUfunction function) {
  PAELLA_RETURN_IF_ERROR(cuFuncLoad(function));
  PAELLA_RETURN_IF_NULL(state);
  *state = CU_FUNCTION_LOADING_STATE_LOADED;
  return CUDA_SUCCESS;
}
