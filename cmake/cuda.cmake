# The CUDA library, libnnopt_cuda.so: built by nvcc with the option NNOPT_CUDA, and for the tests by the
# C++ compiler over an emulator of CUDA's runtime (tests/cuda_emulator), wherever the toolkit's headers are.

file(GLOB_RECURSE cuda_c_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/ops/cuda/*.c)
file(GLOB_RECURSE cuda_cu_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/ops/cuda/*.cu)

# nnopt_cuda_library(TARGET FILE...): what both builds have in common. nnopt's own helpers come as private
# copies from the static library; only nnopt_cuda_open is seen from outside.
function(nnopt_cuda_library target)
  add_library(${target} SHARED ${cuda_c_sources} ${ARGN})
  set_source_files_properties(${PROJECT_SOURCE_DIR}/ops/cuda/runtime/library.c PROPERTIES
    COMPILE_DEFINITIONS NN_DEVICE_ABI="${device_abi}")
  target_link_libraries(${target} PRIVATE nnopt_static)
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
  target_link_options(${target} PRIVATE
    -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/nnopt_cuda.map -Wl,--as-needed -Wl,--no-undefined)
  set_target_properties(${target} PROPERTIES CXX_STANDARD 17 CXX_EXTENSIONS OFF CXX_VISIBILITY_PRESET hidden
    CUDA_STANDARD 17 CUDA_EXTENSIONS OFF CUDA_VISIBILITY_PRESET hidden)
endfunction()

set(cuda_c_warnings -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wshadow -ffp-contract=off -fno-math-errno)
set(cuda_cxx_warnings -Wall -Wextra)
if(NNOPT_WERROR)
  list(APPEND cuda_c_warnings -Werror)
  list(APPEND cuda_cxx_warnings -Werror)
endif()

if(NNOPT_CUDA)
  set(NNOPT_CUDA_ARCHITECTURES 90 CACHE STRING "Compute capabilities to build for: machine code and PTX for each")
  set(CMAKE_CUDA_ARCHITECTURES ${NNOPT_CUDA_ARCHITECTURES})
  enable_language(CUDA)
  find_package(CUDAToolkit REQUIRED)
  nnopt_cuda_library(nnopt_cuda ${cuda_cu_sources})
  list(JOIN cuda_cxx_warnings "," cuda_host_warnings)
  target_compile_options(nnopt_cuda PRIVATE
    "$<$<COMPILE_LANGUAGE:C>:${cuda_c_warnings}>"
    "$<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr;-Xcompiler=${cuda_host_warnings}>")
  target_include_directories(nnopt_cuda SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
  set_target_properties(nnopt_cuda PROPERTIES CUDA_RUNTIME_LIBRARY Static)
  target_link_libraries(nnopt_cuda PRIVATE CUDA::cudart_static)
  install(TARGETS nnopt_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
