// What clients of one tenant share, and what a stream waits for in software: the parts alone.
#include <gtest/gtest.h>

#include <cstdint>

#include "scheduler_daemon/executor/shared_allocations.h"
#include "scheduler_daemon/executor/shared_events.h"
#include "scheduler_daemon/executor/word_condition.h"

namespace paella::scheduler_daemon {
namespace {

constexpr std::uint64_t kAddress = 0x10000, kBytes = 4096;

class SharedAllocationsTest : public testing::Test {
 protected:
  CUresult Open(SharedAllocations::Party party, const Token& token) {
    std::uint64_t address = 0, size_bytes = 0;
    const CUresult result = shared_.Open(party, token, address, size_bytes);
    if (result == CUDA_SUCCESS) {
      EXPECT_EQ(address, kAddress);
      EXPECT_EQ(size_bytes, kBytes);
    }
    return result;
  }

  const int parties_[2] = {};
  const SharedAllocations::Party owner_ = &parties_[0], user_ = &parties_[1];
  SharedAllocations shared_;
};

TEST_F(SharedAllocationsTest, AnAllocationKeepsItsTokenAndANewOneGetsAnother) {
  const Token token = shared_.Share(owner_, kAddress, kBytes);
  EXPECT_EQ(shared_.Share(owner_, kAddress, kBytes), token);
  EXPECT_TRUE(shared_.EndOwnership(kAddress));
  EXPECT_EQ(Open(user_, token), CUDA_ERROR_INVALID_VALUE);
  EXPECT_NE(shared_.Share(owner_, kAddress, kBytes), token);
}

TEST_F(SharedAllocationsTest, WhoMayOpen) {
  const Token token = shared_.Share(owner_, kAddress, kBytes);
  EXPECT_EQ(Open(owner_, token), CUDA_ERROR_INVALID_CONTEXT);
  EXPECT_EQ(Open(user_, {token.high, token.low ^ 1}), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(Open(user_, token), CUDA_SUCCESS);
}

TEST_F(SharedAllocationsTest, TheLastOneFrees) {
  const Token token = shared_.Share(owner_, kAddress, kBytes);
  ASSERT_EQ(Open(user_, token), CUDA_SUCCESS);
  ASSERT_EQ(Open(user_, token), CUDA_SUCCESS);
  EXPECT_FALSE(shared_.Close(kAddress));
  EXPECT_FALSE(shared_.EndOwnership(kAddress));
  EXPECT_EQ(Open(user_, token), CUDA_ERROR_INVALID_VALUE);
  EXPECT_TRUE(shared_.Close(kAddress));
}

TEST_F(SharedAllocationsTest, TheOwnerFreesWhatEverybodyHasClosedAndWhatNobodyShared) {
  const Token token = shared_.Share(owner_, kAddress, kBytes);
  ASSERT_EQ(Open(user_, token), CUDA_SUCCESS);
  EXPECT_FALSE(shared_.Close(kAddress));
  EXPECT_TRUE(shared_.EndOwnership(kAddress));
  EXPECT_TRUE(shared_.EndOwnership(kAddress + kBytes));
}

TEST(SharedEventsTest, AnEventIsOneWhoeverHasIt) {
  SharedEvents tenant;
  ClientSharedEvents owner(tenant), user(tenant);
  Token token;
  ASSERT_EQ(owner.Create(5, token), CUDA_SUCCESS);
  EXPECT_EQ(owner.Create(5, token), CUDA_ERROR_INVALID_VALUE) << "the number is taken";
  EXPECT_EQ(owner.Open(6, token), CUDA_ERROR_INVALID_CONTEXT);
  EXPECT_EQ(user.Open(5, {token.high ^ 1, token.low}), CUDA_ERROR_MAP_FAILED);
  ASSERT_EQ(user.Open(5, token), CUDA_SUCCESS);
  EXPECT_EQ(owner.Find(5), user.Find(5));
  EXPECT_EQ(owner.Find(6), nullptr);
}

TEST(SharedEventsTest, ItOutlivesItsOwnerButItsTokenDoesNot) {
  SharedEvents tenant;
  ClientSharedEvents user(tenant);
  Token token;
  {
    ClientSharedEvents owner(tenant);
    ASSERT_EQ(owner.Create(1, token), CUDA_SUCCESS);
    ASSERT_EQ(user.Open(1, token), CUDA_SUCCESS);
  }
  EXPECT_EQ(user.Open(2, token), CUDA_ERROR_MAP_FAILED);
  ASSERT_NE(user.Find(1), nullptr);
  EXPECT_EQ(user.Find(1)->last, nullptr);
  user.Destroy(1);
  EXPECT_EQ(user.Find(1), nullptr);
  user.Destroy(1);
}

bool Holds(std::uint32_t size_bytes, unsigned condition, std::uint64_t found, std::uint64_t value) {
  return WordCondition{0, value, size_bytes, condition}.Holds(found);
}

TEST(WordConditionTest, GreaterOrEqualGoesRound) {
  for (const std::uint32_t size : {4u, 8u}) {
    EXPECT_TRUE(Holds(size, CU_STREAM_WAIT_VALUE_GEQ, 5, 5));
    EXPECT_TRUE(Holds(size, CU_STREAM_WAIT_VALUE_GEQ, 6, 5));
    EXPECT_FALSE(Holds(size, CU_STREAM_WAIT_VALUE_GEQ, 4, 5));
  }
  EXPECT_TRUE(Holds(4, CU_STREAM_WAIT_VALUE_GEQ, 1, 0xffffffff));
  EXPECT_FALSE(Holds(8, CU_STREAM_WAIT_VALUE_GEQ, 1, 0xffffffff));
  EXPECT_FALSE(Holds(4, CU_STREAM_WAIT_VALUE_GEQ, 0x80000005, 5)) << "half way round";
}

TEST(WordConditionTest, TheOtherConditions) {
  EXPECT_TRUE(Holds(4, CU_STREAM_WAIT_VALUE_EQ, 7, 7));
  EXPECT_TRUE(Holds(4, CU_STREAM_WAIT_VALUE_EQ, 7, 0x100000007)) << "only 32 bits count";
  EXPECT_FALSE(Holds(8, CU_STREAM_WAIT_VALUE_EQ, 7, 0x100000007));
  EXPECT_TRUE(Holds(4, CU_STREAM_WAIT_VALUE_AND, 6, 2));
  EXPECT_FALSE(Holds(4, CU_STREAM_WAIT_VALUE_AND, 6, 1));
  EXPECT_FALSE(Holds(4, CU_STREAM_WAIT_VALUE_AND, 0x100000000, 0x100000000));
  EXPECT_TRUE(Holds(4, CU_STREAM_WAIT_VALUE_NOR, 0, 0));
  EXPECT_FALSE(Holds(4, CU_STREAM_WAIT_VALUE_NOR, 0xffff0000, 0x0000ffff));
  EXPECT_TRUE(Holds(8, CU_STREAM_WAIT_VALUE_NOR, 0xffff0000, 0x0000ffff));
}

TEST(WordConditionTest, Form) {
  EXPECT_TRUE((WordCondition{16, 0, 8, 3}.HasForm()));
  EXPECT_FALSE((WordCondition{12, 0, 8, 3}.HasForm()));
  EXPECT_FALSE((WordCondition{16, 0, 2, 3}.HasForm()));
  EXPECT_FALSE((WordCondition{16, 0, 4, 4}.HasForm()));
  const std::uint64_t word = 0xffffffff00000003;
  EXPECT_TRUE((WordCondition{reinterpret_cast<std::uintptr_t>(&word), 3, 4, CU_STREAM_WAIT_VALUE_EQ}.HoldsHere()));
  EXPECT_FALSE((WordCondition{reinterpret_cast<std::uintptr_t>(&word), 3, 8, CU_STREAM_WAIT_VALUE_EQ}.HoldsHere()));
}

}  // namespace
}  // namespace paella::scheduler_daemon
