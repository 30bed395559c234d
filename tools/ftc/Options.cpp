//===- Options.cpp - options that ftc's subcommands share -----------------===//
#include "tools/ftc/Options.h"

#include "codegen/cuda/Nvrtc.h"

#include <cstdio>
#include <sstream>

using namespace ft;

void ModelOptions::addTo(CLI::App &command) {
  command
      .add_option("model", request.model,
                  "A Hugging Face model directory or a model.json")
      ->required();
  command
      .add_option("--dtype", request.dtype,
                  "Type of matrices, activations and caches: f32, f16, bf16; "
                  "auto is the checkpoint's own")
      ->check(CLI::IsMember({"auto", "f32", "f16", "bf16"}));
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
  command.add_flag("--preview-kernels", request.preview,
                   "kernels that have not run in whole models on a GPU yet: "
                   "append and attention of up to 64 tokens in one; on sm_90a "
                   "also GEMVs that look ahead, and GEMMs by tensor maps as "
                   "candidates of ft-run --tune");
  command
      .add_option("--ignore-config-key", request.ignoredConfigKeys,
                  "A key of config.json to overlook, at your own risk; "
                  "repeatable")
      ->allow_extra_args(false);
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

int ft::report(const Status &status) {
  if (status.ok())
    return 0;
  std::fprintf(stderr, "ftc: error: %s\n", status.message().c_str());
  return 1;
}
