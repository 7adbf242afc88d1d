#include "tests/simulated_gpu/emitter.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "tests/simulated_gpu/half.h"
#include "tests/simulated_gpu/settings.h"

namespace paella::simulated_gpu {
namespace {

std::uint32_t AlignUp(std::uint64_t value, std::uint64_t alignment) {
  alignment = std::max<std::uint64_t>(alignment, 1);
  return static_cast<std::uint32_t>((value + alignment - 1) / alignment * alignment);
}

// 8-bit values are kept in 16 bits: PTX has no 8-bit arithmetic.
std::uint32_t KeptBytes(Type type) { return std::max(TypeBytes(type), 2u); }

std::uint64_t EncodeNumber(const Operand& number, Type type) {
  const bool is_float = number.kind == Operand::Kind::kFloat;
  switch (type) {
    case Type::kF32: {
      const float value = is_float ? static_cast<float>(number.number) : static_cast<float>(static_cast<std::int64_t>(number.bits));
      return std::bit_cast<std::uint32_t>(value);
    }
    case Type::kF64:
      return std::bit_cast<std::uint64_t>(is_float ? number.number : static_cast<double>(static_cast<std::int64_t>(number.bits)));
    case Type::kF16: return is_float ? FloatToHalf(static_cast<float>(number.number)) : number.bits;
    case Type::kBf16: return is_float ? FloatToBfloat(static_cast<float>(number.number)) : number.bits;
    default: return number.bits;
  }
}

}  // namespace

Modifiers::Modifiers(std::string_view opcode) {
  for (std::size_t start = 0; start <= opcode.size();) {
    const std::size_t dot = std::min(opcode.find('.', start), opcode.size());
    words_.push_back(opcode.substr(start, dot - start));
    start = dot + 1;
  }
  taken_.assign(words_.size(), false);
  taken_[0] = true;
}

bool Modifiers::Take(std::string_view word) {
  for (std::size_t i = 1; i < words_.size(); ++i) {
    if (!taken_[i] && words_[i] == word) return taken_[i] = true;
  }
  return false;
}

Type Modifiers::TakeType() {
  for (std::size_t i = 1; i < words_.size(); ++i) {
    if (taken_[i]) continue;
    if (const auto type = ParseType(words_[i])) {
      taken_[i] = true;
      return *type;
    }
  }
  return Type::kNone;
}

Type Modifiers::TakeLastType() {
  for (std::size_t i = words_.size(); i-- > 1;) {
    if (taken_[i]) continue;
    if (const auto type = ParseType(words_[i])) {
      taken_[i] = true;
      return *type;
    }
  }
  return Type::kNone;
}

std::string_view Modifiers::TakeAny(std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words) {
    if (Take(word)) return word;
  }
  return "";
}

std::string_view Modifiers::TakeFirst() {
  for (std::size_t i = 1; i < words_.size(); ++i) {
    if (!taken_[i]) {
      taken_[i] = true;
      return words_[i];
    }
  }
  return "";
}

void Modifiers::TakeHints() {
  for (std::size_t i = 1; i < words_.size(); ++i) {
    const std::string_view word = words_[i];
    static constexpr std::string_view kHints[] = {"volatile", "relaxed", "acquire", "release", "acq_rel", "weak", "sc",
                                                  "cta", "gpu", "sys", "cluster", "ca", "cg", "cs", "lu", "cv", "wb",
                                                  "wt", "nc", "mmio"};
    if (std::find(std::begin(kHints), std::end(kHints), word) != std::end(kHints) || word.starts_with("L1::") ||
        word.starts_with("L2::")) {
      taken_[i] = true;
    }
  }
}

bool Modifiers::AllTaken() const { return std::find(taken_.begin(), taken_.end(), false) == taken_.end(); }

std::string Modifiers::Left() const {
  std::string left;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    if (!taken_[i]) left += "." + std::string(words_[i]);
  }
  return left;
}

Emitter::Emitter(const PtxModule& module, const PtxFunction& source, const ModuleLayout& layout, Function& out)
    : module_(module), source_(source), layout_(layout), out_(out) {}

void Emitter::Fail(const std::string& what) const { throw DecodeError{what}; }

