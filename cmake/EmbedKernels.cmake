# Run by ft_embed_kernels: writes OUT from FILES (a list).
set(text "")
foreach(path ${FILES})
  # Headers of one architecture lie in a folder, and are included by it.
  string(REGEX REPLACE "^.*/kernels/" "" name ${path})
  file(READ ${path} body)
  # Brackets and semicolons stay as they are: no list operation touches them.
  string(LENGTH "${body}" length)
  string(APPEND text "{\"${name}\",\n")
  set(at 0)
  while(at LESS length)
    string(SUBSTRING "${body}" ${at} 8000 part)
    string(APPEND text "R\"~cuh~(${part})~cuh~\"\n")
    math(EXPR at "${at} + 8000")
  endwhile()
  string(APPEND text "},\n")
endforeach()
file(WRITE ${OUT} "${text}")
