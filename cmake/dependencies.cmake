# What nnopt is not about comes from libraries: target nnopt_dependencies carries them all.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_program(PROTOC_C protoc-c REQUIRED)
pkg_check_modules(dependencies REQUIRED IMPORTED_TARGET
  libprotobuf-c libcjson libzip libjpeg libpng sndfile libmd)

add_library(nnopt_dependencies INTERFACE)
target_link_libraries(nnopt_dependencies INTERFACE
  PkgConfig::dependencies Threads::Threads ${CMAKE_DL_LIBS} m)
