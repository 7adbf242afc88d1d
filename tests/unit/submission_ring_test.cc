#include "ipc/submission_ring.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>

namespace paella::ipc {
namespace {

class SubmissionRingTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kCapacityBytes = 4096;

  bool Put(std::uint32_t kind, std::size_t bytes) {
    std::span<std::byte> payload = writer_.Reserve(kind, bytes);
    if (payload.empty()) return false;
    std::memset(payload.data(), static_cast<int>(kind & 0xff), payload.size());
    writer_.Commit();
    return true;
  }

  RecordHeader& HeaderAt(std::size_t offset) { return *reinterpret_cast<RecordHeader*>(buffer_ + offset); }

  RingControl control_{};
  alignas(kCacheLineBytes) std::byte buffer_[kCapacityBytes] = {};
  RingMemory memory_{&control_, buffer_};
  RingWriter writer_{memory_};
  RingReader reader_{memory_};
  std::uint32_t kind_ = 0;
  std::vector<std::byte> payload_;
};

TEST_F(SubmissionRingTest, AnEmptyRingHasNothingToRead) {
  EXPECT_EQ(reader_.Read(kind_, payload_), ReadStatus::kEmpty);
}

TEST_F(SubmissionRingTest, AReservedRecordIsInvisibleUntilItIsCommitted) {
  ASSERT_FALSE(writer_.Reserve(1, 8).empty());
  EXPECT_EQ(reader_.Read(kind_, payload_), ReadStatus::kEmpty);
  writer_.Commit();
  EXPECT_EQ(reader_.Read(kind_, payload_), ReadStatus::kRecord);
}

TEST_F(SubmissionRingTest, RecordsOfEverySizeComeBackInOrderAcrossManyWraps) {
  for (std::uint32_t i = 1; i < 20000; ++i) {
    const std::size_t bytes = 1 + (i * 7919) % writer_.max_payload_bytes();
    ASSERT_TRUE(Put(i, bytes)) << i;
    ASSERT_EQ(reader_.Read(kind_, payload_), ReadStatus::kRecord) << i;
    ASSERT_EQ(kind_, i);
    ASSERT_EQ(payload_, std::vector<std::byte>(bytes, static_cast<std::byte>(i & 0xff)));
  }
}

TEST_F(SubmissionRingTest, AFullRingRefusesAndTakesAgainOnceItWasRead) {
  int records = 0;
  while (Put(1, 100)) ++records;
  EXPECT_EQ(records, kCapacityBytes / 128);
  EXPECT_EQ(reader_.Read(kind_, payload_), ReadStatus::kRecord);
  EXPECT_TRUE(Put(2, 100));
}

TEST_F(SubmissionRingTest, AWriterThatBreaksTheFormatIsFoundOut) {
  const auto corrupts = [&](auto&& damage) {
    control_.head = 0;
    std::memset(buffer_, 0, sizeof buffer_);
    RingWriter writer(memory_);
    RingReader reader(memory_);
    writer.Reserve(1, 100);
    writer.Commit();
    damage();
    return reader.Read(kind_, payload_) == ReadStatus::kCorrupt;
  };
  EXPECT_TRUE(corrupts([&] { HeaderAt(0).size_bytes = 0; }));
  EXPECT_TRUE(corrupts([&] { HeaderAt(0).size_bytes = sizeof(RecordHeader) - 1; }));
  EXPECT_TRUE(corrupts([&] { HeaderAt(0).size_bytes = kCapacityBytes + 1; }));
  EXPECT_TRUE(corrupts([&] { HeaderAt(0).size_bytes = UINT32_MAX; }));
  EXPECT_TRUE(corrupts([&] { HeaderAt(0).kind = 0; }));  // padding that does not reach the end
}

TEST_F(SubmissionRingTest, APaddingRecordBehindAPaddingRecordIsFoundOut) {
  const auto pad = [&](std::uint64_t position, std::uint32_t bytes) {
    RecordHeader& header = HeaderAt(position % kCapacityBytes);
    header.size_bytes = bytes;
    header.kind = 0;
    header.published = PublishedStamp(position);
  };
  pad(0, kCapacityBytes);
  EXPECT_EQ(reader_.Read(kind_, payload_), ReadStatus::kEmpty) << "a lap of padding, and nothing behind it yet";
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(writer_.Reserve(1, writer_.max_payload_bytes()).size(), writer_.max_payload_bytes());
    writer_.Commit();
  }
  RingReader reader(memory_);
  for (int i = 0; i < 2; ++i) ASSERT_EQ(reader.Read(kind_, payload_), ReadStatus::kRecord);
  pad(kCapacityBytes / 2, kCapacityBytes / 2);
  pad(kCapacityBytes, kCapacityBytes);
  EXPECT_EQ(reader.Read(kind_, payload_), ReadStatus::kCorrupt);
}

TEST_F(SubmissionRingTest, WhatAnOldRecordLeftIsNotTakenForANewOne) {
  for (int lap = 0; lap < 3; ++lap) {
    for (int i = 0; i < 32; ++i) {
      ASSERT_TRUE(Put(7, 100));
      ASSERT_EQ(reader_.Read(kind_, payload_), ReadStatus::kRecord);
    }
    EXPECT_EQ(reader_.Read(kind_, payload_), ReadStatus::kEmpty) << "the last lap's records lie here";
  }
}

TEST_F(SubmissionRingTest, AWriterCannotMoveTheReaderThroughTheSharedHead) {
  Put(1, 8);
  control_.head = 1u << 20;
  EXPECT_EQ(reader_.Read(kind_, payload_), ReadStatus::kRecord);
  EXPECT_EQ(control_.head, 32u);
}

TEST_F(SubmissionRingTest, TwoThreadsSeeEveryRecordOnceAndInOrder) {
  constexpr std::uint32_t kRecords = 100000;
  std::thread client([&] {
    for (std::uint32_t i = 1; i <= kRecords; ++i) {
      while (!Put(i, 1 + i % 200)) std::this_thread::yield();
    }
  });
  for (std::uint32_t expected = 1; expected <= kRecords;) {
    const ReadStatus status = reader_.Read(kind_, payload_);
    if (status == ReadStatus::kEmpty) {
      std::this_thread::yield();
      continue;
    }
    ASSERT_EQ(status, ReadStatus::kRecord);
    ASSERT_EQ(kind_, expected);
    ASSERT_EQ(payload_.size(), 1 + expected % 200);
    ++expected;
  }
  client.join();
}

}  // namespace
}  // namespace paella::ipc
