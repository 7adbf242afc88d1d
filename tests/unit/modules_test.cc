// When the driver is asked to load an image, and when not: over a driver that counts and can be made to wait.
#include "scheduler_daemon/executor/modules.h"

#include <gtest/gtest.h>

#include <cstring>
#include <future>
#include <map>
#include <set>
#include <string>
#include <thread>

namespace paella::scheduler_daemon {
namespace {

constexpr const char* kPtx = ".version 9.0\n.target sm_90\n";
constexpr const char* kPtxWithVariable = ".version 9.0\n.target sm_90\n.global .u32 a;\n";
constexpr int kDefaultShared = 48 * 1024;
constexpr int kMostShared = 227 * 1024;
constexpr std::chrono::seconds kPatience{60};

struct FakeDriver {
  std::mutex mutex;
  std::set<std::uintptr_t> loaded;
  std::uintptr_t loads = 0;
  std::map<std::uintptr_t, int> shared;  // of each module's kernel, where it was set
  CUresult result = CUDA_SUCCESS;        // of the next loads
  // A load tells that it has begun, and waits.
  std::promise<void>* begun = nullptr;
  std::shared_future<void> may_end;

  static FakeDriver* current;
};
FakeDriver* FakeDriver::current = nullptr;

CUresult Load(CUmodule* module, const void*, unsigned count, CUjit_option* options, void** values) {
  FakeDriver& fake = *FakeDriver::current;
  std::unique_lock lock(fake.mutex);
  ++fake.loads;
  const CUresult result = fake.result;
  if (auto* const begun = std::exchange(fake.begun, nullptr)) {
    const auto may_end = fake.may_end;
    lock.unlock();
    begun->set_value();
    if (may_end.wait_for(kPatience) != std::future_status::ready) std::abort();
    lock.lock();
  }
  for (unsigned i = 0; i < count; ++i) {
    const bool is_log = options[i] == CU_JIT_ERROR_LOG_BUFFER;
    if (is_log && result != CUDA_SUCCESS) std::strcpy(static_cast<char*>(values[i]), "no");
  }
  if (result != CUDA_SUCCESS) return result;
  *module = reinterpret_cast<CUmodule>(fake.loads);
  fake.loaded.insert(fake.loads);
  return CUDA_SUCCESS;
}

CUresult Unload(CUmodule module) {
  const std::lock_guard lock(FakeDriver::current->mutex);
  EXPECT_EQ(FakeDriver::current->loaded.erase(reinterpret_cast<std::uintptr_t>(module)), 1u);
  return CUDA_SUCCESS;
}

// Each module has one kernel, whose handle is the module's.
CUresult GetFunction(CUfunction* function, CUmodule module, const char* name) {
  *function = reinterpret_cast<CUfunction>(module);
  return std::string(name) == "Kernel" ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

CUresult GetAttribute(int* value, CUfunction_attribute attribute, CUfunction function) {
  const std::lock_guard lock(FakeDriver::current->mutex);
  const auto set = FakeDriver::current->shared.find(reinterpret_cast<std::uintptr_t>(function));
  const bool is_set = set != FakeDriver::current->shared.end();
  *value = attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES ? 0 : is_set ? set->second : kDefaultShared;
  return CUDA_SUCCESS;
}

CUresult SetAttribute(CUfunction function, CUfunction_attribute, int value) {
  const std::lock_guard lock(FakeDriver::current->mutex);
  if (value > kMostShared) return CUDA_ERROR_INVALID_VALUE;
  FakeDriver::current->shared[reinterpret_cast<std::uintptr_t>(function)] = value;
  return CUDA_SUCCESS;
}

class Modules : public testing::Test {
 protected:
  Modules() {
    FakeDriver::current = &fake_;
    driver_.cuModuleLoadDataEx = Load;
    driver_.cuModuleUnload = Unload;
    driver_.cuModuleGetFunction = GetFunction;
    driver_.cuFuncLoad = [](CUfunction) { return CUDA_SUCCESS; };
    driver_.cuFuncGetParamInfo = [](CUfunction, std::size_t, std::size_t*, std::size_t*) {
      return CUDA_ERROR_INVALID_VALUE;
    };
    driver_.cuFuncGetAttribute = GetAttribute;
    driver_.cuFuncSetAttribute = SetAttribute;
  }
  ~Modules() override { EXPECT_TRUE(fake_.loaded.empty()); }

  ModuleCache::Loaded LoadText(const std::string& text, const JitNumbers& options = {}) {
    std::vector<std::byte> image(text.size() + 1);
    std::memcpy(image.data(), text.data(), text.size());
    return cache_.Load(image, options);
  }

  // Two loads of one text, the second begun while the driver is at the first.
  std::pair<ModuleCache::Loaded, ModuleCache::Loaded> LoadTwiceAtOnce(const std::string& text) {
    std::promise<void> begun;
    std::promise<void> end;
    fake_.begun = &begun;
    fake_.may_end = end.get_future().share();
    auto first = std::async(std::launch::async, [&] { return LoadText(text); });
    EXPECT_EQ(begun.get_future().wait_for(kPatience), std::future_status::ready);
    auto second = std::async(std::launch::async, [&] { return LoadText(text); });
    end.set_value();
    return {first.get(), second.get()};
  }

  FakeDriver fake_;
  Driver driver_;
  ModuleCache cache_{driver_, 9, GpuCapacity()};
};

TEST_F(Modules, OfOneImageAreOne) {
  const auto first = LoadText(kPtx);
  const auto second = LoadText(kPtx);
  EXPECT_EQ(first.module, second.module);
  EXPECT_EQ(fake_.loads, 1u);
  EXPECT_EQ(cache_.loaded(), 1u);
  EXPECT_EQ(cache_.shared_loads(), 1u);
}

TEST_F(Modules, OfOtherBytesOrOptionsAreOthers) {
  const auto plain = LoadText(kPtx);
  const auto other_bytes = LoadText(std::string(kPtx) + "\n");
  const auto other_options = LoadText(kPtx, {{CU_JIT_MAX_REGISTERS, 32}});
  const auto same_options = LoadText(kPtx, {{CU_JIT_MAX_REGISTERS, 32}});
  const auto other_value = LoadText(kPtx, {{CU_JIT_MAX_REGISTERS, 64}});
  EXPECT_EQ(fake_.loads, 4u);
  EXPECT_EQ(other_options.module, same_options.module);
}

TEST_F(Modules, WithVariablesAreNotShared) {
  const auto first = LoadText(kPtxWithVariable);
  const auto second = LoadText(kPtxWithVariable);
  EXPECT_NE(first.module, second.module);
  EXPECT_EQ(fake_.loads, 2u);
  EXPECT_EQ(cache_.shared_loads(), 0u);
}

TEST_F(Modules, StayUntilTheLastClientLetsGo) {
  auto first = LoadText(kPtx);
  auto second = LoadText(kPtx);
  first = {};
  EXPECT_EQ(fake_.loaded.size(), 1u);
  auto third = LoadText(kPtx);
  EXPECT_EQ(third.module, second.module);
  second = third = {};
  EXPECT_TRUE(fake_.loaded.empty());
  EXPECT_EQ(cache_.loaded(), 0u);
  const auto again = LoadText(kPtx);
  EXPECT_EQ(fake_.loads, 2u);
}

TEST_F(Modules, ThatFailAreTriedAgain) {
  fake_.result = CUDA_ERROR_INVALID_PTX;
  const auto failed = LoadText(kPtx);
  EXPECT_EQ(failed.result, CUDA_ERROR_INVALID_PTX);
  EXPECT_EQ(failed.error_log, "no");
  EXPECT_EQ(failed.module, nullptr);
  fake_.result = CUDA_SUCCESS;
  EXPECT_EQ(LoadText(kPtx).result, CUDA_SUCCESS);
}

TEST_F(Modules, LoadedAtOnceAreLoadedOnce) {
  const auto [first, second] = LoadTwiceAtOnce(kPtx);
  EXPECT_EQ(first.module, second.module);
  EXPECT_EQ(fake_.loads, 1u);
}

// The second may have come when the first was over: then it has tried for itself.
TEST_F(Modules, ThatFailAtOnceFailForEachWithTheReason) {
  fake_.result = CUDA_ERROR_INVALID_PTX;
  const auto [first, second] = LoadTwiceAtOnce(kPtx);
  for (const auto& loaded : {first, second}) {
    EXPECT_EQ(loaded.result, CUDA_ERROR_INVALID_PTX);
    EXPECT_EQ(loaded.error_log, "no");
  }
}

TEST_F(Modules, WithVariablesDoNotWaitForEachOther) {
  std::promise<void> begun;
  std::promise<void> end;
  fake_.begun = &begun;
  fake_.may_end = end.get_future().share();
  auto first = std::async(std::launch::async, [&] { return LoadText(kPtxWithVariable); });
  ASSERT_EQ(begun.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(LoadText(kPtxWithVariable).result, CUDA_SUCCESS);
  end.set_value();
  EXPECT_EQ(first.get().result, CUDA_SUCCESS);
}

TEST_F(Modules, OfOneClientAloneAreItsOwnWithoutACopy) {
  const auto first = LoadText(kPtx);
  EXPECT_EQ(cache_.OwnCopy(first.module).module, first.module);
  EXPECT_EQ(fake_.loads, 1u);
  const auto second = LoadText(kPtx);
  EXPECT_NE(second.module, first.module) << "it may have been changed";
  EXPECT_EQ(LoadText(kPtx).module, second.module);
}

TEST_F(Modules, OfSeveralAreCopiedForOne) {
  const JitNumbers options{{CU_JIT_MAX_REGISTERS, 32}};
  const auto first = LoadText(kPtx, options);
  const auto second = LoadText(kPtx, options);
  const auto own = cache_.OwnCopy(first.module);
  EXPECT_NE(own.module, first.module);
  EXPECT_EQ(fake_.loads, 2u);
  EXPECT_EQ(LoadText(kPtx, options).module, second.module);
  EXPECT_EQ(cache_.OwnCopy(own.module).module, own.module);
}

TEST_F(Modules, ShowTheirKernelsAsTheyWereAndRaiseTheLimitOnly) {
  const auto loaded = LoadText(kPtx);
  const Module::Kernel* kernel = nullptr;
  ASSERT_EQ(loaded.module->Find("Kernel", kernel), CUDA_SUCCESS);
  EXPECT_EQ(loaded.module->Find("Other", kernel), CUDA_ERROR_NOT_FOUND);
  int& in_driver = fake_.shared[1];
  in_driver = kDefaultShared;
  EXPECT_EQ(loaded.module->AllowDynamicShared(*kernel, 100'000), CUDA_SUCCESS);
  EXPECT_EQ(loaded.module->AllowDynamicShared(*kernel, 70'000), CUDA_SUCCESS);
  EXPECT_EQ(loaded.module->AllowDynamicShared(*kernel, 1'000'000), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(loaded.module->AllowDynamicShared(*kernel, -1), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(in_driver, 100'000);
  EXPECT_EQ(loaded.module->AllowedDynamicShared(*kernel), 100'000);
  const Module::Kernel* again = nullptr;
  ASSERT_EQ(loaded.module->Find("Kernel", again), CUDA_SUCCESS);
  EXPECT_EQ(again->attributes[CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES], kDefaultShared);
}

}  // namespace
}  // namespace paella::scheduler_daemon
