#include "scheduler_daemon/executor/modules.h"

#include <gcrypt.h>

#include <algorithm>
#include <cstring>
#include <future>

#include "scheduler_daemon/executor/image_variables.h"
#include "scheduler_daemon/executor/shapes.h"
#include "scheduler_daemon/knowledge/estimate_table.h"

namespace paella::scheduler_daemon {
namespace {

constexpr std::size_t kMaxParameters = 1024;  // 4 KiB of parameters or more hold fewer, larger ones

// Two images of one key are the same image: nobody can make two files of one SHA-256, so that the bytes need not be
// kept for comparison.
std::string KeyOf(const std::vector<std::byte>& image, const JitNumbers& options) {
  constexpr std::size_t kDigestBytes = 32;
  std::string key(kDigestBytes, '\0');
  gcry_md_hash_buffer(GCRY_MD_SHA256, key.data(), image.data(), image.size());
  for (const auto& [option, value] : options) {
    key += std::to_string(option) + '=' + std::to_string(value) + ';';
  }
  return key;
}

// Of a key's image alone.
std::uint64_t HashOf(const std::string& key) {
  std::uint64_t hash = 0;
  std::memcpy(&hash, key.data(), sizeof hash);
  return hash;
}

}  // namespace

GpuCapacity GpuCapacity::Of(const Driver& driver, CUdevice device) {
  const auto ask = [&](CUdevice_attribute attribute) {
    int value = 0;
    driver.cuDeviceGetAttribute(&value, attribute, device);
    return static_cast<double>(std::max(1, value));
  };
  const double sms = ask(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  return {.multiprocessors = sms,
          .threads = sms * ask(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR),
          .registers = sms * ask(CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR),
          .shared_bytes = sms * ask(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR)};
}

CUresult Module::Describe(const std::string& name, Kernel& kernel) const {
  CUresult result = driver_.cuModuleGetFunction(&kernel.function, handle_, name.c_str());
  // Loaded now, on this thread: a lazy load at the first launch would stop the dispatching thread (notes 6.21).
  if (result == CUDA_SUCCESS) result = driver_.cuFuncLoad(kernel.function);
  if (result != CUDA_SUCCESS) return result;
  for (std::size_t i = 0; i < kMaxParameters; ++i) {
    std::size_t offset = 0;
    std::size_t size = 0;
    if (driver_.cuFuncGetParamInfo(kernel.function, i, &offset, &size) != CUDA_SUCCESS) break;
    kernel.parameter_offsets_bytes.push_back(offset);
    kernel.parameter_sizes_bytes.push_back(size);
    kernel.parameter_bytes = offset + size;
  }
  for (int attribute = 0; attribute < CU_FUNC_ATTRIBUTE_MAX; ++attribute) {
    int value = 0;
    driver_.cuFuncGetAttribute(&value, static_cast<CUfunction_attribute>(attribute), kernel.function);
    kernel.attributes.push_back(value);
  }
  const auto attribute = [&](CUfunction_attribute which) { return std::max(0, kernel.attributes[which]); };
  kernel.share_of_thread = std::max(1 / gpu_.threads, attribute(CU_FUNC_ATTRIBUTE_NUM_REGS) / gpu_.registers);
  kernel.share_of_shared_byte = 1 / gpu_.shared_bytes;
  kernel.multiprocessors = gpu_.multiprocessors;
  kernel.identity = ExtendHash(image_hash_, HashOfText(name));
  kernel.prints = text_.prints.contains(name);
  kernel.asserts = text_.asserts.contains(name);
  return CUDA_SUCCESS;
}

CUresult Module::Find(const std::string& name, const Kernel*& kernel) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = kernels_.find(name); found != kernels_.end()) {
      kernel = &found->second;
      return CUDA_SUCCESS;
    }
  }
  Kernel described;
  if (const CUresult result = Describe(name, described); result != CUDA_SUCCESS) return result;
  // If another client found it meanwhile, its description stays: ours may show what that client has changed since.
  const std::lock_guard lock(mutex_);
  kernel = &kernels_.try_emplace(name, std::move(described)).first->second;
  return CUDA_SUCCESS;
}

int Module::AllowedDynamicShared(const Kernel& kernel) const {
  const std::lock_guard lock(mutex_);
  const auto raised = allowed_dynamic_shared_.find(kernel.function);
  return raised != allowed_dynamic_shared_.end() ? raised->second
                                                 : kernel.attributes[CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES];
}

CUresult Module::AllowDynamicShared(const Kernel& kernel, int bytes) {
  if (bytes < 0) return CUDA_ERROR_INVALID_VALUE;
  const std::lock_guard lock(raise_mutex_);
  if (bytes <= AllowedDynamicShared(kernel)) return CUDA_SUCCESS;
  const CUresult result =
      driver_.cuFuncSetAttribute(kernel.function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes);
  if (result != CUDA_SUCCESS) return result;
  const std::lock_guard table_lock(mutex_);
  allowed_dynamic_shared_[kernel.function] = bytes;
  return CUDA_SUCCESS;
}

