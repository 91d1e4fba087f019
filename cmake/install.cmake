# cmake --install: the command, both libraries, the header, nnopt.pc and a CMake package.
include(CMakePackageConfigHelpers)

install(TARGETS nnopt RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS nnopt_shared EXPORT nnopt-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  PUBLIC_HEADER DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS nnopt_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT nnopt-targets NAMESPACE nnopt:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/nnopt)

# Relative to the .pc file, so that the tree can be installed anywhere and moved.
file(RELATIVE_PATH pc_prefix "/p/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/p")
configure_file(${PROJECT_SOURCE_DIR}/cmake/nnopt.pc.in ${PROJECT_BINARY_DIR}/nnopt.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/nnopt.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/nnopt-config.cmake.in
  ${PROJECT_BINARY_DIR}/nnopt-config.cmake INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/nnopt)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/nnopt-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/nnopt-config.cmake ${PROJECT_BINARY_DIR}/nnopt-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/nnopt)
