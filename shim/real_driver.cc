#include "shim/real_driver.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "shim/dlopen_redirect.h"
#include "shim/entries.h"
#include "shim/log.h"

namespace paella::shim {
namespace {

constexpr int kOldestVersion = 12000;  // libraries without a context
constexpr const char* kFolders[] = {"/usr/lib/x86_64-linux-gnu", "/usr/lib64",         "/usr/lib",
                                    "/usr/local/nvidia/lib64",   "/usr/local/nvidia/lib", "/usr/lib/wsl/lib",
                                    "/usr/local/cuda/compat"};

bool FileIdentity(const char* path, struct stat& status) { return stat(path, &status) == 0; }

bool IsOurselves(const struct stat& candidate) {
  Dl_info self{};
  struct stat own;
  return dladdr(paella_exports, &self) != 0 && FileIdentity(self.dli_fname, own) && own.st_dev == candidate.st_dev &&
         own.st_ino == candidate.st_ino;
}

// Another copy of the shim, under the driver's name: it is the only libcuda that also exports dlopen itself.
bool IsPaella(void* library) {
  Dl_info driver{}, hook{};
  return dladdr(dlsym(library, "cuInit"), &driver) != 0 && dladdr(dlsym(library, "dlopen"), &hook) != 0 &&
         driver.dli_fbase == hook.dli_fbase;
}

std::vector<std::string> Candidates() {
  // Also how a machine's driver is hidden on purpose: a setting that names no file.
  if (const char* setting = std::getenv("PAELLA_REAL_DRIVER"); setting != nullptr && *setting != '\0') return {setting};
  std::vector<std::string> paths;
  for (const char* folder : kFolders) paths.push_back(std::string(folder) + "/libcuda.so.1");
  return paths;
}

}  // namespace

std::string UuidText(const std::vector<std::byte>& uuid) {
  std::string text = "GPU-";
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", std::to_integer<unsigned>(uuid[i]));
    text += digits;
  }
  return text;
}

void* RealDriver::Find(const char* symbol) const { return dlsym(handle_, symbol); }

bool RealDriver::Open(const std::string& path) {
  struct stat status;
  if (!FileIdentity(path.c_str(), status) || IsOurselves(status)) return false;
  // Deep binding: inside the driver, the driver's own symbols come before ours of the same names.
  handle_ = RealDlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  if (handle_ == nullptr) return false;
  if (Find("cuGetExportTable") == nullptr || IsPaella(handle_)) return false;
  const auto load = [this](auto& function, const char* symbol) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(Find(symbol));
    return function != nullptr;
  };
  const bool complete = load(init, "cuInit") &&
                        load(driver_get_version, "cuDriverGetVersion") && load(get_export_table, "cuGetExportTable") &&
                        load(library_load_data, "cuLibraryLoadData") && load(library_unload, "cuLibraryUnload") &&
                        load(library_get_kernel, "cuLibraryGetKernel");
  if (complete && driver_get_version(&version_) == CUDA_SUCCESS && version_ >= kOldestVersion) return true;
  Log("%s is not a driver to use (version %d)", path.c_str(), version_);
  return false;
}

bool RealDriver::Initialise(const ipc::Welcome& welcome) {
  constexpr const char* kVariable = "CUDA_VISIBLE_DEVICES";
  const char* before = std::getenv(kVariable);
  const std::string saved = before == nullptr ? "" : before;
  if (welcome.uuid.size() == sizeof(CUuuid)) setenv(kVariable, UuidText(welcome.uuid).c_str(), 1);
  const CUresult result = init(0);
  // Children find their daemon by the ordinal, so that is what stays where the program had set nothing.
  setenv(kVariable, before != nullptr ? saved.c_str() : std::to_string(welcome.device_ordinal).c_str(), 1);
  if (result != CUDA_SUCCESS) Log("the real driver's cuInit fails with %d: doing without it", result);
  return result == CUDA_SUCCESS;
}

CUcontext RealDriver::InactivePrimaryContext() const {
  // cudart's own way to it: slot 2 of this table, (CUcontext* out, CUdevice).
  static constexpr unsigned char kTable[16] = {0x6b, 0xd5, 0xfb, 0x6c, 0x5b, 0xf4, 0xe7, 0x4a,
                                               0x89, 0x87, 0xd9, 0x39, 0x12, 0xfd, 0x9d, 0xf9};
  CUuuid id;
  std::memcpy(&id, kTable, sizeof id);
  const void* table = nullptr;
  if (get_export_table(&table, &id) != CUDA_SUCCESS || table == nullptr) return nullptr;
  using GetPrimary = CUresult (*)(CUcontext*, CUdevice);
  CUcontext context = nullptr;
  const auto get_primary = reinterpret_cast<GetPrimary>(static_cast<void* const*>(table)[2]);
  return get_primary(&context, 0) == CUDA_SUCCESS ? context : nullptr;
}

RealDriver* GetRealDriver() {
  static RealDriver* const opened = []() -> RealDriver* {
    for (const std::string& path : Candidates()) {
      auto* driver = new RealDriver;
      if (driver->Open(path)) return driver;
      delete driver;
    }
    return nullptr;
  }();
  return opened;
}

void StepAside(const RealDriver& real) {
  for (int i = 0; i < kEntryCount; ++i) {
    if (void* function = real.Find(kEntryNames[i])) __atomic_store_n(&paella_entries[i], function, __ATOMIC_RELEASE);
  }
}

}  // namespace paella::shim
