//===- KernelTimes.cpp - the steps of a batch beside their floors ---------===//
#include "tools/ft-run/KernelTimes.h"

#include "runtime/base/AtomicFile.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <map>

namespace ft::run {

/// "l3.norm1+q" is "l*.norm1+q": numbers before a dot are those of layers.
static std::string withoutNumbers(const std::string &name) {
  std::string result;
  for (size_t i = 0; i < name.size();) {
    size_t end = i;
    while (end < name.size() && std::isdigit((unsigned char)name[end]))
      ++end;
    if (end > i && end < name.size() && name[end] == '.') {
      result += '*';
      i = end;
    } else {
      end = std::max(end, i + 1);
      result += name.substr(i, end - i);
      i = end;
    }
  }
  return result;
}

/// Of the step, or of all that one implementation ran: "l0.q+k+v,
/// l0.attention".
static std::string nameOf(const plan::Program &program, const StepTime &time) {
  std::string name;
  for (int32_t i = 0; i < time.steps; ++i)
    name += (i ? ", " : "") + program.steps[size_t(time.step + i)].name;
  return name;
}

static double floorOf(const plan::Program &program, const StepTime &time,
                      const FixedBatch &batch, const Ceilings &ceilings) {
  double sum = 0;
  for (int32_t i = 0; i < time.steps; ++i)
    sum += 1e3 * countStep(program.steps[size_t(time.step + i)], batch.shape())
                     .floorMs(ceilings);
  return sum;
}

static double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

StatusOr<std::vector<KernelTimes>> timeKernels(Model &model, int entry,
                                               const FixedBatch &batch) {
  constexpr int kRuns = 9;
  const plan::Program &program = batch.program();
  auto ceilings = ceilingsFor(model.device().describe(), model.plan());
  std::vector<KernelTimes> kernels;
  std::map<std::string, size_t> index;
  std::vector<std::vector<double>> durations;
  for (int run = 0; run < kRuns; ++run) {
    FT_ASSIGN_OR_RETURN(
        auto times, model.profile(entry, batch.slices(), {}, batch.results()));
    for (const StepTime &time : times[0]) {
      const plan::Step &step = program.steps[size_t(time.step)];
      std::string name = withoutNumbers(nameOf(program, time));
      auto [at, isNew] = index.try_emplace(name, kernels.size());
      if (isNew) {
        kernels.push_back({name, step.pattern, 0, 0, {}});
        durations.emplace_back();
      }
      durations[at->second].push_back(time.duration);
      KernelTimes &kernel = kernels[at->second];
      if (run > 0)
        continue;
      ++kernel.count;
      if (ceilings)
        kernel.floor =
            kernel.floor.value_or(0) + floorOf(program, time, batch, *ceilings);
    }
  }
  for (size_t i = 0; i < kernels.size(); ++i) {
    kernels[i].microseconds = median(durations[i]);
    if (kernels[i].floor)
      *kernels[i].floor /= double(kernels[i].count);
  }
  return kernels;
}

double collectiveMs(const std::vector<KernelTimes> &kernels) {
  double sum = 0;
  for (const KernelTimes &kernel : kernels)
    if (kernel.pattern == "collective")
      sum += double(kernel.count) * kernel.microseconds / 1e3;
  return sum;
}

nlohmann::ordered_json kernelsJson(const std::vector<KernelTimes> &kernels) {
  auto list = nlohmann::ordered_json::array();
  for (const KernelTimes &kernel : kernels) {
    list.push_back({{"name", kernel.name},
                    {"pattern", kernel.pattern},
                    {"count", kernel.count},
                    {"us", kernel.microseconds}});
    if (kernel.floor)
      list.back()["floor_us"] = *kernel.floor;
  }
  return list;
}

void printKernels(const std::vector<KernelTimes> &kernels) {
  std::printf("%-44s %5s %10s %10s %7s\n", "kernel", "count", "us each",
              "floor us", "share");
  for (const KernelTimes &kernel : kernels) {
    std::printf("%-44s %5lld %10.2f", kernel.name.c_str(),
                (long long)kernel.count, kernel.microseconds);
    if (kernel.floor)
      std::printf(" %10.2f %6.1f%%", *kernel.floor,
                  100 * *kernel.floor / kernel.microseconds);
    std::printf("\n");
  }
}

Status writeTrace(Model &model, int entry, const FixedBatch &batch,
                  const std::string &path) {
  FT_ASSIGN_OR_RETURN(
      auto times, model.profile(entry, batch.slices(), {}, batch.results()));
  auto events = nlohmann::ordered_json::array();
  for (size_t rank = 0; rank < times.size(); ++rank)
    for (const StepTime &time : times[rank]) {
      const plan::Step &step = batch.program().steps[size_t(time.step)];
      events.push_back({{"name", nameOf(batch.program(), time)},
                        {"cat", step.pattern},
                        {"ph", "X"},
                        {"pid", 0},
                        {"tid", rank},
                        {"ts", time.microseconds},
                        {"dur", time.duration}});
    }
  nlohmann::ordered_json trace = {{"traceEvents", events},
                                  {"displayTimeUnit", "ns"}};
  return writeFileAtomically(path, trace.dump());
}

static std::string escaped(const std::string &text) {
  std::string result;
  for (char c : text)
    result += c == '<'   ? std::string("&lt;")
              : c == '&' ? std::string("&amp;")
                         : std::string(1, c);
  return result;
}

template <typename... Values>
static std::string format(const char *pattern, Values... values) {
  char line[256];
  std::snprintf(line, sizeof(line), pattern, values...);
  return line;
}

Status writeChart(const std::vector<KernelTimes> &kernels,
                  const std::string &title, const std::string &path) {
  constexpr int kLeft = 300, kWidth = 460, kRow = 26, kTop = 40;
  int64_t layers = 0;
  double longest = 1e-9;
  for (const KernelTimes &kernel : kernels)
    layers = std::max(layers, kernel.count);
  std::vector<KernelTimes> shown;
  for (const KernelTimes &kernel : kernels)
    if (2 * kernel.count > layers) {
      shown.push_back(kernel);
      longest =
          std::max({longest, kernel.microseconds, kernel.floor.value_or(0)});
    }
  int height = kTop + kRow * int(shown.size()) + 12;
  std::string svg =
      format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
             "height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">\n",
             kLeft + kWidth + 160, height) +
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n" +
      "<text x=\"8\" y=\"20\">" + escaped(title) + "</text>\n";
  for (size_t i = 0; i < shown.size(); ++i) {
    const KernelTimes &kernel = shown[i];
    int y = kTop + kRow * int(i);
    double bar = kWidth * kernel.microseconds / longest;
    svg += format("<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", kLeft - 8,
                  y + 14) +
           escaped(kernel.name) + "</text>\n";
    svg += format("<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"18\" "
                  "fill=\"#9ecae1\"/>\n",
                  kLeft, y, bar);
    std::string label = format("%.2f us", kernel.microseconds);
    if (kernel.floor) {
      svg += format("<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"18\" "
                    "fill=\"#3182bd\"/>\n",
                    kLeft, y, kWidth * *kernel.floor / longest);
      label += format(", floor %.2f", *kernel.floor);
    }
    svg +=
        format("<text x=\"%.1f\" y=\"%d\">",
               kLeft + 6 +
                   std::max(bar, kWidth * kernel.floor.value_or(0) / longest),
               y + 14) +
        label + "</text>\n";
  }
  return writeFileAtomically(path, svg + "</svg>\n");
}

} // namespace ft::run