void Emitter::Begin() {
  for (const Register& reg : source_.registers) register_places_.push_back(Temporary(KeptBytes(reg.type)));
  // A kernel's declared registers are virtual; what a real compiler would keep of them is only an estimate.
  out_.modelled_registers = std::clamp<std::uint32_t>(static_cast<std::uint32_t>(source_.registers.size()) / 2, 16, 64);
  variable_places_.resize(source_.variables.size());
  std::vector<bool> placed(source_.variables.size(), false);
  const auto place_parameter = [&](int index, std::uint32_t& area) {
    const Variable& variable = source_.variables[static_cast<std::size_t>(index)];
    const std::uint32_t offset = AlignUp(area, variable.alignment);
    variable_places_[static_cast<std::size_t>(index)] = offset;
    placed[static_cast<std::size_t>(index)] = true;
    area = offset + static_cast<std::uint32_t>(variable.bytes);
    return ParameterInfo{offset, static_cast<std::uint32_t>(variable.bytes)};
  };
  std::uint32_t& area = source_.entry ? out_.argument_bytes : out_.parameter_bytes;
  for (const int index : source_.parameters) out_.parameters.push_back(place_parameter(index, area));
  for (const int index : source_.results) out_.results.push_back(place_parameter(index, out_.parameter_bytes));
  for (std::size_t i = 0; i < source_.variables.size(); ++i) {
    const Variable& variable = source_.variables[i];
    if (placed[i]) continue;
    std::uint32_t* space = nullptr;
    if (variable.space == Space::kParam) space = &out_.parameter_bytes;
    if (variable.space == Space::kLocal) space = &out_.local_bytes;
    if (variable.space == Space::kShared) space = &out_.static_shared_bytes;
    if (space == nullptr) Fail("variable '" + variable.name + "' in a function, in a space for module scope");
    variable_places_[i] = AlignUp(*space, variable.alignment);
    *space = static_cast<std::uint32_t>(variable_places_[i] + variable.bytes);
  }
  out_.parameter_bytes = AlignUp(out_.parameter_bytes, 16);
  out_.local_bytes = AlignUp(out_.local_bytes, 16);
}

void Emitter::Decode(const Statement& statement) {
  statement_ = &statement;
  statement_starts_.push_back(static_cast<std::uint32_t>(out_.code.size()));
  after_.clear();
  Modifiers modifiers(statement.opcode);
  using Decoder = bool (*)(Emitter&, Modifiers&);
  static constexpr Decoder kDecoders[] = {DecodeMove,   DecodeMemory, DecodeInteger, DecodeFloat, DecodeHalf,
                                          DecodeCompare, DecodeConvert, DecodeControl, DecodeWarp,  DecodeAtomic,
                                          DecodeImage};
  bool known = false;
  for (const Decoder decoder : kDecoders) {
    if ((known = decoder(*this, modifiers))) break;
  }
  if (!known) Fail("unknown instruction");
  if (!modifiers.AllTaken()) Fail("unknown modifier '" + modifiers.Left() + "'");
  out_.code.insert(out_.code.end(), after_.begin(), after_.end());
}

void Emitter::End() {
  statement_starts_.push_back(static_cast<std::uint32_t>(out_.code.size()));
  for (const Fixup& fixup : fixups_) out_.code[fixup.instruction].target = ResolveLabel(fixup.label, fixup.scope);
  for (std::size_t i = 0; i < tables_.size(); ++i) {
    std::vector<std::uint32_t>& table = out_.branch_tables[tables_[i].first];
    for (const std::string& label : tables_[i].second) table.push_back(ResolveLabel(label, table_scopes_[i]));
  }
}

std::uint32_t Emitter::ResolveLabel(const std::string& name, int scope) const {
  for (; scope >= 0; scope = source_.scope_parents[static_cast<std::size_t>(scope)]) {
    const auto it = source_.labels.find(std::to_string(scope) + ":" + name);
    if (it != source_.labels.end()) return statement_starts_[it->second];
  }
  Fail("unknown label '" + name + "'");
}

const Operand& Emitter::operand(std::size_t index) const {
  if (index >= statement_->operands.size()) Fail("too few operands");
  return statement_->operands[index];
}

Instruction& Emitter::Emit(Handler handler) {
  Instruction& instruction = out_.code.emplace_back();
  instruction.handler = handler;
  instruction.line = static_cast<std::uint32_t>(statement_ == nullptr ? 0 : statement_->line);
  if (statement_ != nullptr && statement_->guard >= 0) {
    instruction.guard = register_places_[static_cast<std::size_t>(statement_->guard)];
    instruction.guard_negated = statement_->guard_negated;
  }
  return instruction;
}

