# The virtual memory functions, from an ordinary program: on the simulated GPU alone, and on it through paellad.
set(folder ${CMAKE_CURRENT_LIST_DIR})
find_package(Python3 REQUIRED COMPONENTS Interpreter)
find_package(Threads REQUIRED)

add_executable(virtual_memory_program ${folder}/virtual_memory_program.cc)
target_include_directories(virtual_memory_program SYSTEM PRIVATE ${PAELLA_CUDA_INCLUDE})
# The toolkit's stub only satisfies the linker, and must not be found when the program runs.
target_link_libraries(virtual_memory_program PRIVATE ${PAELLA_CUDA_STUB} Threads::Threads)
set_target_properties(virtual_memory_program PROPERTIES SKIP_BUILD_RPATH TRUE)

add_test(NAME virtual_memory_native_test COMMAND virtual_memory_program check --misuse)
set_tests_properties(virtual_memory_native_test PROPERTIES TIMEOUT 60
  ENVIRONMENT "LD_LIBRARY_PATH=$<TARGET_FILE_DIR:paella_simulated_gpu>")

# A sanitizer's runtime must be a program's first library, which a preloaded libpaella.so would be.
if(NOT PAELLA_SANITIZE)
  add_test(NAME virtual_memory_test
    COMMAND Python3::Interpreter ${folder}/virtual_memory_test.py $<TARGET_FILE:paellad> $<TARGET_FILE:paellactl>
            $<TARGET_FILE:paella> $<TARGET_FILE:paella_simulated_gpu> $<TARGET_FILE:virtual_memory_program>)
  set_tests_properties(virtual_memory_test PROPERTIES TIMEOUT 300)
endif()
