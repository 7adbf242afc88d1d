#include "tests/simulated_gpu/ptx_parser.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "tests/simulated_gpu/ptx_lexer.h"

namespace paella::simulated_gpu {
namespace {

// Thrown and caught in this file only: a parser that checks a status at every token is unreadable.
struct SyntaxError : std::runtime_error {
  SyntaxError(int line_number, const std::string& what) : std::runtime_error(what), line(line_number) {}
  int line;
};

std::optional<Space> ParseSpace(std::string_view word) {
  if (word == ".global") return Space::kGlobal;
  if (word == ".const") return Space::kConst;
  if (word == ".shared") return Space::kShared;
  if (word == ".local") return Space::kLocal;
  if (word == ".param") return Space::kParam;
  return std::nullopt;
}

class Parser {
 public:
  Parser(const std::vector<Token>& tokens, PtxModule& module) : tokens_(tokens), module_(module) {}

  void ParseModule() {
    while (Peek().kind != Token::Kind::kEnd) ParseTopLevel();
  }

  // The opcode of the statement being parsed, for error messages; empty between statements.
  const std::string& instruction() const { return instruction_; }

 private:
  struct Scope {
    std::unordered_map<std::string_view, int> registers;
    std::unordered_map<std::string_view, int> variables;
    int id = 0;
  };

