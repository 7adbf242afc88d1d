// How a client begins and ends: hidden devices, contexts and what they own, a daemon that dies, the process's last calls.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <thread>

#include "client_fixture.h"

namespace paella {
namespace {

using ClientLifeTest = ClientTest;

bool late_calls_are_checked = false;

// Runs after the shim's own destructor, as calls of libraries do that outlive it.
[[gnu::destructor(200)]] void CallsAfterTheEnd() {
  CUdevice device;
  if (late_calls_are_checked && cuCtxGetDevice(&device) != CUDA_ERROR_DEINITIALIZED) _exit(9);
}

TEST_F(ClientLifeTest, CallsAfterTheEndAreAnswered) { late_calls_are_checked = true; }

TEST(HiddenDevicesTest, NobodyIsAsked) {
  FakeDaemon daemon;
  setenv("CUDA_VISIBLE_DEVICES", "-1", 1);
  testing::internal::CaptureStderr();
  EXPECT_EQ(cuInit(0), CUDA_ERROR_NO_DEVICE);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");  // the program asked for it
  int count;
  EXPECT_EQ(cuDeviceGetCount(&count), CUDA_ERROR_NOT_INITIALIZED);
}

void ExpectNoDeviceBecause(const char* reason) {
  setenv("PAELLA_REAL_DRIVER", "/nonexistent", 1);
  testing::internal::CaptureStderr();
  EXPECT_EQ(cuInit(0), CUDA_ERROR_NO_DEVICE);
  EXPECT_EQ(cuInit(0), CUDA_ERROR_NO_DEVICE);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find(reason), said.npos) << said;
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;  // once
}

TEST(InitTest, ARefusalIsPassedOn) {
  FakeDaemon daemon;
  daemon.Refuse("too many clients");
  ExpectNoDeviceBecause("it refuses: too many clients");
}

TEST(InitTest, ADaemonOfAnotherVersion) {
  FakeDaemon daemon;
  daemon.BeOfVersion(ipc::kProtocolVersion + 1);
  ExpectNoDeviceBecause("another version of the protocol");
}

// What `echo` of a child shows of the tenant's name.
std::string TenantOfAChild() {
  FILE* child = popen("printf %s \"$PAELLA_TENANT\"", "r");
  char text[256];
  const std::size_t size = fread(text, 1, sizeof text, child);
  EXPECT_EQ(pclose(child), 0);
  return std::string(text, size);
}

void ExpectToBeNamedAfterTheProgram() {
  FakeDaemon daemon;
  setenv("PAELLA_REAL_DRIVER", "/nonexistent", 1);
  ASSERT_EQ(cuInit(0), CUDA_SUCCESS);
  const std::string end = std::string("/") + program_invocation_short_name + "." + std::to_string(getpid());
  const std::string tenant = daemon.tenant();
  ASSERT_GT(tenant.size(), end.size());  // a user comes first
  EXPECT_EQ(tenant.substr(tenant.size() - end.size()), end);
  EXPECT_EQ(TenantOfAChild(), tenant);
}

TEST(TenantTest, IsNamedAfterTheProgramAndInherited) {
  unsetenv("PAELLA_TENANT");
  ExpectToBeNamedAfterTheProgram();
}

TEST(TenantTest, AnEmptyNameIsNone) {
  setenv("PAELLA_TENANT", "", 1);
  ExpectToBeNamedAfterTheProgram();
}

TEST_F(ClientLifeTest, ATenantThatIsNamedStays) {
  EXPECT_EQ(daemon_.tenant(), "team-a");
  EXPECT_EQ(TenantOfAChild(), "team-a");
}

// The child's copy of cuInit's lock is held for ever, by a thread that it does not have.
TEST(InitTest, AForkInTheMiddle) {
  FakeDaemon daemon;
  setenv("PAELLA_REAL_DRIVER", "/nonexistent", 1);
  daemon.BeMute();
  std::thread other([] { EXPECT_EQ(cuInit(0), CUDA_ERROR_NO_DEVICE); });
  while (!daemon.WasGreeted()) usleep(1000);  // a poll: the fork is to meet cuInit in the middle
  const pid_t child = fork();
  if (child == 0) _exit(cuInit(0) == CUDA_ERROR_NOT_INITIALIZED ? 0 : 1);
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  daemon.HangUp();
  other.join();
}

TEST(InitTest, FlagsAreRefusedAndMayBeCorrected) {
  FakeDaemon daemon;
  setenv("PAELLA_REAL_DRIVER", "/nonexistent", 1);
  EXPECT_EQ(cuInit(1), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuInit(0), CUDA_SUCCESS);
  EXPECT_EQ(cuInit(0), CUDA_SUCCESS);
}

TEST_F(ClientLifeTest, AContextTakesWithItWhatItOwns) {
  const CUdeviceptr of_primary = Allocate(64);
  CUcontext own;
  CUstream stream;
  CUmodule module;
  void* host;
  ASSERT_EQ(cuCtxCreate_v2(&own, 0, 0), CUDA_SUCCESS);
  Allocate(64);
  ASSERT_EQ(cuMemAllocHost_v2(&host, 64), CUDA_SUCCESS);
  ASSERT_EQ(cuStreamCreate(&stream, 0), CUDA_SUCCESS);
  ASSERT_EQ(cuModuleLoadData(&module, kPtx), CUDA_SUCCESS);
  EXPECT_EQ(daemon_.live_allocations(), 3u);
  ASSERT_EQ(cuCtxDestroy_v2(own), CUDA_SUCCESS);
  EXPECT_EQ(daemon_.live_allocations(), 1u);
  EXPECT_EQ(daemon_.live_streams(), 0);
  EXPECT_EQ(cuStreamDestroy_v2(stream), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cuModuleUnload(module), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cuMemFreeHost(host), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemsetD8_v2(of_primary, 0, 64), CUDA_SUCCESS);
}

TEST_F(ClientLifeTest, ThePrimaryContextEndsWithItsLastUser) {
  CUcontext again;
  ASSERT_EQ(cuDevicePrimaryCtxRetain(&again, 0), CUDA_SUCCESS);
  EXPECT_EQ(again, context_);
  Allocate(64);
  ASSERT_EQ(cuDevicePrimaryCtxRelease_v2(0), CUDA_SUCCESS);
  EXPECT_EQ(daemon_.live_allocations(), 1u);
  ASSERT_EQ(cuDevicePrimaryCtxRelease_v2(0), CUDA_SUCCESS);
  EXPECT_EQ(daemon_.live_allocations(), 0u);
  EXPECT_EQ(cuDevicePrimaryCtxRelease_v2(0), CUDA_ERROR_INVALID_CONTEXT);
  unsigned flags;
  int active = 1;
  EXPECT_EQ(cuDevicePrimaryCtxGetState(0, &flags, &active), CUDA_SUCCESS);
  EXPECT_EQ(active, 0);
}

TEST_F(ClientLifeTest, AThreadsDefaultStreamGoesWithTheThread) {
  const CUdeviceptr device = Allocate(64);
  for (int i = 0; i < 3; ++i) {
    std::thread([&] {
      ASSERT_EQ(cuCtxSetCurrent(context_), CUDA_SUCCESS);
      EXPECT_EQ(cuMemsetD8Async(device, 0, 64, CU_STREAM_PER_THREAD), CUDA_SUCCESS);
      EXPECT_EQ(cuStreamSynchronize(CU_STREAM_PER_THREAD), CUDA_SUCCESS);
    }).join();
  }
  std::size_t free, total;
  EXPECT_EQ(cuMemGetInfo_v2(&free, &total), CUDA_SUCCESS);  // a call: what was posted before it has been read
  EXPECT_EQ(daemon_.live_streams(), 0);
}

// A program that only asks, or only posts, must learn of the daemon's end too.
template <typename Ask>
void ExpectTheEndWithinASecond(CUresult meanwhile, Ask ask) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  CUresult result = meanwhile;
  while (result == meanwhile && std::chrono::steady_clock::now() < limit) result = ask();
  EXPECT_EQ(result, CUDA_ERROR_DEVICE_UNAVAILABLE);
}

