#include "scheduler_daemon/executor/client_session.h"

#include <algorithm>
#include <utility>

#include "scheduler_daemon/executor/array_transfers.h"
#include "scheduler_daemon/executor/launch.h"
#include "scheduler_daemon/executor/pinned_pages.h"
#include "scheduler_daemon/executor/shapes.h"
#include "scheduler_daemon/executor/transfers.h"
#include "scheduler_daemon/knowledge/estimate_table.h"

namespace paella::scheduler_daemon {
namespace {

// What a copy between addresses of any kind is to the driver: it finds out itself.
CUdeviceptr Device(std::uint64_t address) { return static_cast<CUdeviceptr>(address); }

template <typename Transfer>
constexpr const char* kNameOf = "a copy";
template <>
constexpr const char* kNameOf<ipc::CopyStrided> = "a strided copy";
template <>
constexpr const char* kNameOf<ipc::Memset> = "a memset";

}  // namespace

ClientSession::ClientSession(const Driver& driver, CUcontext context, ModuleCache& modules, PrintedText& printed,
                             ipc::ClientAttach identity, Resources resources, std::shared_ptr<Tenant> tenant)
    : driver_(driver),
      identity_(std::move(identity)),
      resources_(std::move(resources)),
      channel_(resources_.channel.data()),
      reader_(channel_.ring()),
      tenant_(std::move(tenant)),
      objects_(driver, modules, printed, *tenant_,
               {identity_.arena_base, identity_.arena_bytes, resources_.arena_memory.get()}),
      shared_events_(tenant_->shared_events),
      worker_([this, context] {
        driver_.cuCtxSetCurrent(context);
        const auto staging = channel_.staging();
        const CUresult result = PinPages(driver_, staging.data(), staging.size(), CU_MEMHOSTREGISTER_PORTABLE);
        if (result != CUDA_SUCCESS) SetStickyError(result);
        ready_.store(true, std::memory_order_release);
      }) {}

ClientSession::~ClientSession() {
  worker_.Post([this] { driver_.cuMemHostUnregister(channel_.staging().data()); });
}

void ClientSession::Break(std::string reason) {
  if (broken_.empty()) broken_ = std::move(reason);
}

void ClientSession::SetLastWords(std::string_view errors) {
  const std::string output = text()->Take(ipc::LastWords::kCapacityBytes - errors.size());
  ipc::LastWords& words = channel_.last_words();
  std::ranges::copy(output, words.text);
  std::ranges::copy(errors, words.text + output.size());
  words.output_bytes = static_cast<std::uint32_t>(output.size());
  words.error_bytes = static_cast<std::uint32_t>(errors.size());
}

void ClientSession::SetStickyError(CUresult result) { channel_.SetStickyError(result); }

std::size_t ClientSession::Poll(std::size_t limit, std::uint64_t& arrivals, const ReadTimes& read) {
  arrivals_ = &arrivals;
  read_ = read;
  const std::size_t callbacks = EndCallbacks();
  std::size_t count = 0;
  for (; count < limit && broken_.empty() && HasRoom(); ++count) {
    std::uint32_t kind = 0;
    const ipc::ReadStatus status = reader_.Read(kind, record_);
    if (status == ipc::ReadStatus::kEmpty) break;
    if (status == ipc::ReadStatus::kCorrupt) {
      Break("its submission ring is corrupt");
    } else if (!ipc::DispatchRecord(kind, record_, *this)) {
      Break("a record of kind " + std::to_string(kind) + " is malformed");
    }
  }
  return callbacks + count;
}

// How far the client is with its callbacks is no record: its ring may be full, of commands that wait for one of them.
std::size_t ClientSession::EndCallbacks() {
  const std::uint64_t head = channel_.callbacks().head.load(std::memory_order_acquire);  // pairs with the client's store
  const std::uint64_t count = head - callback_head_;
  if (count == 0 || !broken_.empty()) return 0;
  if (count > handed_callbacks_.size()) {
    Break("a callback ends that did not run");
    return 0;
  }
  callback_head_ = head;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto [stream, sequence] = handed_callbacks_.front();
    handed_callbacks_.pop_front();
    StreamQueue& queue = streams_.at(stream);
    if (!queue.awaits_callback || sequence != queue.dispatched) continue;  // dropped meanwhile
    queue.awaits_callback = false;
    Complete(stream, sequence);
  }
  return count;
}

