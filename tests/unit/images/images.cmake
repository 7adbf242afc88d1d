# The kernels of this folder, compiled into code images in each form that programs hand to the driver: NAME.cubin, and
# NAME.MODE.fatbin for each way of compression.
include(${PROJECT_SOURCE_DIR}/examples/cmake/CudaDriverProgram.cmake)

set(image_folder ${CMAKE_CURRENT_BINARY_DIR}/images)
file(MAKE_DIRECTORY ${image_folder})

function(add_image output source)
  add_custom_command(
    OUTPUT ${image_folder}/${output}
    COMMAND ${EXAMPLES_NVCC} ${ARGN} -o ${image_folder}/${output} ${CMAKE_CURRENT_SOURCE_DIR}/unit/images/${source}.cu
    DEPENDS unit/images/${source}.cu
    COMMENT "Compiling the image ${output}" VERBATIM)
  set_property(GLOBAL APPEND PROPERTY PAELLA_TEST_IMAGES ${image_folder}/${output})
endfunction()

foreach(source no_variables variable constant prints)
  add_image(${source}.cubin ${source} -cubin -arch=sm_90)
  foreach(mode none size speed)  # no compression, zstd, LZ4 (of PTX)
    add_image(${source}.${mode}.fatbin ${source} -fatbin -compress-mode=${mode}
              -gencode arch=compute_90,code=sm_90 -gencode arch=compute_75,code=compute_75)
  endforeach()
endforeach()
# Machine code for another architecture, and for no other: not what a GPU of 9.0 would load.
add_image(mixed.fatbin no_variables -fatbin -compress-mode=size
          -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=sm_90)

get_property(images GLOBAL PROPERTY PAELLA_TEST_IMAGES)
add_custom_target(unit_test_images DEPENDS ${images})
