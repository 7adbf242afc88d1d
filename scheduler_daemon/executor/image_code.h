// The pieces of code in what a program hands to the driver: an ELF file, PTX text, or a fat binary of these.
//
// The images are a client's, and may be anything. Pure; any thread.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_IMAGE_CODE_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_IMAGE_CODE_H_

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>

namespace paella::scheduler_daemon {

enum class CodeKind { kPtx, kElf };

using CodeVisitor = std::function<bool(CodeKind kind, std::span<const std::byte> code)>;

// Shows `visit` each piece, unpacked, as long as it answers true. Of a fat binary's machine code only that for GPUs of
// `architecture_major` counts: no other can be loaded. False: it answered false, or there is something that is not
// understood, or no code at all.
bool VisitCode(std::span<const std::byte> image, int architecture_major, const CodeVisitor& visit);

// Up to the terminating zero, if there is one.
std::string_view TextOf(std::span<const std::byte> bytes);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_IMAGE_CODE_H_