void ClientSession::Complete(std::uint32_t stream, std::uint64_t sequence) {
  StreamQueue& queue = streams_.at(stream);
  const std::uint64_t before = queue.completed;
  streams_.Complete(stream, sequence);
  if (queue.completed == before) return;
  tenant_->pending_commands -= queue.completed - before;
  channel_.completed(stream).store(queue.completed, std::memory_order_release);
  has_news_ = true;
}

void ClientSession::Announce() {
  if (std::exchange(has_news_, false)) channel_.AnnounceNews();
}

bool ClientSession::PostCallback(std::uint32_t stream) {
  ipc::CallbackQueue& callbacks = channel_.callbacks();
  if (handed_callbacks_.size() >= ipc::kCallbackQueueEntries) return false;
  const Command command = streams_.TakeHead(stream);
  streams_.at(stream).awaits_callback = true;
  callbacks.entries[callback_tail_ % ipc::kCallbackQueueEntries] = {command.callback, command.sequence, stream, 0};
  handed_callbacks_.push_back({stream, command.sequence});
  callbacks.tail.store(++callback_tail_, std::memory_order_release);
  has_news_ = true;
  return true;
}

void ClientSession::DropWaiting() {
  for (const std::uint32_t stream : streams_.active()) {
    StreamQueue& queue = streams_.at(stream);
    tenant_->pending_commands -= queue.waiting.size();
    // Nobody will run it any more.
    if (queue.awaits_callback) tenant_->pending_commands -= queue.dispatched - queue.completed;
  }
  streams_.DropWaiting();
}

void ClientSession::Answer(std::uint32_t slot, CUresult result, const std::vector<std::byte>& payload) {
  ipc::ReplySlot& reply = channel_.reply(slot);
  const bool fits = payload.size() <= sizeof reply.data;
  const std::size_t size = fits ? payload.size() : 0;
  std::copy_n(payload.data(), size, reply.data);  // none: memcpy takes no null pointer
  reply.result = fits ? result : CUDA_ERROR_NOT_SUPPORTED;
  reply.size_bytes = static_cast<std::uint32_t>(size);
  reply.ready.store(1, std::memory_order_release);
  channel_.AnnounceNews();
}

std::byte* ClientSession::Staging(std::uint64_t offset, std::uint64_t size_bytes) const {
  const auto staging = channel_.staging();
  if (offset > staging.size() || size_bytes > staging.size() - offset) return nullptr;
  return staging.data() + offset;
}

void ClientSession::EnqueueCommand(Command&& command) {
  command.arrival = (*arrivals_)++;
  command.read = read_;
  command.record_bytes = record_.size();
  if (!streams_.Enqueue(std::move(command))) return Break("a command is out of its stream's order");
  ++tenant_->pending_commands;
}

void ClientSession::EnqueueMarker(std::uint32_t stream, std::uint64_t sequence, std::vector<Dependency> dependencies) {
  Command command;
  command.stream = stream;
  command.sequence = sequence;
  command.kind = Command::Kind::kMarker;
  command.dependencies = std::move(dependencies);
  EnqueueCommand(std::move(command));
}

void ClientSession::Enqueue(std::uint32_t stream, std::uint64_t sequence, const Work& work, bool valid,
                            std::function<CUresult(CUstream)> issue) {
  if (!valid) {
    // Memory that is not the client's: what a kernel would be told.
    SetStickyError(CUDA_ERROR_ILLEGAL_ADDRESS);
    return EnqueueMarker(stream, sequence, {});
  }
  Command command;
  command.stream = stream;
  command.sequence = sequence;
  command.work = work;
  command.issue = std::move(issue);
  EnqueueCommand(std::move(command));
}

