#include "shim/back_trace.h"

#include <dlfcn.h>

#include <cstdint>
#include <cstdio>

#include "shim/dlopen_redirect.h"

namespace paella::shim {
namespace {

constexpr int kMaxFrames = 32;
constexpr std::size_t kMaxLineBytes = 512;

using BackTraceFunction = int (*)(void** frames, int capacity);

// libunwind's local back trace; its documentation gives the symbol no prefix of the architecture.
BackTraceFunction FindBackTrace() {
  void* library = RealDlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
  return library == nullptr ? nullptr : reinterpret_cast<BackTraceFunction>(dlsym(library, "unw_backtrace"));
}

void AppendFrame(std::string& text, int number, void* frame) {
  Dl_info where{};
  dladdr(frame, &where);
  const auto offset = reinterpret_cast<std::uintptr_t>(frame) - reinterpret_cast<std::uintptr_t>(where.dli_fbase);
  char line[kMaxLineBytes];
  std::snprintf(line, sizeof line, "#%d %s+0x%lx %s\n", number, where.dli_fname != nullptr ? where.dli_fname : "?",
                static_cast<unsigned long>(offset), where.dli_sname != nullptr ? where.dli_sname : "");
  text += line;
}

}  // namespace

std::string BackTrace() {
  static const BackTraceFunction back_trace = FindBackTrace();
  if (back_trace == nullptr) return "(no back trace: libunwind.so.8 is not installed)\n";
  void* frames[kMaxFrames];
  const int count = back_trace(frames, kMaxFrames);
  std::string text;
  for (int i = 0; i < count; ++i) AppendFrame(text, i, frames[i]);
  return text;
}

}  // namespace paella::shim
