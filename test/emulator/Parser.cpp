//===- Parser.cpp - PTX tokens to statements ------------------------------===//
#include "Lexer.h"
#include "Syntax.h"

#include <algorithm>
#include <cstdlib>

using namespace ft;
using namespace ft::emulator;

namespace {

class Parser {
public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}
  StatusOr<ModuleText> run();

private:
  const Token &peek(size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  Token take() {
    Token token = peek();
    if (at_ + 1 < tokens_.size())
      ++at_;
    return token;
  }
  bool accept(std::string_view text) {
    if (!peek().is(text))
      return false;
    take();
    return true;
  }
  bool ended() const { return peek().text.empty(); }
  Status wrong(const std::string &expected) const {
    return corrupt("PTX line " + std::to_string(peek().line) + ": expected " +
                   expected + ", found '" + std::string(peek().text) + "'");
  }
  Status expect(std::string_view text) {
    return accept(text) ? Status::success()
                        : wrong("'" + std::string(text) + "'");
  }

  Status topLevel(ModuleText &module);
  Status function(ModuleText &module);
  Status parameters(std::vector<Variable> &list);
  Status directives(FunctionInfo &info);
  Status dimensions(Dim3 &dims);
  Status body(FunctionText &f);
  Status statement(std::vector<Statement> &to);
  Status instruction(std::vector<Statement> &to);
  Status call(Statement &s);
  Status registers(std::vector<Statement> &to);
  Status operand(Operand &o);
  Status address(Operand &o);
  Status list(std::vector<Operand> &to, std::string_view end);
  Status variable(Variable &v, std::string_view end);
  Status initialiser(Variable &v, uint32_t elementBytes);
  void skipStatement();

  std::vector<Token> tokens_;
  size_t at_ = 0;
};

} // namespace

static bool isNumber(std::string_view text) {
  return !text.empty() && text[0] >= '0' && text[0] <= '9';
}
static int64_t toInteger(std::string_view text) {
  std::string copy(text);
  while (!copy.empty() && (copy.back() == 'U' || copy.back() == 'u'))
    copy.pop_back();
  return int64_t(std::strtoull(copy.c_str(), nullptr, 0));
}

void Parser::skipStatement() {
  uint32_t line = peek().line;
  while (!ended() && !accept(";") && peek().line == line)
    take();
}

//===----------------------------------------------------------------------===//
// Variables
//===----------------------------------------------------------------------===//

Status Parser::initialiser(Variable &v, uint32_t elementBytes) {
  bool list = accept("{");
  do {
    bool minus = accept("-");
    Token token = take();
    if (!isNumber(token.text))
      return wrong("a number in the initialiser of " + std::string(v.name));
    uint64_t value =
        token.text.starts_with("0f") || token.text.starts_with("0d")
            ? std::strtoull(std::string(token.text.substr(2)).c_str(), nullptr,
                            16)
            : uint64_t(toInteger(token.text));
    if (minus)
      value = ~value + 1;
    for (uint32_t i = 0; i < elementBytes; ++i)
      v.initial.push_back(uint8_t(i < 8 ? value >> (8 * i) : 0));
  } while (list && accept(","));
  return list ? expect("}") : Status::success();
}

/// From its space on, to before `end`.
Status Parser::variable(Variable &v, std::string_view end) {
  v.line = peek().line;
  v.space = take().text.substr(1);
  uint32_t element = 0;
  while (peek().text.starts_with(".")) {
    std::string_view word = take().text.substr(1);
    if (word == "align")
      v.align = uint32_t(toInteger(take().text));
    else if (word != "ptr" && word != "global" && word != "shared" &&
             word != "const" && word != "local" && !(element = typeBytes(word)))
      return wrong("a type before it");
  }
  v.name = take().text;
  v.bytes = element;
  v.align = std::max(v.align, element);
  while (accept("[")) {
    if (accept("]")) {
      v.bytes = 0;
      continue;
    }
    v.bytes *= uint32_t(toInteger(take().text));
    FT_RETURN_IF_ERROR(expect("]"));
  }
  if (accept("="))
    FT_RETURN_IF_ERROR(initialiser(v, element));
  if (!peek().is(end) && !peek().is(","))
    return wrong("'" + std::string(end) + "'");
  return Status::success();
}

