// The part of ClientObjects that answers calls about code: libraries, kernels, globals.
#include <algorithm>

#include "scheduler_daemon/executor/client_objects.h"

namespace paella::scheduler_daemon {

ClientObjects::Library* ClientObjects::FindLibrary(std::uint64_t library) {
  const auto found = libraries_.find(library);
  return found == libraries_.end() || found->second.is_retired ? nullptr : &found->second;
}

std::shared_ptr<Module> ClientObjects::FindModule(std::uint64_t library) {
  const std::lock_guard lock(mutex_);
  const Library* const found = FindLibrary(library);
  return found == nullptr ? nullptr : found->module;
}

void ClientObjects::RetireLibrary(std::uint64_t library) {
  const std::lock_guard lock(mutex_);
  Library* const found = FindLibrary(library);
  if (found == nullptr) return;
  found->is_retired = true;
  for (const auto& [name, kernel] : found->kernels) kernels_.erase(kernel);
  for (const std::uint64_t address : found->globals) ranges_.Remove(address);
  kernels_lost_.fetch_add(1, std::memory_order_release);
}

CUresult ClientObjects::Handle(const ipc::LibraryLoad& call, ipc::LibraryLoadReply& reply) {
  if (call.jit_options.size() != call.jit_values.size()) return CUDA_ERROR_INVALID_VALUE;
  auto image = TakeUpload(call.upload);
  if (!image) return CUDA_ERROR_INVALID_IMAGE;
  image->push_back(std::byte{0});  // PTX is a C string, and a client need not have ended it
  const JitNumbers numbers = NumbersAmong(call.jit_options, call.jit_values);
  ModuleCache::Loaded loaded;
  WithReclaim([&] { return (loaded = modules_.Load(*image, numbers)).result; });
  reply.error_log = std::move(loaded.error_log);
  reply.info_log = std::move(loaded.info_log);
  if (loaded.result != CUDA_SUCCESS) return loaded.result;
  const std::lock_guard lock(mutex_);
  reply.library = next_number_++;
  libraries_.emplace(reply.library, Library{std::move(loaded.module), nullptr, {}, {}, false});
  return CUDA_SUCCESS;
}

CUresult ClientObjects::Handle(const ipc::LibraryUnload& call, ipc::LibraryUnloadReply&) {
  std::unordered_map<std::uint64_t, Library>::node_type library;  // let go of without the lock
  const std::lock_guard lock(mutex_);
  library = libraries_.extract(call.library);
  if (library.empty()) return CUDA_ERROR_INVALID_HANDLE;
  return CUDA_SUCCESS;
}

CUresult ClientObjects::Handle(const ipc::LibraryKernels& call, ipc::LibraryKernelsReply& reply) {
  const auto module = FindModule(call.library);
  if (module == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  unsigned count = 0;
  const CUresult counted = driver_.cuModuleGetFunctionCount(&count, module->handle());
  if (counted != CUDA_SUCCESS) return counted;
  std::vector<CUfunction> functions(count);
  if (const CUresult result = driver_.cuModuleEnumerateFunctions(functions.data(), count, module->handle());
      result != CUDA_SUCCESS) {
    return result;
  }
  for (const CUfunction function : functions) {
    const char* name = nullptr;
    if (driver_.cuFuncGetName(&name, function) == CUDA_SUCCESS && name != nullptr) reply.names.emplace_back(name);
  }
  return CUDA_SUCCESS;
}

CUresult ClientObjects::Handle(const ipc::LibraryGetKernel& call, ipc::LibraryGetKernelReply& reply) {
  const auto module = FindModule(call.library);
  if (module == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  const Module::Kernel* found = nullptr;
  if (const CUresult result = module->Find(call.name, found); result != CUDA_SUCCESS) return result;
  reply.parameter_offsets_bytes = found->parameter_offsets_bytes;
  reply.parameter_sizes_bytes = found->parameter_sizes_bytes;
  reply.prints = found->prints ? 1 : 0;
  const std::lock_guard lock(mutex_);
  Library* const library = FindLibrary(call.library);
  if (library == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  const auto [number, is_new] = library->kernels.try_emplace(call.name, next_number_);
  if (is_new) kernels_.emplace(next_number_++, Kernel{call.library, call.name, module, found, found->attributes});
  const Kernel& kernel = kernels_.at(number->second);
  reply.kernel = number->second;
  reply.attributes.assign(kernel.attributes.begin(), kernel.attributes.end());
  return CUDA_SUCCESS;
}

CUresult ClientObjects::OwnModule(std::uint64_t library, std::shared_ptr<Module>& own) {
  std::shared_ptr<Module> module;
  {
    const std::lock_guard lock(mutex_);
    const Library* const found = FindLibrary(library);
    if (found == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    own = found->own;
    module = found->module;
  }
  if (own != nullptr) return CUDA_SUCCESS;
  const ModuleCache::Loaded copy = modules_.OwnCopy(module);
  if (copy.result != CUDA_SUCCESS) return copy.result;
  own = copy.module;
  const std::lock_guard lock(mutex_);
  Library* const found = FindLibrary(library);
  if (found == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  found->own = own;
  return CUDA_SUCCESS;
}

CUresult ClientObjects::Handle(const ipc::LibraryGetGlobal& call, ipc::LibraryGetGlobalReply& reply) {
  std::shared_ptr<Module> module = FindModule(call.library);
  if (module == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  CUdeviceptr address = 0;
  std::size_t size = 0;
  CUresult result = driver_.cuModuleGetGlobal(&address, &size, module->handle(), call.name.c_str());
  // Only then it is worth a copy.
  if (result == CUDA_SUCCESS) result = OwnModule(call.library, module);
  if (result == CUDA_SUCCESS) result = driver_.cuModuleGetGlobal(&address, &size, module->handle(), call.name.c_str());
  if (result != CUDA_SUCCESS) return result;
  const std::lock_guard lock(mutex_);
  Library* const library = FindLibrary(call.library);
  if (library == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  if (ranges_.Add(address, size)) library->globals.push_back(address);
  reply.address = address;
  reply.size_bytes = size;
  return CUDA_SUCCESS;
}

CUresult ClientObjects::Handle(const ipc::KernelSetAttribute& call, ipc::KernelSetAttributeReply&) {
  Kernel kernel;
  {
    const std::lock_guard lock(mutex_);
    const auto found = kernels_.find(call.kernel);
    if (found == kernels_.end()) return CUDA_ERROR_INVALID_HANDLE;
    kernel = found->second;
  }
  if (call.attribute < 0 || static_cast<std::size_t>(call.attribute) >= kernel.attributes.size()) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  const CUresult result = call.attribute == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
                              ? kernel.module->AllowDynamicShared(*kernel.in_module, call.value)
                              : SetInOwnCopy(kernel, static_cast<CUfunction_attribute>(call.attribute), call.value);
  if (result != CUDA_SUCCESS) return result;
  kernel.attributes[static_cast<std::size_t>(call.attribute)] = call.value;
  const std::lock_guard lock(mutex_);
  if (const auto found = kernels_.find(call.kernel); found != kernels_.end()) found->second = std::move(kernel);
  return CUDA_SUCCESS;
}

// The kernel runs from the client's own copy of the module from then on: the code is the same, and there are no
// variables that the two could differ in.
CUresult ClientObjects::SetInOwnCopy(Kernel& kernel, CUfunction_attribute attribute, int value) {
  std::shared_ptr<Module> own;
  const Module::Kernel* in_own = nullptr;
  CUresult result = OwnModule(kernel.library, own);
  if (result == CUDA_SUCCESS) result = own->Find(kernel.name, in_own);
  if (result == CUDA_SUCCESS) {
    result = own->AllowDynamicShared(*in_own, kernel.attributes[CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES]);
  }
  if (result == CUDA_SUCCESS) result = driver_.cuFuncSetAttribute(in_own->function, attribute, value);
  if (result != CUDA_SUCCESS) return result;
  kernel.module = std::move(own);
  kernel.in_module = in_own;
  return CUDA_SUCCESS;
}

}  // namespace paella::scheduler_daemon
