// Which kernels of a code image may write text: by printf, or by an assertion that fails. Both are calls of functions
// that the driver provides, vprintf and __assertfail, and an image names what it calls.
//
// The images are a client's. What is not understood may write. Pure; any thread.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_KERNEL_TEXT_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_KERNEL_TEXT_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>

namespace paella::scheduler_daemon {

struct KernelNames {
  bool all = false;
  std::unordered_set<std::string> names;

  bool contains(const std::string& name) const { return all || names.contains(name); }
};

struct KernelText {
  KernelNames prints;
  KernelNames asserts;
};

// Of an ELF file, PTX text, or a fat binary of these, compressed or not (VisitCode).
KernelText FindKernelText(std::span<const std::byte> image, int architecture_major);

// Add what one piece of code has. False: it is not understood.
bool AddTextOfElf(std::span<const std::byte> elf, KernelText& text);
bool AddTextOfPtx(std::string_view ptx, KernelText& text);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_KERNEL_TEXT_H_