/// `( .param ..., ... )`, or nothing.
Status Parser::parameters(std::vector<Variable> &list) {
  if (!accept("(") || accept(")"))
    return Status::success();
  do {
    FT_RETURN_IF_ERROR(variable(list.emplace_back(), ")"));
  } while (accept(","));
  return expect(")");
}

//===----------------------------------------------------------------------===//
// Operands and statements
//===----------------------------------------------------------------------===//

Status Parser::list(std::vector<Operand> &to, std::string_view end) {
  if (accept(end))
    return Status::success();
  do {
    FT_RETURN_IF_ERROR(operand(to.emplace_back()));
  } while (accept(","));
  return expect(end);
}

/// After `[`.
Status Parser::address(Operand &o) {
  o.kind = Operand::Address;
  o.text = take().text;
  while (!accept("]")) {
    if (accept(",")) {
      FT_RETURN_IF_ERROR(expect("{"));
      FT_RETURN_IF_ERROR(list(o.parts, "}"));
      continue;
    }
    bool minus = accept("-");
    if (!minus)
      FT_RETURN_IF_ERROR(expect("+"));
    minus ^= accept("-");
    int64_t value = toInteger(take().text);
    o.offset += minus ? -value : value;
  }
  return Status::success();
}

Status Parser::operand(Operand &o) {
  if (accept("["))
    return address(o);
  if (accept("{")) {
    o.kind = Operand::Vector;
    return list(o.parts, "}");
  }
  o.negated = accept("!") || accept("-");
  o.text = take().text;
  if (accept("+")) { // a name and bytes
    o.offset = toInteger(take().text);
  } else if (accept("|")) {
    Operand first = o;
    o.kind = Operand::Pair;
    o.parts.push_back(first);
    FT_RETURN_IF_ERROR(operand(o.parts.emplace_back()));
  }
  return Status::success();
}

/// `call (results), name, (arguments)`: operands are name, {results},
/// {arguments}.
Status Parser::call(Statement &s) {
  s.operands.resize(3);
  s.operands[1].kind = s.operands[2].kind = Operand::Vector;
  if (accept("(")) {
    FT_RETURN_IF_ERROR(list(s.operands[1].parts, ")"));
    FT_RETURN_IF_ERROR(expect(","));
  }
  s.operands[0].text = take().text;
  if (accept(",")) {
    FT_RETURN_IF_ERROR(expect("("));
    FT_RETURN_IF_ERROR(list(s.operands[2].parts, ")"));
  }
  return expect(";");
}

Status Parser::instruction(std::vector<Statement> &to) {
  Statement s;
  s.line = peek().line;
  if (accept("@")) {
    s.guardNegated = accept("!");
    s.guard = take().text;
  }
  s.op = take().text;
  if (s.op == "call" || s.op == "call.uni") {
    FT_RETURN_IF_ERROR(call(s));
  } else if (!accept(";")) {
    FT_RETURN_IF_ERROR(list(s.operands, ";"));
  }
  to.push_back(std::move(s));
  return Status::success();
}

Status Parser::registers(std::vector<Statement> &to) {
  Statement s;
  s.kind = Statement::Registers;
  s.line = take().line;
  s.op = take().text.substr(1);
  do {
    Operand o;
    o.text = take().text;
    if (accept("<")) {
      o.offset = toInteger(take().text);
      FT_RETURN_IF_ERROR(expect(">"));
    }
    s.operands.push_back(o);
  } while (accept(","));
  to.push_back(std::move(s));
  return expect(";");
}

