#include "scheduler_daemon/executor/kernel_text.h"

#include <elf.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "scheduler_daemon/executor/elf_file.h"
#include "scheduler_daemon/executor/image_code.h"
#include "scheduler_daemon/executor/ptx_reader.h"

namespace paella::scheduler_daemon {
namespace {

// Most images do not, and are large: to look for two words takes a small part of the time that it takes to read them.
bool NamesAnyOf(std::span<const std::byte> code) {
  constexpr std::string_view kFunctions[] = {"vprintf", "__assertfail"};
  if (code.empty()) return false;  // memmem takes no null pointer, not even to nothing
  return std::ranges::any_of(kFunctions, [code](std::string_view name) {
    return memmem(code.data(), code.size(), name.data(), name.size()) != nullptr;
  });
}

// The functions of `text` that writing function belongs to; null for any other function.
KernelNames* WhoCalls(std::string_view callee, KernelText& text) {
  if (callee == "vprintf") return &text.prints;
  return callee == "__assertfail" ? &text.asserts : nullptr;
}

// A function that no kernel is may be called by each of them.
void Add(KernelNames& names, std::string_view function, bool is_kernel) {
  names.all |= !is_kernel;
  names.names.emplace(function);
}

// What an ELF file of CUDA says of each function, in a section of its own: records of a format, an attribute, and
// either a value of two bytes or the size of what follows.
struct InfoRecord {
  std::uint8_t format;
  std::uint8_t attribute;
  std::uint16_t value;
};
constexpr std::string_view kInfoSection = ".nv.info.";
constexpr std::uint8_t kSizedFormat = 4;
constexpr std::uint8_t kExternalFunctions = 0x0f;  // their symbols, a number of four bytes each
constexpr unsigned char kKernelSymbol = 0x10;      // in a symbol's st_other

class ElfText {
 public:
  ElfText(const ElfFile& file, KernelText& text) : file_(file), text_(text) {}

  bool Add() {
    for (const Elf64_Shdr& section : file_.sections()) {
      if (section.sh_type == SHT_SYMTAB && !AddSymbols(section)) return false;
    }
    for (const Elf64_Shdr& section : file_.sections()) {
      const auto name = file_.NameOf(section);
      if (!name) return false;
      if (name->starts_with(kInfoSection) && !AddInfo(section, name->substr(kInfoSection.size()))) return false;
    }
    // Somebody calls it, and no function says so.
    text_.prints.all |= prints_ && !printer_found_;
    text_.asserts.all |= asserts_ && !asserter_found_;
    return true;
  }

 private:
  std::optional<std::string_view> NameOf(const Elf64_Shdr& table, const Elf64_Sym& symbol) const {
    if (table.sh_link >= file_.sections().size()) return std::nullopt;
    return file_.Text(file_.sections()[table.sh_link], symbol.st_name);
  }

  bool AddSymbols(const Elf64_Shdr& table) {
    for (std::uint64_t i = 0; i < table.sh_size / sizeof(Elf64_Sym); ++i) {
      const auto symbol = file_.ElementAt<Elf64_Sym>(table, i);
      if (!symbol) return false;
      if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC) continue;
      const auto name = NameOf(table, *symbol);
      if (!name) return false;
      if ((symbol->st_other & kKernelSymbol) != 0) kernels_.emplace(*name);
      prints_ |= *name == "vprintf";
      asserts_ |= *name == "__assertfail";
    }
    return true;
  }

  bool AddInfo(const Elf64_Shdr& section, std::string_view function) {
    auto rest = file_.ContentOf(section);
    if (!rest || section.sh_link >= file_.sections().size()) return false;
    const Elf64_Shdr& symbols = file_.sections()[section.sh_link];
    while (rest->size() >= sizeof(InfoRecord)) {
      InfoRecord record;
      std::memcpy(&record, rest->data(), sizeof record);
      *rest = rest->subspan(sizeof record);
      if (record.format != kSizedFormat) continue;
      if (record.value > rest->size()) return false;
      if (record.attribute == kExternalFunctions && !AddExternals(rest->first(record.value), symbols, function)) {
        return false;
      }
      *rest = rest->subspan(record.value);
    }
    return true;
  }

  bool AddExternals(std::span<const std::byte> numbers, const Elf64_Shdr& symbols, std::string_view function) {
    for (std::uint32_t number; numbers.size() >= sizeof number; numbers = numbers.subspan(sizeof number)) {
      std::memcpy(&number, numbers.data(), sizeof number);
      const auto symbol = file_.ElementAt<Elf64_Sym>(symbols, number);
      const auto callee = symbol ? NameOf(symbols, *symbol) : std::nullopt;
      if (!callee) return false;
      KernelNames* const names = WhoCalls(*callee, text_);
      if (names == nullptr) continue;
      scheduler_daemon::Add(*names, function, kernels_.contains(function));
      (names == &text_.prints ? printer_found_ : asserter_found_) = true;
    }
    return true;
  }

  const ElfFile& file_;
  KernelText& text_;
  std::unordered_set<std::string_view> kernels_;
  bool prints_ = false, asserts_ = false;  // the file names these functions
  bool printer_found_ = false, asserter_found_ = false;
};

// Behind .func: the name, after what the function returns.
std::string_view NameOfFunction(PtxReader& reader) {
  PtxWord word = reader.Next();
  if (word.text != "(") return word.text;
  while (!word.text.empty() && word.text != ")") word = reader.Next();
  return reader.Next().text;
}

}  // namespace

bool AddTextOfElf(std::span<const std::byte> elf, KernelText& text) {
  ElfFile file(elf);
  return file.Open() && ElfText(file, text).Add();
}

bool AddTextOfPtx(std::string_view ptx, KernelText& text) {
  PtxReader reader(ptx);
  std::string_view function;
  bool is_kernel = false;
  int depth = 0;
  for (PtxWord word = reader.Next(); !word.text.empty(); word = reader.Next()) {
    if (word.text == "{") ++depth;
    if (word.text == "}") --depth;
    if (depth > 0) {
      if (KernelNames* const names = WhoCalls(word.text, text)) Add(*names, function, is_kernel);
    } else if (word.text == ".entry" || word.text == ".func") {
      is_kernel = word.text == ".entry";
      function = is_kernel ? reader.Next().text : NameOfFunction(reader);
    }
  }
  return depth == 0;
}

KernelText FindKernelText(std::span<const std::byte> image, int architecture_major) {
  KernelText text;
  const bool understood = VisitCode(image, architecture_major, [&](CodeKind kind, std::span<const std::byte> code) {
    if (!NamesAnyOf(code)) return true;
    return kind == CodeKind::kElf ? AddTextOfElf(code, text) : AddTextOfPtx(TextOf(code), text);
  });
  text.prints.all |= !understood;
  text.asserts.all |= !understood;
  return text;
}

}  // namespace paella::scheduler_daemon