  const Token& Peek(std::size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  const Token& Next() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool Accept(std::string_view text) {
    if (Peek().text != text || Peek().kind == Token::Kind::kString) return false;
    Next();
    return true;
  }
  void Expect(std::string_view text) {
    if (!Accept(text)) Fail("expected '" + std::string(text) + "', found '" + std::string(Peek().text) + "'");
  }
  [[noreturn]] void Fail(const std::string& what) const { throw SyntaxError(Peek().line, what); }

  void SkipTo(std::string_view text) {
    while (!Accept(text)) {
      if (Next().kind == Token::Kind::kEnd) Fail("the text ends early");
    }
  }
  void SkipLine() {
    for (const int line = Peek().line; Peek().line == line && Peek().kind != Token::Kind::kEnd;) Next();
  }

  void ParseTopLevel() {
    const std::string_view word = Peek().text;
    if (word == ".version" || word == ".target" || word == ".address_size" || word == ".file" || word == ".loc") {
      if (word == ".target") module_.target = Peek(1).text;
      SkipLine();
    } else if (word == ".section") {
      SkipTo("{");
      SkipTo("}");
    } else if (word == ".pragma" || word == ".alias") {
      SkipTo(";");
    } else if (word == ";") {
      Next();
    } else {
      ParseLinkedItem();
    }
  }

  void ParseLinkedItem() {
    bool external = false;
    for (;;) {
      const std::string_view word = Peek().text;
      if (word == ".extern") external = true;
      if (word != ".extern" && word != ".visible" && word != ".weak" && word != ".common") break;
      Next();
    }
    if (Peek().text == ".entry" || Peek().text == ".func") return ParseFunction();
    const auto space = ParseSpace(Peek().text);
    if (!space) Fail("unknown directive '" + std::string(Peek().text) + "'");
    Next();
    do {
      Variable variable = ParseDeclaration(*space);
      variable.external = external;
      module_.variables.push_back(std::move(variable));
    } while (Accept(","));
    Expect(";");
  }

  // After the space: [.align N] [.vN] .type name[dims] [= init]. Several names share the attributes.
  Variable ParseDeclaration(Space space) {
    Variable& shape = declaration_;
    if (Peek().text[0] == '.') {
      shape = Variable{};
      shape.space = space;
      shape.alignment = 0;
      std::uint32_t vector = 1;
      while (Peek().text[0] == '.') {
        const Token word = Next();
        if (word.text == ".align") {
          shape.alignment = static_cast<std::uint32_t>(Integer());
        } else if (word.text == ".v2" || word.text == ".v4") {
          vector = word.text == ".v2" ? 2 : 4;
        } else if (word.text == ".ptr") {
          while (ParseSpace(Peek().text)) Next();
        } else if (word.text == ".attribute") {
          SkipTo(")");
        } else if (const auto type = ParseType(word.text.substr(1))) {
          shape.type = *type;
        } else {
          throw SyntaxError(word.line, "unknown attribute '" + std::string(word.text) + "' of a variable");
        }
      }
      element_bytes_ = TypeBytes(shape.type) * vector;
      if (shape.alignment == 0) shape.alignment = element_bytes_;
    }
    Variable variable = shape;
    variable.name = Next().text;
    variable.bytes = element_bytes_;
    while (Accept("[")) {
      variable.bytes *= Peek().text == "]" ? 0 : Integer();
      Expect("]");
    }
    if (Accept("=")) ParseInitializer(variable);
    return variable;
  }

  void ParseInitializer(Variable& variable) {
    if (Accept("{")) {
      while (!Accept("}")) {
        ParseInitializer(variable);
        Accept(",");
      }
      return;
    }
    Initializer value;
    if (Peek().kind == Token::Kind::kWord) {
      value.symbol = Next().text;
      if (value.symbol == "generic" || value.symbol.starts_with("mask")) {
        if (value.symbol != "generic") Fail("mask() in an initialiser is not supported");
        Expect("(");
        value.symbol = Next().text;
        if (Accept("+")) value.offset = static_cast<std::int64_t>(Integer());
        Expect(")");
      }
      if (Accept("+")) value.offset = static_cast<std::int64_t>(Integer());
      if (Accept("-")) value.offset = -static_cast<std::int64_t>(Integer());
    } else {
      Operand number = ParseNumber();
      value.bits = number.bits;
      if (number.kind == Operand::Kind::kFloat) {
        value.bits = variable.type == Type::kF32 ? std::bit_cast<std::uint32_t>(static_cast<float>(number.number))
                                                 : std::bit_cast<std::uint64_t>(number.number);
      }
    }
    variable.initializers.push_back(std::move(value));
  }

  void ParseFunction() {
    PtxFunction function;
    function.line = Peek().line;
    function.entry = Next().text == ".entry";
    function_ = &function;
    scopes_.clear();
    PushScope();
    while (Accept(".noreturn")) {
    }
    if (Peek().text == "(") function.results = ParseParameters();
    function.name = Next().text;
    if (Peek().text == "(") function.parameters = ParseParameters();
    ParseFunctionDirectives(function);
    if (Accept("{")) {
      function.defined = true;
      ParseBody();
    } else {
      Expect(";");
    }
    const auto [it, fresh] = module_.function_index.try_emplace(function.name, module_.functions.size());
    if (fresh) {
      module_.functions.push_back(std::move(function));
    } else if (!module_.functions[it->second].defined) {
      module_.functions[it->second] = std::move(function);
    } else if (function.defined) {
      Fail("function '" + function.name + "' is defined twice");
    }
  }

  std::vector<int> ParseParameters() {
    std::vector<int> parameters;
    Expect("(");
    while (!Accept(")")) {
      if (Peek().text != ".param" && Peek().text != ".reg") Fail("expected a .param");
      const bool in_register = Next().text == ".reg";
      if (in_register) Fail(".reg parameters are not supported");
      function_->variables.push_back(ParseDeclaration(Space::kParam));
      parameters.push_back(static_cast<int>(function_->variables.size()) - 1);
      DeclareVariable(Peek(0).line, parameters.back());
      Accept(",");
    }
    return parameters;
  }

  void ParseFunctionDirectives(PtxFunction& function) {
    while (Peek().kind == Token::Kind::kWord && Peek().text[0] == '.') {
      const std::string_view directive = Next().text;
      std::uint32_t numbers[3] = {1, 1, 1};
      int count = 0;
      while (Peek().kind == Token::Kind::kNumber) {
        const auto number = static_cast<std::uint32_t>(Integer());
        if (count < 3) numbers[count++] = number;
        if (!Accept(",")) break;
      }
      if (directive == ".maxntid" || directive == ".reqntid") function.max_threads = numbers[0] * numbers[1] * numbers[2];
      if (directive == ".reqntid") std::copy(numbers, numbers + 3, function.required_block);
      if (directive == ".pragma") SkipTo(";");
    }
  }

  void PushScope() {
    Scope scope;
    scope.id = static_cast<int>(function_->scope_parents.size());
    function_->scope_parents.push_back(scopes_.empty() ? -1 : scopes_.back().id);
    scopes_.push_back(std::move(scope));
  }

  // Names live in the tokens' text, which outlives the parser.
  void DeclareVariable(int line, int index) {
    const std::string& name = function_->variables[static_cast<std::size_t>(index)].name;
    names_.push_back(std::make_unique<std::string>(name));
    if (!scopes_.back().variables.emplace(*names_.back(), index).second && name != "_") {
      throw SyntaxError(line, "'" + name + "' is declared twice");
    }
  }

  void ParseBody() {
    std::size_t depth = 1;
    while (depth > 0) {
      if (Accept("{")) {
        PushScope();
        ++depth;
      } else if (Accept("}")) {
        scopes_.pop_back();
        --depth;
      } else {
        ParseBodyItem();
      }
    }
  }

  void ParseBodyItem() {
    const Token& token = Peek();
    if (token.kind == Token::Kind::kEnd) Fail("the text ends inside a function");
    if (token.text == ";") {
      Next();
    } else if (token.text == ".reg") {
      ParseRegisters();
    } else if (token.text == ".loc" || token.text == ".file") {
      SkipLine();
    } else if (token.text == ".pragma") {
      SkipTo(";");
    } else if (const auto space = ParseSpace(token.text)) {
      Next();
      do {
        function_->variables.push_back(ParseDeclaration(*space));
        DeclareVariable(token.line, static_cast<int>(function_->variables.size()) - 1);
      } while (Accept(","));
      Expect(";");
    } else if (token.kind == Token::Kind::kWord && Peek(1).text == ":") {
      ParseLabel();
    } else {
      ParseStatement();
    }
  }

  void ParseLabel() {
    const std::string key = std::to_string(scopes_.back().id) + ":" + std::string(Next().text);
    Expect(":");
    if (Accept(".branchtargets")) {
      std::vector<std::string>& table = function_->branch_tables[key];
      do {
        table.emplace_back(Next().text);
      } while (Accept(","));
      Expect(";");
    } else if (Peek().text == ".callprototype" || Peek().text == ".calltargets") {
      SkipTo(";");
    } else if (!function_->labels.emplace(key, static_cast<std::uint32_t>(function_->statements.size())).second) {
      Fail("label defined twice: " + key);
    }
  }

  void ParseRegisters() {
    Expect(".reg");
    const Token word = Next();
    const auto type = ParseType(word.text.substr(1));
    if (!type) throw SyntaxError(word.line, "unknown register type '" + std::string(word.text) + "'");
    do {
      const std::string_view name = Next().text;
      if (Accept("<")) {
        const std::uint64_t count = Integer();
        Expect(">");
        for (std::uint64_t i = 0; i < count; ++i) {
          names_.push_back(std::make_unique<std::string>(std::string(name) + std::to_string(i)));
          AddRegister(*names_.back(), *type);
        }
      } else {
        AddRegister(name, *type);
      }
    } while (Accept(","));
    Expect(";");
  }

  void AddRegister(std::string_view name, Type type) {
    scopes_.back().registers[name] = static_cast<int>(function_->registers.size());
    function_->registers.push_back({type});
  }

  void ParseStatement() {
    Statement statement;
    statement.line = Peek().line;
    statement.scope = scopes_.back().id;
    if (Accept("@")) {
      statement.guard_negated = Accept("!");
      const Operand guard = ParseOperand();
      if (guard.kind != Operand::Kind::kRegister) Fail("a guard must be a predicate register");
      statement.guard = guard.index;
    }
    if (Peek().kind != Token::Kind::kWord) Fail("expected an instruction, found '" + std::string(Peek().text) + "'");
    statement.opcode = Next().text;
    instruction_ = statement.opcode;
    while (!Accept(";")) {
      statement.operands.push_back(ParseOperand());
      if (!Accept(",") && Peek().text != ";") Fail("expected ',' or ';', found '" + std::string(Peek().text) + "'");
    }
    function_->statements.push_back(std::move(statement));
    instruction_.clear();
  }

  Operand ParseOperand() {
    Operand operand;
    if (Accept("[")) {
      operand.kind = Operand::Kind::kAddress;
      Operand base = ParseOperand();
      std::swap(operand.offset, base.offset);
      operand.elements.push_back(std::move(base));
      if (Accept(",")) operand.elements.push_back(ParseOperand());
      Expect("]");
      return operand;
    }
    if (Peek().text == "{" || Peek().text == "(") {
      const std::string_view close = Peek().text == "{" ? "}" : ")";
      operand.kind = close == "}" ? Operand::Kind::kVector : Operand::Kind::kList;
      Next();
      while (!Accept(close)) {
        operand.elements.push_back(ParseOperand());
        Accept(",");
      }
      return operand;
    }
    operand.negated = Accept("!");
    if (Peek().kind == Token::Kind::kNumber || Peek().text == "-" || Peek().text == "+") {
      operand = ParseNumber();
      return operand;
    }
    if (Peek().kind != Token::Kind::kWord) Fail("expected an operand, found '" + std::string(Peek().text) + "'");
    const Token word = Next();
    ResolveName(word, operand);
    if (Accept("|")) {
      Operand second;
      const Token name = Next();
      ResolveName(name, second);
      operand.second = second.index;
      if (operand.kind == Operand::Kind::kSink) operand.kind = Operand::Kind::kRegister;
    }
    if (Accept("+")) {
      operand.offset = Accept("-") ? -static_cast<std::int64_t>(Integer()) : static_cast<std::int64_t>(Integer());
    } else if (Accept("-")) {
      operand.offset = -static_cast<std::int64_t>(Integer());
    }
    return operand;
  }

  void ResolveName(const Token& word, Operand& operand) const {
    if (word.text == "_") return;
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
      if (const auto it = scope->registers.find(word.text); it != scope->registers.end()) {
        operand.kind = Operand::Kind::kRegister;
        operand.index = it->second;
        return;
      }
      if (const auto it = scope->variables.find(word.text); it != scope->variables.end()) {
        operand.kind = Operand::Kind::kVariable;
        operand.index = it->second;
        return;
      }
    }
    operand.kind = Operand::Kind::kName;
    operand.name = word.text;
    if (word.text[0] == '%') operand.kind = Operand::Kind::kSpecial;
    if (word.text == "WARP_SZ") {
      operand.kind = Operand::Kind::kInteger;
      operand.bits = 32;
    }
  }

