// The interpreter, on what nvcc makes of kernels.cu. PAELLA_TEST_KERNELS is the file of PTX.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tests/simulated_gpu/test/support.h"

namespace paella::simulated_gpu {
namespace {

class KernelsTest : public GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    ASSERT_CU(cuModuleLoad(&module_, PAELLA_TEST_KERNELS));
  }
  CUfunction Get(const char* name) {
    CUfunction function = nullptr;
    EXPECT_CU(cuModuleGetFunction(&function, module_, name));
    return function;
  }
  CUmodule module_ = nullptr;
};

template <typename T>
std::vector<T> Iota(std::size_t count, T first = 0) {
  std::vector<T> values(count);
  std::iota(values.begin(), values.end(), first);
  return values;
}

TEST_F(KernelsTest, ReducesThroughShufflesAndSharedMemory) {
  const CUdeviceptr in = ToDevice(Iota<float>(1000)), out = ToDevice<float>({0});
  ASSERT_CU(Launch(Get("Reduce"), 1, 256, nullptr, in, out, 1000u));
  EXPECT_EQ(FromDevice<float>(out, 1)[0], 499500.0f);
}

TEST_F(KernelsTest, CountsWithAtomicsInDynamicSharedMemory) {
  std::vector<unsigned char> bytes(10'000);
  std::vector<unsigned> expected(256);
  for (std::size_t i = 0; i < bytes.size(); ++i) ++expected[bytes[i] = static_cast<unsigned char>(i * i % 251)];
  CUdeviceptr in = ToDevice(bytes), bins = ToDevice(std::vector<unsigned>(256));
  unsigned count = 10'000;
  void* parameters[] = {&in, &count, &bins};
  ASSERT_CU(cuLaunchKernel(Get("Histogram"), 7, 1, 1, 96, 1, 1, 256 * sizeof(unsigned), nullptr, parameters, nullptr));
  EXPECT_EQ(FromDevice<unsigned>(bins, 256), expected);
}

TEST_F(KernelsTest, LanesLeaveALoopAtDifferentTimes) {
  const std::vector<unsigned> in = Iota<unsigned>(64, 1);
  std::vector<unsigned> expected;
  for (unsigned x : in) {
    unsigned steps = 0;
    for (; x != 1; ++steps) x = x % 2 ? 3 * x + 1 : x / 2;
    expected.push_back(steps);
  }
  const CUdeviceptr steps = ToDevice(std::vector<unsigned>(64));
  ASSERT_CU(Launch(Get("Collatz"), 1, 64, nullptr, ToDevice(in), steps));
  EXPECT_EQ(FromDevice<unsigned>(steps, 64), expected);
}

TEST_F(KernelsTest, CallsRecursively) {
  const CUdeviceptr out = ToDevice(std::vector<int>(12));
  ASSERT_CU(Launch(Get("Recursion"), 1, 12, nullptr, out));
  EXPECT_EQ(FromDevice<int>(out, 12), (std::vector<int>{0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89}));
}

TEST_F(KernelsTest, CallsThroughATableOfFunctions) {
  const CUdeviceptr out = ToDevice(std::vector<int>(6));
  ASSERT_CU(Launch(Get("IndirectCalls"), 1, 6, nullptr, out));
  EXPECT_EQ(FromDevice<int>(out, 6), (std::vector<int>{7, 7, 9, 21, 11, 35}));
}

TEST_F(KernelsTest, Switches) {
  const CUdeviceptr in = ToDevice(Iota<int>(9));
  const CUdeviceptr out = ToDevice(std::vector<int>(9, 100));
  ASSERT_CU(Launch(Get("Switch"), 1, 9, nullptr, in, out));
  EXPECT_EQ(FromDevice<int>(out, 9), (std::vector<int>{11, 300, 22, 96, 33, 2, 44, 33, -1}));
}

TEST_F(KernelsTest, KeepsArraysInLocalMemory) {
  const std::vector<int> in = Iota<int>(32, 5);
  std::vector<int> expected;
  for (int thread = 0; thread < 32; ++thread) {
    int stack[32];
    for (int i = 0; i < 32; ++i) stack[i] = in[static_cast<std::size_t>((thread + i) % 32)] * i;
    int index = thread;
    for (int i = 0; i < 8; ++i) index = stack[index] & 31;
    expected.push_back(stack[index]);
  }
  const CUdeviceptr out = ToDevice(std::vector<int>(32));
  ASSERT_CU(Launch(Get("LocalArray"), 1, 32, nullptr, ToDevice(in), out));
  EXPECT_EQ(FromDevice<int>(out, 32), expected);
}

TEST_F(KernelsTest, ComputesElementaryFunctions) {
  std::vector<float> in;
  for (int i = 1; i <= 40; ++i) in.push_back(static_cast<float>(i) * 0.37f);
  in.push_back(1e6f);  // beyond the short reduction of sine and cosine
  const CUdeviceptr out = ToDevice(std::vector<float>(8 * in.size()));
  ASSERT_CU(Launch(Get("Mathematics"), 1, static_cast<unsigned>(in.size()), nullptr, ToDevice(in), out));
  const std::vector<float> results = FromDevice<float>(out, 8 * in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    const float x = in[i];
    const float* const result = &results[8 * i];
    EXPECT_NEAR(result[0], std::sin(x), 1e-6);
    EXPECT_NEAR(result[1], std::cos(x), 1e-6);
    if (x < 80) {
      EXPECT_NEAR(result[2] / std::exp(x), 1, 1e-5);
    }
    EXPECT_NEAR(result[3], std::log(x), 1e-5);
    EXPECT_EQ(result[4], std::sqrt(x));
    EXPECT_NEAR(result[5] * std::sqrt(x), 1, 1e-6);
    EXPECT_EQ(result[6], 1.0f / x);
    EXPECT_NEAR(result[7] / std::pow(x, 1.7f), 1, 1e-5);
  }
}

TEST_F(KernelsTest, ComputesInDoublePrecision) {
  std::vector<double> in;
  for (int i = 1; i <= 32; ++i) in.push_back(i * 0.71);
  const CUdeviceptr out = ToDevice(std::vector<double>(32));
  ASSERT_CU(Launch(Get("Doubles"), 1, 32, nullptr, ToDevice(in), out));
  const std::vector<double> results = FromDevice<double>(out, 32);
  for (std::size_t i = 0; i < 32; ++i) {
    const double x = in[i];
    EXPECT_NEAR(results[i], std::sin(x) / x + std::sqrt(x) * std::exp(-x) + std::log(x), 1e-13);
  }
}

TEST_F(KernelsTest, ComputesWithPairsOfHalves) {
  const CUdeviceptr out = ToDevice(std::vector<float>(8));
  ASSERT_CU(Launch(Get("Halves"), 1, 4, nullptr, ToDevice<float>({1, -2, 0.25f, 1000, 65504, 0, 3, 0.1f}), out));
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(FromDevice<float>(out, 8), (std::vector<float>{2.5f, -3.5f, 1, 2000, infinity, 0.5f, 6.5f, 0.7001953125f}));
}

struct IntegerResult {
  long long quotient, remainder;
  unsigned long long high, population;
  unsigned leading, reversed, found, permuted, minimum;
  int shifted;
};

TEST_F(KernelsTest, ComputesWithIntegers) {
  const std::vector<long long> a = {-1'000'000'000'007, 123456789012345, 0x0123456789abcdef};
  const std::vector<long long> b = {1'000'003, -77, 0x1122334455667705};
  const CUdeviceptr out = ToDevice(std::vector<IntegerResult>(3));
  ASSERT_CU(Launch(Get("Integers"), 1, 3, nullptr, ToDevice(a), ToDevice(b), out));
  const auto results = FromDevice<IntegerResult>(out, 3);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(results[i].quotient, a[i] / b[i]);
    EXPECT_EQ(results[i].remainder, a[i] % b[i]);
    const auto wide = static_cast<unsigned __int128>(static_cast<unsigned long long>(a[i])) * static_cast<unsigned long long>(b[i]);
    EXPECT_EQ(results[i].high, static_cast<unsigned long long>(wide >> 64));
    const auto low = static_cast<unsigned>(a[i]);
    EXPECT_EQ(results[i].population, static_cast<unsigned long long>(__builtin_popcountll(static_cast<unsigned long long>(a[i]))));
    EXPECT_EQ(results[i].leading, static_cast<unsigned>(__builtin_clz(low)));
    EXPECT_EQ(results[i].found, static_cast<unsigned>(__builtin_ffs(static_cast<int>(low))));
    EXPECT_EQ(results[i].minimum, std::min(low, static_cast<unsigned>(b[i])));
    EXPECT_EQ(results[i].shifted, static_cast<int>(low) >> (b[i] & 31));
  }
  EXPECT_EQ(results[2].reversed, 0xf7b3d591u);
  EXPECT_EQ(results[2].permuted, 0x8966cd05u);
}

