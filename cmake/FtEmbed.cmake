# ft_embed_kernels(<out> <file>...): each file as {"name", "text"}, in raw
# string literals short enough for every compiler.
function(ft_embed_kernels out)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} "-DFILES=${ARGN}"
            -P ${CMAKE_SOURCE_DIR}/cmake/EmbedKernels.cmake
    DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/cmake/EmbedKernels.cmake VERBATIM)
endfunction()
