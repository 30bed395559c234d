# ft_add_library(<name> LAYER <layer> SOURCES <file>... [DEPENDS <target>...])
# One library a folder. The layer rule of docs/architecture.md is checked here:
# a library may depend only on libraries of the layers its own layer allows.
set(FT_LAYER_plan_ALLOWS plan)
set(FT_LAYER_runtime_ALLOWS plan runtime)
set(FT_LAYER_ir_ALLOWS ir)
set(FT_LAYER_frontends_ALLOWS plan ir frontends)
set(FT_LAYER_passes_ALLOWS ir passes)
set(FT_LAYER_codegen_ALLOWS plan ir passes codegen)
set(FT_LAYER_tools_ALLOWS plan runtime ir frontends passes codegen tools)

function(ft_add_library name)
  cmake_parse_arguments(FT "" "LAYER" "SOURCES;DEPENDS" ${ARGN})
  if(NOT DEFINED FT_LAYER_${FT_LAYER}_ALLOWS)
    message(FATAL_ERROR "${name}: unknown layer '${FT_LAYER}'")
  endif()
  add_library(${name} STATIC ${FT_SOURCES})
  set_target_properties(${name} PROPERTIES FT_LAYER ${FT_LAYER})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}
                                            ${CMAKE_BINARY_DIR})
  foreach(dep ${FT_DEPENDS})
    if(TARGET ${dep})
      get_target_property(layer ${dep} FT_LAYER)
      if(layer AND NOT layer IN_LIST FT_LAYER_${FT_LAYER}_ALLOWS)
        message(FATAL_ERROR
          "${name} (layer ${FT_LAYER}) may not depend on ${dep} (layer ${layer})")
      endif()
    endif()
    target_link_libraries(${name} PUBLIC ${dep})
  endforeach()
  if(FT_LAYER MATCHES "^(ir|frontends|passes|codegen)$")
    ft_use_mlir(${name})
  elseif(FTC_SANITIZE)
    # Our assertions too; not where MLIR's headers would see it, whose layout
    # has to match the packaged archives.
    target_compile_options(${name} PRIVATE -UNDEBUG)
  endif()
endfunction()

# ft_add_gtest(<name> SOURCES <file>... DEPENDS <target>...)
# One GoogleTest program in build/bin/unit, found there by tools/test.
function(ft_add_gtest name)
  cmake_parse_arguments(FT "" "" "SOURCES;DEPENDS" ${ARGN})
  if(NOT FTC_TESTS)
    return()
  endif()
  add_executable(${name} ${FT_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}
                                             ${CMAKE_BINARY_DIR})
  target_compile_definitions(${name} PRIVATE
    FT_SOURCE_DIR="${CMAKE_SOURCE_DIR}" FT_BUILD_DIR="${CMAKE_BINARY_DIR}")
  target_link_libraries(${name} PRIVATE ${FT_DEPENDS} GTest::gtest_main)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin/unit)
  add_test(NAME ${name} COMMAND ${name})
endfunction()
