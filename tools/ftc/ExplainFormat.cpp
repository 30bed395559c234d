//===- ExplainFormat.cpp - numbers and charts for reports -----------------===//
#include "tools/ftc/ExplainFormat.h"

#include <algorithm>
#include <cctype>
#include <cstdio>

using namespace ft;

std::string ft::sizeText(double value, const char *unit) {
  static constexpr const char *prefixes[] = {"", "k", "M", "G", "T"};
  int scale = 0;
  while (value >= 1000 && scale < 4) {
    value /= 1000;
    ++scale;
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.*f %s%s", scale == 0 ? 0 : 1, value,
                prefixes[scale], unit);
  return text;
}

std::string ft::rangeText(const ProgramReport &program) {
  std::string first = std::to_string(program.minTokens);
  if (program.maxTokens == 0)
    return first + " or more tokens";
  return first + " to " + std::to_string(program.maxTokens) + " tokens";
}

std::string ft::batchText(const ProgramReport &program) {
  std::string text = std::to_string(program.batch.tokens) +
                     (program.batch.tokens == 1 ? " token" : " tokens");
  if (program.batch.context > 0)
    text += " after " + std::to_string(program.batch.context);
  return text + " of one sequence";
}

std::string ft::joined(const std::vector<std::string> &parts,
                       const char *separator) {
  std::string text;
  for (const std::string &part : parts)
    text += (&part == &parts[0] ? "" : separator) + part;
  return text;
}

const std::string &ft::kernelOf(const StepReport &step) {
  return step.implementation.empty() ? step.pattern : step.implementation;
}

int64_t ft::layerOf(const std::string &name) {
  for (size_t i = 0; i < name.size(); ++i) {
    if (!std::isdigit(static_cast<unsigned char>(name[i])))
      continue;
    size_t end = i;
    while (end < name.size() &&
           std::isdigit(static_cast<unsigned char>(name[end])))
      ++end;
    bool whole = end == name.size() || name[end] == '.';
    if (whole && end - i < 9)
      return std::stoll(name.substr(i, end - i));
    i = end;
  }
  return -1;
}

/// Two layers are alike where they would print the same but for their names.
std::vector<Section<StepReport>> ft::sectionsOf(const ProgramReport &program) {
  auto same = [](const StepReport &left, const StepReport &right) {
    return kernelOf(left) == kernelOf(right) &&
           left.operations == right.operations &&
           left.prediction.bytes == right.prediction.bytes &&
           left.prediction.flops == right.prediction.flops;
  };
  return sectionsOf(std::span(program.steps), [&](auto a, auto b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
  });
}

std::vector<Section<SourceOp>> ft::sectionsOf(const SourceEntry &entry) {
  auto same = [](const SourceOp &left, const SourceOp &right) {
    return left.operation == right.operation && left.type == right.type &&
           left.inputs.size() == right.inputs.size();
  };
  return sectionsOf(std::span(entry.operations), [&](auto a, auto b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
  });
}

namespace {
constexpr int kChartRows = 6;
constexpr size_t kChartColumns = 72;

int64_t peakOf(const ProgramReport &program) {
  int64_t peak = 1;
  for (const StepReport &step : program.steps)
    peak = std::max(peak, step.liveBytes);
  return peak;
}
} // namespace

std::string ft::memoryChart(const ProgramReport &program) {
  size_t steps = program.steps.size();
  if (steps == 0)
    return "";
  size_t columns = std::min(steps, kChartColumns);
  int64_t peak = peakOf(program);
  std::string out;
  for (int row = kChartRows; row > 0; --row) {
    char label[32];
    std::string size = sizeText(double(peak) * row / kChartRows, "B");
    std::snprintf(label, sizeof label, "  %10s |", size.c_str());
    std::string line;
    for (size_t column = 0; column < columns; ++column) {
      // The most that any of the column's steps holds.
      int64_t most = 0;
      size_t end = (column + 1) * steps / columns;
      for (size_t step = column * steps / columns; step < end; ++step)
        most = std::max(most, program.steps[step].liveBytes);
      bool reaches = double(most) * kChartRows > double(peak) * (row - 0.5);
      line += reaches ? '#' : ' ';
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += label + line + "\n";
  }
  return out + "             +" + std::string(columns, '-') + " " +
         std::to_string(steps) + " steps\n";
}

std::string ft::memorySvg(const ProgramReport &program) {
  constexpr int kWidth = 720, kHeight = 120;
  auto peak = double(peakOf(program));
  auto steps = double(std::max<size_t>(program.steps.size(), 1));
  std::string path = "M0 " + std::to_string(kHeight);
  for (size_t i = 0; i < program.steps.size(); ++i) {
    char piece[96];
    std::snprintf(piece, sizeof piece, "V%.1fH%.1f",
                  kHeight * (1 - double(program.steps[i].liveBytes) / peak),
                  kWidth * double(i + 1) / steps);
    path += piece;
  }
  path += "V" + std::to_string(kHeight) + "Z";
  return "<svg viewBox=\"0 0 720 120\" role=\"img\" "
         "preserveAspectRatio=\"none\""
         " aria-label=\"activation bytes by step, at most " +
         sizeText(peak, "B") + "\"><path d=\"" + path + "\"/></svg>";
}
