//===- ImageProcessor.h - preprocessor_config.json --------------*- C++ -*-===//
#ifndef FT_FRONTENDS_HF_IMAGEPROCESSOR_H
#define FT_FRONTENDS_HF_IMAGEPROCESSOR_H

#include "frontends/hf/GraphBuilder.h"

namespace ft::hf {

/// Reads how pictures become the image input `input` of the graph, where the
/// checkpoint says so and the input has 3 channels: transformers' processors
/// that resize, crop, rescale and normalize, in that order. A key or value that
/// is not understood is an error that names the file and the key.
Status readImageProcessor(const std::string &input, GraphBuilder &builder);

} // namespace ft::hf

#endif // FT_FRONTENDS_HF_IMAGEPROCESSOR_H
