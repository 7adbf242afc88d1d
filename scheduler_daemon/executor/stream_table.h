// The software queues of one client: its streams, what waits in each, and CUDA's ordering rules between them.
//
// Knows no driver and no channel, so that the rules are testable alone. For each stream three positions only grow:
//
//   completed  ≤  dispatched  ≤  enqueued        (sequence numbers of its last command in that state)
//
// A graph can go to the GPU in slices. Until the last one is dispatched it is the stream's head, and a StreamPosition
// says how far it is.
//
// Legacy default stream (0): a command of it waits for all that blocking streams were given before it, and a command of
// a blocking stream waits for all that stream 0 was given before it. Non-blocking streams do neither.
//
// Dispatching thread only.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_STREAM_TABLE_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_STREAM_TABLE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory_resource>
#include <vector>

#include "ipc/channel.h"
#include "scheduler_daemon/executor/command.h"

namespace paella::scheduler_daemon {

// A place in a stream's order, as a number: behind all commands up to `sequence`, and so many slices of the next.
using StreamPosition = std::uint64_t;
inline constexpr unsigned kSliceBits = 10;
inline constexpr StreamPosition PositionOf(std::uint64_t sequence, std::uint32_t slices = 0) {
  return (sequence << kSliceBits) + slices;
}
inline constexpr std::uint64_t SequenceAt(StreamPosition position) { return position >> kSliceBits; }
inline constexpr std::uint32_t SlicesAt(StreamPosition position) {
  return static_cast<std::uint32_t>(position & ((1u << kSliceBits) - 1));
}

struct StreamQueue {
  explicit StreamQueue(std::pmr::memory_resource* memory) : waiting(memory) {}

  bool exists = false;
  bool blocking = true;
  bool destroyed = false;         // by the client; goes when its last command is done
  bool awaits_callback = false;   // its head was handed to the client
  std::int32_t priority = 0;
  std::uint64_t enqueued = 0;
  std::uint64_t dispatched = 0;
  std::uint64_t completed = 0;
  std::uint32_t slices_dispatched = 0;             // of the command dispatched + 1
  std::uint32_t slices_completed = 0;              // of the command completed + 1
  std::pmr::deque<Command> waiting;                // dispatched + 1 ... enqueued
  struct Graph {
    std::uint64_t sequence;
    std::uint32_t nodes;
  };
  std::deque<Graph> graphs;                        // of completed + 1 ... dispatched
  std::uint64_t nodes_in_flight = 0;               // of all commands in flight; one that is no graph is one
  std::multimap<std::uint64_t, std::function<void()>> on_completed;  // by the sequence that has to be done

  bool idle() const { return completed == enqueued; }
  bool in_flight() const { return completed_position() < dispatched_position(); }
  StreamPosition dispatched_position() const { return PositionOf(dispatched, slices_dispatched); }
  StreamPosition completed_position() const { return PositionOf(completed, slices_completed); }
};

class StreamTable {
 public:
  static constexpr std::uint32_t kLegacy = 0;

  StreamTable();

  // False: the number is bad or in use.
  [[nodiscard]] bool Create(std::uint32_t stream, bool blocking, std::int32_t priority);
  [[nodiscard]] bool Destroy(std::uint32_t stream);
  [[nodiscard]] bool SetPriority(std::uint32_t stream, std::int32_t priority);

  // Takes the command and adds what stream 0's rules demand to its dependencies. False: no such stream, a sequence out
  // of turn, or a dependency on a command that was never enqueued: the client broke the protocol.
  [[nodiscard]] bool Enqueue(Command&& command);

  // Whether the stream's head may be given to the GPU now. Commands that it depends on are complete, or dispatched to
  // a stream for which the GPU can keep the order (Unfinished() names those).
  enum class Waiter { kGpu, kSoftware };  // who waits for commands of other streams that are on the GPU
  bool HeadIsReady(std::uint32_t stream, Waiter waiter = Waiter::kGpu) const;
  // Dependencies of the head that are dispatched and not complete.
  std::vector<Dependency> Unfinished(const Command& head) const;

  // The head leaves the queue as dispatched.
  Command TakeHead(std::uint32_t stream);
  // A slice of the head is dispatched, which is not its last.
  void TakeSlice(std::uint32_t stream) { ++streams_[stream].slices_dispatched; }

  // Everything of the stream up to `sequence` is done (more than was dispatched is cut off).
  void Complete(std::uint32_t stream, std::uint64_t sequence);
  // So many slices of the command behind those that are complete are done.
  void CompleteSlices(std::uint32_t stream, std::uint32_t slices) { streams_[stream].slices_completed = slices; }

  // Runs `job` once all that is enqueued now is done or was dropped: at once if nothing is.
  void WhenDone(std::function<void()> job);

  // Drops what was not dispatched, in all streams: nobody wants it any more. No head is dispatched in part. What waited
  // for the end of what is dropped waits for the end of what was dispatched; a callback that the client has not ended
  // counts as done.
  void DropWaiting();

  // Of all streams: commands that were not dispatched, and the memory that they cost.
  std::size_t waiting_commands() const { return waiting_commands_; }
  std::uint64_t waiting_bytes() const { return waiting_bytes_; }

  StreamQueue& at(std::uint32_t stream) { return streams_[stream]; }
  const StreamQueue& at(std::uint32_t stream) const { return streams_[stream]; }
  // Streams with something waiting or in flight.
  const std::vector<std::uint32_t>& active() const { return active_; }
  bool idle() const { return active_.empty(); }

 private:
  bool Exists(std::uint32_t stream) const;
  // Of the commands completed + 1 ... `sequence`.
  static std::uint64_t NodesUpTo(const StreamQueue& queue, std::uint64_t sequence);
  void AddLegacyRules(Command& command) const;
  // Adds what the dropped commands would have run at their end to `jobs`.
  void DropWaitingOf(StreamQueue& queue, std::vector<std::function<void()>>& jobs);

  // Commands come and go by the hundred thousand a second.
  std::pmr::unsynchronized_pool_resource command_memory_;
  std::vector<StreamQueue> streams_;
  std::vector<std::uint32_t> active_;
  std::size_t waiting_commands_ = 0;
  std::uint64_t waiting_bytes_ = 0;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_STREAM_TABLE_H_
