//===- ImageProcessor.cpp - preprocessor_config.json ----------------------===//
//
// Files of transformers 4 ("feature_extractor_type", sizes as integers) and 5.
// The processors' two backends, Pillow and torchvision, resize with the same
// antialiased filters; their bytes differ by one at most.
//
//===----------------------------------------------------------------------===//
#include "frontends/hf/ImageProcessor.h"

#include <algorithm>
#include <array>

using namespace ft;
using namespace ft::hf;
using json::Json;
using json::JsonView;

namespace {

using Numbers = std::array<double, 3>;
constexpr Numbers kHalves = {0.5, 0.5, 0.5};

/// What a class of processors does where its file says nothing.
struct ProcessorClass {
  const char *name; // without ImageProcessor, ImageProcessorFast, ...
  const char *modelType;
  const char *filter;
  bool square; // an integer as size is of both sides, not of the shorter
  int64_t size;
  int64_t crop; // 0: none
  Numbers mean, deviation;
};

constexpr ProcessorClass kClasses[] = {
    {"ViT", "vit", "bilinear", true, 224, 0, kHalves, kHalves},
    {"DeiT", "deit", "bicubic", true, 256, 224, kHalves, kHalves},
    {"CLIP",
     "clip",
     "bicubic",
     false,
     224,
     224,
     {0.48145466, 0.4578275, 0.40821073},
     {0.26862954, 0.26130258, 0.27577711}},
    {"Siglip", "siglip", "bicubic", true, 224, 0, kHalves, kHalves},
};

/// By Pillow's numbers.
constexpr const char *kFilters[] = {"nearest", "lanczos", "bilinear",
                                    "bicubic", "box",     "hamming"};

/// Keys of no consequence here: what Python returns and where it computes.
/// Files are read as load_image does, in RGB, whatever do_convert_rgb says.
constexpr const char *kHarmless[] = {
    "processor_class", "do_convert_rgb", "data_format",     "input_data_format",
    "return_tensors",  "device",         "disable_grouping"};

class ProcessorReader {
public:
  ProcessorReader(const Json &file, const std::string &modelType)
      : view_(file), modelType_(modelType) {}

  StatusOr<plan::ImageSteps> read();

private:
  Status chooseClass();
  Status checkKeys();
  StatusOr<bool> flag(const char *key, bool absent);
  Status readResize(plan::ImageSteps &steps);
  Status readCrop(plan::ImageSteps &steps);
  Status readNormalize(plan::ImageSteps &steps);
  StatusOr<std::vector<int64_t>> size(const char *key, bool square);
  Status channels(const char *key, const Numbers &absent,
                  std::vector<double> &to);
  bool has(const char *key) const {
    return view_.has(key) && !view_.member(key).value().is_null();
  }

  JsonView view_;
  const std::string &modelType_;
  const ProcessorClass *class_ = nullptr;
};

} // namespace

/// "ViT" of ViTImageProcessor, ViTImageProcessorFast, ViTImageProcessorPil and
/// ViTFeatureExtractor.
static std::string className(const std::string &type) {
  for (const char *end : {"ImageProcessor", "FeatureExtractor"})
    if (size_t at = type.find(end); at != std::string::npos)
      return type.substr(0, at);
  return type;
}

Status ProcessorReader::chooseClass() {
  std::string names;
  const char *key = has("image_processor_type") ? "image_processor_type"
                                                : "feature_extractor_type";
  std::string type;
  if (has(key)) {
    FT_ASSIGN_OR_RETURN(type, view_.member(key).string());
  }
  for (const ProcessorClass &known : kClasses) {
    if (type.empty() ? modelType_ == known.modelType
                     : className(type) == known.name)
      class_ = &known;
    names += (names.empty() ? "" : ", ") + std::string(known.name) +
             "ImageProcessor";
  }
  if (class_)
    return {};
  return type.empty() ? view_.error("expected \"image_processor_type\"")
                      : view_.member(key).mismatch("one of " + names);
}

Status ProcessorReader::checkKeys() {
  static constexpr const char *known[] = {"image_processor_type",
                                          "feature_extractor_type",
                                          "do_resize",
                                          "size",
                                          "resample",
                                          "default_to_square",
                                          "do_center_crop",
                                          "crop_size",
                                          "do_rescale",
                                          "rescale_factor",
                                          "do_normalize",
                                          "image_mean",
                                          "image_std"};
  for (auto &[key, value] : view_.value().items()) {
    auto is = [&key = key](const char *other) { return key == other; };
    bool fine = value.is_null() || (key == "do_pad" && value == false) ||
                std::any_of(std::begin(known), std::end(known), is) ||
                std::any_of(std::begin(kHarmless), std::end(kHarmless), is);
    if (!fine)
      return unsupported(view_.member(key).pointer() +
                         ": this key is not known (its value is " +
                         json::describe(value) +
                         "); without the file the model compiles and takes "
                         "tensors only");
  }
  return {};
}

StatusOr<bool> ProcessorReader::flag(const char *key, bool absent) {
  return has(key) ? view_.member(key).boolean() : absent;
}