Status Parser::statement(std::vector<Statement> &to) {
  const Token &token = peek();
  Statement s;
  s.line = token.line;
  if (token.is(".reg"))
    return registers(to);
  if (token.is(".shared") || token.is(".local") || token.is(".param")) {
    s.kind = Statement::Declare;
    FT_RETURN_IF_ERROR(variable(s.variable, ";"));
    to.push_back(std::move(s));
    return expect(";");
  }
  if (token.text.starts_with(".")) { // .pragma, .loc
    skipStatement();
    return Status::success();
  }
  if (peek(1).is(":")) {
    s.op = take().text;
    take();
    s.kind = Statement::Label;
    if (accept(".branchtargets")) {
      s.kind = Statement::Targets;
      FT_RETURN_IF_ERROR(list(s.operands, ";"));
    }
    to.push_back(std::move(s));
    return Status::success();
  }
  return instruction(to);
}

Status Parser::body(FunctionText &f) {
  for (int depth = 1; depth > 0;) {
    Statement s;
    s.line = peek().line;
    if (ended())
      return wrong("'}'");
    if (accept("{")) {
      s.kind = Statement::Open;
      ++depth;
    } else if (accept("}")) {
      s.kind = Statement::Close;
      --depth;
    } else {
      FT_RETURN_IF_ERROR(statement(f.body));
      continue;
    }
    if (depth > 0)
      f.body.push_back(s);
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------===//

Status Parser::dimensions(Dim3 &dims) {
  uint32_t *to[] = {&dims.x, &dims.y, &dims.z};
  for (int i = 0; i < 3; ++i) {
    if (!isNumber(peek().text))
      return wrong("a number");
    *to[i] = uint32_t(toInteger(take().text));
    if (!accept(","))
      break;
  }
  return Status::success();
}

Status Parser::directives(FunctionInfo &info) {
  while (peek().text.starts_with(".")) {
    std::string_view word = take().text;
    Dim3 dims;
    if (isNumber(peek().text))
      FT_RETURN_IF_ERROR(dimensions(dims));
    if (word == ".maxntid" || word == ".reqntid")
      info.maxThreads = uint32_t(dims.count());
    if (word == ".reqnctapercluster") {
      info.cluster = dims;
      info.requiresCluster = true;
    }
  }
  return Status::success();
}

Status Parser::function(ModuleText &module) {
  FunctionText f;
  f.line = peek().line;
  f.entry = take().is(".entry");
  if (!f.entry)
    FT_RETURN_IF_ERROR(parameters(f.results));
  f.info.name = std::string(take().text);
  FT_RETURN_IF_ERROR(parameters(f.params));
  uint32_t end = 0;
  for (const Variable &v : f.params) {
    end = (end + v.align - 1) / v.align * v.align;
    f.info.paramOffsets.push_back(end);
    f.info.paramSizes.push_back(v.bytes);
    f.info.paramBytes = end += v.bytes;
  }
  FT_RETURN_IF_ERROR(directives(f.info));
  if (accept(";")) // declared only
    return Status::success();
  FT_RETURN_IF_ERROR(expect("{"));
  FT_RETURN_IF_ERROR(body(f));
  module.functions.push_back(std::move(f));
  return Status::success();
}

Status Parser::topLevel(ModuleText &module) {
  bool external = false;
  while (peek().is(".visible") || peek().is(".extern") || peek().is(".weak") ||
         peek().is(".common"))
    external |= take().is(".extern");
  const Token &token = peek();
  if (token.is(".entry") || token.is(".func"))
    return function(module);
  if (token.is(".global") || token.is(".const") || token.is(".shared")) {
    Variable v;
    FT_RETURN_IF_ERROR(variable(v, ";"));
    v.external = external;
    module.variables.push_back(std::move(v));
    return expect(";");
  }
  if (!token.text.starts_with("."))
    return wrong("a directive");
  skipStatement(); // .version, .target, .address_size, .file
  return Status::success();
}

StatusOr<ModuleText> Parser::run() {
  ModuleText module;
  while (!ended())
    FT_RETURN_IF_ERROR(topLevel(module));
  return module;
}

StatusOr<ModuleText> emulator::parseText(std::string_view ptx) {
  FT_ASSIGN_OR_RETURN(std::vector<Token> tokens, tokenise(ptx));
  return Parser(std::move(tokens)).run();
}
