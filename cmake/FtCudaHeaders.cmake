# The CUDA device needs headers only: its libraries are opened at run time.
if(FTC_CUDA)
  find_path(FT_CUDA_INCLUDE cublasLt.h
    HINTS ENV CUDA_HOME PATHS /usr/local/cuda/include
    PATH_SUFFIXES include)
  if(NOT FT_CUDA_INCLUDE)
    message(WARNING "No CUDA toolkit headers found: building without the CUDA "
      "device. Install the toolkit, or run tools/setup --pip-cuda.")
    set(FTC_CUDA OFF)
  else()
    # PyPI's packages keep what the toolkit links to in a folder of its own.
    find_path(FT_CUDA_NV_INCLUDE nv/target
      HINTS ${FT_CUDA_INCLUDE} ${FT_CUDA_INCLUDE}/cccl NO_DEFAULT_PATH)
    # The libraries beside these headers are tried last at run time.
    get_filename_component(FT_CUDA_BUILD_HOME ${FT_CUDA_INCLUDE} DIRECTORY)
  endif()
endif()
