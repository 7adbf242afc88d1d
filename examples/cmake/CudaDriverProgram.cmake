# Programs of the CUDA driver API: they need the toolkit to build, and libcuda.so.1 (the driver's own library) to run.

set(EXAMPLES_CUDA_HINTS ENV CUDA_HOME ENV CUDA_PATH /usr/local/cuda /opt/cuda)
find_program(EXAMPLES_NVCC nvcc HINTS ${EXAMPLES_CUDA_HINTS} PATH_SUFFIXES bin REQUIRED)
find_program(EXAMPLES_BIN2C bin2c HINTS ${EXAMPLES_CUDA_HINTS} PATH_SUFFIXES bin REQUIRED)
find_path(EXAMPLES_CUDA_INCLUDE cuda.h HINTS ${EXAMPLES_CUDA_HINTS}
          PATH_SUFFIXES include targets/${CMAKE_SYSTEM_PROCESSOR}-linux/include REQUIRED)
# The stub only satisfies the linker. It comes before a driver that may be installed, so that a build is the same on
# machines with and without one.
find_library(EXAMPLES_CUDA_STUB cuda HINTS ${EXAMPLES_CUDA_HINTS}
             PATH_SUFFIXES lib64/stubs lib/stubs targets/${CMAKE_SYSTEM_PROCESSOR}-linux/lib/stubs REQUIRED)
get_filename_component(EXAMPLES_CUDA_STUB_FOLDER ${EXAMPLES_CUDA_STUB} DIRECTORY)
get_filename_component(EXAMPLES_INCLUDE_ROOT ${CMAKE_CURRENT_LIST_DIR}/../.. ABSOLUTE)

# PTX of the oldest architecture that the toolkit knows runs everywhere, machine code saves Hopper the compilation.
# Uncompressed, so that the PTX can be read with any tool.
set(EXAMPLES_FATBIN_FLAGS -fatbin -compress-mode=none -std=c++17
    -gencode arch=compute_75,code=compute_75 -gencode arch=compute_90,code=sm_90
    CACHE STRING "What nvcc is told for the examples' kernels")

# add_cuda_driver_program(NAME KERNELS name.cu SOURCES a.cc b.cc [HEADERS h.h]): the kernels are embedded as the array
# of 64-bit words
# `NAME_kernels`; HEADERS are what the kernels include.
function(add_cuda_driver_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "KERNELS" "SOURCES;HEADERS")
  set(fatbin ${CMAKE_CURRENT_BINARY_DIR}/${name}.fatbin)
  set(embedded ${CMAKE_CURRENT_BINARY_DIR}/${name}_kernels.c)
  list(TRANSFORM arg_HEADERS PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  add_custom_command(
    OUTPUT ${fatbin}
    COMMAND ${EXAMPLES_NVCC} ${EXAMPLES_FATBIN_FLAGS} -I ${EXAMPLES_INCLUDE_ROOT}
            -o ${fatbin} ${CMAKE_CURRENT_SOURCE_DIR}/${arg_KERNELS}
    DEPENDS ${arg_KERNELS} ${arg_HEADERS}
    COMMENT "Compiling the kernels of ${name}" VERBATIM)
  # The driver reads a fat binary as 64-bit words: an array of those is aligned for it.
  add_custom_command(
    OUTPUT ${embedded}
    COMMAND ${EXAMPLES_BIN2C} --const --type longlong --name ${name}_kernels ${fatbin} > ${embedded}
    DEPENDS ${fatbin}
    COMMENT "Embedding the kernels of ${name}" VERBATIM)
  add_executable(${name} ${arg_SOURCES} ${embedded})
  target_link_directories(${name} PRIVATE ${EXAMPLES_CUDA_STUB_FOLDER})
  target_link_libraries(${name} PRIVATE examples_common -lcuda)
  # CMake would record the stub's folder as the place to look at run time.
  set_target_properties(${name} PROPERTIES SKIP_BUILD_RPATH TRUE)
endfunction()