TEST_F(KernelsTest, Votes) {
  const CUdeviceptr out = ToDevice(std::vector<unsigned>(5));
  ASSERT_CU(Launch(Get("Votes"), 1, 64, nullptr, ToDevice(Iota<int>(64)), out));
  EXPECT_EQ(FromDevice<unsigned>(out, 5), (std::vector<unsigned>{0xaaaaaaaa, 32, 1, 0x11111111, 31}));
}

TEST_F(KernelsTest, ShufflesInDivergedHalves) {
  const CUdeviceptr out = ToDevice(std::vector<int>(32));
  ASSERT_CU(Launch(Get("DivergentShuffle"), 1, 32, nullptr, out));
  std::vector<int> expected;
  for (int i = 0; i < 32; ++i) expected.push_back(i % 2 == 0 ? 5 : 6);
  EXPECT_EQ(FromDevice<int>(out, 32), expected);
}

TEST_F(KernelsTest, LanesOfOneWarpTakeALockInTurn) {
  const CUdeviceptr lock = ToDevice<int>({0}), counter = ToDevice<int>({0});
  ASSERT_CU(Launch(Get("SpinLock"), 4, 64, nullptr, lock, counter));
  EXPECT_EQ(FromDevice<int>(counter, 1)[0], 256);
}

