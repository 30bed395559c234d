//===- PlanIndex.cpp - where a module's symbols stand in its plan ---------===//
#include "codegen/plan/PlanIndex.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

DType codegen::dtypeOf(Type type) {
  if (type.isF16())
    return DType::F16;
  if (type.isBF16())
    return DType::BF16;
  if (type.isF64())
    return DType::F64;
  if (type.isInteger(32))
    return DType::I32;
  if (type.isInteger(64))
    return DType::I64;
  if (type.isInteger(8))
    return type.isUnsignedInteger() ? DType::U8 : DType::I8;
  if (type.isInteger(1))
    return DType::Bool;
  assert(type.isF32() && "the dialect has no other element types");
  return DType::F32;
}

PlanIndex::PlanIndex(ModuleOp module) {
  if (auto names = module->getAttrOfType<ArrayAttr>(ir::kAxesAttr))
    for (auto name : names.getAsRange<StringAttr>()) {
      axes_[name] = int32_t(axisNames_.size());
      axisNames_.push_back(name);
    }
  if (auto mesh = module->getAttrOfType<DictionaryAttr>(ir::kMeshAttr))
    for (NamedAttribute axis : mesh) {
      mesh_[axis.getName()] = int32_t(meshAxes_.size());
      meshAxes_.push_back(
          {axis.getName().str(), cast<IntegerAttr>(axis.getValue()).getInt()});
    }
  for (Operation &op : *module.getBody()) {
    if (auto param = dyn_cast<ir::ParamOp>(op)) {
      weights_[param.getSymNameAttr()] = int32_t(params_.size());
      params_.push_back(param);
    } else if (auto cache = dyn_cast<ir::CacheOp>(op)) {
      caches_[cache.getSymNameAttr()] = int32_t(cacheOps_.size());
      cacheOps_.push_back(cache);
    } else if (auto kernel = dyn_cast<ir::KernelOp>(op)) {
      kernels_[kernel.getSymNameAttr()] = int32_t(kernelOps_.size());
      kernelOps_.push_back(kernel);
    }
  }
}
