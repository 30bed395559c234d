//===- ExplainFormat.h - numbers and charts for reports ---------*- C++ -*-===//
#ifndef FT_TOOLS_FTC_EXPLAINFORMAT_H
#define FT_TOOLS_FTC_EXPLAINFORMAT_H

#include "tools/ftc/ExplainReport.h"
#include "tools/ftc/ExplainSections.h"

#include <string>
#include <vector>

namespace ft {

/// "12.5 MB"; decimal units, as bandwidths are.
std::string sizeText(double value, const char *unit);
/// "9 to 64 tokens"
std::string rangeText(const ProgramReport &program);
/// "1 token after 512 of one sequence"
std::string batchText(const ProgramReport &program);
/// `parts` with `separator` between them.
std::string joined(const std::vector<std::string> &parts,
                   const char *separator);

/// What runs a step: its kernel, else its pattern.
const std::string &kernelOf(const StepReport &step);

std::vector<Section<StepReport>> sectionsOf(const ProgramReport &program);
std::vector<Section<SourceOp>> sectionsOf(const SourceEntry &entry);

/// Activation bytes over the steps, in ASCII.
std::string memoryChart(const ProgramReport &program);
/// The same as an SVG element, coloured by the page's style.
std::string memorySvg(const ProgramReport &program);

} // namespace ft

#endif // FT_TOOLS_FTC_EXPLAINFORMAT_H