// Pinned memory is in the arena, so its side says which of the copy engines is busy.
Work ClientSession::WorkOfTransfer(ipc::MessageKind kind, std::uint64_t size_bytes, std::uint64_t destination,
                                   std::uint64_t source) const {
  const auto is_host = [this](std::uint64_t address) { return address - identity_.arena_base < identity_.arena_bytes; };
  Engine engine = Engine::kCompute;
  if (is_host(source) != is_host(destination)) {
    engine = is_host(source) ? Engine::kCopyToDevice : Engine::kCopyFromDevice;
  }
  return {.shape = ExtendHash(ShapeOfTransfer(kind, size_bytes), static_cast<std::uint64_t>(engine)), .engine = engine};
}

template <typename Transfer>
void ClientSession::EnqueueTransfer(const Transfer& transfer, std::function<CUresult(CUstream)> issue) {
  const TransferVerdict verdict = CheckTransfer(transfer, objects_);
  if (verdict == TransferVerdict::kFormless) return Break(std::string(kNameOf<Transfer>) + " has no form");
  std::uint64_t source = transfer.destination;  // of a memset
  if constexpr (requires { transfer.source; }) source = transfer.source;
  const Work work = WorkOfTransfer(Transfer::kKind, SizeOf(transfer), transfer.destination, source);
  Enqueue(transfer.stream, transfer.sequence, work, verdict == TransferVerdict::kGood, std::move(issue));
}

void ClientSession::On(const ipc::StreamCreate& message) {
  const bool blocking = (message.flags & CU_STREAM_NON_BLOCKING) == 0;
  if (!streams_.Create(message.stream, blocking, message.priority)) Break("it creates a stream that exists");
}

void ClientSession::On(const ipc::StreamDestroy& message) {
  if (!streams_.Destroy(message.stream)) Break("it destroys a stream that does not exist");
}

void ClientSession::On(const ipc::StreamSetPriority& message) {
  if (!streams_.SetPriority(message.stream, message.priority)) Break("it changes a stream that does not exist");
}

void ClientSession::On(ipc::LaunchKernel&& message) {
  const auto kernel = objects_.FindKernel(message.kernel);
  if (!kernel) return Break("it launches a kernel that does not exist");
  Command command;
  command.stream = message.stream;
  command.sequence = message.sequence;
  command.work = WorkOfLaunch(message, *kernel->in_module);
  command.needs_all_sms = NeedsAllSms(message, *kernel->in_module);
  auto launch = CheckLaunch(std::move(message), *kernel);
  if (!launch) return Break("a launch contradicts its kernel");
  launches.fetch_add(1, std::memory_order_relaxed);
  command.prints = launch->prints;
  command.asserts = launch->asserts;
  command.issue = [this, work = std::move(*launch)](CUstream stream) mutable { return work.Issue(driver_, stream); };
  EnqueueCommand(std::move(command));
}

void ClientSession::On(const ipc::Copy& message) {
  EnqueueTransfer(message, [this, message](CUstream stream) {
    return driver_.cuMemcpyAsync(Device(message.destination), Device(message.source), message.size_bytes, stream);
  });
}

void ClientSession::On(const ipc::CopyFromStaging& message) {
  const std::byte* const source = Staging(message.staging_offset, message.size_bytes);
  if (source == nullptr) return Break("a copy leaves the staging area");
  const bool valid = objects_.Owns(message.destination, message.size_bytes, RangeUse::kWrite);
  const Work work{.shape = ShapeOfTransfer(message.kKind, message.size_bytes), .engine = Engine::kCopyToDevice};
  Enqueue(message.stream, message.sequence, work, valid, [this, message, source](CUstream stream) {
    return driver_.cuMemcpyHtoDAsync(Device(message.destination), source, message.size_bytes, stream);
  });
}

