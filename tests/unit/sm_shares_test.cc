// Which SMs a share gets, over a driver with those of an H100.
#include "scheduler_daemon/executor/sm_shares.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <vector>

namespace paella::scheduler_daemon {
namespace {

constexpr unsigned kSms = 132;
constexpr unsigned kGroup = 8;

// The first SM of a group stands where the driver keeps what is its own.
unsigned FirstOf(const CUdevResource& resource) {
  unsigned first = 0;
  std::memcpy(&first, resource._internal_padding, sizeof first);
  return first;
}

CUdevResource Resource(unsigned first, unsigned count) {
  CUdevResource resource{};
  resource.type = CU_DEV_RESOURCE_TYPE_SM;
  resource.sm.smCount = count;
  resource.sm.minSmPartitionSize = resource.sm.smCoscheduledAlignment = kGroup;
  std::memcpy(resource._internal_padding, &first, sizeof first);
  return resource;
}

struct FakeGpu {
  std::vector<std::set<unsigned>> described;  // the groups of each description, whose number is its place and one
  std::set<CUgreenCtx> contexts;
  CUresult result = CUDA_SUCCESS;  // of the next context

  static FakeGpu* current;
};
FakeGpu* FakeGpu::current = nullptr;

class SmSharesTest : public testing::Test {
 protected:
  SmSharesTest() {
    FakeGpu::current = &gpu_;
    driver_.cuGetErrorName = [](CUresult, const char** name) {
      *name = "AN_ERROR";
      return CUDA_SUCCESS;
    };
    driver_.cuDeviceGetDevResource = [](CUdevice, CUdevResource* resource, CUdevResourceType) {
      *resource = Resource(0, kSms);
      return CUDA_SUCCESS;
    };
    driver_.cuDevSmResourceSplitByCount = [](CUdevResource* result, unsigned* count, const CUdevResource* input,
                                             CUdevResource*, unsigned, unsigned least) {
      *count = input->sm.smCount / least;
      for (unsigned i = 0; result != nullptr && i < *count; ++i) result[i] = Resource(i * least, least);
      return CUDA_SUCCESS;
    };
    driver_.cuDevResourceGenerateDesc = [](CUdevResourceDesc* description, CUdevResource* groups, unsigned count) {
      std::set<unsigned> firsts;
      for (unsigned i = 0; i < count; ++i) firsts.insert(FirstOf(groups[i]));
      FakeGpu::current->described.push_back(firsts);
      *description = reinterpret_cast<CUdevResourceDesc>(FakeGpu::current->described.size());
      return CUDA_SUCCESS;
    };
    driver_.cuGreenCtxCreate = [](CUgreenCtx* context, CUdevResourceDesc description, CUdevice, unsigned flags) {
      EXPECT_EQ(flags, static_cast<unsigned>(CU_GREEN_CTX_DEFAULT_STREAM));
      *context = reinterpret_cast<CUgreenCtx>(description);
      if (FakeGpu::current->result == CUDA_SUCCESS) FakeGpu::current->contexts.insert(*context);
      return FakeGpu::current->result;
    };
    driver_.cuGreenCtxDestroy = [](CUgreenCtx context) {
      EXPECT_EQ(FakeGpu::current->contexts.erase(context), 1u);
      return CUDA_SUCCESS;
    };
    driver_.cuGreenCtxStreamCreate = [](CUstream*, CUgreenCtx, unsigned, int) { return CUDA_SUCCESS; };
  }

  ~SmSharesTest() override { RunLater(); }

  void RunLater() {
    for (const auto& job : std::exchange(later_, {})) job();
  }

  FakeGpu gpu_;
  Driver driver_;
  std::vector<std::function<void()>> later_;
  SmShares shares_{driver_, 0, [this](std::function<void()> job) { later_.push_back(std::move(job)); }};
  std::string error_;
};

TEST_F(SmSharesTest, AreWholeGroupsRoundedDownAndAtLeastOne) {
  for (const auto& [percent, sms] : {std::pair(25.0, 32u), {1.0, 8u}, {99.0, 128u}, {50.0, 64u}}) {
    const auto share = shares_.Make(percent, error_);
    ASSERT_NE(share, nullptr) << error_;
    EXPECT_EQ(share->multiprocessors(), sms) << percent;
    share->Retire();
  }
}

TEST_F(SmSharesTest, OfSeveralAreDifferentSms) {
  const auto first = shares_.Make(40, error_);
  const auto second = shares_.Make(40, error_);
  ASSERT_EQ(gpu_.described.size(), 2u) << error_;
  for (const unsigned group : gpu_.described[0]) EXPECT_FALSE(gpu_.described[1].contains(group));
  EXPECT_EQ(shares_.Make(40, error_), nullptr);
  EXPECT_EQ(error_, "the shares of others leave too few SMs");
  EXPECT_NE(shares_.Make(20, error_), nullptr) << "what was taken in vain is back";
}

TEST_F(SmSharesTest, SmsAreFreeOnceTheShareIsRetiredAndTheContextEndsLater) {
  auto first = shares_.Make(99, error_);
  first->Retire();
  const auto second = shares_.Make(99, error_);
  ASSERT_NE(second, nullptr) << error_;
  first = nullptr;
  EXPECT_EQ(gpu_.contexts.size(), 2u) << "not on this thread";
  RunLater();
  EXPECT_EQ(gpu_.contexts.size(), 1u);
  EXPECT_EQ(shares_.Make(10, error_), nullptr) << "the second's are not given away twice";
}

TEST_F(SmSharesTest, ErrorsOfTheDriverAreTold) {
  gpu_.result = CUDA_ERROR_OUT_OF_MEMORY;
  EXPECT_EQ(shares_.Make(99, error_), nullptr);
  EXPECT_EQ(error_, "no green context: AN_ERROR");
  gpu_.result = CUDA_SUCCESS;
  EXPECT_NE(shares_.Make(99, error_), nullptr) << error_;
}

TEST_F(SmSharesTest, ADriverWithoutThemIsNoFault) {
  Driver old = driver_;
  old.cuGreenCtxCreate = nullptr;
  SmShares shares(old, 0, [](const std::function<void()>& job) { job(); });
  EXPECT_EQ(shares.Make(25, error_), nullptr);
  EXPECT_EQ(error_, "the driver cannot split the SMs: AN_ERROR");
}

}  // namespace
}  // namespace paella::scheduler_daemon
