#include "shim/images.h"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "ipc/shared_memory.h"

namespace paella::shim {
namespace {

// Layouts as cudart's and nvcc's output show them.
struct FatBinaryWrapper {
  std::uint32_t magic;
  std::uint32_t version;
  const void* fat_binary;
  const void* unused;
};
constexpr std::uint32_t kWrapperMagic = 0x466243b1;

struct FatBinaryHeader {
  std::uint32_t magic;
  std::uint16_t version;
  std::uint16_t header_bytes;
  std::uint64_t payload_bytes;
};
constexpr std::uint32_t kFatBinaryMagic = 0xba55ed50;

template <typename T>
T ReadAt(const void* memory, std::size_t offset = 0) {
  T value;
  std::memcpy(&value, static_cast<const std::byte*>(memory) + offset, sizeof value);
  return value;
}

std::optional<std::size_t> FatBinarySize(const void* image) {
  const auto header = ReadAt<FatBinaryHeader>(image);
  if (header.header_bytes < sizeof header || header.payload_bytes > kMaxImageBytes) return std::nullopt;
  return header.header_bytes + header.payload_bytes;
}

// The end of whatever lies last: a section, a segment, or one of the tables of them.
std::optional<std::size_t> ElfSize(const void* image) {
  const auto header = ReadAt<Elf64_Ehdr>(image);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB) return std::nullopt;
  std::uint64_t end = sizeof header;
  const auto extend = [&end](std::uint64_t offset, std::uint64_t size) {
    if (offset > kMaxImageBytes || size > kMaxImageBytes) return false;
    end = std::max(end, offset + size);
    return true;
  };
  if (header.e_shnum != 0) {
    if (header.e_shentsize != sizeof(Elf64_Shdr)) return std::nullopt;
    if (!extend(header.e_shoff, std::uint64_t{header.e_shnum} * sizeof(Elf64_Shdr))) return std::nullopt;
  }
  if (header.e_phnum != 0) {
    if (header.e_phentsize != sizeof(Elf64_Phdr)) return std::nullopt;
    if (!extend(header.e_phoff, std::uint64_t{header.e_phnum} * sizeof(Elf64_Phdr))) return std::nullopt;
  }
  for (std::size_t i = 0; i < header.e_shnum; ++i) {
    const auto section = ReadAt<Elf64_Shdr>(image, header.e_shoff + i * sizeof(Elf64_Shdr));
    if (section.sh_type != SHT_NOBITS && !extend(section.sh_offset, section.sh_size)) return std::nullopt;
  }
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    const auto segment = ReadAt<Elf64_Phdr>(image, header.e_phoff + i * sizeof(Elf64_Phdr));
    if (!extend(segment.p_offset, segment.p_filesz)) return std::nullopt;
  }
  return end;
}

// PTX begins with a comment or a directive; what begins otherwise is not read on for its terminating zero.
std::optional<std::size_t> PtxSize(const void* image) {
  const char* const text = static_cast<const char*>(image);
  const char* first = text;
  while (*first == ' ' || *first == '\t' || *first == '\r' || *first == '\n') ++first;
  if (*first != '.' && *first != '/') return std::nullopt;
  const std::size_t length = strnlen(first, kMaxImageBytes);
  if (length == kMaxImageBytes) return std::nullopt;
  return static_cast<std::size_t>(first - text) + length + 1;  // with its terminating zero
}

}  // namespace

std::optional<std::span<const std::byte>> FindImage(const void* image) {
  if (image == nullptr) return std::nullopt;
  // Byte by byte: a short text may end before a fourth byte.
  const auto* const bytes = static_cast<const unsigned char*>(image);
  const auto starts_with = [bytes](std::uint32_t magic) {
    for (int i = 0; i < 4; ++i) {
      if (bytes[i] != (magic >> (8 * i) & 0xff)) return false;
    }
    return true;
  };
  constexpr std::uint32_t kElfMagic = 0x464c457f;
  if (starts_with(kWrapperMagic)) {
    const void* const inner = ReadAt<FatBinaryWrapper>(image).fat_binary;
    if (inner == nullptr || ReadAt<std::uint32_t>(inner) == kWrapperMagic) return std::nullopt;
    return FindImage(inner);
  }
  const std::optional<std::size_t> size = starts_with(kFatBinaryMagic) ? FatBinarySize(image)
                                          : starts_with(kElfMagic)     ? ElfSize(image)
                                                                       : PtxSize(image);
  if (!size) return std::nullopt;
  return std::span(static_cast<const std::byte*>(image), *size);
}

CUresult ReadFile(const char* path, std::vector<std::byte>& bytes) {
  const ipc::Fd file(open(path, O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return CUDA_ERROR_FILE_NOT_FOUND;
  constexpr std::size_t kPieceBytes = 1 << 16;
  for (std::size_t size = 0;;) {
    bytes.resize(size + kPieceBytes);
    const ssize_t got = read(file.get(), bytes.data() + size, kPieceBytes);
    if (got < 0 || size > kMaxImageBytes) return CUDA_ERROR_INVALID_SOURCE;
    size += static_cast<std::size_t>(got);
    bytes.resize(size);
    if (got == 0) return CUDA_SUCCESS;
  }
}

}  // namespace paella::shim
