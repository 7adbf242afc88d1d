#include "scheduler_daemon/executor/image_code.h"

#include <lz4.h>
#include <zstd.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace paella::scheduler_daemon {
namespace {

// Of all elements of one image: more than any image seen has, little enough to be done within a second.
constexpr std::uint64_t kMaxUnpackedBytes = 512ull << 20;

constexpr std::uint32_t kFatBinaryMagic = 0xba55ed50;
constexpr std::uint32_t kElfMagic = 0x464c457f;

// Layouts as nvcc's output shows them.
struct FatBinaryHeader {
  std::uint32_t magic;
  std::uint16_t version;
  std::uint16_t header_bytes;
  std::uint64_t payload_bytes;
};

struct ElementHeader {
  std::uint16_t kind;
  std::uint16_t version;
  std::uint32_t header_bytes;
  std::uint64_t payload_bytes;
  std::uint32_t packed_bytes;
  std::uint32_t options_offset;
  std::uint16_t minor;
  std::uint16_t major;
  std::uint32_t architecture;
  std::uint32_t name_offset;
  std::uint32_t name_bytes;
  std::uint64_t flags;
  std::uint64_t unknown;
  std::uint64_t unpacked_bytes;
};
static_assert(sizeof(ElementHeader) == 64);

constexpr std::uint16_t kPtxElement = 1;
constexpr std::uint16_t kElfElement = 2;
constexpr std::uint64_t kPackedFlags = 0xf000;  // each bit a way of compression
constexpr std::uint64_t kLz4Flag = 0x2000;
constexpr std::uint64_t kZstdFlag = 0x8000;

using Bytes = std::span<const std::byte>;

bool StartsWith(Bytes image, std::uint32_t magic) {
  return image.size() >= sizeof magic && std::memcmp(image.data(), &magic, sizeof magic) == 0;
}

bool Unpack(Bytes packed, std::uint64_t way, std::vector<std::byte>& unpacked) {
  if (way == kZstdFlag) {
    return ZSTD_decompress(unpacked.data(), unpacked.size(), packed.data(), packed.size()) == unpacked.size();
  }
  constexpr std::size_t kMost = std::numeric_limits<int>::max();
  if (way != kLz4Flag || packed.size() > kMost || unpacked.size() > kMost) return false;
  const int got = LZ4_decompress_safe(reinterpret_cast<const char*>(packed.data()),
                                      reinterpret_cast<char*>(unpacked.data()), static_cast<int>(packed.size()),
                                      static_cast<int>(unpacked.size()));
  return got >= 0 && static_cast<std::size_t>(got) == unpacked.size();
}

bool VisitElement(const ElementHeader& header, Bytes payload, std::uint64_t& unpacked_bytes, const CodeVisitor& visit) {
  const CodeKind kind = header.kind == kElfElement ? CodeKind::kElf : CodeKind::kPtx;
  const std::uint64_t way = header.flags & kPackedFlags;
  if (way == 0) return visit(kind, payload);
  if (header.packed_bytes > payload.size() || header.unpacked_bytes > kMaxUnpackedBytes - unpacked_bytes) return false;
  unpacked_bytes += header.unpacked_bytes;
  std::vector<std::byte> unpacked(header.unpacked_bytes);
  return Unpack(payload.first(header.packed_bytes), way, unpacked) && visit(kind, unpacked);
}

bool VisitFatBinary(Bytes image, int architecture_major, const CodeVisitor& visit) {
  FatBinaryHeader header;
  if (image.size() < sizeof header) return false;
  std::memcpy(&header, image.data(), sizeof header);
  if (header.header_bytes < sizeof header || header.header_bytes > image.size()) return false;
  Bytes rest = image.subspan(header.header_bytes);
  if (header.payload_bytes > rest.size()) return false;
  rest = rest.first(header.payload_bytes);
  std::uint64_t unpacked_bytes = 0;
  bool has_code = false;
  while (!rest.empty()) {
    ElementHeader element;
    if (rest.size() < sizeof element) return false;
    std::memcpy(&element, rest.data(), sizeof element);
    if (element.header_bytes < sizeof element || element.header_bytes > rest.size()) return false;
    rest = rest.subspan(element.header_bytes);
    if (element.payload_bytes > rest.size()) return false;
    const Bytes payload = rest.first(element.payload_bytes);
    rest = rest.subspan(element.payload_bytes);
    if (element.kind != kPtxElement && element.kind != kElfElement) return false;
    const bool is_for_others =
        element.kind == kElfElement && element.architecture / 10 != static_cast<std::uint32_t>(architecture_major);
    if (is_for_others) continue;
    if (!VisitElement(element, payload, unpacked_bytes, visit)) return false;
    has_code = true;
  }
  return has_code;  // else the driver knows of code that we do not see
}

}  // namespace

std::string_view TextOf(std::span<const std::byte> bytes) {
  if (bytes.empty()) return {};
  const auto* const text = reinterpret_cast<const char*>(bytes.data());
  return {text, strnlen(text, bytes.size())};
}

bool VisitCode(std::span<const std::byte> image, int architecture_major, const CodeVisitor& visit) {
  if (StartsWith(image, kFatBinaryMagic)) return VisitFatBinary(image, architecture_major, visit);
  return visit(StartsWith(image, kElfMagic) ? CodeKind::kElf : CodeKind::kPtx, image);
}

}  // namespace paella::scheduler_daemon
