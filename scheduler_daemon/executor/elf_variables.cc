// Variables of machine code. In an ELF file of CUDA they are symbols of the sections .nv.global (no initial value),
// .nv.global.init and .nv.constant3 (__constant__); other banks of constants are the compiler's.
#include "scheduler_daemon/executor/elf_file.h"
#include "scheduler_daemon/executor/image_variables.h"

namespace paella::scheduler_daemon {
namespace {

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
