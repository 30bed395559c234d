//===- Decoder.cpp - names, operands, scopes ------------------------------===//
#include "Decoder.h"

#include <algorithm>
#include <cstdlib>

using namespace ft;
using namespace ft::emulator;

/// Constants are numbered from here until registers are counted.
static constexpr uint32_t kConstantFlag = 1u << 31;
static constexpr uint32_t kSpecialFlag = 1u << 30;

static const std::unordered_map<std::string_view, Special> &specialNames() {
  using S = Special;
  static const std::unordered_map<std::string_view, Special> names = {
      {"%tid.x", S::TidX},
      {"%tid.y", S::TidY},
      {"%tid.z", S::TidZ},
      {"%ntid.x", S::NtidX},
      {"%ntid.y", S::NtidY},
      {"%ntid.z", S::NtidZ},
      {"%ctaid.x", S::CtaidX},
      {"%ctaid.y", S::CtaidY},
      {"%ctaid.z", S::CtaidZ},
      {"%nctaid.x", S::NctaidX},
      {"%nctaid.y", S::NctaidY},
      {"%nctaid.z", S::NctaidZ},
      {"%cluster_ctaid.x", S::ClusterCtaidX},
      {"%cluster_ctaid.y", S::ClusterCtaidY},
      {"%cluster_ctaid.z", S::ClusterCtaidZ},
      {"%cluster_nctaid.x", S::ClusterNctaidX},
      {"%cluster_nctaid.y", S::ClusterNctaidY},
      {"%cluster_nctaid.z", S::ClusterNctaidZ},
      {"%clusterid.x", S::ClusteridX},
      {"%clusterid.y", S::ClusteridY},
      {"%clusterid.z", S::ClusteridZ},
      {"%nclusterid.x", S::NclusteridX},
      {"%nclusterid.y", S::NclusteridY},
      {"%nclusterid.z", S::NclusteridZ},
      {"%cluster_ctarank", S::ClusterCtarank},
      {"%cluster_nctarank", S::ClusterNctarank},
      {"%laneid", S::Laneid},
      {"%warpid", S::Warpid},
      {"%nwarpid", S::Nwarpid},
      {"%smid", S::Smid},
      {"%nsmid", S::Nsmid},
      {"%gridid", S::Gridid},
      {"%dynamic_smem_size", S::DynamicSmemSize},
      {"%total_smem_size", S::TotalSmemSize},
      {"%lanemask_eq", S::LanemaskEq},
      {"%lanemask_lt", S::LanemaskLt},
      {"%lanemask_le", S::LanemaskLe},
      {"%lanemask_gt", S::LanemaskGt},
      {"%lanemask_ge", S::LanemaskGe},
  };
  return names;
}

