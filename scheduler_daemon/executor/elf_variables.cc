// Variables of machine code. In an ELF file of CUDA they are symbols of the sections .nv.global (no initial value),
// .nv.global.init and .nv.constant3 (__constant__); other banks of constants are the compiler's.
#include <elf.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "scheduler_daemon/executor/image_variables.h"

namespace paella::scheduler_daemon {
namespace {

constexpr std::uint16_t kMachineCuda = 190;

class ElfFile {
 public:
  explicit ElfFile(std::span<const std::byte> bytes) : bytes_(bytes) {}

  // False: its form is not that of CUDA's files.
  bool Open();
  const std::vector<Elf64_Shdr>& sections() const { return sections_; }
  std::optional<std::string_view> NameOf(const Elf64_Shdr& section) const { return Text(names_, section.sh_name); }
  // A section's content is an array of these.
  template <typename T>
  std::optional<T> ElementAt(const Elf64_Shdr& section, std::uint64_t index) const {
    return Read<T>(section.sh_offset, index);
  }
  // The text that begins there in a table of strings.
  std::optional<std::string_view> Text(const Elf64_Shdr& table, std::uint64_t offset) const;

 private:
  template <typename T>
  std::optional<T> Read(std::uint64_t offset, std::uint64_t index) const {
    if (offset > bytes_.size() || index >= (bytes_.size() - offset) / sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + offset + index * sizeof(T), sizeof value);
    return value;
  }

  std::span<const std::byte> bytes_;
  std::vector<Elf64_Shdr> sections_;
  Elf64_Shdr names_{};
};

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

std::optional<std::string_view> ElfFile::Text(const Elf64_Shdr& table, std::uint64_t offset) const {
  if (table.sh_offset > bytes_.size() || table.sh_size > bytes_.size() - table.sh_offset) return std::nullopt;
  if (offset >= table.sh_size) return std::nullopt;
  const auto* const text = reinterpret_cast<const char*>(bytes_.data() + table.sh_offset + offset);
  const std::size_t most = table.sh_size - offset;
  const std::size_t length = strnlen(text, most);
  if (length == most) return std::nullopt;
  return std::string_view(text, length);
}

bool IsOfVariables(std::string_view section) { return section.starts_with(".nv.global"); }
bool IsOfConstants(std::string_view section) { return section.starts_with(".nv.constant3"); }

bool SymbolIsVariable(const ElfFile& file, const Elf64_Shdr& table, const Elf64_Sym& symbol) {
  const unsigned char type = ELF64_ST_TYPE(symbol.st_info);
  if (type == STT_SECTION || type == STT_FUNC || type == STT_FILE) return false;
  if (table.sh_link >= file.sections().size()) return true;
  const auto name = file.Text(file.sections()[table.sh_link], symbol.st_name);
  if (!name) return true;
  if (symbol.st_shndx == SHN_UNDEF) return type == STT_OBJECT && !name->starts_with(".nv.reservedSmem");
  if (symbol.st_shndx >= file.sections().size()) return type == STT_OBJECT;
  const auto section = file.NameOf(file.sections()[symbol.st_shndx]);
  return !section || (IsOfVariables(*section) && !IsNeverWritten(*name));
}

bool TableHasVariables(const ElfFile& file, const Elf64_Shdr& table) {
  for (std::uint64_t i = 0; i < table.sh_size / sizeof(Elf64_Sym); ++i) {
    const auto symbol = file.ElementAt<Elf64_Sym>(table, i);
    if (!symbol || SymbolIsVariable(file, table, *symbol)) return true;
  }
  return false;
}

}  // namespace

bool ElfIsFreeOfVariables(std::span<const std::byte> elf) {
  ElfFile file(elf);
  if (!file.Open()) return false;
  bool has_memory = false;
  bool has_symbols = false;
  for (const Elf64_Shdr& section : file.sections()) {
    const auto name = file.NameOf(section);
    if (!name) return false;
    if (IsOfConstants(*name) && section.sh_size != 0) return false;
    has_memory |= IsOfVariables(*name) && section.sh_size != 0;
    if (section.sh_type != SHT_SYMTAB) continue;
    has_symbols = true;
    if (TableHasVariables(file, section)) return false;
  }
  return has_symbols || !has_memory;
}

}  // namespace paella::scheduler_daemon
