//===- Options.cpp - options that ftc's subcommands share -----------------===//
#include "tools/ftc/Options.h"

#include "codegen/cuda/Nvrtc.h"

#include <cstdio>
#include <sstream>

using namespace ft;

void ft::addImportOptions(CLI::App &command, ImportOptions &options) {
  command.add_option("--architecture", options.architecture,
                     "The class to build, as transformers names it, in place "
                     "of config.json's: BertModel is a BERT without its head");
  command
      .add_option("--part", options.part,
                  "encoder: the layers alone, from hidden_states to "
                  "last_hidden_state")
      ->check(CLI::IsMember({"encoder"}));
  command
      .add_option("--ignore-config-key", options.ignoredConfigKeys,
                  "A key of config.json to overlook, at your own risk; "
                  "repeatable")
      ->allow_extra_args(false);
}

void ModelOptions::addTo(CLI::App &command) {
  command
      .add_option("model", request.model,
                  "A Hugging Face model directory or a model.json")
      ->required();
  command
      .add_option("--dtype", request.dtype,
                  "Type of matrices, activations and caches: f32, f16, bf16; "
                  "tf32 is f32 whose products a GPU's library may round to "
                  "TF32; auto is the checkpoint's own")
      ->check(CLI::IsMember({"auto", "f32", "tf32", "f16", "bf16"}));
  command
      .add_option("--tp", request.tp,
                  "Ranks that share every tensor: GPUs, or threads on a CPU")
      ->check(CLI::Range(1, 1024));
  command.add_option("--target", targets,
                     "What kernels are compiled for, separated by commas: "
                     "sm_80, sm_90a, sm_100f; compute_90a, compute_100f (PTX "
                     "for that architecture alone); ptx (portable); or cpu "
                     "alone");
  command
      .add_option("-O,--optimize", level,
                  "0: one kernel an operation, nothing merged, nothing fused; "
                  "1, the default: fused")
      ->check(CLI::Range(0, 1));
  command.add_flag(
      "--preview-kernels", request.preview,
      "kernels that are seldom faster yet: on sm_90a GEMMs by tensor maps "
      "for all products of causal models' prompts and for large weights, in "
      "more tile shapes, with norms inside them; beside the library's they "
      "are candidates of ft-run --tune");
  addImportOptions(command, request.import);
}

Status ModelOptions::finish() {
  request.optimize = level > 0;
  request.targets.clear();
  if (targets == "cpu")
    return {};
  std::stringstream list(targets);
  for (std::string target; std::getline(list, target, ',');) {
    if (!codegen::isKnownTarget(target))
      return invalidArgument(
          "--target: unknown target '" + target +
          "'; expected some of sm_80, sm_90a, sm_100f, compute_90a, "
          "compute_100f, ptx, or cpu alone");
    request.targets.push_back(target);
  }
  if (request.targets.empty())
    return invalidArgument("--target: expected a target, found nothing");
  return {};
}

void ft::printWarnings(const Warnings &warnings) {
  for (const std::string &warning : warnings)
    std::fprintf(stderr, "ftc: warning: %s\n", warning.c_str());
}

int ft::report(const Status &status) {
  if (status.ok())
    return 0;
  std::fprintf(stderr, "ftc: error: %s\n", status.message().c_str());
  return 1;
}
