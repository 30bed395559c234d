# MLIR 22 from the distribution's packages, linked statically.
find_package(MLIR REQUIRED CONFIG HINTS /usr/lib/llvm-22)
if(NOT LLVM_VERSION_MAJOR EQUAL 22)
  message(FATAL_ERROR "ftc needs MLIR 22, found ${LLVM_PACKAGE_VERSION}")
endif()

# The packaged archives name libLLVM.so as their link interface; linking it
# beside the component archives would register options twice, and ftc must run
# without it. Replace it by the components, for every MLIR archive.
get_property(ft_mlir_targets DIRECTORY PROPERTY IMPORTED_TARGETS)
foreach(target ${ft_mlir_targets})
  if(target MATCHES "^MLIR")
    get_target_property(interface ${target} INTERFACE_LINK_LIBRARIES)
    if("LLVM" IN_LIST interface)
      list(REMOVE_ITEM interface LLVM)
      list(APPEND interface LLVMRemarks LLVMCore LLVMSupport)
      set_target_properties(${target} PROPERTIES
        INTERFACE_LINK_LIBRARIES "${interface}")
    endif()
  endif()
endforeach()
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)

# Compiler code is compiled without RTTI as LLVM is, and at -O1: its time goes
# to NVRTC, and a full build has to fit two cores.
function(ft_use_mlir target)
  target_include_directories(${target} SYSTEM PUBLIC ${LLVM_INCLUDE_DIRS}
                                                     ${MLIR_INCLUDE_DIRS})
  target_compile_definitions(${target} PUBLIC ${LLVM_DEFINITIONS})
  target_compile_options(${target} PRIVATE -fno-rtti -Wno-unused-parameter)
  get_target_property(type ${target} TYPE)
  if(NOT FTC_SANITIZE)
    target_compile_options(${target} PRIVATE -O1)
  elseif(type STREQUAL "EXECUTABLE")
    target_sources(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tools/AsanOptions.cpp)
  endif()
endfunction()

# ft_tablegen(<td file> <out> <flags>...): run mlir-tblgen beside the source.
function(ft_tablegen td)
  # ARGN: pairs of output file and generator flag, separated by '|'.
  set(outputs)
  foreach(pair ${ARGN})
    string(REPLACE "|" ";" parts "${pair}")
    list(GET parts 0 out)
    list(SUBLIST parts 1 -1 flags)
    set(path ${CMAKE_CURRENT_BINARY_DIR}/${out})
    file(GLOB deps CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/ir/*.td
                                     ${CMAKE_SOURCE_DIR}/passes/*.td)
    add_custom_command(OUTPUT ${path}
      COMMAND ${MLIR_TABLEGEN_EXE} ${flags} -I ${CMAKE_SOURCE_DIR}
              -I ${MLIR_INCLUDE_DIRS} ${CMAKE_CURRENT_SOURCE_DIR}/${td} -o ${path}
      DEPENDS ${deps} VERBATIM)
    list(APPEND outputs ${path})
  endforeach()
  set(FT_TABLEGEN_OUTPUTS ${FT_TABLEGEN_OUTPUTS} ${outputs} PARENT_SCOPE)
endfunction()
