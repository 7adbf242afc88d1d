// Whether a code image has variables: memory that comes with the code, and that its kernels or the host may write.
// Two programs may use one copy of the code only if it has none (modules.h).
//
// The images are a client's. What is not understood counts as a variable: that costs a copy of the code, nothing else.
// Pure; any thread.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_IMAGE_VARIABLES_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_IMAGE_VARIABLES_H_

#include <cstddef>
#include <span>
#include <string_view>

namespace paella::scheduler_daemon {

// An ELF file, PTX text, or a fat binary of these, compressed or not. Of a fat binary's machine code only that for
// GPUs of `architecture_major` counts: no other can be loaded.
bool IsFreeOfVariables(std::span<const std::byte> image, int architecture_major);

bool ElfIsFreeOfVariables(std::span<const std::byte> elf);
bool PtxIsFreeOfVariables(std::string_view ptx);

// Whether a variable of that name is one that the compiler or the CUDA headers make and that no code writes: texts,
// tables, virtual tables, the empty objects of CCCL and CuTe.
bool IsNeverWritten(std::string_view name);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_IMAGE_VARIABLES_H_
