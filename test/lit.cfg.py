# lit configuration: the tools of a build tree against test/**/*.mlir and *.test
import ctypes
import os
import shutil

import lit.formats

config.name = "ftc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "checkpoints", "lit.cfg.py"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.build_dir, "test")

path = [os.path.join(config.build_dir, "bin"), config.llvm_tools_dir]
config.environment["PATH"] = os.pathsep.join(path + [os.environ["PATH"]])
config.environment["FILECHECK_OPTS"] = "--enable-var-scope"
config.environment["LC_ALL"] = "C.UTF-8"
for name in ("XDG_CACHE_HOME", "CUDA_HOME", "HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]
if "sanitize" in config.ft_features:
    # A finding is a crash, which `not` tells from an error of the user's.
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
        options = config.environment.get(name, "")
        config.environment[name] = "abort_on_error=1:print_stacktrace=1:" + options

config.substitutions.append(("%examples", os.path.join(config.source_dir, "examples")))
config.substitutions.append(("%build", config.build_dir))
config.substitutions.append(("%src", config.source_dir))
config.substitutions.append(("%python", config.python))

for feature in config.ft_features:
    config.available_features.add(feature)

# Pages are looked at in whatever headless browser there is.
for name in ("chromium-headless-shell", "chromium"):
    browser = shutil.which(name)
    if browser:
        config.available_features.add("browser")
        config.substitutions.append(("%browser", browser))
        break

# Kernels compile wherever NVRTC is found, without a GPU.
for folder in ("", "/usr/local/cuda/lib64/", os.environ.get("CUDA_HOME", "") + "/lib64/"):
    for name in ("libnvrtc.so.13", "libnvrtc.so.12"):
        try:
            ctypes.CDLL(folder + name)
            config.available_features.add("nvrtc")
        except OSError:
            pass