TEST_F(KernelsTest, LoadsAndStoresVectors) {
  const CUdeviceptr out = ToDevice(std::vector<float>(8)), narrow = ToDevice(std::vector<short>(4));
  ASSERT_CU(Launch(Get("Vectors"), 1, 2, nullptr, ToDevice<float>({1, 2, 3, 4, 5, -6, 7, 8}), out, narrow));
  EXPECT_EQ(FromDevice<float>(out, 8), (std::vector<float>{4, 3, 2, 1, 8, 7, -6, 5}));
  EXPECT_EQ(FromDevice<short>(narrow, 4), (std::vector<short>{1, 2, 5, -6}));
}

TEST_F(KernelsTest, ReadsAndWritesTheModulesVariables) {
  const CUdeviceptr out = ToDevice(std::vector<int>(5));
  ASSERT_CU(Launch(Get("Globals"), 1, 32, nullptr, out));
  EXPECT_EQ(FromDevice<int>(out, 5), (std::vector<int>{3, 1, 4, 1, 40}));
  CUdeviceptr counter = 0;
  std::size_t bytes = 0;
  ASSERT_CU(cuModuleGetGlobal(&counter, &bytes, module_, "counter"));
  EXPECT_EQ(bytes, sizeof(int));
  EXPECT_EQ(FromDevice<int>(counter, 1)[0], 42);
}

TEST_F(KernelsTest, AtomicsLoseNothing) {
  const CUdeviceptr words = ToDevice<unsigned>({100, 0, 0, 0, 0}), sum = ToDevice<float>({0}), wide = ToDevice<std::uint64_t>({0});
  ASSERT_CU(Launch(Get("Atomics"), 6, 128, nullptr, words, sum, wide));
  EXPECT_EQ(FromDevice<unsigned>(words, 5), (std::vector<unsigned>{3, 127, 0xffffffff, 0, 768 % 10}));
  EXPECT_EQ(FromDevice<float>(sum, 1)[0], 384.0f);
  EXPECT_EQ(FromDevice<std::uint64_t>(wide, 1)[0], 768ull << 33);
}

TEST_F(KernelsTest, NumbersBlocksAndThreadsInThreeDimensions) {
  const CUdeviceptr out = ToDevice(std::vector<unsigned>(2 * 3 * 4 * 5 * 3 * 2));
  CUdeviceptr parameter = out;
  void* parameters[] = {&parameter};
  ASSERT_CU(cuLaunchKernel(Get("Where"), 2, 3, 4, 5, 3, 2, 0, nullptr, parameters, nullptr));
  const auto found = FromDevice<unsigned>(out, 720);
  std::size_t i = 0;
  for (unsigned z = 0; z < 4; ++z) for (unsigned y = 0; y < 3; ++y) for (unsigned x = 0; x < 2; ++x) {
    for (unsigned tz = 0; tz < 2; ++tz) for (unsigned ty = 0; ty < 3; ++ty) for (unsigned tx = 0; tx < 5; ++tx) {
      ASSERT_EQ(found[i++], z << 20 | y << 16 | x << 12 | tz << 8 | ty << 4 | tx);
    }
  }
}

TEST_F(KernelsTest, BlocksOfACooperativeGridMeet) {
  CUdeviceptr values = ToDevice(std::vector<unsigned>(16)), sums = ToDevice(std::vector<unsigned>(16));
  void* parameters[] = {&values, &sums};
  ASSERT_CU(cuLaunchCooperativeKernel(Get("GridBarrier"), 16, 1, 1, 64, 1, 1, 0, nullptr, parameters));
  EXPECT_EQ(FromDevice<unsigned>(sums, 16), std::vector<unsigned>(16, 136));
}

TEST_F(KernelsTest, Converts) {
  const CUdeviceptr in = ToDevice<float>({-1.5f, 2.5f, 200.7f, 1e30f});
  const CUdeviceptr integers = ToDevice(std::vector<int>(4)), bytes = ToDevice(std::vector<unsigned char>(4));
  const CUdeviceptr wide = ToDevice(std::vector<long long>(4)), doubles = ToDevice(std::vector<double>(4));
  ASSERT_CU(Launch(Get("Conversions"), 1, 4, nullptr, in, integers, bytes, wide, doubles));
  EXPECT_EQ(FromDevice<int>(integers, 4), (std::vector<int>{-2, 2, 200, 0x7fffffff}));
  EXPECT_EQ(FromDevice<unsigned char>(bytes, 4), (std::vector<unsigned char>{0, 2, 200, 255}));
  EXPECT_EQ(FromDevice<long long>(wide, 4), (std::vector<long long>{-2, 2, 201, 0x7fffffffffffffff}));
  EXPECT_EQ(FromDevice<double>(doubles, 3), (std::vector<double>{-2.5, 4.5, static_cast<double>(200.7f) - 56}));
}

}  // namespace
}  // namespace paella::simulated_gpu
