#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "tests/bad_calls/bad_call.h"

extern "C" const unsigned long long bad_calls_kernels[];

namespace paella::bad_calls {
namespace {

constexpr char kSyntaxError[] = ".version 7.0\n.target sm_70\n.address_size 64\n.visible .entry K() { rubbish; }\n";
constexpr char kFutureVersion[] = ".version 99.0\n.target sm_70\n.address_size 64\n.visible .entry K() { ret; }\n";
constexpr char kFutureTarget[] = ".version 7.0\n.target sm_990\n.address_size 64\n.visible .entry K() { ret; }\n";
constexpr char kNoVersion[] = ".target sm_70\n.address_size 64\n.visible .entry K() { ret; }\n";
constexpr char kUndeclared[] =
    ".version 7.0\n.target sm_70\n.address_size 64\n.visible .entry K() { mov.u32 %r1, 0; ret; }\n";
constexpr char kUnresolved[] =
    ".version 7.0\n.target sm_70\n.address_size 64\n.extern .func Missing();\n"
    ".visible .entry K() { call Missing, (); ret; }\n";
constexpr char kOnlyComment[] = "// nothing\n";

void Load(Row& row, const void* image) {
  CUmodule module = nullptr;
  if (row.Call(DRIVER(cuModuleLoadData), &module, image) == CUDA_SUCCESS) row.Quietly(DRIVER(cuModuleUnload), module);
}

void LoadFile(Row& row, const char* path) {
  CUmodule module = nullptr;
  row.Call(DRIVER(cuModuleLoad), &module, path);
}

// How a fat binary begins, and each of its entries: as much of it as it takes to spoil one.
struct FatHeader {
  std::uint32_t magic;
  std::uint16_t version, header_bytes;
  std::uint64_t entries_bytes;
};

// A copy of the program's own fat binary, to be spoilt.
class FatBinary {
 public:
  FatBinary() {
    std::memcpy(&header_, bad_calls_kernels, sizeof(header_));
    words_.resize((header_.header_bytes + header_.entries_bytes + 7) / 8);
    std::memcpy(words_.data(), bad_calls_kernels, header_.header_bytes + header_.entries_bytes);
  }

  void SetEntriesBytes(std::uint64_t bytes) {
    header_.entries_bytes = bytes;
    std::memcpy(words_.data(), &header_, sizeof(header_));
  }

  const void* data() const { return words_.data(); }

 private:
  FatHeader header_;
  std::vector<std::uint64_t> words_;
};

constexpr BadCall kRows[] = {
    {"image.null", [](Row& row) { Load(row, nullptr); }},
    {"image.to_null", [](Row& row) { row.Call(DRIVER(cuModuleLoadData), nullptr, bad_calls_kernels); }},
    {"image.empty_text", [](Row& row) { Load(row, ""); }},
    {"image.rubbish_text", [](Row& row) { Load(row, "This is not a module at all.\n"); }},
    {"image.only_a_comment", [](Row& row) { Load(row, kOnlyComment); }},
    {"image.ptx_syntax_error", [](Row& row) { Load(row, kSyntaxError); }},
    {"image.ptx_of_a_future_version", [](Row& row) { Load(row, kFutureVersion); }},
    {"image.ptx_for_a_future_gpu", [](Row& row) { Load(row, kFutureTarget); }},
    {"image.ptx_without_version", [](Row& row) { Load(row, kNoVersion); }},
    {"image.ptx_undeclared_register", [](Row& row) { Load(row, kUndeclared); }},
    {"image.ptx_unresolved_function", [](Row& row) { Load(row, kUnresolved); }},
    {"image.fat_binary_of_nothing",
     [](Row& row) {
       FatBinary binary;
       binary.SetEntriesBytes(0);
       Load(row, binary.data());
     }},
    {"image.fat_binary_truncated",
     [](Row& row) {
       FatBinary binary;
       binary.SetEntriesBytes(128);  // in the middle of the first entry
       Load(row, binary.data());
     }},
    {"image.fat_binary_null",
     [](Row& row) { CUmodule module; row.Call(DRIVER(cuModuleLoadFatBinary), &module, nullptr); }},
    {"image.elf_header_only",
     [](Row& row) {
       std::array<unsigned char, 4096> elf{0x7f, 'E', 'L', 'F', 2, 1, 1};
       Load(row, elf.data());
     }},
    {"image.option_unknown",
     [](Row& row) {
       CUmodule module = nullptr;
       auto option = static_cast<CUjit_option>(1000);
       void* value = nullptr;
       row.Call(DRIVER(cuModuleLoadDataEx), &module, bad_calls_kernels, 1, &option, &value);
     }},
    {"image.options_without_list",
     [](Row& row) {
       CUmodule module = nullptr;
       row.Call(DRIVER(cuModuleLoadDataEx), &module, bad_calls_kernels, 1, nullptr, nullptr);
     },
     Start::kInOwnProcess},
    {"image.file_missing", [](Row& row) { LoadFile(row, "/nonexistent/module.cubin"); }},
    {"image.file_of_empty_name", [](Row& row) { LoadFile(row, ""); }},
    {"image.file_empty", [](Row& row) { LoadFile(row, "/dev/null"); }},
    {"image.file_null", [](Row& row) { LoadFile(row, nullptr); }},
};

}  // namespace

BadCalls ImageBadCalls() { return kRows; }

}  // namespace paella::bad_calls
