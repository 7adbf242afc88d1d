// One unit of work of one client's stream, from the moment its record was read and checked until it is done.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_COMMAND_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_COMMAND_H_

#include <cuda.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "scheduler_daemon/executor/word_condition.h"
#include "scheduler_daemon/policies/flight_recorder.h"
#include "scheduler_daemon/policies/work.h"

namespace paella::scheduler_daemon {

class GraphBuild;
class GraphSlices;

// A command of another stream of the same client that has to be done first.
struct Dependency {
  std::uint32_t stream;
  std::uint64_t sequence;
};

struct Command {
  enum class Kind : std::uint8_t {
    kGpu,       // `issue` gives it to the driver
    kMarker,    // nothing to do; holds a place in its stream's order
    kCallback,  // the client runs a function, and the stream goes on when it says so
    kHold,      // nothing to do, but not before `may_pass`, or before `word` holds, which only the GPU sees
  };

  std::uint32_t stream = 0;
  std::uint64_t sequence = 0;
  std::uint64_t arrival = 0;   // counts all commands of all clients
  ReadTimes read;
  Kind kind = Kind::kGpu;
  std::uint64_t callback = 0;  // of kCallback
  std::uint64_t record_bytes = 0;  // what it came in: about what `issue` keeps
  std::uint32_t nodes = 1;     // of a graph: how many things it makes the GPU do
  Work work;                   // of kGpu: what the policy knows of it
  bool prints = false;         // it may (printing_turn.h)
  bool asserts = false;        // it may end the context by an assertion
  bool needs_all_sms = false;  // of a tenant with a share of them, too
  std::vector<Dependency> dependencies;
  std::function<bool()> may_pass;     // of kHold: asked again and again, once all before it is done
  std::optional<WordCondition> word;  // the same of device memory
  std::function<CUresult(CUstream)> issue;  // on the dispatching thread; must not wait
  std::uint64_t graph_number = 0;           // of the launch of a graph: the client's name of it
  std::shared_ptr<GraphBuild> graph;
  std::shared_ptr<const GraphSlices> slices;  // it goes in these, and `issue` is not called
  std::function<void()> on_completed;       // on the dispatching thread, may be empty; must not wait. Also if it is dropped

  // What it costs while it waits.
  std::uint64_t memory_bytes() const {
    return sizeof(Command) + record_bytes + dependencies.size() * sizeof(Dependency);
  }
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_COMMAND_H_
