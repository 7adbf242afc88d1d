// What the parser makes of PTX text: variables, functions and their statements, names of registers resolved.
//
// Plain data, made by ParsePtx() and read by the program builder on the thread that loads the module.
#ifndef PAELLA_TESTS_SIMULATED_GPU_PTX_MODULE_H_
#define PAELLA_TESTS_SIMULATED_GPU_PTX_MODULE_H_

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/simulated_gpu/ptx_type.h"

namespace paella::simulated_gpu {

enum class Space : std::uint8_t { kGeneric, kGlobal, kConst, kShared, kLocal, kParam };

// One element of a variable's initialiser: a number, or the address of a symbol plus an offset.
struct Initializer {
  std::uint64_t bits = 0;
  std::string symbol;
  std::int64_t offset = 0;
};

struct Variable {
  std::string name;
  Space space = Space::kGlobal;
  Type type = Type::kB8;
  std::uint32_t alignment = 1;
  std::uint64_t bytes = 0;  // 0 for an extern array: dynamic shared memory
  bool external = false;
  std::vector<Initializer> initializers;
};

struct Operand {
  enum class Kind : std::uint8_t {
    kRegister,   // index; `second` >= 0 is the register after a '|'
    kInteger,    // bits
    kFloat,      // number; kept exactly, whether written 0f..., 0d... or in decimals
    kVariable,   // index into the function's variables, plus offset
    kName,       // a module's symbol, a function or a label, plus offset
    kSpecial,    // name of a special register
    kAddress,    // [elements[0] + offset]; of a texture or surface [elements[0], elements[1]]
    kVector,     // {elements}
    kList,       // (elements): arguments of a call
    kSink,       // _
  };
  Kind kind = Kind::kSink;
  bool negated = false;
  int index = -1;
  int second = -1;
  std::uint64_t bits = 0;
  double number = 0;
  std::int64_t offset = 0;
  std::string name;
  std::vector<Operand> elements;
};

struct Statement {
  int line = 0;
  int scope = 0;
  int guard = -1;  // register index
  bool guard_negated = false;
  std::string opcode;  // "ld.global.v2.f32"
  std::vector<Operand> operands;
};

struct Register {
  Type type;
};

struct PtxFunction {
  std::string name;
  bool entry = false;
  bool defined = false;
  int line = 0;
  std::vector<int> parameters;  // indices into variables
  std::vector<int> results;
  std::vector<Variable> variables;
  std::vector<Register> registers;
  std::vector<Statement> statements;
  std::vector<int> scope_parents;  // of each { } scope; -1 for the outermost
  // (scope, name) -> index of the statement that follows the label, or of the table, keyed "scope:name".
  std::unordered_map<std::string, std::uint32_t> labels;
  std::unordered_map<std::string, std::vector<std::string>> branch_tables;
  std::uint32_t max_threads = 0;       // .maxntid / .reqntid product, 0 if not given
  std::uint32_t required_block[3] = {0, 0, 0};
};

struct PtxModule {
  std::string target;
  std::vector<Variable> variables;
  std::vector<PtxFunction> functions;
  std::unordered_map<std::string, std::size_t> function_index;
};

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_PTX_MODULE_H_
