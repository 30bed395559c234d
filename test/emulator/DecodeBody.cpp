//===- DecodeBody.cpp - bodies, declarations, inlined calls ---------------===//
#include "Decoder.h"

#include <algorithm>

using namespace ft;
using namespace ft::emulator;

static const std::unordered_map<std::string_view, DecodeFunction> &opcodes() {
  static const std::unordered_map<std::string_view, DecodeFunction> table = [] {
    std::unordered_map<std::string_view, DecodeFunction> all;
    for (auto part :
         {integerOpcodes(), floatOpcodes(), logicOpcodes(), compareOpcodes(),
          convertOpcodes(), moveOpcodes(), memoryOpcodes(), atomicOpcodes(),
          controlOpcodes(), warpOpcodes(), barrierOpcodes(), mbarrierOpcodes(),
          copyOpcodes(), matrixOpcodes(), wgmmaOpcodes()})
      for (const Opcode &opcode : part)
        all.emplace(opcode.name, opcode.decode);
    return all;
  }();
  return table;
}

static uint32_t roundUp(uint32_t x, uint32_t to) {
  return (x + to - 1) / to * to;
}

Decoder::Decoder(const ModuleText &module, Program &program, Function &function)
    : module_(module), program_(program), function_(function) {}

std::vector<uint32_t> Decoder::scopeIds() const {
  std::vector<uint32_t> ids;
  for (const Scope &scope : scopes_)
    ids.push_back(scope.id);
  return ids;
}

void Decoder::openScope() { scopes_.push_back({scopeCount_++, {}}); }

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

uint32_t Decoder::placeShared(const Variable &v) {
  sharedEnd_ = roundUp(sharedEnd_, std::max(v.align, 1u));
  uint32_t place = sharedEnd_;
  sharedEnd_ += v.bytes;
  return place;
}

/// Static shared memory of a body and of the functions that it calls, so that
/// the place of dynamic shared memory is known.
void Decoder::collectShared(const FunctionText &text,
                            std::vector<const FunctionText *> &seen) {
  if (std::find(seen.begin(), seen.end(), &text) != seen.end())
    return;
  seen.push_back(&text);
  auto use = [&](std::string_view name) {
    for (const Variable &v : module_.variables)
      if (v.name == name && v.space == "shared" && !v.external)
        shared_.try_emplace(&v, 0);
  };
  for (const Statement &s : text.body) {
    if (s.kind == Statement::Declare && s.variable.space == "shared")
      shared_.try_emplace(&s.variable, 0);
    for (const Operand &o : s.operands)
      use(o.text);
    if (s.op.starts_with("call"))
      for (const FunctionText &f : module_.functions)
        if (f.info.name == s.operands[0].text)
          collectShared(f, seen);
  }
}

void Decoder::moduleSymbols() {
  openScope();
  auto &symbols = scopes_.back().symbols;
  for (const Variable &v : module_.variables) {
    Symbol symbol;
    symbol.kind = Symbol::Address;
    if (v.space == "shared") {
      symbol.space = Space::Shared;
      auto at = shared_.find(&v);
      symbol.address = v.external            ? function_.dynamicShared
                       : at != shared_.end() ? at->second
                                             : 0;
    } else {
      symbol.space = Space::Global;
      for (const GlobalVariable &g : program_.variables)
        if (g.name == v.name)
          symbol.address = reinterpret_cast<uint64_t>(g.data);
    }
    symbols[v.name] = symbol;
  }
}

Status Decoder::declare(const Variable &v) {
  Symbol symbol;
  symbol.kind = Symbol::Address;
  if (v.space == "shared") {
    symbol.space = Space::Shared;
    symbol.address = shared_.at(&v);
  } else { // local; a parameter of a call
    symbol.space = Space::Local;
    localEnd_ = roundUp(localEnd_, std::max(v.align, 1u));
    symbol.address = localEnd_;
    localEnd_ += v.bytes;
  }
  scopes_.back().symbols[v.name] = symbol;
  return Status::success();
}