  std::uint64_t Integer() {
    const Operand number = ParseNumber();
    if (number.kind != Operand::Kind::kInteger) Fail("expected an integer");
    return number.bits;
  }

  Operand ParseNumber() {
    Operand operand;
    operand.kind = Operand::Kind::kInteger;
    bool minus = false;
    while (Peek().text == "-" || Peek().text == "+") minus ^= Next().text == "-";
    const Token token = Next();
    std::string text(token.text);
    if (token.kind != Token::Kind::kNumber) throw SyntaxError(token.line, "expected a number, found '" + text + "'");
    if (text.starts_with("0f") || text.starts_with("0F")) {
      operand.kind = Operand::Kind::kFloat;
      const auto bits = static_cast<std::uint32_t>(std::strtoul(text.c_str() + 2, nullptr, 16));
      operand.bits = bits;
      operand.number = static_cast<double>(std::bit_cast<float>(bits));
    } else if (text.starts_with("0d") || text.starts_with("0D")) {
      operand.kind = Operand::Kind::kFloat;
      operand.bits = std::strtoull(text.c_str() + 2, nullptr, 16);
      operand.number = std::bit_cast<double>(operand.bits);
    } else if (!text.starts_with("0x") && !text.starts_with("0X") && text.find_first_of(".eE") != std::string::npos) {
      operand.kind = Operand::Kind::kFloat;
      operand.number = std::strtod(text.c_str(), nullptr);
      operand.bits = std::bit_cast<std::uint64_t>(operand.number);
    } else {
      const bool binary = text.starts_with("0b") || text.starts_with("0B");
      char* end = nullptr;
      operand.bits = binary ? std::strtoull(text.c_str() + 2, &end, 2) : std::strtoull(text.c_str(), &end, 0);
      if (*end != '\0' && std::string_view(end) != "U") throw SyntaxError(token.line, "bad number '" + text + "'");
    }
    if (minus) {
      operand.bits = 0 - operand.bits;
      operand.number = -operand.number;
    }
    return operand;
  }

  const std::vector<Token>& tokens_;
  PtxModule& module_;
  std::size_t at_ = 0;
  PtxFunction* function_ = nullptr;
  std::vector<Scope> scopes_;
  std::string instruction_;
  std::vector<std::unique_ptr<std::string>> names_;  // made-up names (%r0, %r1, ...) that scopes point into
  Variable declaration_;                             // attributes shared by "a, b, c" of one declaration
  std::uint32_t element_bytes_ = 0;
};

}  // namespace

bool ParsePtx(std::string_view text, PtxModule& module, std::string& error) {
  const std::vector<Token> tokens = LexPtx(text);
  if (tokens.empty() || tokens[0].text != ".version") {
    error = "line 1: PTX text starts with .version";
    return false;
  }
  Parser parser(tokens, module);
  try {
    parser.ParseModule();
  } catch (const SyntaxError& failure) {
    error = "line " + std::to_string(failure.line) + ": " + failure.what();
    if (!parser.instruction().empty()) error += ", in instruction '" + parser.instruction() + "'";
    return false;
  }
  return true;
}

}  // namespace paella::simulated_gpu