void ClientSession::On(const ipc::CopyToStaging& message) {
  std::byte* const destination = Staging(message.staging_offset, message.size_bytes);
  if (destination == nullptr) return Break("a copy leaves the staging area");
  const bool valid = objects_.Owns(message.source, message.size_bytes, RangeUse::kRead);
  const Work work{.shape = ShapeOfTransfer(message.kKind, message.size_bytes), .engine = Engine::kCopyFromDevice};
  Enqueue(message.stream, message.sequence, work, valid, [this, message, destination](CUstream stream) {
    return driver_.cuMemcpyDtoHAsync(destination, Device(message.source), message.size_bytes, stream);
  });
}

void ClientSession::On(const ipc::CopyStrided& message) {
  EnqueueTransfer(message, [this, message](CUstream stream) {
    const CUDA_MEMCPY3D copy = DescribeTransfer(message);
    return driver_.cuMemcpy3DAsync(&copy, stream);
  });
}

void ClientSession::On(const ipc::CopyArray& message) {
  CUDA_MEMCPY3D copy;
  const TransferVerdict verdict = ReadArrayCopy(message, objects_, channel_.staging(), copy);
  if (verdict == TransferVerdict::kFormless) return Break("a copy of an array has no form");
  const Work work{.shape = ShapeOfTransfer(message.kKind, SizeOf(message))};
  Enqueue(message.stream, message.sequence, work, verdict == TransferVerdict::kGood,
          [this, copy](CUstream stream) { return driver_.cuMemcpy3DAsync(&copy, stream); });
}

void ClientSession::On(const ipc::Memset& message) {
  EnqueueTransfer(message, [this, message](CUstream stream) {
    const auto value16 = static_cast<unsigned short>(message.value);
    const auto value8 = static_cast<unsigned char>(message.value);
    const CUdeviceptr to = Device(message.destination);
    const std::size_t width = message.width_elements;
    const std::size_t height = message.height_rows;
    const bool flat = height <= 1;
    switch (message.element_bytes) {
      case 1:
        return flat ? driver_.cuMemsetD8Async(to, value8, width, stream)
                    : driver_.cuMemsetD2D8Async(to, message.pitch_bytes, value8, width, height, stream);
      case 2:
        return flat ? driver_.cuMemsetD16Async(to, value16, width, stream)
                    : driver_.cuMemsetD2D16Async(to, message.pitch_bytes, value16, width, height, stream);
      case 4:
        return flat ? driver_.cuMemsetD32Async(to, message.value, width, stream)
                    : driver_.cuMemsetD2D32Async(to, message.pitch_bytes, message.value, width, height, stream);
      default: return CUDA_ERROR_INVALID_VALUE;
    }
  });
}

void ClientSession::On(const ipc::LaunchGraph& message) {
  CUresult result = CUDA_SUCCESS;
  auto graph = objects_.graphs().Find(message.graph, result);
  if (result == CUDA_ERROR_INVALID_HANDLE) return Break("it launches a graph that does not exist");
  launches.fetch_add(1, std::memory_order_relaxed);
  if (graph == nullptr) return Enqueue(message.stream, message.sequence, Work(), false, nullptr);
  Command command;
  command.stream = message.stream;
  command.sequence = message.sequence;
  command.nodes = std::max(1u, graph->node_count());
  command.work = graph->work();
  command.prints = graph->prints();
  command.asserts = graph->asserts();
  command.issue = [build = graph.get()](CUstream stream) { return build->Launch(stream); };
  command.graph_number = message.graph;
  command.graph = std::move(graph);
  EnqueueCommand(std::move(command));
}

