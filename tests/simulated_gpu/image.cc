#include "tests/simulated_gpu/image.h"

#include <cstdint>
#include <cstring>

namespace paella::simulated_gpu {
namespace {

constexpr std::uint32_t kWrapperMagic = 0x466243b1;
constexpr std::uint32_t kFatbinMagic = 0xba55ed50;
constexpr std::uint32_t kElfMagic = 0x464c457f;
constexpr std::uint16_t kEntryPtx = 1;
constexpr std::uint64_t kCompressedFlags = 0xf000;  // each bit a way of compression

struct Wrapper {
  std::uint32_t magic, version;
  const void* fatbin;
};

struct FatbinHeader {
  std::uint32_t magic;
  std::uint16_t version, header_bytes;
  std::uint64_t bytes;  // of the entries after it
};

struct EntryHeader {
  std::uint16_t kind, version;
  std::uint32_t header_bytes;
  std::uint64_t payload_bytes;
  std::uint32_t compressed_bytes, unknown;
  std::uint16_t minor, major;
  std::uint32_t architecture, name_offset, name_bytes;
  std::uint64_t flags;
};

template <typename T>
T ReadAs(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// The entry of the greatest architecture wins.
ImageKind FindInFatbin(const std::uint8_t* fatbin, std::string_view& ptx) {
  const auto header = ReadAs<FatbinHeader>(fatbin);
  const std::uint8_t* at = fatbin + header.header_bytes;
  const std::uint8_t* const end = at + header.bytes;
  std::uint32_t best = 0;
  while (static_cast<std::size_t>(end - at) >= sizeof(EntryHeader)) {
    const auto entry = ReadAs<EntryHeader>(at);
    const std::uint64_t left = static_cast<std::uint64_t>(end - at);
    if (entry.header_bytes < sizeof entry || entry.header_bytes > left || entry.payload_bytes > left - entry.header_bytes) break;
    if (entry.kind == kEntryPtx && (entry.flags & kCompressedFlags) == 0 && entry.architecture >= best) {
      best = entry.architecture;
      ptx = {reinterpret_cast<const char*>(at + entry.header_bytes), entry.payload_bytes};
    }
    at += entry.header_bytes + entry.payload_bytes;
  }
  return ptx.empty() ? ImageKind::kNoPtx : ImageKind::kPtx;
}

}  // namespace

ImageKind FindPtx(const void* image, std::string_view& ptx) {
  ptx = {};
  const auto* const bytes = static_cast<const char*>(image);
  if (bytes[0] == '\0') return ImageKind::kUnknown;
  // Text can be shorter than a magic number, so the first byte decides whether there is one.
  const auto first = static_cast<std::uint8_t>(bytes[0]);
  if (first == 0xb1 || first == 0x50 || first == 0x7f) {
    const auto magic = ReadAs<std::uint32_t>(image);
    if (magic == kWrapperMagic) return FindPtx(ReadAs<Wrapper>(image).fatbin, ptx);
    if (magic == kFatbinMagic) return FindInFatbin(static_cast<const std::uint8_t*>(image), ptx);
    return magic == kElfMagic ? ImageKind::kNoPtx : ImageKind::kUnknown;
  }
  ptx = bytes;
  return ptx.find(".version") == std::string_view::npos ? ImageKind::kUnknown : ImageKind::kPtx;
}

}  // namespace paella::simulated_gpu
