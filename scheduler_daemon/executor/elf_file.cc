#include "scheduler_daemon/executor/elf_file.h"

#include <algorithm>

namespace paella::scheduler_daemon {
namespace {

constexpr std::uint16_t kMachineCuda = 190;

}  // namespace

bool ElfFile::Open() {
  const auto header = Read<Elf64_Ehdr>(0, 0);
  if (!header || header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
      header->e_machine != kMachineCuda || header->e_shentsize != sizeof(Elf64_Shdr)) {
    return false;
  }
  for (std::uint64_t i = 0; i < header->e_shnum; ++i) {
    const auto section = Read<Elf64_Shdr>(header->e_shoff, i);
    if (!section) return false;
    sections_.push_back(*section);
  }
  if (header->e_shstrndx >= sections_.size()) return false;
  names_ = sections_[header->e_shstrndx];
  return true;
}

std::optional<std::span<const std::byte>> ElfFile::ContentOf(const Elf64_Shdr& section) const {
  if (section.sh_offset > bytes_.size() || section.sh_size > bytes_.size() - section.sh_offset) return std::nullopt;
  if (!Spend(section.sh_size)) return std::nullopt;
  return bytes_.subspan(section.sh_offset, section.sh_size);
}

std::optional<std::string_view> ElfFile::Text(const Elf64_Shdr& table, std::uint64_t offset) const {
  if (table.sh_offset > bytes_.size() || table.sh_size > bytes_.size() - table.sh_offset) return std::nullopt;
  if (offset >= table.sh_size) return std::nullopt;
  const auto* const text = reinterpret_cast<const char*>(bytes_.data() + table.sh_offset + offset);
  const std::size_t most = std::min<std::size_t>(table.sh_size - offset, kLongestText);
  const std::size_t length = strnlen(text, most);
  if (length == most || !Spend(length + 1)) return std::nullopt;
  return std::string_view(text, length);
}

}  // namespace paella::scheduler_daemon
