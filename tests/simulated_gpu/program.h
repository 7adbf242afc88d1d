// Decoded code: what a module becomes at load and what warps execute.
//
// Immutable once built, so that every worker reads it without a lock; kept alive by shared_ptr from the module and from
// each launch under way. Owns its instructions; the memory of its global variables belongs to the module's loader.
#ifndef PAELLA_TESTS_SIMULATED_GPU_PROGRAM_H_
#define PAELLA_TESTS_SIMULATED_GPU_PROGRAM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/simulated_gpu/ptx_type.h"

namespace paella::simulated_gpu {

struct Warp;
struct Instruction;

// Executes one instruction for the lanes in warp.exec. Control flow changes warp.pc, already one past this one.
using Handler = void (*)(Warp& warp, const Instruction& instruction);

// Where a value lies: bytes from the frame's registers, or, with the top bit set, from the function's constants.
using Place = std::uint32_t;
inline constexpr Place kConstantBit = 0x80000000;
inline constexpr Place kNowhere = 0xffffffff;  // a sink, or an operand that is not there

// Generic addresses of the spaces that are not plain host memory. No host address has these high bits.
inline constexpr std::uint64_t kWindowMask = 0xffff'0000'0000'0000;
inline constexpr std::uint64_t kSharedWindow = 0x7e01'0000'0000'0000;
inline constexpr std::uint64_t kLocalWindow = 0x7e02'0000'0000'0000;
inline constexpr std::uint64_t kParamWindow = 0x7e03'0000'0000'0000;
inline constexpr std::uint64_t kFunctionWindow = 0x7e04'0000'0000'0000;  // + index of the function in its program

struct Instruction {
  Handler handler = nullptr;
  Place r[6] = {kNowhere, kNowhere, kNowhere, kNowhere, kNowhere, kNowhere};  // meaning belongs to the handler
  Place guard = kNowhere;  // predicate
  bool guard_negated = false;
  bool gathers = false;    // lanes that the guard leaves out must be parted first: a warp or block barrier
  std::uint8_t count = 1;  // elements of a vector access
  std::uint8_t space = 0;  // Space
  std::uint32_t target = 0;  // branch target, or an index into one of the function's tables
  std::uint64_t immediate = 0;
  std::uint32_t line = 0;
};

// A call: where arguments lie in the caller's parameter area and where they go in the callee's.
struct CallSite {
  struct Transfer {
    std::uint32_t caller_offset;
    std::uint32_t bytes;
  };
  std::vector<Transfer> arguments;  // in the callee's parameter order
  std::vector<Transfer> results;
  int callee = -1;          // function index; -1: the address is in r[0]
  std::string builtin;      // vprintf, __assertfail, ...
};

struct ParameterInfo {
  std::uint32_t offset;
  std::uint32_t bytes;
};

struct Function {
  std::string name;
  bool entry = false;
  std::vector<Instruction> code;
  std::vector<std::uint8_t> constants;  // replicated for all lanes
  std::uint32_t register_bytes = 0;     // of one frame, all lanes
  std::uint32_t parameter_bytes = 0;    // of a frame's parameter area, per lane
  std::uint32_t local_bytes = 0;        // of one frame, per lane
  std::uint32_t static_shared_bytes = 0;
  std::uint32_t max_threads = kMaxThreads;
  std::uint32_t required_block[3] = {0, 0, 0};
  std::uint32_t modelled_registers = 16;  // per thread, for occupancy: an estimate, since there is no machine code
  bool calls = false;
  std::vector<ParameterInfo> parameters;   // a kernel's: offsets in its argument buffer; a .func's: in its area
  std::vector<ParameterInfo> results;      // .func only
  std::uint32_t argument_bytes = 0;        // kernels
  std::vector<CallSite> call_sites;
  std::vector<std::vector<std::uint32_t>> branch_tables;

  static constexpr std::uint32_t kMaxThreads = 1024;
};

struct GlobalSymbol {
  std::uintptr_t address = 0;
  std::uint64_t bytes = 0;
};

struct Program {
  std::vector<Function> functions;
  std::unordered_map<std::string, std::size_t> function_index;  // defined ones
  std::unordered_map<std::string, GlobalSymbol> globals;
  std::string target;
};

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_PROGRAM_H_
