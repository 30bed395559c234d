//===- ExplainHtml.cpp - a report as one page -----------------------------===//
#include "tools/ftc/ExplainFormat.h"

#include <algorithm>
#include <cstdio>

using namespace ft;

namespace {

constexpr const char *kStyle = R"css(
:root{color-scheme:light dark;--text:#1c1f24;--quiet:#667;--page:#fff;
--line:#dde1e7;--bar:#3b74c4;--head:#f4f6f9}
@media(prefers-color-scheme:dark){:root{--text:#e4e7ec;--quiet:#99a2b0;
--page:#15181d;--line:#333a45;--bar:#5b95e6;--head:#1d222a}}
body{font:15px/1.45 system-ui,sans-serif;color:var(--text);
background:var(--page);max-width:84rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.15rem;margin-top:2.2rem}
p,summary,figcaption{color:var(--quiet)}
p.warning{color:inherit;border-left:4px solid #d08700;padding-left:.7rem}summary{cursor:pointer}
.facts{display:flex;flex-wrap:wrap;gap:.4rem 2rem;padding:0}
.facts div{display:flex;flex-direction:column-reverse}
dt{color:var(--quiet);font-size:.85rem}dd{margin:0;font-weight:600}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}
th{background:var(--head);text-align:left;font-weight:600}
th,td{padding:.25rem .6rem;border-bottom:1px solid var(--line);
vertical-align:top}.n{text-align:right;white-space:nowrap;
font-variant-numeric:tabular-nums}td.c,code{font:13px/1.45 ui-monospace,monospace}
td.c{white-space:nowrap}
td.again{color:var(--quiet);font-style:italic}
.t{background:linear-gradient(var(--bar) 0 0) left bottom/var(--w,0) 3px no-repeat}
figure{margin:1rem 0}svg{width:100%;height:7rem;border-bottom:1px solid
var(--line);background:var(--head)}path{fill:var(--bar)}
)css";

std::string escaped(const std::string &text) {
  std::string out;
  for (char c : text) {
    switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '"':
      out += "&quot;";
      break;
    default:
      out += c;
    }
  }
  return out;
}

std::string cell(const std::string &text, const char *kind = "") {
  return std::string("<td") + (*kind ? " class=" : "") + kind + ">" +
         escaped(text) + "</td>";
}

std::string fact(const char *what, const std::string &value) {
  return std::string("<div><dt>") + what + "</dt><dd>" + escaped(value) +
         "</dd></div>";
}

std::string head(std::initializer_list<std::pair<const char *, bool>> columns) {
  std::string out = "<thead><tr>";
  for (auto [name, number] : columns)
    out += std::string(number ? "<th class=n>" : "<th>") + name + "</th>";
  return out + "</tr></thead>\n";
}

/// The row in place of layers like one before.
std::string again(int64_t first, int64_t last, int64_t like, int columns) {
  return "<tr><td class=again colspan=" + std::to_string(columns) + ">layers " +
         std::to_string(first) + " to " + std::to_string(last) + ": as layer " +
         std::to_string(like) + "</td></tr>\n";
}

std::string stepRow(const StepReport &step, double longest) {
  char time[64];
  double share = longest > 0 ? 100 * step.prediction.microseconds / longest : 0;
  std::snprintf(time, sizeof time,
                "<td class=\"n t\" style=\"--w:%.1f%%\">%.2f", share,
                step.prediction.microseconds);
  return "<tr>" + cell(step.name) + cell(kernelOf(step), "c") +
         cell(joined(step.operations, " ")) + cell(joined(step.covers, ", ")) +
         cell(sizeText(double(step.prediction.bytes), "B"), "n") +
         cell(sizeText(double(step.prediction.flops), ""), "n") + time +
         "</td>" + cell(sizeText(double(step.liveBytes), "B"), "n") + "</tr>\n";
}

std::string stepTable(const ProgramReport &program) {
  std::string out = "<div class=wide><table class=steps>" +
                    head({{"step", false},
                          {"kernel", false},
                          {"operations", false},
                          {"source values", false},
                          {"bytes", true},
                          {"FLOPs", true},
                          {"est. µs", true},
                          {"live", true}}) +
                    "<tbody>";
  double longest = 0;
  for (const StepReport &step : program.steps)
    longest = std::max(longest, step.prediction.microseconds);
  for (const Section<StepReport> &section : sectionsOf(program)) {
    if (section.rows.empty())
      out += again(section.first, section.last, section.like, 8);
    for (const StepReport &step : section.rows)
      out += stepRow(step, longest);
  }
  return out + "</tbody></table></div>\n";
}

std::string countsText(const KernelCounts &counts) {
  return "about " + std::to_string(counts.primitives) + " → " +
         std::to_string(counts.operations) + " → " +
         std::to_string(counts.kernels);
}

std::string programHtml(const ProgramReport &program) {
  char time[32];
  std::snprintf(time, sizeof time, "%.2f µs", program.total.microseconds);
  StepReport peak;
  for (const StepReport &step : program.steps)
    if (step.liveBytes > peak.liveBytes)
      peak = step;
  std::string out = "<section class=program><h2>" +
                    escaped(program.entry + ", " + rangeText(program)) +
                    "</h2>\n<p>Figures for " + escaped(batchText(program)) +
                    ".</p><dl class=facts>";
  if (program.layer)
    out += fact("a layer: primitives → operations → kernels",
                countsText(*program.layer));
  out += fact("in all", countsText(program.all)) +
         fact("bytes", sizeText(double(program.total.bytes), "B")) +
         fact("FLOPs", sizeText(double(program.total.flops), "")) +
         fact("predicted time", time) +
         fact("activations", sizeText(double(program.arenaBytes), "B")) +
         fact("workspace", sizeText(double(program.workspaceBytes), "B")) +
         "</dl>\n<figure>" + memorySvg(program) +
         "<figcaption>Live activations over the steps: at most " +
         sizeText(double(peak.liveBytes), "B") + ", in step " +
         escaped(peak.name) + "; the arena has " +
         sizeText(double(program.arenaBytes), "B") + "</figcaption></figure>\n";
  return out + stepTable(program) + "</section>\n";
}

std::string sourceHtml(const SourceEntry &entry, const Report &report) {
  std::string out = "<section class=source><h2>The graph of " +
                    escaped(entry.name) +
                    " as imported</h2>\n<details><summary>" +
                    std::to_string(entry.operations.size()) +
                    " operations, and the step of each program that computes "
                    "them</summary><div class=wide><table><thead><tr>"
                    "<th>value</th><th>operation</th><th>of</th><th>shape</th>";
  int columns = 4;
  for (const ProgramReport &program : report.programs)
    if (program.entry == entry.name) {
      out += "<th>" + rangeText(program) + "</th>";
      ++columns;
    }
  out += "</tr></thead>\n<tbody>";
  for (const Section<SourceOp> &section : sectionsOf(entry)) {
    if (section.rows.empty())
      out += again(section.first, section.last, section.like, columns);
    for (const SourceOp &op : section.rows) {
      out += "<tr>" + cell(op.name) + cell(op.operation, "c") +
             cell(joined(op.inputs, ", ")) + cell(op.type, "c");
      for (const std::string &step : op.steps)
        out += cell(step);
      out += "</tr>\n";
    }
  }
  return out + "</tbody></table></div></details></section>\n";
}

} // namespace

std::string ft::reportHtml(const Report &report) {
  std::string out =
      "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
      "<meta name=viewport content=\"width=device-width\">"
      "<link rel=icon href=\"data:,\"><title>" +
      escaped(report.name) + ": what ftc makes of it</title><style>" + kStyle +
      "</style></head>\n<body><h1>" + escaped(report.name) +
      "</h1>\n<dl class=facts>" + fact("architecture", report.architecture) +
      fact("dtype", report.dtype) +
      fact("weights", sizeText(double(report.weightBytes), "B"));
  if (report.cacheBytesPerToken > 0)
    out += fact("cache, a token",
                sizeText(double(report.cacheBytesPerToken), "B"));
  if (report.planBytes > 0)
    out += fact("plan file", sizeText(double(report.planBytes), "B"));
  out += fact("kernel texts", std::to_string(report.kernelTexts)) +
         "</dl>\n<p>Times are estimates for an H200: the larger of bytes and "
         "FLOPs over its measured ceilings, plus the kernel boundary.</p>\n";
  for (const std::string &warning : report.warnings)
    out += "<p class=warning>Warning: " + escaped(warning) + "</p>\n";
  for (const SourceEntry &entry : report.source)
    out += sourceHtml(entry, report);
  for (const ProgramReport &program : report.programs)
    out += programHtml(program);
  return out + "</body></html>\n";
}