static Flow negatePredicate(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t &d = w.predicate(i.d);
  d = (d & ~mask) | (~w.predicate(i.a) & mask);
  return Flow::Next;
}
template <typename From, typename To>
static Flow resize(Warp &w, const Inst &i, uint32_t mask) {
  To *d = w.lanes<To>(i.d);
  const From *a = w.lanes<From>(i.a);
  eachLane(mask, [=](uint32_t lane) { d[lane] = To(a[lane]); });
  return Flow::Next;
}
static Handler resizeHandler(uint32_t from, uint32_t to, bool isSigned) {
  switch (from * 16 + to) {
  case 0x42:
    return resize<uint32_t, uint16_t>;
  case 0x82:
    return resize<uint64_t, uint16_t>;
  case 0x84:
    return resize<uint64_t, uint32_t>;
  case 0x24:
    return isSigned ? resize<int16_t, int32_t> : resize<uint16_t, uint32_t>;
  case 0x28:
    return isSigned ? resize<int16_t, int64_t> : resize<uint16_t, uint64_t>;
  case 0x48:
    return isSigned ? resize<int32_t, int64_t> : resize<uint32_t, uint64_t>;
  }
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Modifiers
//===----------------------------------------------------------------------===//

bool Decoder::has(std::string_view modifier) const {
  return std::find(modifiers_.begin() + 1, modifiers_.end(), modifier) !=
         modifiers_.end();
}
bool Decoder::take(std::string_view modifier) {
  auto at = std::find(modifiers_.begin() + 1, modifiers_.end(), modifier);
  if (at == modifiers_.end())
    return false;
  modifiers_.erase(at);
  return true;
}
std::string_view
Decoder::takeOneOf(std::initializer_list<std::string_view> names) {
  for (std::string_view name : names)
    if (take(name))
      return name;
  return {};
}
std::string_view Decoder::takeShape(std::string_view begin) {
  for (size_t i = 1; i < modifiers_.size(); ++i)
    if (modifiers_[i].starts_with(begin)) {
      std::string_view shape = modifiers_[i];
      modifiers_.erase(modifiers_.begin() + long(i));
      return shape;
    }
  return {};
}
std::string_view Decoder::takeType() {
  for (size_t i = modifiers_.size(); i-- > 1;)
    if (typeBytes(modifiers_[i]) > 0 || modifiers_[i] == "pred") {
      std::string_view type = modifiers_[i];
      modifiers_.erase(modifiers_.begin() + long(i));
      return type;
    }
  return {};
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

const Operand &Decoder::operand(size_t i) const {
  static const Operand none;
  return i < statement_->operands.size() ? statement_->operands[i] : none;
}

const Symbol *Decoder::find(std::string_view name) const {
  for (size_t i = scopes_.size(); i-- > 0;)
    if (auto at = scopes_[i].symbols.find(name); at != scopes_[i].symbols.end())
      return &at->second;
  return nullptr;
}

uint32_t Decoder::allocate(uint32_t bytes) {
  uint32_t size = bytes == 0 ? 32 : 32 * bytes; // lines of vector registers
  uint32_t offset = registerEnd_;
  registerEnd_ += size;
  return offset;
}
uint32_t Decoder::temporary(uint32_t bytes) { return allocate(bytes); }

uint32_t Decoder::constant(uint64_t value, uint32_t bytes) {
  if (bytes == 0)
    value = value ? ~0u : 0;
  else if (bytes < 8)
    value &= (1ull << (8 * bytes)) - 1;
  auto [at, isNew] = constants_.try_emplace({value, bytes}, 0);
  if (!isNew)
    return at->second;
  std::vector<uint8_t> &image = function_.constants;
  at->second = kConstantFlag | uint32_t(image.size());
  uint32_t lanes = bytes == 0 ? 1 : 32, width = bytes == 0 ? 4 : bytes;
  for (uint32_t lane = 0; lane < lanes; ++lane)
    for (uint32_t i = 0; i < width; ++i)
      image.push_back(uint8_t(value >> (8 * i)));
  image.resize((image.size() + 31) / 32 * 32);
  return at->second;
}

uint32_t Decoder::special(Special kind) {
  auto [at, isNew] =
      specials_.try_emplace(kind, kSpecialFlag | uint32_t(specials_.size()));
  return at->second;
}

std::optional<int64_t> Decoder::integer(const Operand &o) const {
  if (o.kind != Operand::Word || o.text.empty() || o.text[0] < '0' ||
      o.text[0] > '9')
    return std::nullopt;
  return int64_t(number(o, 8, false));
}

uint64_t Decoder::number(const Operand &o, uint32_t bytes, bool isFloat) const {
  std::string text(o.text);
  uint64_t value = 0;
  if (text.starts_with("0f") || text.starts_with("0d")) {
    value = std::strtoull(text.c_str() + 2, nullptr, 16);
  } else if (isFloat && text.find('.') != std::string::npos) {
    double real = std::strtod(text.c_str(), nullptr);
    float single = float(real);
    std::memcpy(&value, bytes == 8 ? static_cast<void *>(&real) : &single,
                bytes == 8 ? 8 : 4);
  } else {
    value = std::strtoull(text.c_str(), nullptr, 0);
  }
  return o.negated ? ~value + 1 : value;
}

std::optional<uint32_t> Decoder::registerBytes(const Operand &o) const {
  if (o.kind != Operand::Word)
    return std::nullopt;
  const Symbol *symbol = find(o.text);
  if (!symbol || symbol->kind != Symbol::Register)
    return std::nullopt;
  return symbol->bytes;
}

uint32_t Decoder::source(const Operand &o, uint32_t bytes, bool isFloat) {
  if (o.kind != Operand::Word) {
    problem_ = wrong("a register or a number was expected");
    return 0;
  }
  uint32_t offset = 0, width = bytes;
  if (auto at = specialNames().find(o.text); at != specialNames().end()) {
    offset = special(at->second);
    width = 4;
  } else if (o.text == "WARP_SZ") {
    return constant(32, bytes);
  } else if (!o.text.empty() && o.text[0] >= '0' && o.text[0] <= '9') {
    return constant(number(o, bytes, isFloat), bytes);
  } else if (const Symbol *symbol = find(o.text)) {
    if (symbol->kind == Symbol::Param) {
      problem_ = wrong("the address of a parameter was not expected");
      return 0;
    }
    if (symbol->kind != Symbol::Register)
      return constant(symbol->address + uint64_t(o.offset), bytes);
    offset = symbol->offset;
    width = symbol->bytes;
  } else {
    problem_ = wrong("unknown name '" + std::string(o.text) + "'");
    return 0;
  }
  if (width == bytes && !o.negated)
    return offset;
  Inst convert = inst;
  convert.d = temporary(bytes);
  convert.a = offset;
  convert.run = width == 0 && bytes == 0 ? negatePredicate
                : width > bytes && bytes ? resizeHandler(width, bytes, false)
                                         : nullptr;
  if (!convert.run || (o.negated && bytes != 0))
    problem_ = wrong("register '" + std::string(o.text) + "' has a wrong type");
  function_.code.push_back(convert);
  return convert.d;
}

uint32_t Decoder::destination(const Operand &o, uint32_t bytes, bool isSigned) {
  if (o.text == "_")
    return 0;
  std::optional<uint32_t> width = registerBytes(o);
  if (!width) {
    problem_ = wrong("'" + std::string(o.text) + "' is no register");
    return 0;
  }
  const Symbol *symbol = find(o.text);
  if (*width == bytes)
    return symbol->offset;
  Inst convert = inst;
  convert.a = temporary(bytes);
  convert.d = symbol->offset;
  convert.run = bytes && *width > bytes ? resizeHandler(bytes, *width, isSigned)
                                        : nullptr;
  if (!convert.run)
    problem_ = wrong("register '" + std::string(o.text) + "' has a wrong type");
  after_.push_back(convert);
  return convert.a;
}

void Decoder::list(std::span<const uint32_t> registers) {
  inst.list = uint32_t(function_.lists.size());
  inst.count = uint32_t(registers.size());
  function_.lists.insert(function_.lists.end(), registers.begin(),
                         registers.end());
}

void Decoder::address(const Operand &o, bool &narrow) {
  inst.imm = o.offset;
  const Symbol *symbol = find(o.text);
  if (o.kind != Operand::Address) {
    problem_ = wrong("an address was expected");
  } else if (symbol && symbol->kind == Symbol::Register) {
    narrow = symbol->bytes == 4;
    inst.a = symbol->offset;
    if (symbol->bytes != 4 && symbol->bytes != 8)
      problem_ = wrong("an address has 32 or 64 bits");
  } else if (symbol) {
    narrow = false;
    inst.a = constant(symbol->address, 8);
  } else if (!o.text.empty() && o.text[0] >= '0' && o.text[0] <= '9') {
    narrow = false;
    inst.a = constant(number(o, 8, false), 8);
  } else {
    problem_ = wrong("unknown name '" + std::string(o.text) + "'");
  }
}

void Decoder::target(std::string_view label) {
  fixups_.push_back({function_.code.size(), scopeIds(), std::string(label)});
}

bool Decoder::targets(std::string_view name) {
  auto at = branchTargets_.find(std::string(name));
  if (at == branchTargets_.end())
    return false;
  list(std::vector<uint32_t>(at->second->operands.size(), 0));
  for (size_t i = 0; i < inst.count; ++i)
    fixups_.push_back({inst.list + i, scopeIds(),
                       std::string(at->second->operands[i].text), true});
  return true;
}

//===----------------------------------------------------------------------===//
// Ends
//===----------------------------------------------------------------------===//

Status Decoder::wrong(const std::string &what) const {
  return unsupported("PTX line " + std::to_string(statement_->line) + " `" +
                     program_.line(statement_->line) + "`: " + what);
}
Status Decoder::unknown() const {
  return wrong("the emulator does not know this instruction");
}

Status Decoder::emit(Handler handler) {
  if (!problem_.ok())
    return problem_;
  if (modifiers_.size() > 1)
    return wrong("the emulator does not know '." + std::string(modifiers_[1]) +
                 "' here");
  if (!handler)
    return unknown();
  inst.run = handler;
  function_.code.push_back(inst);
  function_.code.insert(function_.code.end(), after_.begin(), after_.end());
  after_.clear();
  return Status::success();
}

/// Places of constants and special registers are known now.
Status Decoder::finish() {
  Function &f = function_;
  f.constantBegin = registerEnd_;
  uint32_t specialBegin = registerEnd_ + uint32_t(f.constants.size());
  for (auto [kind, flagged] : specials_)
    f.specials.push_back(
        {kind, specialBegin + (flagged & ~kSpecialFlag) * 128});
  f.registerBytes = specialBegin + uint32_t(specials_.size()) * 128;
  auto place = [&](uint32_t &offset) {
    if (offset & kConstantFlag)
      offset = f.constantBegin + (offset & ~kConstantFlag);
    else if (offset & kSpecialFlag)
      offset = specialBegin + (offset & ~kSpecialFlag) * 128;
  };
  for (Inst &inst : f.code)
    for (uint32_t *offset : {&inst.d, &inst.a, &inst.b, &inst.c})
      place(*offset);
  for (uint32_t &offset : f.lists)
    place(offset);
  for (const Fixup &fixup : fixups_) {
    auto at = labels_.end();
    for (size_t i = fixup.scopes.size(); i-- > 0 && at == labels_.end();)
      at = labels_.find({fixup.scopes[i], fixup.label});
    if (at == labels_.end())
      return corrupt("kernel " + f.info.name + ": there is no label " +
                     fixup.label);
    if (fixup.list)
      f.lists[fixup.code] = at->second;
    else
      f.code[fixup.code].target = at->second;
  }
  f.localBytes = (localEnd_ + 15) / 16 * 16;
  return Status::success();
}