/// An integer, [height, width], or an object of names.
StatusOr<std::vector<int64_t>> ProcessorReader::size(const char *key,
                                                     bool square) {
  constexpr int64_t kMaxSide = 1 << 14;
  using Sides = std::vector<int64_t>;
  JsonView size = view_.member(key);
  if (size.value().is_number()) {
    FT_ASSIGN_OR_RETURN(int64_t side, size.integer(1, kMaxSide));
    return square ? Sides{side, side} : Sides{side};
  }
  Sides sides;
  if (size.value().is_array() && size.value().size() == 2) {
    for (size_t i = 0; i < 2; ++i) {
      FT_ASSIGN_OR_RETURN(int64_t side, size.element(i).integer(1, kMaxSide));
      sides.push_back(side);
    }
    return sides;
  }
  std::vector<std::string> names{"height", "width"};
  if (!size.has("height"))
    names = {"shortest_edge"};
  FT_RETURN_IF_ERROR(size.expectObject());
  for (auto &[name, value] : size.value().items())
    if (std::find(names.begin(), names.end(), name) == names.end() &&
        !value.is_null())
      return size.member(name).error(
          "expected \"height\" and \"width\", or \"shortest_edge\" alone");
  for (const std::string &name : names) {
    FT_ASSIGN_OR_RETURN(JsonView side, size.at(name));
    FT_ASSIGN_OR_RETURN(int64_t extent, side.integer(1, kMaxSide));
    sides.push_back(extent);
  }
  return sides;
}

Status ProcessorReader::readResize(plan::ImageSteps &steps) {
  FT_ASSIGN_OR_RETURN(bool wanted, flag("do_resize", true));
  if (!wanted)
    return {};
  FT_ASSIGN_OR_RETURN(bool square, flag("default_to_square", class_->square));
  steps.resize.assign(square ? 2 : 1, class_->size);
  if (has("size")) {
    FT_ASSIGN_OR_RETURN(steps.resize, size("size", square));
  }
  steps.filter = class_->filter;
  if (has("resample")) {
    FT_ASSIGN_OR_RETURN(
        int64_t number,
        view_.member("resample").integer(0, std::size(kFilters) - 1));
    steps.filter = kFilters[number];
  }
  return {};
}

Status ProcessorReader::readCrop(plan::ImageSteps &steps) {
  FT_ASSIGN_OR_RETURN(bool wanted, flag("do_center_crop", class_->crop != 0));
  if (!wanted)
    return {};
  if (!has("crop_size") && !class_->crop)
    return view_.error("\"do_center_crop\" needs a \"crop_size\"");
  steps.crop.assign(2, class_->crop);
  if (has("crop_size")) {
    FT_ASSIGN_OR_RETURN(steps.crop, size("crop_size", /*square=*/true));
  }
  if (steps.crop.size() != 2)
    return view_.member("crop_size").mismatch("a height and a width");
  return {};
}

/// One number a channel, or one for all.
Status ProcessorReader::channels(const char *key, const Numbers &absent,
                                 std::vector<double> &to) {
  to.assign(absent.begin(), absent.end());
  if (!has(key))
    return {};
  JsonView view = view_.member(key);
  bool list = view.value().is_array();
  if (list && view.value().size() != to.size())
    return view.mismatch("a number for each of 3 channels");
  for (size_t i = 0; i < to.size(); ++i) {
    FT_ASSIGN_OR_RETURN(to[i], (list ? view.element(i) : view).number());
  }
  return {};
}

Status ProcessorReader::readNormalize(plan::ImageSteps &steps) {
  FT_ASSIGN_OR_RETURN(bool rescale, flag("do_rescale", true));
  if (rescale)
    steps.scale = 1.0 / 255;
  if (rescale && has("rescale_factor")) {
    FT_ASSIGN_OR_RETURN(steps.scale, view_.member("rescale_factor").number());
  }
  FT_ASSIGN_OR_RETURN(bool normalize, flag("do_normalize", true));
  if (!normalize)
    return {};
  FT_RETURN_IF_ERROR(channels("image_mean", class_->mean, steps.mean));
  FT_RETURN_IF_ERROR(channels("image_std", class_->deviation, steps.deviation));
  for (double deviation : steps.deviation)
    if (deviation == 0)
      return view_.member("image_std").mismatch("numbers other than 0");
  return {};
}

StatusOr<plan::ImageSteps> ProcessorReader::read() {
  plan::ImageSteps steps;
  FT_RETURN_IF_ERROR(view_.expectObject());
  FT_RETURN_IF_ERROR(chooseClass());
  FT_RETURN_IF_ERROR(checkKeys());
  FT_RETURN_IF_ERROR(readResize(steps));
  FT_RETURN_IF_ERROR(readCrop(steps));
  FT_RETURN_IF_ERROR(readNormalize(steps));
  return steps;
}

Status ft::hf::readImageProcessor(const std::string &input,
                                  GraphBuilder &builder) {
  const Checkpoint &checkpoint = builder.checkpoint();
  const char *name = "preprocessor_config.json";
  const graph::Input *image = builder.graph().findInput(input);
  if (!checkpoint.hasFile(name) || !image || image->shape[0] != 3)
    return {};
  FT_ASSIGN_OR_RETURN(Json file, json::readJsonFile(checkpoint.path(name)));
  StatusOr<plan::ImageSteps> steps =
      ProcessorReader(file, builder.graph().architecture).read();
  if (!steps.ok())
    return steps.status().withContext(name);
  builder.graph().image = *steps;
  builder.graph().image.input = input;
  return {};
}
