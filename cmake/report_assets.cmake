# Style and script of the HTML report as C constants.
set(report_assets_source)
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/generated)
foreach(asset "css nn_html_style" "js nn_html_script")
  separate_arguments(asset)
  list(GET asset 0 suffix)
  list(GET asset 1 symbol)
  set(input ${PROJECT_SOURCE_DIR}/formats/report_html.${suffix})
  set(output ${PROJECT_BINARY_DIR}/generated/report_html_${suffix}.c)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${input} -DOUTPUT=${output} -DNAME=${symbol} -DHEADER=formats/report_html.h
      -P ${PROJECT_SOURCE_DIR}/cmake/embed_text.cmake
    DEPENDS ${input} ${PROJECT_SOURCE_DIR}/cmake/embed_text.cmake
    VERBATIM)
  list(APPEND report_assets_source ${output})
endforeach()
