# The CUDA device needs headers only: its libraries are opened at run time.
if(FTC_CUDA)
  find_path(FT_CUDA_INCLUDE cublasLt.h
    HINTS ENV CUDA_HOME PATHS /usr/local/cuda/include
    PATH_SUFFIXES include)
  if(NOT FT_CUDA_INCLUDE)
    message(WARNING "No CUDA toolkit headers found: building without the CUDA "
      "device. Install the toolkit, or run tools/setup --pip-cuda.")
    set(FTC_CUDA OFF)
  endif()
endif()
