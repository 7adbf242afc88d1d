// From PTX text to a program that warps can run.
//
// Called by the thread that loads a module; no state. The memory of the module's variables belongs to the caller, who
// gives it through `allocate` and keeps it for as long as the program.
#ifndef PAELLA_TESTS_SIMULATED_GPU_PROGRAM_BUILDER_H_
#define PAELLA_TESTS_SIMULATED_GPU_PROGRAM_BUILDER_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "tests/simulated_gpu/program.h"

namespace paella::simulated_gpu {

// Null, with the line and the instruction in `error`, if the text has anything that the interpreter does not know.
// `allocate` gets a size in bytes and returns zeroed memory, aligned to 256 bytes, or null.
std::shared_ptr<const Program> BuildProgram(std::string_view ptx, const std::function<std::uint8_t*(std::size_t)>& allocate,
                                            std::string& error);

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_PROGRAM_BUILDER_H_
