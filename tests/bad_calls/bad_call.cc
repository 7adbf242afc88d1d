#include "tests/bad_calls/bad_call.h"

#include <algorithm>

namespace paella::bad_calls {

std::string BadCall::topic() const {
  const std::string whole = name;
  return whole.substr(0, whole.find('.'));
}

const std::vector<BadCall>& AllBadCalls() {
  static const std::vector<BadCall>* const all = [] {
    auto* const rows = new std::vector<BadCall>;
    for (const BadCalls topic :
         {InitBadCalls(), DeviceBadCalls(), NoContextBadCalls(), ContextBadCalls(), StreamBadCalls(), EventBadCalls(),
          CallbackBadCalls(), MemoryBadCalls(), HostMemoryBadCalls(), PointerAttributeBadCalls(), CopyBadCalls(),
          BoxCopyBadCalls(), ArrayBadCalls(), MemsetBadCalls(), StreamOrderedAllocationBadCalls(),
          VirtualMemoryBadCalls(), ModuleBadCalls(), ImageBadCalls(), LibraryBadCalls(), FunctionBadCalls(),
          KernelBadCalls(), OccupancyBadCalls(), LaunchBadCalls(), LaunchParameterBadCalls(), LaunchAttributeBadCalls(),
          CaptureBadCalls(), GraphBadCalls(), FaultBadCalls(), AfterFaultBadCalls()}) {
      rows->insert(rows->end(), topic.begin(), topic.end());
    }
    return rows;
  }();
  return *all;
}

const BadCall* FindBadCall(const std::string& name) {
  const auto& all = AllBadCalls();
  const auto found = std::find_if(all.begin(), all.end(), [&](const BadCall& row) { return name == row.name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace paella::bad_calls
