// Parses PTX text (ISA 6.0 to 9.0, 64-bit addresses) into a PtxModule.
#ifndef PAELLA_TESTS_SIMULATED_GPU_PTX_PARSER_H_
#define PAELLA_TESTS_SIMULATED_GPU_PTX_PARSER_H_

#include <string>
#include <string_view>

#include "tests/simulated_gpu/ptx_module.h"

namespace paella::simulated_gpu {

// False if the text is not PTX that this parser knows; `error` then says "line N: ...". Any thread; no state.
bool ParsePtx(std::string_view text, PtxModule& module, std::string& error);

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_PTX_PARSER_H_
