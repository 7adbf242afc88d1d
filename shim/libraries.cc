#include "shim/libraries.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "shim/images.h"
#include "shim/real_driver.h"

namespace paella::shim {
namespace {

constexpr std::size_t kUploadChunkBytes = 128 * 1024;

bool CarriesNumber(CUjit_option option) {
  switch (option) {
    case CU_JIT_WALL_TIME:
    case CU_JIT_INFO_LOG_BUFFER:
    case CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES:
    case CU_JIT_ERROR_LOG_BUFFER:
    case CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES:
    case CU_JIT_TARGET_FROM_CUCONTEXT:  // no value, and the executor's context is the only one
    case CU_JIT_GLOBAL_SYMBOL_NAMES:
    case CU_JIT_GLOBAL_SYMBOL_ADDRESSES:
    case CU_JIT_REFERENCED_KERNEL_NAMES:
    case CU_JIT_REFERENCED_VARIABLE_NAMES: return false;
    default: return true;
  }
}

void TakeCapacity(JitLog& log, void** value) {
  log.capacity_bytes = reinterpret_cast<std::uintptr_t>(*value);
  log.filled_bytes = value;
}

}  // namespace

void JitLog::Fill(const std::string& text) const {
  std::size_t size = 0;
  if (buffer != nullptr && capacity_bytes != 0) {
    size = std::min(text.size(), capacity_bytes - 1);
    std::memcpy(buffer, text.data(), size);
    buffer[size] = '\0';
  }
  if (filled_bytes != nullptr) *filled_bytes = reinterpret_cast<void*>(size);
}

bool JitOptions::AreValid(const CUjit_option* options, unsigned count) {
  if (options == nullptr) return count == 0;
  return std::all_of(options, options + count, [](CUjit_option option) {
    return option >= CU_JIT_MAX_REGISTERS && option < CU_JIT_NUM_OPTIONS;
  });
}

JitOptions JitOptions::From(const CUjit_option* options, void** values, unsigned count) {
  JitOptions taken;
  if (options == nullptr || values == nullptr) return taken;
  for (unsigned i = 0; i < count; ++i) {
    switch (options[i]) {
      case CU_JIT_ERROR_LOG_BUFFER: taken.error_log.buffer = static_cast<char*>(values[i]); break;
      case CU_JIT_INFO_LOG_BUFFER: taken.info_log.buffer = static_cast<char*>(values[i]); break;
      case CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES: TakeCapacity(taken.error_log, &values[i]); break;
      case CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES: TakeCapacity(taken.info_log, &values[i]); break;
      default:
        if (!CarriesNumber(options[i])) break;
        taken.options.push_back(options[i]);
        taken.values.push_back(reinterpret_cast<std::uintptr_t>(values[i]));
    }
  }
  return taken;
}

CUresult Libraries::Upload(std::span<const std::byte> image, std::uint64_t& upload) {
  upload = next_upload_.fetch_add(1, std::memory_order_relaxed);
  ipc::UploadChunk chunk;
  chunk.upload = upload;
  while (!image.empty()) {
    const auto piece = image.first(std::min(image.size(), kUploadChunkBytes));
    chunk.data.assign(piece.begin(), piece.end());
    if (const CUresult posted = submission_.Post(chunk); posted != CUDA_SUCCESS) return posted;
    image = image.subspan(piece.size());
  }
  return CUDA_SUCCESS;
}

CUresult Libraries::EnsureLoaded(Library& library) {
  if (library.loaded) return library.load_result;
  ipc::LibraryLoad message;
  if (const CUresult sent = Upload(library.image, message.upload); sent != CUDA_SUCCESS) return sent;
  message.jit_options = library.jit.options;
  message.jit_values = library.jit.values;
  ipc::LibraryLoadReply reply;
  library.load_result = submission_.Call(message, reply);
  library.loaded = true;
  library.number = reply.library;
  library.copy = {};
  library.image = {};
  library.jit.error_log.Fill(reply.error_log);
  library.jit.info_log.Fill(reply.info_log);
  library.jit = {};
  return library.load_result;
}

CUresult Libraries::Load(const LoadRequest& request, Library*& result) {
  if (request.image == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const auto image = FindImage(request.image);
  if (!image) return CUDA_ERROR_INVALID_IMAGE;
  auto library = std::make_unique<Library>();
  library->jit = request.jit;
  library->image = *image;
  library->module_of = request.module_of;
  if (real_ != nullptr) {
    // The real driver's answer counts only where it is a handle: what it refuses without a context, the daemon may take.
    if (real_->library_load_data(&library->real, request.image, nullptr, nullptr, 0, nullptr, nullptr, 0) != CUDA_SUCCESS) {
      library->real = nullptr;
    }
  }
  library->handle = library->real != nullptr ? library->real : reinterpret_cast<CUlibrary>(library.get());
  if (request.module_of != nullptr || library->real == nullptr) {
    const std::lock_guard lock(library->mutex);
    if (const CUresult loaded = EnsureLoaded(*library); loaded != CUDA_SUCCESS) {
      if (library->real != nullptr) real_->library_unload(library->real);
      return loaded;
    }
  } else {
    for (JitLog* log : {&library->jit.error_log, &library->jit.info_log}) {
      log->Fill({});
      *log = {};  // the program's buffers may be gone when the library is loaded
    }
    if (!request.image_stays) {
      library->copy.assign(image->begin(), image->end());
      library->image = library->copy;
    }
  }
  result = library.release();
  by_handle_.Insert(result->handle, result);
  return CUDA_SUCCESS;
}

CUresult Libraries::Unload(CUlibrary handle) {
  const std::unique_ptr<Library> library(by_handle_.Erase(handle));
  if (library == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  for (const auto& [name, global] : library->globals) allocations_.Remove(global.base);
  for (const auto& [name, kernel] : library->kernels) {
    kernels_.Erase(kernel->handle);
    delete kernel;
  }
  if (library->real != nullptr) real_->library_unload(library->real);
  if (!library->loaded || library->load_result != CUDA_SUCCESS) return CUDA_SUCCESS;
  ipc::LibraryUnload message;
  message.library = library->number;
  ipc::LibraryUnloadReply reply;
  return submission_.Call(message, reply);
}

void Libraries::UnloadModulesOf(const Context& context) {
  for (const Library* library : by_handle_.All()) {
    if (library->module_of == &context) Unload(library->handle);
  }
}

CUresult Libraries::GetKernel(Library& library, const char* name, Kernel*& result) {
  const std::lock_guard lock(library.mutex);
  if (const auto known = library.kernels.find(std::string_view(name)); known != library.kernels.end()) {
    result = known->second;
    return CUDA_SUCCESS;
  }
  if (const CUresult loaded = EnsureLoaded(library); loaded != CUDA_SUCCESS) return loaded;
  ipc::LibraryGetKernel message;
  message.library = library.number;
  message.name = name;
  ipc::LibraryGetKernelReply reply;
  if (const CUresult found = submission_.Call(message, reply); found != CUDA_SUCCESS) return found;
  auto kernel = std::make_unique<Kernel>();
  if (!Describe(reply, *kernel)) return CUDA_ERROR_UNKNOWN;
  kernel->library = &library;
  kernel->name = name;
  if (library.real == nullptr || real_->library_get_kernel(&kernel->handle, library.real, name) != CUDA_SUCCESS) {
    kernel->handle = reinterpret_cast<CUkernel>(kernel.get());
  }
  result = kernel.release();
  library.kernels.emplace(name, result);
  kernels_.Insert(result->handle, result);
  return CUDA_SUCCESS;
}

CUresult Libraries::GetGlobal(Library& library, const char* name, Allocation& global) {
  const std::lock_guard lock(library.mutex);
  if (const auto known = library.globals.find(std::string_view(name)); known != library.globals.end()) {
    global = known->second;
    return CUDA_SUCCESS;
  }
  if (const CUresult loaded = EnsureLoaded(library); loaded != CUDA_SUCCESS) return loaded;
  ipc::LibraryGetGlobal message;
  message.library = library.number;
  message.name = name;
  ipc::LibraryGetGlobalReply reply;
  if (const CUresult found = submission_.Call(message, reply); found != CUDA_SUCCESS) return found;
  global.base = reply.address;
  global.size_bytes = reply.size_bytes;
  global.kind = MemoryKind::kGlobal;
  library.globals.emplace(name, global);
  allocations_.Add(global);
  return CUDA_SUCCESS;
}

CUresult Libraries::GetKernelNames(Library& library, std::vector<std::string>& names) {
  const std::lock_guard lock(library.mutex);
  if (!library.kernel_names_known) {
    if (const CUresult loaded = EnsureLoaded(library); loaded != CUDA_SUCCESS) return loaded;
    ipc::LibraryKernels message;
    message.library = library.number;
    ipc::LibraryKernelsReply reply;
    if (const CUresult found = submission_.Call(message, reply); found != CUDA_SUCCESS) return found;
    library.kernel_names = std::move(reply.names);
    library.kernel_names_known = true;
  }
  names = library.kernel_names;
  return CUDA_SUCCESS;
}

}  // namespace paella::shim
