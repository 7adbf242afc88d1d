// StreamingCopy moves every byte of every alignment, and no other.
#include "shim/streaming_copy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace paella::shim {
namespace {

constexpr std::size_t kMaxBytes = 200'000;  // some blocks, and a rest
constexpr std::byte kUntouched{0xee};

std::vector<std::byte> RandomBytes(std::size_t size, std::mt19937& random) {
  std::vector<std::byte> bytes(size);
  std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<std::byte>(random() & 0x7f); });
  return bytes;
}

void ExpectCopied(std::size_t size, std::size_t destination_offset, std::size_t source_offset, std::mt19937& random) {
  const std::vector<std::byte> source = RandomBytes(source_offset + size, random);
  std::vector<std::byte> destination(destination_offset + size + 100, kUntouched);
  StreamingCopy(destination.data() + destination_offset, source.data() + source_offset, size);
  const auto begin = destination.begin() + destination_offset;
  EXPECT_TRUE(std::equal(begin, begin + size, source.begin() + source_offset)) << size << " bytes";
  const auto is_untouched = [](std::byte b) { return b == kUntouched; };
  EXPECT_TRUE(std::all_of(destination.begin(), begin, is_untouched));
  EXPECT_TRUE(std::all_of(begin + size, destination.end(), is_untouched));
}

TEST(StreamingCopy, MovesEveryByteOfEverySizeAroundItsBlocks) {
  std::mt19937 random(1);
  for (const std::size_t size : {0, 1, 63, 64, 65, 16'383, 65'535, 65'536, 65'537, 65'600, 81'919, 81'920, 131'072}) {
    ExpectCopied(size, 0, 0, random);
  }
}

TEST(StreamingCopy, MovesEveryByteAtEveryAlignment) {
  std::mt19937 random(2);
  for (int i = 0; i < 200; ++i) ExpectCopied(random() % kMaxBytes, random() % 130, random() % 130, random);
}

}  // namespace
}  // namespace paella::shim
