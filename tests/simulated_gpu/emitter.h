// Turns the statements of one function into instructions: places of operands, constants, temporaries, labels.
//
// The decoders (decode_*.cc) are its callers, one statement at a time, on the thread that loads the module. It refers to
// the parsed module and writes the function being built; it owns only its tables of places.
#ifndef PAELLA_TESTS_SIMULATED_GPU_EMITTER_H_
#define PAELLA_TESTS_SIMULATED_GPU_EMITTER_H_

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tests/simulated_gpu/program.h"
#include "tests/simulated_gpu/ptx_module.h"

namespace paella::simulated_gpu {

// The words of an opcode after the first. Each must be taken by the decoder, so that a modifier nobody knows is an
// error and not a silent difference.
class Modifiers {
 public:
  explicit Modifiers(std::string_view opcode);
  std::string_view base() const { return words_[0]; }
  bool Take(std::string_view word);                    // if it is there
  Type TakeType();                                     // the first type left; kNone if there is none
  Type TakeLastType();
  std::string_view TakeAny(std::initializer_list<std::string_view> words);  // the one that is there, or ""
  std::string_view TakeFirst();                        // whatever comes first
  // Words that change nothing here: cache hints, memory order (everything is strongly ordered), scopes.
  void TakeHints();
  bool AllTaken() const;
  std::string Left() const;

 private:
  std::vector<std::string_view> words_;
  std::vector<bool> taken_;
};

struct DecodeError {
  std::string text;
};

// Where a module's symbols lie, known before any code is emitted.
struct ModuleLayout {
  std::unordered_map<std::string, std::uint64_t> addresses;          // .global and .const
  std::unordered_map<std::string, std::uint32_t> shared_offsets;     // module-scope .shared of a fixed place
  std::unordered_map<std::string, bool> dynamic_shared;              // extern .shared arrays
};

class Emitter {
 public:
  Emitter(const PtxModule& module, const PtxFunction& source, const ModuleLayout& layout, Function& out);

  void Begin();            // lays out registers and variables
  void Decode(const Statement& statement);  // throws DecodeError
  void End();              // resolves labels

  // For decoders. All throw DecodeError on an operand that does not fit.
  const Statement& statement() const { return *statement_; }
  const Operand& operand(std::size_t index) const;
  std::size_t operand_count() const { return statement_->operands.size(); }
  // The place to read operand `index` from, as a value of `bytes`; `type` says how to encode a number.
  Place Source(std::size_t index, Type type) { return Source(operand(index), type); }
  Place Source(const Operand& operand, Type type);
  // The place to write to. If the register is wider, a conversion follows the instruction.
  Place Destination(std::size_t index, Type type) { return Destination(operand(index), type); }
  Place Destination(const Operand& operand, Type type);
  Place SourcePredicate(std::size_t index);  // negation applied
  Place DestinationPredicate(std::size_t index);
  // Raw access for loads and stores, whose registers may be wider than the memory.
  Place RegisterPlace(const Operand& operand, std::uint32_t& register_bytes);
  Type RegisterType(int index) const { return source_.registers[static_cast<std::size_t>(index)].type; }
  Place Constant(std::uint64_t bits, std::uint32_t bytes);
  Place Temporary(std::uint32_t bytes);

  Instruction& Emit(Handler handler);  // guard and line are filled in; the reference holds until the next Emit
  void EmitLabelTarget(Instruction& instruction, const Operand& label);
  std::vector<std::string> BranchTable(const Operand& name) const;
  void AddBranchTable(const std::vector<std::string>& labels);

  struct Address {
    Place base;           // 64-bit generic or space address, offset included where the base is not a register
    std::int64_t offset;
  };
  Address ResolveAddress(const Operand& operand, Space space);
  // A .param symbol's place: offset, and whether it is a kernel argument or in the frame.
  bool IsKernelArgument(const Operand& operand) const;
  std::uint32_t ParameterOffset(const Operand& operand) const;
  const Variable& VariableOf(const Operand& operand) const;
  const PtxModule& module() const { return module_; }
  const PtxFunction& source() const { return source_; }
  Function& out() { return out_; }
  int FunctionIndex(const std::string& name) const;  // of a defined function in the program; -1 if none

  [[noreturn]] void Fail(const std::string& what) const;

 private:
  struct Fixup {
    std::size_t instruction;
    std::string label;
    int scope;
  };
  std::uint32_t ResolveLabel(const std::string& name, int scope) const;
  Place SymbolAddress(const Operand& operand, std::uint32_t bytes);

  const PtxModule& module_;
  const PtxFunction& source_;
  const ModuleLayout& layout_;
  Function& out_;
  const Statement* statement_ = nullptr;
  std::vector<Place> register_places_;
  std::vector<std::uint64_t> variable_places_;  // offset in the space of each of the function's variables
  std::map<std::pair<std::uint64_t, std::uint32_t>, Place> constants_;
  std::vector<std::uint32_t> statement_starts_;  // statement index -> instruction index
  std::vector<Fixup> fixups_;
  std::vector<std::pair<std::size_t, std::vector<std::string>>> tables_;
  std::vector<int> table_scopes_;
  std::vector<Instruction> after_;  // conversions that follow the statement's instruction
};

// One per decode_*.cc: emits the statement and returns true, or returns false if its base word is none of its own.
bool DecodeInteger(Emitter& emitter, Modifiers& modifiers);
bool DecodeFloat(Emitter& emitter, Modifiers& modifiers);
bool DecodeHalf(Emitter& emitter, Modifiers& modifiers);
bool DecodeCompare(Emitter& emitter, Modifiers& modifiers);
bool DecodeConvert(Emitter& emitter, Modifiers& modifiers);
bool DecodeMemory(Emitter& emitter, Modifiers& modifiers);
bool DecodeAtomic(Emitter& emitter, Modifiers& modifiers);
bool DecodeControl(Emitter& emitter, Modifiers& modifiers);
bool DecodeWarp(Emitter& emitter, Modifiers& modifiers);
bool DecodeWarpBarrier(Emitter& emitter);  // bar.warp.sync
bool DecodeMove(Emitter& emitter, Modifiers& modifiers);
bool DecodeImage(Emitter& emitter, Modifiers& modifiers);

// Copies a value between places of different widths, zero- or sign-extending.
Handler ResizeHandler(std::uint32_t from_bytes, std::uint32_t to_bytes, bool is_signed);
// d(r[0]) = the block's dynamic shared memory + immediate, as 4 or 8 bytes.
Handler DynamicSharedHandler(std::uint32_t bytes);
// d(r[0]) = the frame's local base + immediate.
Handler LocalAddressHandler(std::uint32_t bytes);
void NotPredicateHandler(Warp& warp, const Instruction& instruction);

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_EMITTER_H_
