//===- AsanOptions.cpp - sanitizer defaults beside packaged LLVM ----------===//
// Linked into tools that use MLIR in the asan+ubsan preset only. The packaged
// archives are not instrumented: containers and arenas that both sides touch
// would be reported wherever only one of them keeps the shadow up to date. The
// variable ASAN_OPTIONS overrides each of these.
extern "C" const char *__asan_default_options();

const char *__asan_default_options() {
  return "detect_container_overflow=0:allow_user_poisoning=0";
}