TEST_F(ClientLifeTest, QueriesNoticeADeadDaemon) {
  const CUdeviceptr device = Allocate(64);
  CUevent event;
  ASSERT_EQ(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING), CUDA_SUCCESS);
  daemon_.Pause();
  ASSERT_EQ(cuMemsetD8Async(device, 0, 64, nullptr), CUDA_SUCCESS);
  ASSERT_EQ(cuEventRecord(event, nullptr), CUDA_SUCCESS);
  EXPECT_EQ(cuEventQuery(event), CUDA_ERROR_NOT_READY);
  daemon_.Die();
  ExpectTheEndWithinASecond(CUDA_ERROR_NOT_READY, [&] { return cuEventQuery(event); });
  EXPECT_EQ(cuStreamQuery(nullptr), CUDA_ERROR_DEVICE_UNAVAILABLE);
}

TEST_F(ClientLifeTest, PostsNoticeADeadDaemon) {
  const CUdeviceptr device = Allocate(64);
  daemon_.DieAsleep();
  ExpectTheEndWithinASecond(CUDA_SUCCESS, [&] {
    usleep(10000);  // a program that posts now and then; one in a tight loop notices sooner
    return cuMemsetD8Async(device, 0, 64, nullptr);
  });
}

TEST_F(ClientLifeTest, StreamCallbacksAreToldOfAFailure) {
  static std::atomic<int> told{-1};
  daemon_.Pause();
  const auto callback = [](CUstream, CUresult status, void*) { told = status; };
  ASSERT_EQ(cuStreamAddCallback(nullptr, callback, nullptr, 0), CUDA_SUCCESS);
  daemon_.Fail(CUDA_ERROR_ILLEGAL_ADDRESS);
  for (int i = 0; i < 1000 && told < 0; ++i) usleep(1000);  // a poll, at most a second
  EXPECT_EQ(told, CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_F(ClientLifeTest, OperatorsSeeWhatIsUnsupported) {
  CUtexref reference;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(cuTexRefCreate(&reference), CUDA_ERROR_NOT_SUPPORTED);
  const auto calls = daemon_.unsupported_calls();
  ASSERT_EQ(calls.size(), 3u);  // the first, second and fourth
  EXPECT_EQ(calls[0].function, "cuTexRefCreate");
  const std::string& frames = calls[0].back_trace;
  EXPECT_TRUE(frames.find("shim_client_test") != frames.npos || frames.find("not installed") != frames.npos) << frames;
  EXPECT_EQ(calls[2].calls, 4u);
  EXPECT_EQ(calls[2].back_trace, "");
}

}  // namespace
}  // namespace paella
