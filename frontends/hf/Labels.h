//===- Labels.h - the classes of a classifier -------------------*- C++ -*-===//
#ifndef FT_FRONTENDS_HF_LABELS_H
#define FT_FRONTENDS_HF_LABELS_H

#include "frontends/hf/Config.h"
#include "runtime/plan/Plan.h"

namespace ft::hf {

/// The classes of `id2label`, or LABEL_0 and so on: `num_labels` of them, else
/// two, as transformers has it. Scores are what its pipelines make of logits.
plan::Labels readLabels(Config &config);

} // namespace ft::hf

#endif // FT_FRONTENDS_HF_LABELS_H