Status Decoder::registersOf(const Statement &s) {
  uint32_t bytes = s.op == "pred" ? 0 : typeBytes(s.op);
  if (bytes == 1)
    bytes = 2;
  if (bytes > 8 || (bytes == 0 && s.op != "pred"))
    return wrong("the emulator has no registers of this type");
  auto add = [&](std::string_view name) {
    Symbol symbol;
    symbol.bytes = bytes;
    symbol.offset = allocate(bytes);
    scopes_.back().symbols[name] = symbol;
  };
  for (const Operand &o : s.operands) {
    if (o.offset == 0) {
      add(o.text);
      continue;
    }
    for (int64_t i = 0; i < o.offset; ++i)
      add(names_.emplace_back(std::string(o.text) + std::to_string(i)));
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Bodies
//===----------------------------------------------------------------------===//

Status Decoder::decode() {
  const Statement &s = *statement_;
  modifiers_ = splitDots(s.op);
  inst = {};
  inst.line = s.line;
  if (!s.guard.empty()) {
    const Symbol *guard = find(s.guard);
    if (!guard || guard->kind != Symbol::Register || guard->bytes != 0)
      return wrong("the guard is no predicate");
    inst.guard = guard->offset;
    inst.flip = s.guardNegated ? ~0u : 0;
  }
  if (modifiers_[0] == "call")
    return inlineCall();
  auto at = opcodes().find(modifiers_[0]);
  if (at == opcodes().end())
    return unknown();
  FT_RETURN_IF_ERROR(at->second(*this));
  return problem_;
}

Status Decoder::inlineCall() {
  const Statement &call = *statement_;
  const FunctionText *callee = nullptr;
  for (const FunctionText &f : module_.functions)
    if (f.info.name == call.operands[0].text)
      callee = &f;
  if (!callee || !call.guard.empty())
    return wrong("only unconditional calls of functions of this text are "
                 "known");
  if (std::find(stack_.begin(), stack_.end(), callee) != stack_.end())
    return wrong("a function that calls itself");
  const auto &results = call.operands[1].parts, &args = call.operands[2].parts;
  if (results.size() != callee->results.size() ||
      args.size() != callee->params.size())
    return wrong("the call and the function differ in their parameters");
  Scope inside{scopeCount_++, {}};
  auto bind = [&](const Operand &actual, const Variable &formal) {
    const Symbol *symbol = find(actual.text);
    if (symbol)
      inside.symbols[formal.name] = *symbol;
    return symbol != nullptr;
  };
  for (size_t i = 0; i < args.size(); ++i)
    if (!bind(args[i], callee->params[i]))
      return wrong("unknown name '" + std::string(args[i].text) + "'");
  for (size_t i = 0; i < results.size(); ++i)
    if (!bind(results[i], callee->results[i]))
      return wrong("unknown name '" + std::string(results[i].text) + "'");
  // The callee sees the module and its parameters alone.
  std::vector<Scope> outside = std::move(scopes_);
  scopes_ = {outside[0], std::move(inside)};
  stack_.push_back(callee);
  FT_RETURN_IF_ERROR(statements(*callee));
  stack_.pop_back();
  scopes_ = std::move(outside);
  return Status::success();
}

/// A `ret` goes behind the body, where `kReturn` is.
Status Decoder::statements(const FunctionText &text) {
  openScope();
  uint32_t outer = scopes_.back().id;
  for (const Statement &s : text.body) {
    statement_ = &s;
    switch (s.kind) {
    case Statement::Instruction:
      FT_RETURN_IF_ERROR(decode());
      break;
    case Statement::Label:
      labels_[{scopes_.back().id, std::string(s.op)}] =
          uint32_t(function_.code.size());
      break;
    case Statement::Open:
      openScope();
      break;
    case Statement::Close:
      scopes_.pop_back();
      break;
    case Statement::Registers:
      FT_RETURN_IF_ERROR(registersOf(s));
      break;
    case Statement::Declare:
      FT_RETURN_IF_ERROR(declare(s.variable));
      break;
    case Statement::Targets:
      branchTargets_[std::string(s.op)] = &s;
      break;
    }
  }
  labels_[{outer, kReturn}] = uint32_t(function_.code.size());
  scopes_.pop_back();
  return Status::success();
}

Status Decoder::run(const FunctionText &text) {
  function_.info = text.info;
  std::vector<const FunctionText *> seen;
  collectShared(text, seen);
  // Largest alignment first leaves the least between.
  std::vector<const Variable *> variables;
  for (auto &[v, place] : shared_)
    variables.push_back(v);
  std::stable_sort(variables.begin(), variables.end(),
                   [](const Variable *a, const Variable *b) {
                     return std::pair(a->align, a->name) >
                            std::pair(b->align, b->name);
                   });
  for (const Variable *v : variables)
    shared_[v] = placeShared(*v);
  function_.info.staticShared = sharedEnd_ - kSharedBase;
  function_.dynamicShared = roundUp(sharedEnd_, 16);
  moduleSymbols();
  openScope();
  for (size_t i = 0; i < text.params.size(); ++i) {
    Symbol symbol;
    symbol.kind = Symbol::Param;
    symbol.offset = text.info.paramOffsets[i];
    scopes_.back().symbols[text.params[i].name] = symbol;
  }
  stack_.push_back(&text);
  FT_RETURN_IF_ERROR(statements(text));
  FT_RETURN_IF_ERROR(emitExit());
  return finish();
}