ModuleCache::ModuleCache(const Driver& driver, int architecture_major, const GpuCapacity& gpu)
    : driver_(driver), architecture_major_(architecture_major), gpu_(gpu) {
  gcry_check_version(nullptr);  // makes the library ready
  gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
}

ModuleCache::Loaded ModuleCache::Load(const std::vector<std::byte>& image, const JitNumbers& options) {
  const std::string key = KeyOf(image, options);
  bool is_first = false;
  const auto entry = Enter(key, is_first);
  if (is_first) return LoadFirst(key, *entry, image, options);
  // Only now, since most images are loaded by one client alone, and to look into a large one takes time.
  std::call_once(entry->examined, [&] { entry->has_variables = !IsFreeOfVariables(image, architecture_major_); });
  if (!entry->has_variables) {
    if (auto loaded = Share(*entry, image)) return *std::move(loaded);
  }
  return LoadByDriver(image, options, HashOf(key));
}

std::shared_ptr<ModuleCache::Entry> ModuleCache::Enter(const std::string& key, bool& is_first) {
  const std::lock_guard lock(mutex_);
  auto& entry = entries_[key];
  is_first = entry == nullptr || (!entry->is_loading && entry->module.expired());
  if (is_first) entry = std::make_shared<Entry>();
  return entry;
}

ModuleCache::Loaded ModuleCache::LoadFirst(const std::string& key, Entry& entry, const std::vector<std::byte>& image,
                                           const JitNumbers& options) {
  Loaded loaded = LoadByDriver(image, options, HashOf(key));
  {
    const std::lock_guard lock(mutex_);
    entry.is_loading = false;
    if (loaded.module == nullptr) {
      entry.failure = loaded;
      entries_.erase(key);
    } else {
      entry.module = loaded.module;
      loaded.module->sharing_ = Module::Sharing::kPossible;
      loaded.module->key_ = key;
      loaded.module->options_ = options;
    }
  }
  load_ended_.notify_all();
  return loaded;
}

ModuleCache::Loaded ModuleCache::LoadByDriver(const std::vector<std::byte>& image, const JitNumbers& options,
                                              std::uint64_t image_hash) {
  // Beside the driver's own work, which takes as long where the image is large.
  constexpr std::size_t kWorthAThread = 1 << 20;
  const auto policy = image.size() < kWorthAThread ? std::launch::deferred : std::launch::async;
  auto text = std::async(policy, [&] { return FindKernelText(image, architecture_major_); });
  JitOptions jit(options);
  CUmodule handle = nullptr;
  Loaded loaded;
  loaded.result = driver_.cuModuleLoadDataEx(&handle, image.data(), jit.count(), jit.options(), jit.values());
  loaded.error_log = jit.error_log();
  loaded.info_log = jit.info_log();
  if (loaded.result != CUDA_SUCCESS) return loaded;
  loaded.module = {new Module(driver_, gpu_, handle, text.get(), image_hash), [this](Module* module) { Release(module); }};
  ++loaded_;
  return loaded;
}

std::optional<ModuleCache::Loaded> ModuleCache::Share(Entry& entry, const std::vector<std::byte>& image) {
  std::unique_lock lock(mutex_);
  load_ended_.wait(lock, [&] { return !entry.is_loading; });
  if (entry.failure.result != CUDA_SUCCESS) return entry.failure;
  Loaded loaded;
  loaded.module = entry.module.lock();
  if (loaded.module == nullptr || loaded.module->sharing_ == Module::Sharing::kRefused) return std::nullopt;
  if (loaded.module->image_ == nullptr) {
    if (image.size() > kMaxKeptBytes - kept_bytes_) return std::nullopt;
    kept_bytes_ += image.size();
    loaded.module->image_ = std::make_shared<const std::vector<std::byte>>(image);
  }
  loaded.module->sharing_ = Module::Sharing::kDone;
  ++shared_loads_;
  return loaded;
}

ModuleCache::Loaded ModuleCache::OwnCopy(const std::shared_ptr<Module>& module) {
  std::shared_ptr<const std::vector<std::byte>> image;
  {
    const std::lock_guard lock(mutex_);
    if (module->sharing_ != Module::Sharing::kDone) {
      module->sharing_ = Module::Sharing::kRefused;
      const auto found = entries_.find(module->key_);
      if (found != entries_.end() && found->second->module.lock() == module) entries_.erase(found);
      return {CUDA_SUCCESS, module, {}, {}};
    }
    image = module->image_;
  }
  return LoadByDriver(*image, module->options_, module->image_hash_);
}

void ModuleCache::Release(Module* module) {
  {
    const std::lock_guard lock(mutex_);
    if (module->image_ != nullptr) kept_bytes_ -= module->image_->size();
    const auto found = entries_.find(module->key_);
    if (found != entries_.end() && !found->second->is_loading && found->second->module.expired()) entries_.erase(found);
  }
  delete module;
  --loaded_;
}

}  // namespace paella::scheduler_daemon