// What waits for the worker holds no graph: an update of one that nobody holds is cheaper.
void ClientSession::Slice(const Command& launch, SliceBegins begins) {
  is_slicing_ = true;
  worker_.Post([this, number = launch.graph_number, build = std::weak_ptr(launch.graph), begins = std::move(begins)] {
    objects_.graphs().Slice(number, build, begins);
    is_slicing_ = false;
  });
}

void ClientSession::On(const ipc::GraphDestroy& message) {
  if (!objects_.graphs().Retire(message.graph)) return Break("it destroys a graph that does not exist");
  if (worker_.queued() > kMaxQueuedCalls) return Break("more calls wait than there are reply slots");
  // Those that wait hold it; what a later one of these leaves, the next one finds.
  worker_.Post([this] { objects_.graphs().DestroyRetired(); });
}

// Each of these calls holds a reply slot until it is answered.
bool ClientSession::BeginRetiring(const Span& taken) {
  if (objects_.ranges().retiring() < ipc::kReplySlots) {
    objects_.ranges().BeginRetiring(taken.address, taken.size_bytes);
    return true;
  }
  Break("more calls wait than there are reply slots");
  return false;
}

void ClientSession::On(const ipc::WaitForSequence& message) {
  EnqueueMarker(message.stream, message.sequence, {{message.other_stream, message.other_sequence}});
}

void ClientSession::On(const ipc::HostCallback& message) {
  Command command;
  command.stream = message.stream;
  command.sequence = message.sequence;
  command.kind = Command::Kind::kCallback;
  command.callback = message.callback;
  EnqueueCommand(std::move(command));
}

void ClientSession::On(const ipc::RecordTime& message) {
  CUresult made = CUDA_SUCCESS;
  auto event = objects_.EventFor(message.event, made);
  // The driver's own reason: in a context that has faulted meanwhile it is the fault, and not a lack of events.
  Command command;
  command.stream = message.stream;
  command.sequence = message.sequence;
  command.work = {.shape = ShapeOfTransfer(message.kKind, 0)};
  command.needs_all_sms = true;  // the event is of the primary context, and so must its stream be
  command.issue = [this, made, event = std::move(event)](CUstream stream) {
    return event == nullptr ? made : driver_.cuEventRecord(event.get(), stream);
  };
  EnqueueCommand(std::move(command));
}

void ClientSession::On(const ipc::EventDestroy& message) {
  objects_.DestroyEvent(message.event);
  shared_events_.Destroy(message.event);
}

void ClientSession::On(const ipc::FreeInOrder& message) {
  if (!objects_.ForgetDevice(message.address)) {
    SetStickyError(CUDA_ERROR_INVALID_VALUE);
    return EnqueueMarker(message.stream, message.sequence, {});
  }
  Command command;
  command.stream = message.stream;
  command.sequence = message.sequence;
  command.kind = Command::Kind::kMarker;
  command.on_completed = [this, address = message.address] {
    worker_.Post([this, address] { objects_.ReleaseDevice(address); });
  };
  EnqueueCommand(std::move(command));
}

// As many can wait for their end as the client has, so they need no bound of their own.
void ClientSession::On(const ipc::TextureDestroy& message) {
  if (!objects_.arrays().RetireTexture(message.texture)) return Break("it destroys a texture that does not exist");
  streams_.WhenDone([this, texture = message.texture] {
    worker_.Post([this, texture] { objects_.arrays().DestroyTexture(texture); });
  });
}

void ClientSession::On(const ipc::SurfaceDestroy& message) {
  if (!objects_.arrays().RetireSurface(message.surface)) return Break("it destroys a surface that does not exist");
  streams_.WhenDone([this, surface = message.surface] {
    worker_.Post([this, surface] { objects_.arrays().DestroySurface(surface); });
  });
}

void ClientSession::On(const ipc::UploadChunk& message) {
  if (!objects_.AppendUpload(message.upload, message.data)) Break("it uploads more than the daemon keeps");
}

}  // namespace paella::scheduler_daemon
