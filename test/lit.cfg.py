# lit configuration: the tools of a build tree against test/**/*.mlir and *.test
import os

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
for name in ("XDG_CACHE_HOME", "CUDA_HOME", "HOME", "ASAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

config.substitutions.append(("%examples", os.path.join(config.source_dir, "examples")))
config.substitutions.append(("%build", config.build_dir))
config.substitutions.append(("%src", config.source_dir))
config.substitutions.append(("%python", config.python))

for feature in config.ft_features:
    config.available_features.add(feature)
