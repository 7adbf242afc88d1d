#include "tests/simulated_gpu/engine.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>
#include <utility>

namespace paella::simulated_gpu {
namespace {

constexpr std::uint64_t kPollIntervalNs = 20'000;

class RealClock : public Clock {
 public:
  std::uint64_t NowNs() const override { return Engine::NowNs(); }
};

CUresult ErrorOf(Fault fault) {
  switch (fault) {
    case Fault::kNone: return CUDA_SUCCESS;
    case Fault::kIllegalAddress: return CUDA_ERROR_ILLEGAL_ADDRESS;
    case Fault::kMisaligned: return CUDA_ERROR_MISALIGNED_ADDRESS;
    case Fault::kAssert: return CUDA_ERROR_ASSERT;
    case Fault::kIllegalInstruction: return CUDA_ERROR_ILLEGAL_INSTRUCTION;
    case Fault::kInvalidAddressSpace: return CUDA_ERROR_INVALID_ADDRESS_SPACE;
    case Fault::kHang: case Fault::kTrap: case Fault::kStackOverflow: return CUDA_ERROR_LAUNCH_FAILED;
  }
  return CUDA_ERROR_LAUNCH_FAILED;
}

}  // namespace

Engine& Engine::Get() {
  static Engine* const engine = new Engine;
  return *engine;
}

std::uint64_t Engine::NowNs() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

Engine::Engine()
    : settings_(Settings::Get()),
      clock_(std::make_unique<RealClock>()),
      scheduler_(settings_.sms, limits(), settings_.hardware_queues, *clock_) {
  for (std::uint32_t i = 0; i < settings_.workers; ++i) std::thread([this] { Work(); }).detach();
  std::thread([this] { HostWork(); }).detach();
}

SmLimits Engine::limits() const {
  return {settings_.threads_per_sm, settings_.registers_per_sm, settings_.shared_memory_per_sm, settings_.blocks_per_sm};
}

std::uint64_t Engine::BlocksPerDevice(const BlockResources& block) const { return scheduler_.BlocksPerDevice(block); }

std::shared_ptr<Stream> Engine::MakeStream(Context* context, unsigned flags, int priority, bool legacy) {
  auto stream = std::make_shared<Stream>();
  stream->context = context;
  stream->blocking = (flags & CU_STREAM_NON_BLOCKING) == 0;
  stream->legacy = legacy;
  stream->flags = flags;
  stream->priority = priority;
  const Lock lock(mutex_);
  stream->id = next_stream_id_++;
  stream->queue = next_queue_++ % settings_.hardware_queues;
  std::erase_if(context->streams, [](const auto& other) { return other.expired(); });
  context->streams.push_back(stream);
  return stream;
}

void Engine::AddDependency(const std::shared_ptr<Operation>& operation, const std::shared_ptr<Operation>& on) {
  if (on == nullptr || on->state == Operation::State::kDone) return;
  on->dependents.push_back(operation);
  ++operation->unmet;
}

void Engine::AddStreamDependencies(const std::shared_ptr<Stream>& stream, const std::shared_ptr<Operation>& operation) {
  AddDependency(operation, stream->last);
  if (stream->legacy) {
    for (const auto& weak : stream->context->streams) {
      const auto other = weak.lock();
      if (other != nullptr && other != stream && other->blocking) AddDependency(operation, other->last);
    }
  } else if (stream->blocking) {
    AddDependency(operation, stream->context->legacy->last);
  }
}

void Engine::Enqueue(const std::shared_ptr<Stream>& stream, const std::shared_ptr<Operation>& operation,
                     const std::shared_ptr<Operation>& after_event) {
  Lock lock(mutex_);
  operation->context = stream->context;
  AddStreamDependencies(stream, operation);
  AddDependency(operation, after_event);
  stream->last = operation;
  ItemRequest request;
  request.queue = stream->queue;
  request.priority = stream->priority;
  request.sms = stream->sms;
  request.blocks = operation->launch == nullptr ? 0 : operation->launch->grid.count();
  request.per_block = operation->per_block;
  request.all_at_once = operation->cooperative;
  operation->item = scheduler_.Submit(request);
  operations_[operation->item] = operation;
  if (operation->context->error != CUDA_SUCCESS) {
    DropLocked(operation);  // the context failed between the caller's look and now
  } else if (operation->unmet == 0) {
    BecomeReady(operation);
  }
  Pump();
  RunAfter(lock);
}

void Engine::BecomeReady(const std::shared_ptr<Operation>& operation) {
  if (operation->holds && operation->state == Operation::State::kWaiting) {
    operation->state = Operation::State::kPolling;
    polling_.push_back(operation);
    work_.notify_one();
    return;
  }
  operation->state = Operation::State::kReady;
  scheduler_.MarkReady(operation->item);
}

// Starting a marker completes it, which may make others ready: hence the loop.
void Engine::Pump() {
  for (;;) {
    const std::vector<ScheduleAction> actions = scheduler_.Dispatch();
    if (actions.empty()) return;
    for (const ScheduleAction& action : actions) Start(action);
  }
}

void Engine::Start(const ScheduleAction& action) {
  const std::shared_ptr<Operation> operation = operations_.at(action.item);
  if (action.kind == ScheduleAction::Kind::kPlace) {
    operation->state = Operation::State::kRunning;
    blocks_.push_back({operation, std::make_unique<Block>(operation->launch, action.block, action.sm), action.sm});
    work_.notify_one();
  } else if (!operation->work) {
    scheduler_.Finish(action.item);
    Complete(operation);
  } else {
    operation->state = Operation::State::kRunnable;
    (operation->on_host_thread ? host_runnable_ : runnable_).push_back(operation);
    (operation->on_host_thread ? host_work_ : work_).notify_one();
  }
}

// The scheduler has forgotten the item by now.
void Engine::Complete(const std::shared_ptr<Operation>& operation) {
  operation->state = Operation::State::kDone;
  operation->finished_ns = NowNs();
  operations_.erase(operation->item);
  if (operation->after) after_.push_back(std::move(operation->after));
  operation->work = nullptr;  // they hold references
  operation->holds = nullptr;
  operation->launch = nullptr;
  for (const auto& dependent : std::exchange(operation->dependents, {})) {
    if (--dependent->unmet == 0 && dependent->state == Operation::State::kWaiting) BecomeReady(dependent);
  }
  done_.notify_all();
}

void Engine::RunAfter(Lock& lock) {
  const std::vector<std::function<void()>> after = std::exchange(after_, {});
  lock.unlock();
  for (const auto& function : after) function();
}

void Engine::Record(const std::shared_ptr<Event>& event, const std::shared_ptr<Stream>& stream) {
  auto marker = std::make_shared<Operation>();
  Enqueue(stream, marker);
  const Lock lock(mutex_);
  event->recorded = marker;
}

std::shared_ptr<Operation> Engine::Recorded(const Event& event) {
  const Lock lock(mutex_);
  return event.recorded;
}

void Engine::Wait(const std::shared_ptr<Operation>& operation) {
  if (operation == nullptr) return;
  Lock lock(mutex_);
  done_.wait(lock, [&] { return operation->state == Operation::State::kDone; });
}

bool Engine::IsDone(const std::shared_ptr<Operation>& operation) {
  const Lock lock(mutex_);
  return operation == nullptr || operation->state == Operation::State::kDone;
}

std::shared_ptr<Operation> Engine::LastOf(const Stream& stream) {
  const Lock lock(mutex_);
  return stream.last;
}

void Engine::WaitForContext(Context* context) {
  std::vector<std::shared_ptr<Operation>> last;
  {
    const Lock lock(mutex_);
    // Not only the streams' last ones: a stream may be destroyed with work under way.
    for (const auto& [item, operation] : operations_) {
      if (operation->context == context) last.push_back(operation);
    }
  }
  for (const auto& operation : last) Wait(operation);
}

void Engine::Fail(Context* context, CUresult error) {
  Lock lock(mutex_);
  FailLocked(context, error);
  Pump();
  RunAfter(lock);
}

void Engine::FailLocked(Context* context, CUresult error) {
  CUresult none = CUDA_SUCCESS;
  context->error.compare_exchange_strong(none, error);
  std::vector<std::shared_ptr<Operation>> victims;
  for (const auto& [item, operation] : operations_) {
    if (operation->context == context) victims.push_back(operation);
  }
  for (const auto& operation : victims) DropLocked(operation);
}

// What a worker holds right now goes on to the end of its slice or of its copy; everything else is over at once.
void Engine::DropLocked(const std::shared_ptr<Operation>& operation) {
  if (operation->state == Operation::State::kDone || operation->cancelled) return;
  operation->cancelled = true;
  if (operation->launch == nullptr && operation->state == Operation::State::kRunning) return;
  std::erase(polling_, operation);
  std::erase(runnable_, operation);
  std::erase(host_runnable_, operation);
  if (scheduler_.Cancel(operation->item)) return Complete(operation);
  bool over = false;
  std::erase_if(blocks_, [&](const PlacedBlock& placed) {
    if (placed.operation != operation) return false;
    over = scheduler_.FinishBlock(operation->item, placed.sm);
    return true;
  });
  if (over) Complete(operation);
}

void Engine::Work() {
  for (;;) {
    Lock lock(mutex_);
    if (!polling_.empty() && Poll(lock)) continue;
    if (!runnable_.empty()) {
      const auto operation = std::move(runnable_.front());
      runnable_.pop_front();
      RunWork(lock, operation);
    } else if (!blocks_.empty()) {
      PlacedBlock placed = std::move(blocks_.front());
      blocks_.pop_front();
      RunBlock(lock, std::move(placed));
    } else if (polling_.empty()) {
      work_.wait(lock, [this] { return !runnable_.empty() || !blocks_.empty() || !polling_.empty(); });
    } else {
      work_.wait_for(lock, std::chrono::nanoseconds(kPollIntervalNs));
    }
  }
}

void Engine::HostWork() {
  for (;;) {
    Lock lock(mutex_);
    host_work_.wait(lock, [this] { return !host_runnable_.empty(); });
    const auto operation = std::move(host_runnable_.front());
    host_runnable_.pop_front();
    RunWork(lock, operation);
  }
}

// Asks the values waited for, the engine unlocked, since asking takes the memory gate. True if one was there.
bool Engine::Poll(Lock& lock) {
  const std::uint64_t now = NowNs();
  if (now - last_poll_ns_ < kPollIntervalNs) return false;
  last_poll_ns_ = now;
  std::vector<std::pair<std::shared_ptr<Operation>, std::function<bool()>>> asked;
  for (const auto& operation : polling_) asked.emplace_back(operation, operation->holds);
  lock.unlock();
  std::erase_if(asked, [](const auto& question) { return !question.second(); });
  lock.lock();
  bool any = false;
  for (const auto& [operation, holds] : asked) {
    if (std::erase(polling_, operation) == 0) continue;  // dropped, or another worker saw it
    BecomeReady(operation);
    any = true;
  }
  if (!any) return false;
  Pump();
  RunAfter(lock);
  return true;
}

void Engine::RunWork(Lock& lock, const std::shared_ptr<Operation>& operation) {
  operation->state = Operation::State::kRunning;
  const std::function<CUresult()> work = operation->work;
  lock.unlock();
  const CUresult result = work();
  lock.lock();
  scheduler_.Finish(operation->item);
  if (result != CUDA_SUCCESS) FailLocked(operation->context, result);
  Complete(operation);
  Pump();
  RunAfter(lock);
}

void Engine::RunBlock(Lock& lock, PlacedBlock placed) {
  lock.unlock();
  BlockState state;
  {
    const MemoryMap::SharedHold hold(MemoryMap::Get());
    state = placed.block->RunSlice();
  }
  const Fault fault = placed.block->fault;
  if (state == BlockState::kFaulted) std::fprintf(stderr, "simulated gpu: %s\n", placed.block->fault_text.c_str());
  if (state != BlockState::kRunning) placed.block.reset();
  lock.lock();
  const std::shared_ptr<Operation> operation = placed.operation;
  if (state == BlockState::kRunning && !operation->cancelled) {
    blocks_.push_back(std::move(placed));
    return;
  }
  placed.block.reset();  // nothing may hold the launch's memory once its operation is done
  if (state == BlockState::kFaulted) FailLocked(operation->context, ErrorOf(fault));
  if (scheduler_.FinishBlock(operation->item, placed.sm)) Complete(operation);
  Pump();
  RunAfter(lock);
}

}  // namespace paella::simulated_gpu
