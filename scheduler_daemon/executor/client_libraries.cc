// The part of ClientObjects that answers calls about code: libraries, kernels, globals.
#include <array>

#include "scheduler_daemon/executor/client_objects.h"

namespace paella::scheduler_daemon {
namespace {

constexpr std::size_t kLogBytes = 4096;        // of each JIT log; with its reply it fits a reply slot
constexpr std::size_t kMaxParameters = 1024;   // 4 KiB of parameters or more hold fewer, larger ones
constexpr std::size_t kMaxJitOptions = 16;

// Options that carry plain numbers and change nothing but the code. Buffers are the executor's own; anything else that
// a client names is left out.
bool IsNumericOption(std::uint32_t option) {
  switch (option) {
    case CU_JIT_MAX_REGISTERS:
    case CU_JIT_OPTIMIZATION_LEVEL:
    case CU_JIT_TARGET:
    case CU_JIT_FALLBACK_STRATEGY:
    case CU_JIT_GENERATE_DEBUG_INFO:
    case CU_JIT_GENERATE_LINE_INFO:
    case CU_JIT_CACHE_MODE: return true;
    default: return false;
  }
}

struct JitOptions {
  std::vector<CUjit_option> options;
  std::vector<void*> values;

  void Add(CUjit_option option, std::uint64_t value) {
    options.push_back(option);
    values.push_back(reinterpret_cast<void*>(value));
  }
};

JitOptions OptionsOf(const ipc::LibraryLoad& call, std::array<char, kLogBytes>& error_log,
                     std::array<char, kLogBytes>& info_log) {
  JitOptions jit;
  jit.Add(CU_JIT_ERROR_LOG_BUFFER, reinterpret_cast<std::uint64_t>(error_log.data()));
  jit.Add(CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, error_log.size() - 1);
  jit.Add(CU_JIT_INFO_LOG_BUFFER, reinterpret_cast<std::uint64_t>(info_log.data()));
  jit.Add(CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES, info_log.size() - 1);
  for (std::size_t i = 0; i < call.jit_options.size() && i < kMaxJitOptions; ++i) {
    if (IsNumericOption(call.jit_options[i])) jit.Add(static_cast<CUjit_option>(call.jit_options[i]), call.jit_values[i]);
  }
  return jit;
}

}  // namespace

CUmodule ClientObjects::FindModule(std::uint64_t library) const {
  const std::lock_guard lock(mutex_);
  const auto found = libraries_.find(library);
  return found == libraries_.end() ? nullptr : found->second.module;
}

CUresult ClientObjects::Handle(const ipc::LibraryLoad& call, ipc::LibraryLoadReply& reply) {
  if (call.jit_options.size() != call.jit_values.size()) return CUDA_ERROR_INVALID_VALUE;
  std::vector<std::byte> image;
  {
    const std::lock_guard lock(mutex_);
    auto upload = uploads_.extract(call.upload);
    if (upload.empty()) return CUDA_ERROR_INVALID_IMAGE;
    image = std::move(upload.mapped());
    upload_bytes_ -= image.size();
  }
  image.push_back(std::byte{0});  // PTX is a C string, and a client need not have ended it
  std::array<char, kLogBytes> error_log{};
  std::array<char, kLogBytes> info_log{};
  JitOptions jit = OptionsOf(call, error_log, info_log);
  CUmodule module = nullptr;
  const CUresult result = driver_.cuModuleLoadDataEx(&module, image.data(), static_cast<unsigned>(jit.options.size()),
                                                     jit.options.data(), jit.values.data());
  reply.error_log = error_log.data();
  reply.info_log = info_log.data();
  if (result != CUDA_SUCCESS) return result;
  const std::lock_guard lock(mutex_);
  reply.library = next_number_++;
  libraries_.emplace(reply.library, Library{module, {}, {}});
  return CUDA_SUCCESS;
}

CUresult ClientObjects::Handle(const ipc::LibraryUnload& call, ipc::LibraryUnloadReply&) {
  CUmodule module = nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto found = libraries_.find(call.library);
    if (found == libraries_.end()) return CUDA_ERROR_INVALID_HANDLE;
    module = found->second.module;
    for (const auto& [name, kernel] : found->second.kernels) kernels_.erase(kernel);
    for (const std::uint64_t address : found->second.globals) ranges_.Remove(address);
    libraries_.erase(found);
    kernels_lost_.fetch_add(1, std::memory_order_release);
  }
  return driver_.cuModuleUnload(module);
}

