#include "tests/simulated_gpu/program_builder.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "tests/simulated_gpu/emitter.h"
#include "tests/simulated_gpu/ptx_parser.h"

namespace paella::simulated_gpu {
namespace {

std::uint64_t AlignUp(std::uint64_t value, std::uint64_t alignment) {
  alignment = std::max<std::uint64_t>(alignment, 1);
  return (value + alignment - 1) / alignment * alignment;
}

class Builder {
 public:
  Builder(const PtxModule& module, Program& program) : module_(module), program_(program) {}

  void Build(const std::function<std::uint8_t*(std::size_t)>& allocate) {
    PlaceVariables(allocate);
    for (const Variable& variable : module_.variables) Initialize(variable);
    program_.functions.resize(module_.functions.size());
    for (std::size_t i = 0; i < module_.functions.size(); ++i) {
      if (module_.functions[i].defined) BuildFunction(module_.functions[i], i);
    }
  }

 private:
  void PlaceVariables(const std::function<std::uint8_t*(std::size_t)>& allocate) {
    std::uint64_t bytes = 0;
    std::unordered_map<std::string, std::uint64_t> offsets;
    for (const Variable& variable : module_.variables) {
      if (variable.space == Space::kShared) {
        PlaceShared(variable);
      } else if (!variable.external) {
        bytes = AlignUp(bytes, std::max(variable.alignment, 16u));
        offsets[variable.name] = bytes;
        bytes += variable.bytes;
      }
    }
    if (offsets.empty()) return;
    base_ = allocate(std::max<std::uint64_t>(bytes, 1));
    if (base_ == nullptr) throw DecodeError{"no memory for the module's variables"};
    for (const Variable& variable : module_.variables) {
      const auto it = offsets.find(variable.name);
      if (it == offsets.end()) continue;
      const auto address = reinterpret_cast<std::uintptr_t>(base_) + it->second;
      layout_.addresses[variable.name] = address;
      program_.globals[variable.name] = {address, variable.bytes};
    }
  }

  // Every function of the module has room for them, at the same place, before its own shared variables.
  void PlaceShared(const Variable& variable) {
    if (variable.bytes == 0) {
      layout_.dynamic_shared[variable.name] = true;
      return;
    }
    shared_bytes_ = AlignUp(shared_bytes_, variable.alignment);
    layout_.shared_offsets[variable.name] = static_cast<std::uint32_t>(shared_bytes_);
    shared_bytes_ += variable.bytes;
  }

  void Initialize(const Variable& variable) {
    if (variable.initializers.empty() || !layout_.addresses.contains(variable.name)) return;
    auto* to = reinterpret_cast<std::uint8_t*>(layout_.addresses.at(variable.name));
    const std::uint32_t element = TypeBytes(variable.type);
    if (variable.initializers.size() * element > variable.bytes) {
      throw DecodeError{"too many initialisers of '" + variable.name + "'"};
    }
    for (const Initializer& initializer : variable.initializers) {
      const std::uint64_t value = ValueOf(initializer);
      std::memcpy(to, &value, std::min<std::size_t>(element, sizeof value));
      to += element;
    }
  }

  std::uint64_t ValueOf(const Initializer& initializer) const {
    if (initializer.symbol.empty()) return initializer.bits;
    const auto offset = static_cast<std::uint64_t>(initializer.offset);
    if (const auto it = layout_.addresses.find(initializer.symbol); it != layout_.addresses.end()) {
      return it->second + offset;
    }
    if (const auto it = module_.function_index.find(initializer.symbol); it != module_.function_index.end()) {
      return kFunctionWindow + it->second;
    }
    throw DecodeError{"unknown symbol '" + initializer.symbol + "' in an initialiser"};
  }

  void BuildFunction(const PtxFunction& source, std::size_t index) {
    Function& out = program_.functions[index];
    out.name = source.name;
    out.entry = source.entry;
    out.static_shared_bytes = static_cast<std::uint32_t>(shared_bytes_);
    if (source.max_threads != 0) out.max_threads = std::min(source.max_threads, Function::kMaxThreads);
    std::copy_n(source.required_block, 3, out.required_block);
    Emitter emitter(module_, source, layout_, out);
    emitter.Begin();
    for (const Statement& statement : source.statements) Decode(emitter, source, statement);
    Decode(emitter, source, Return(source));
    emitter.End();
    program_.function_index[source.name] = index;
  }

  // A body may end without one.
  static Statement Return(const PtxFunction& source) {
    Statement statement;
    statement.line = source.line;
    statement.opcode = "ret";
    return statement;
  }

  static void Decode(Emitter& emitter, const PtxFunction& source, const Statement& statement) {
    try {
      emitter.Decode(statement);
    } catch (const DecodeError& failure) {
      throw DecodeError{"line " + std::to_string(statement.line) + ", function " + source.name + ": instruction '" +
                        statement.opcode + "': " + failure.text};
    }
  }

  const PtxModule& module_;
  Program& program_;
  ModuleLayout layout_;
  std::uint8_t* base_ = nullptr;
  std::uint64_t shared_bytes_ = 0;
};

}  // namespace

std::shared_ptr<const Program> BuildProgram(std::string_view ptx, const std::function<std::uint8_t*(std::size_t)>& allocate,
                                            std::string& error) {
  PtxModule module;
  if (!ParsePtx(ptx, module, error)) return nullptr;
  auto program = std::make_shared<Program>();
  program->target = module.target;
  try {
    Builder(module, *program).Build(allocate);
  } catch (const DecodeError& failure) {
    error = failure.text;
    return nullptr;
  }
  return program;
}

}  // namespace paella::simulated_gpu
