//===- Images.cpp - --image: picture files as an input --------------------===//
#include "tools/ft-run/Images.h"

#include "runtime/image/ImageInput.h"
#include "tools/ft-run/Labels.h"

#include <cstdio>

namespace ft::run {

/// The image input that pictures become.
static StatusOr<const plan::Input *> pictureInput(const plan::Plan &plan) {
  const plan::Input *image = nullptr;
  for (const plan::Entry &entry : plan.entries)
    for (const plan::Input &input : entry.inputs) {
      if (input.role != plan::InputRole::Image)
        continue;
      image = &input;
      if (input.name == plan.image.input)
        return &input;
    }
  if (!image)
    return invalidArgument("--image: the plan takes no images; its model is " +
                           plan.architecture);
  return unsupported(
      "--image: the plan does not say how pictures become '" + image->name +
      "'; compile it from a directory that has a preprocessor_config.json, or "
      "give --input " +
      image->name + "=@FILE.npy");
}

Status addImages(const plan::Plan &plan, const std::vector<std::string> &files,
                 NamedArrays &inputs) {
  if (files.empty())
    return Status::success();
  FT_ASSIGN_OR_RETURN(const plan::Input *input, pictureInput(plan));
  if (inputs.count(input->name))
    return invalidArgument("--image and --input " + input->name +
                           " give the same input; give one of them");
  Array array;
  array.shape = {int64_t(files.size())};
  array.shape.insert(array.shape.end(), input->shape.begin(),
                     input->shape.end());
  for (const std::string &file : files) {
    FT_ASSIGN_OR_RETURN(image::Picture picture, image::readPicture(file));
    auto row = image::makeInput(picture, plan.image, input->shape);
    if (!row.ok())
      return row.status().withContext(file);
    auto *bytes = reinterpret_cast<const std::byte *>(row->data());
    array.bytes.insert(array.bytes.end(), bytes,
                       bytes + row->size() * sizeof(float));
  }
  inputs[input->name] = std::move(array);
  return Status::success();
}

bool printImageLabels(const RunOptions &options, const plan::Plan &plan,
                      const NamedArrays &outputs) {
  auto found = outputs.find("logits");
  size_t classes = plan.labels.names.size();
  if (!classes || found == outputs.end() ||
      found->second.shape !=
          std::vector<int64_t>{int64_t(options.images.size()),
                               int64_t(classes)})
    return false;
  auto *logits = reinterpret_cast<const float *>(found->second.bytes.data());
  for (const std::string &file : options.images) {
    std::vector<Choice> best =
        topLabels(plan.labels, {logits, classes}, options.top);
    logits += classes;
    if (options.json) {
      nlohmann::ordered_json line = {{"image", file},
                                     {"labels", labelsJson(best)}};
      std::printf("%s\n",
                  line.dump(-1, ' ', false,
                            nlohmann::ordered_json::error_handler_t::replace)
                      .c_str());
      continue;
    }
    if (options.images.size() > 1)
      std::printf("%s:\n", file.c_str());
    std::printf("%s", labelsText(best).c_str());
  }
  return true;
}

} // namespace ft::run