CUresult ClientObjects::Handle(const ipc::LibraryKernels& call, ipc::LibraryKernelsReply& reply) {
  const CUmodule module = FindModule(call.library);
  if (module == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  unsigned count = 0;
  if (const CUresult result = driver_.cuModuleGetFunctionCount(&count, module); result != CUDA_SUCCESS) return result;
  std::vector<CUfunction> functions(count);
  if (const CUresult result = driver_.cuModuleEnumerateFunctions(functions.data(), count, module);
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
  const CUmodule module = FindModule(call.library);
  if (module == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  KernelInfo info{};
  CUresult result = driver_.cuModuleGetFunction(&info.function, module, call.name.c_str());
  // Loaded now, on this thread: a lazy load at the first launch would stop the dispatching thread (notes 6.21).
  if (result == CUDA_SUCCESS) result = driver_.cuFuncLoad(info.function);
  if (result != CUDA_SUCCESS) return result;
  for (std::size_t i = 0; i < kMaxParameters; ++i) {
    std::size_t offset = 0;
    std::size_t size = 0;
    if (driver_.cuFuncGetParamInfo(info.function, i, &offset, &size) != CUDA_SUCCESS) break;
    reply.parameter_offsets_bytes.push_back(offset);
    reply.parameter_sizes_bytes.push_back(size);
    info.parameter_bytes = offset + size;
  }
  for (int attribute = 0; attribute < CU_FUNC_ATTRIBUTE_MAX; ++attribute) {
    int value = 0;
    driver_.cuFuncGetAttribute(&value, static_cast<CUfunction_attribute>(attribute), info.function);
    reply.attributes.push_back(value);
  }
  const std::lock_guard lock(mutex_);
  const auto library = libraries_.find(call.library);
  if (library == libraries_.end()) return CUDA_ERROR_INVALID_HANDLE;
  const auto [entry, is_new] = library->second.kernels.try_emplace(call.name, next_number_);
  if (is_new) kernels_.emplace(next_number_++, info);
  reply.kernel = entry->second;
  return CUDA_SUCCESS;
}

CUresult ClientObjects::Handle(const ipc::LibraryGetGlobal& call, ipc::LibraryGetGlobalReply& reply) {
  const CUmodule module = FindModule(call.library);
  if (module == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  CUdeviceptr address = 0;
  std::size_t size = 0;
  const CUresult result = driver_.cuModuleGetGlobal(&address, &size, module, call.name.c_str());
  if (result != CUDA_SUCCESS) return result;
  const std::lock_guard lock(mutex_);
  const auto library = libraries_.find(call.library);
  if (library == libraries_.end()) return CUDA_ERROR_INVALID_HANDLE;
  if (ranges_.Add(address, size)) library->second.globals.push_back(address);
  reply.address = address;
  reply.size_bytes = size;
  return CUDA_SUCCESS;
}

CUresult ClientObjects::Handle(const ipc::KernelSetAttribute& call, ipc::KernelSetAttributeReply&) {
  const auto kernel = FindKernel(call.kernel);
  if (!kernel) return CUDA_ERROR_INVALID_HANDLE;
  return driver_.cuFuncSetAttribute(kernel->function, static_cast<CUfunction_attribute>(call.attribute), call.value);
}

}  // namespace paella::scheduler_daemon
