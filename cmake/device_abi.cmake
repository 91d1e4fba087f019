# NN_DEVICE_ABI names the headers that a device's library shares with its host: both must come from the
# same text, for structures pass between them.
file(GLOB device_headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/base/*.h ${PROJECT_SOURCE_DIR}/ops/*.h
  ${PROJECT_SOURCE_DIR}/ops/family/*.h ${PROJECT_SOURCE_DIR}/engine/plan/prepare.h ${PROJECT_SOURCE_DIR}/include/nnopt.h)
set(device_abi "")
foreach(header ${device_headers})
  file(SHA256 ${header} hash)
  string(APPEND device_abi ${hash})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header})
endforeach()
string(SHA256 device_abi "${device_abi}")
string(SUBSTRING ${device_abi} 0 16 device_abi)
set_source_files_properties(${PROJECT_SOURCE_DIR}/base/device.c PROPERTIES COMPILE_DEFINITIONS NN_DEVICE_ABI="${device_abi}")