Place Emitter::Temporary(std::uint32_t bytes) {
  const Place place = out_.register_bytes;
  out_.register_bytes += AlignUp(std::uint64_t{bytes} * kWarpSize, 64);
  return place;
}

Place Emitter::Constant(std::uint64_t bits, std::uint32_t bytes) {
  bytes = std::max(bytes, 2u);
  if (bytes < 8) bits &= (std::uint64_t{1} << (bytes * 8)) - 1;
  const auto [it, fresh] = constants_.try_emplace({bits, bytes}, 0);
  if (fresh) {
    it->second = static_cast<Place>(out_.constants.size()) | kConstantBit;
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      const auto* from = reinterpret_cast<const std::uint8_t*>(&bits);
      std::uint8_t value[16] = {};
      std::memcpy(value, from, std::min<std::size_t>(bytes, 8));
      out_.constants.insert(out_.constants.end(), value, value + bytes);
    }
  }
  return it->second;
}

Place Emitter::Source(const Operand& operand, Type type) {
  const std::uint32_t bytes = KeptBytes(type);
  switch (operand.kind) {
    case Operand::Kind::kRegister: {
      const Type held = RegisterType(operand.index);
      const Place place = register_places_[static_cast<std::size_t>(operand.index)];
      if (type == Type::kPred || held == Type::kPred) {
        if (type != held) Fail("a predicate where a value belongs, or the reverse");
        return place;
      }
      if (KeptBytes(held) == bytes) return place;
      const Place narrow = Temporary(bytes);
      Instruction& resize = Emit(ResizeHandler(KeptBytes(held), bytes, false));
      resize.r[0] = narrow;
      resize.r[1] = place;
      return narrow;
    }
    case Operand::Kind::kInteger:
    case Operand::Kind::kFloat:
      return Constant(EncodeNumber(operand, type), bytes);
    case Operand::Kind::kVariable:
    case Operand::Kind::kName:
      return SymbolAddress(operand, bytes);
    default:
      Fail("an operand of the wrong kind");
  }
}

Place Emitter::SymbolAddress(const Operand& operand, std::uint32_t bytes) {
  const auto relative = [&](Handler handler, std::uint64_t immediate) {
    const Place place = Temporary(bytes);
    Instruction& instruction = Emit(handler);
    instruction.r[0] = place;
    instruction.immediate = immediate;
    return place;
  };
  if (operand.kind == Operand::Kind::kVariable) {
    const Variable& variable = VariableOf(operand);
    const std::uint64_t at = variable_places_[static_cast<std::size_t>(operand.index)] + static_cast<std::uint64_t>(operand.offset);
    if (variable.space == Space::kLocal) return relative(LocalAddressHandler(bytes), at);
    if (variable.space == Space::kParam && !IsKernelArgument(operand)) {
      Fail("the address of parameter '" + variable.name + "' of a function is not supported");
    }
    return Constant(at, bytes);
  }
  const auto offset = static_cast<std::uint64_t>(operand.offset);
  if (const auto it = layout_.addresses.find(operand.name); it != layout_.addresses.end()) {
    return Constant(it->second + offset, bytes);
  }
  if (const auto it = layout_.shared_offsets.find(operand.name); it != layout_.shared_offsets.end()) {
    return Constant(it->second + offset, bytes);
  }
  if (layout_.dynamic_shared.contains(operand.name)) return relative(DynamicSharedHandler(bytes), offset);
  if (const int index = FunctionIndex(operand.name); index >= 0) {
    return Constant(kFunctionWindow + static_cast<std::uint64_t>(index), bytes);
  }
  Fail("unknown symbol '" + operand.name + "'");
}

Place Emitter::Destination(const Operand& operand, Type type) {
  if (operand.kind == Operand::Kind::kSink || (operand.kind == Operand::Kind::kRegister && operand.index < 0)) {
    return Temporary(KeptBytes(type));
  }
  if (operand.kind != Operand::Kind::kRegister) Fail("the destination is no register");
  const Type held = RegisterType(operand.index);
  const Place place = register_places_[static_cast<std::size_t>(operand.index)];
  if ((held == Type::kPred) != (type == Type::kPred)) Fail("a predicate where a value belongs, or the reverse");
  if (type == Type::kPred || KeptBytes(held) == KeptBytes(type)) return place;
  const Place temporary = Temporary(KeptBytes(type));
  Instruction resize;
  resize.handler = ResizeHandler(KeptBytes(type), KeptBytes(held), IsSigned(type));
  resize.r[0] = place;
  resize.r[1] = temporary;
  resize.line = static_cast<std::uint32_t>(statement_->line);
  if (statement_->guard >= 0) {
    resize.guard = register_places_[static_cast<std::size_t>(statement_->guard)];
    resize.guard_negated = statement_->guard_negated;
  }
  after_.push_back(resize);
  return temporary;
}

