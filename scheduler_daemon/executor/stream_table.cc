#include "scheduler_daemon/executor/stream_table.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace paella::scheduler_daemon {

StreamTable::StreamTable() {
  streams_.reserve(ipc::kMaxStreams);
  while (streams_.size() < ipc::kMaxStreams) streams_.emplace_back(&command_memory_);
  streams_[kLegacy].exists = true;
}

bool StreamTable::Exists(std::uint32_t stream) const {
  return stream < streams_.size() && streams_[stream].exists && !streams_[stream].destroyed;
}

bool StreamTable::Create(std::uint32_t stream, bool blocking, std::int32_t priority) {
  if (stream >= streams_.size() || streams_[stream].exists) return false;
  StreamQueue& queue = streams_[stream];
  queue.exists = true;
  queue.destroyed = false;
  queue.blocking = blocking;
  queue.priority = priority;
  return true;
}

bool StreamTable::SetPriority(std::uint32_t stream, std::int32_t priority) {
  if (!Exists(stream)) return false;
  streams_[stream].priority = priority;
  return true;
}

bool StreamTable::Destroy(std::uint32_t stream) {
  if (stream == kLegacy || !Exists(stream)) return false;
  StreamQueue& queue = streams_[stream];
  queue.destroyed = !queue.idle();
  queue.exists = queue.destroyed;
  return true;
}

void StreamTable::AddLegacyRules(Command& command) const {
  const auto depend_on = [&](std::uint32_t other) {
    if (!streams_[other].idle()) command.dependencies.push_back({other, streams_[other].enqueued});
  };
  if (command.stream != kLegacy) {
    if (streams_[command.stream].blocking) depend_on(kLegacy);
    return;
  }
  for (const std::uint32_t other : active_) {
    if (other != kLegacy && streams_[other].blocking) depend_on(other);
  }
}

bool StreamTable::Enqueue(Command&& command) {
  if (!Exists(command.stream)) return false;
  StreamQueue& queue = streams_[command.stream];
  if (command.sequence != queue.enqueued + 1) return false;
  for (const Dependency& dependency : command.dependencies) {
    if (dependency.stream >= streams_.size() || dependency.sequence > streams_[dependency.stream].enqueued) return false;
  }
  AddLegacyRules(command);
  if (queue.idle()) active_.push_back(command.stream);
  ++queue.enqueued;
  ++waiting_commands_;
  waiting_bytes_ += command.memory_bytes();
  queue.waiting.push_back(std::move(command));
  return true;
}

bool StreamTable::HeadIsReady(std::uint32_t stream, Waiter waiter) const {
  const StreamQueue& queue = streams_[stream];
  if (queue.waiting.empty() || queue.awaits_callback) return false;
  const Command& head = queue.waiting.front();
  const bool is_hold = head.kind == Command::Kind::kHold;
  const bool needs_completion = is_hold || head.kind == Command::Kind::kCallback;
  if (needs_completion && queue.in_flight()) return false;
  const bool is_free = std::ranges::all_of(head.dependencies, [&](const Dependency& dependency) {
    const StreamQueue& other = streams_[dependency.stream];
    // What the client runs, the GPU cannot wait for.
    const bool in_software = needs_completion || other.awaits_callback ||
                             (waiter == Waiter::kSoftware && dependency.stream != stream);
    return (in_software ? other.completed : other.dispatched) >= dependency.sequence;
  });
  return is_free && (!head.may_pass || head.may_pass());
}

std::vector<Dependency> StreamTable::Unfinished(const Command& head) const {
  std::vector<Dependency> unfinished;
  for (const Dependency& dependency : head.dependencies) {
    if (dependency.stream != head.stream && streams_[dependency.stream].completed < dependency.sequence) {
      unfinished.push_back(dependency);
    }
  }
  return unfinished;
}

Command StreamTable::TakeHead(std::uint32_t stream) {
  StreamQueue& queue = streams_[stream];
  Command command = std::move(queue.waiting.front());
  queue.waiting.pop_front();
  --waiting_commands_;
  waiting_bytes_ -= command.memory_bytes();
  queue.dispatched = command.sequence;
  queue.slices_dispatched = 0;
  queue.nodes_in_flight += command.nodes;
  if (command.nodes != 1) queue.graphs.push_back({command.sequence, command.nodes});
  if (command.on_completed) queue.on_completed.emplace(command.sequence, std::move(command.on_completed));
  return command;
}

void StreamTable::Complete(std::uint32_t stream, std::uint64_t sequence) {
  StreamQueue& queue = streams_[stream];
  const std::uint64_t completed = std::max(queue.completed, std::min(sequence, queue.dispatched));
  queue.nodes_in_flight -= NodesUpTo(queue, completed);
  if (completed != queue.completed) queue.slices_completed = 0;
  queue.completed = completed;
  while (!queue.graphs.empty() && queue.graphs.front().sequence <= completed) queue.graphs.pop_front();
  while (!queue.on_completed.empty() && queue.on_completed.begin()->first <= queue.completed) {
    const auto job = queue.on_completed.extract(queue.on_completed.begin());  // first: it may add others
    job.mapped()();
  }
  if (!queue.idle()) return;
  std::erase(active_, stream);
  if (queue.destroyed) queue.exists = queue.destroyed = false;
}

std::uint64_t StreamTable::NodesUpTo(const StreamQueue& queue, std::uint64_t sequence) {
  std::uint64_t count = sequence - queue.completed;
  for (const StreamQueue::Graph& graph : queue.graphs) {
    if (graph.sequence > sequence) break;
    count += graph.nodes - 1;
  }
  return count;
}

void StreamTable::WhenDone(std::function<void()> job) {
  if (active_.empty()) return job();
  const auto shared = std::make_shared<std::pair<std::size_t, std::function<void()>>>(active_.size(), std::move(job));
  for (const std::uint32_t stream : active_) {
    streams_[stream].on_completed.emplace(streams_[stream].enqueued, [shared] {
      if (--shared->first == 0) shared->second();
    });
  }
}

void StreamTable::DropWaitingOf(StreamQueue& queue, std::vector<std::function<void()>>& jobs) {
  if (queue.awaits_callback) {
    queue.completed = queue.dispatched;
    queue.nodes_in_flight = 0;
  }
  queue.awaits_callback = false;
  for (auto job = queue.on_completed.upper_bound(queue.dispatched); job != queue.on_completed.end();) {
    auto late = queue.on_completed.extract(job++);
    late.key() = queue.dispatched;
    queue.on_completed.insert(std::move(late));
  }
  for (Command& command : queue.waiting) {
    waiting_bytes_ -= command.memory_bytes();
    if (command.on_completed) jobs.push_back(std::move(command.on_completed));
  }
  waiting_commands_ -= queue.waiting.size();
  queue.waiting.clear();
  queue.enqueued = queue.dispatched;
}

void StreamTable::DropWaiting() {
  const std::vector<std::uint32_t> streams = active_;
  std::vector<std::function<void()>> jobs;
  for (const std::uint32_t stream : streams) DropWaitingOf(streams_[stream], jobs);
  for (const std::uint32_t stream : streams) Complete(stream, streams_[stream].completed);  // runs what is due now
  if (jobs.empty()) return;
  // The dropped commands may have waited for any stream: what they were to free can be in use in each.
  WhenDone([ends = std::move(jobs)] {
    for (const auto& end : ends) end();
  });
}

}  // namespace paella::scheduler_daemon
