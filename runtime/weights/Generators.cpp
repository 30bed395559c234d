//===- Generators.cpp - weights that are formulas -------------------------===//
#include "runtime/weights/Generators.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <vector>

namespace ft {

namespace {

using plan::Recipe;

double number(const Recipe &recipe, const char *name, double absent) {
  auto found = recipe.numbers.find(name);
  return found == recipe.numbers.end() ? absent : found->second;
}

struct Parameter {
  const char *name;
  bool positive; // else only finite
};
constexpr Parameter kRope[] = {{"theta", true},
                               {"dims", true},
                               {"scaling", false},
                               {"factor", true},
                               {"low_freq_factor", true},
                               {"high_freq_factor", true},
                               {"attention_factor", true},
                               {"original_max_position", true}};
constexpr Parameter kIota[] = {{"start", false}, {"step", false}};

Status checkNumbers(const Recipe &recipe, const Parameter *begin,
                    const Parameter *end) {
  for (const auto &[name, value] : recipe.numbers) {
    const Parameter *known =
        std::find_if(begin, end, [&name = name](const Parameter &candidate) {
          return name == candidate.name;
        });
    if (known == end)
      return corrupt("generator '" + recipe.text + "' has no number '" + name +
                     "'");
    if (!std::isfinite(value) || (known->positive && value <= 0))
      return corrupt("generator '" + recipe.text + "': number '" + name +
                     "' must be " + (known->positive ? "positive" : "finite") +
                     ", found " + std::to_string(value));
  }
  return Status::success();
}

double llama3Frequency(const Recipe &recipe, double frequency) {
  double factor = number(recipe, "factor", 1);
  double low = number(recipe, "low_freq_factor", 1);
  double high = number(recipe, "high_freq_factor", 4);
  double length = number(recipe, "original_max_position", 8192);
  double wavelength = 2 * std::numbers::pi / frequency;
  if (wavelength < length / high)
    return frequency;
  if (wavelength > length / low)
    return frequency / factor;
  double smooth = (length / wavelength - low) / (high - low);
  return (1 - smooth) * frequency / factor + smooth * frequency;
}

std::vector<double> ropeFrequencies(const Recipe &recipe) {
  int64_t dims = recipe.shape[1];
  double theta = number(recipe, "theta", 10000);
  double scaling = number(recipe, "scaling", 0);
  std::vector<double> frequencies;
  for (int64_t j = 0; j < dims / 2; ++j) {
    double frequency = std::pow(theta, -2.0 * double(j) / double(dims));
    if (scaling == 1)
      frequency /= number(recipe, "factor", 1);
    if (scaling == 2)
      frequency = llama3Frequency(recipe, frequency);
    frequencies.push_back(frequency);
  }
  return frequencies;
}

void generateRope(const Recipe &recipe, int64_t first, int64_t count,
                  float *out) {
  std::vector<double> frequencies = ropeFrequencies(recipe);
  int64_t half = int64_t(frequencies.size()), dims = 2 * half;
  double attention = number(recipe, "attention_factor", 1);
  for (int64_t i = first; i < first + count; ++i) {
    int64_t column = i % dims;
    double angle = double(i / dims) * frequencies[size_t(column % half)];
    *out++ =
        float(attention * (column < half ? std::cos(angle) : std::sin(angle)));
  }
}

void generateAlibi(const Recipe &recipe, int64_t first, int64_t count,
                   float *out) {
  int64_t power = int64_t(std::bit_floor(uint64_t(recipe.shape[0])));
  for (int64_t i = first; i < first + count; ++i) {
    double exponent =
        i < power ? -8.0 * double(i + 1) : -4.0 * double(2 * (i - power) + 1);
    *out++ = float(std::exp2(exponent / double(power)));
  }
}

void generateIota(const Recipe &recipe, int64_t first, int64_t count,
                  float *out) {
  double start = number(recipe, "start", 0), step = number(recipe, "step", 1);
  for (int64_t i = first; i < first + count; ++i)
    *out++ = float(start + double(i) * step);
}

Status checkRope(const Recipe &recipe) {
  if (recipe.shape.size() != 2 || recipe.shape[1] % 2)
    return corrupt("generator 'rope' makes [positions, dims] with an even "
                   "number of dims");
  FT_RETURN_IF_ERROR(checkNumbers(recipe, std::begin(kRope), std::end(kRope)));
  double dims = double(recipe.shape[1]);
  if (number(recipe, "dims", dims) != dims)
    return corrupt("generator 'rope': number 'dims' is not the shape's");
  double scaling = number(recipe, "scaling", 0);
  if (scaling != 0 && scaling != 1 && scaling != 2)
    return corrupt("generator 'rope': scaling must be 0, 1 or 2, found " +
                   std::to_string(scaling));
  if (scaling == 2 && number(recipe, "high_freq_factor", 4) <=
                          number(recipe, "low_freq_factor", 1))
    return corrupt("generator 'rope': high_freq_factor must exceed "
                   "low_freq_factor");
  return Status::success();
}

} // namespace

Status checkGenerator(const Recipe &recipe) {
  if (recipe.text == "rope")
    return checkRope(recipe);
  if (recipe.text != "alibi" && recipe.text != "iota")
    return unsupported("unknown generator '" + recipe.text + "'");
  if (recipe.shape.size() != 1)
    return corrupt("generator '" + recipe.text + "' makes a vector");
  bool takesNumbers = recipe.text == "iota";
  return checkNumbers(recipe, std::begin(kIota),
                      takesNumbers ? std::end(kIota) : std::begin(kIota));
}

void generate(const Recipe &recipe, int64_t first, int64_t count, float *out) {
  assert(checkGenerator(recipe).ok());
  if (recipe.text == "rope")
    return generateRope(recipe, first, count, out);
  if (recipe.text == "alibi")
    return generateAlibi(recipe, first, count, out);
  generateIota(recipe, first, count, out);
}

} // namespace ft
