# C code for the ONNX messages, generated from formats/onnx.proto.
set(onnx_proto_include ${PROJECT_BINARY_DIR}/generated)
set(onnx_proto_source ${onnx_proto_include}/onnx.pb-c.c)
file(MAKE_DIRECTORY ${onnx_proto_include})
add_custom_command(
  OUTPUT ${onnx_proto_source} ${onnx_proto_include}/onnx.pb-c.h
  COMMAND ${PROTOC_C} --proto_path=${PROJECT_SOURCE_DIR}/formats --c_out=${onnx_proto_include} onnx.proto
  DEPENDS ${PROJECT_SOURCE_DIR}/formats/onnx.proto
  VERBATIM)
set_source_files_properties(${onnx_proto_source} PROPERTIES COMPILE_OPTIONS "-w")