Place Emitter::SourcePredicate(std::size_t index) {
  const Operand& predicate = operand(index);
  if (predicate.kind == Operand::Kind::kInteger) return Constant(predicate.bits != 0 ? 0xffffffffu : 0, 4);
  const Place place = Source(predicate, Type::kPred);
  if (!predicate.negated) return place;
  const Place negated = Temporary(4);
  Instruction& instruction = Emit(NotPredicateHandler);
  instruction.r[0] = negated;
  instruction.r[1] = place;
  return negated;
}

Place Emitter::DestinationPredicate(std::size_t index) { return Destination(operand(index), Type::kPred); }

Place Emitter::RegisterPlace(const Operand& operand, std::uint32_t& register_bytes) {
  if (operand.kind != Operand::Kind::kRegister || operand.index < 0) Fail("expected a register");
  register_bytes = KeptBytes(RegisterType(operand.index));
  return register_places_[static_cast<std::size_t>(operand.index)];
}

void Emitter::EmitLabelTarget(Instruction& instruction, const Operand& label) {
  if (label.kind != Operand::Kind::kName) Fail("expected a label");
  fixups_.push_back({static_cast<std::size_t>(&instruction - out_.code.data()), label.name, statement_->scope});
}

std::vector<std::string> Emitter::BranchTable(const Operand& name) const {
  for (int scope = statement_->scope; scope >= 0; scope = source_.scope_parents[static_cast<std::size_t>(scope)]) {
    const auto it = source_.branch_tables.find(std::to_string(scope) + ":" + name.name);
    if (it != source_.branch_tables.end()) return it->second;
  }
  Fail("unknown branch table '" + name.name + "'");
}

void Emitter::AddBranchTable(const std::vector<std::string>& labels) {
  tables_.emplace_back(out_.branch_tables.size(), labels);
  table_scopes_.push_back(statement_->scope);
  out_.branch_tables.emplace_back();
}

Emitter::Address Emitter::ResolveAddress(const Operand& operand, Space space) {
  if (operand.kind != Operand::Kind::kAddress || operand.elements.size() != 1) Fail("expected an address in [ ]");
  Operand base = operand.elements[0];
  if (base.kind == Operand::Kind::kRegister) {
    // 32-bit addresses occur in the shared and local spaces.
    const bool narrow = KeptBytes(RegisterType(base.index)) == 4;
    if (!narrow) return {Source(base, Type::kU64), operand.offset};
    const Place wide = Temporary(8);
    Instruction& resize = Emit(ResizeHandler(4, 8, false));
    resize.r[0] = wide;
    resize.r[1] = register_places_[static_cast<std::size_t>(base.index)];
    return {wide, operand.offset};
  }
  base.offset += operand.offset;
  if (base.kind == Operand::Kind::kInteger) return {Constant(base.bits + static_cast<std::uint64_t>(operand.offset), 8), 0};
  const bool named_shared = base.kind == Operand::Kind::kName &&
                            (layout_.shared_offsets.contains(base.name) || layout_.dynamic_shared.contains(base.name));
  const bool local_variable = base.kind == Operand::Kind::kVariable;
  if (space == Space::kGeneric && (named_shared || local_variable)) Fail("a generic access needs a generic address");
  return {SymbolAddress(base, 8), 0};
}

bool Emitter::IsKernelArgument(const Operand& operand) const {
  return source_.entry && operand.kind == Operand::Kind::kVariable &&
         std::find(source_.parameters.begin(), source_.parameters.end(), operand.index) != source_.parameters.end();
}

std::uint32_t Emitter::ParameterOffset(const Operand& operand) const {
  return static_cast<std::uint32_t>(variable_places_[static_cast<std::size_t>(operand.index)] +
                                    static_cast<std::uint64_t>(operand.offset));
}

const Variable& Emitter::VariableOf(const Operand& operand) const {
  return source_.variables[static_cast<std::size_t>(operand.index)];
}

int Emitter::FunctionIndex(const std::string& name) const {
  const auto it = module_.function_index.find(name);
  if (it == module_.function_index.end() || !module_.functions[it->second].defined) return -1;
  return static_cast<int>(it->second);
}

}  // namespace paella::simulated_gpu
