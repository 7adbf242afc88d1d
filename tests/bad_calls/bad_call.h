// The table of bad calls: what the driver is asked for, and in which state of the process.
//
// One list per topic, each in a file of its own; AllBadCalls() puts them together. A row is wrong on purpose, in one
// way. It only does what the driver is known or documented to answer: a rubbish handle is none of these, since the
// real driver follows the pointer.
#ifndef PAELLA_TESTS_BAD_CALLS_BAD_CALL_H_
#define PAELLA_TESTS_BAD_CALLS_BAD_CALL_H_

#include <span>
#include <string>
#include <vector>

#include "tests/bad_calls/row.h"

namespace paella::bad_calls {

enum class Start {
  kWithContext,     // the state is prepared, its context is current
  kInOwnProcess,    // the same, in a process that nothing else happened in, and nothing else happens in later
  kWithoutContext,  // cuInit was called; no context is current, nothing is prepared
  kBeforeInit,      // not even that
};

struct BadCall {
  const char* name;  // topic.what_is_wrong
  void (*run)(Row& row);
  Start start = Start::kWithContext;

  std::string topic() const;
};

using BadCalls = std::span<const BadCall>;

BadCalls InitBadCalls();
BadCalls DeviceBadCalls();
BadCalls NoContextBadCalls();
BadCalls ContextBadCalls();
BadCalls StreamBadCalls();
BadCalls EventBadCalls();
BadCalls CallbackBadCalls();
BadCalls MemoryBadCalls();
BadCalls HostMemoryBadCalls();
BadCalls PointerAttributeBadCalls();
BadCalls CopyBadCalls();
BadCalls BoxCopyBadCalls();
BadCalls ArrayBadCalls();
BadCalls MemsetBadCalls();
BadCalls StreamOrderedAllocationBadCalls();
BadCalls VirtualMemoryBadCalls();
BadCalls ModuleBadCalls();
BadCalls ImageBadCalls();
BadCalls LibraryBadCalls();
BadCalls FunctionBadCalls();
BadCalls KernelBadCalls();
BadCalls OccupancyBadCalls();
BadCalls LaunchBadCalls();
BadCalls LaunchParameterBadCalls();
BadCalls LaunchAttributeBadCalls();
BadCalls CaptureBadCalls();
BadCalls GraphBadCalls();
BadCalls FaultBadCalls();
BadCalls AfterFaultBadCalls();

// In the order of the lists above.
const std::vector<BadCall>& AllBadCalls();
// Null if there is none.
const BadCall* FindBadCall(const std::string& name);

}  // namespace paella::bad_calls

#endif  // PAELLA_TESTS_BAD_CALLS_BAD_CALL_H_
