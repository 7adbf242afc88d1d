#include "scheduler_daemon/executor/scheduler.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "scheduler_daemon/executor/graph_slices.h"
#include "scheduler_daemon/executor/shapes.h"

namespace paella::scheduler_daemon {
namespace {

constexpr std::size_t kRecordsPerTurn = 64;  // of one client, so that none keeps the others waiting
constexpr std::uint64_t kCommandsPerMark = 32;
constexpr std::size_t kDispatchesPerStep = 64;  // then rings and completions are looked at again

// Whether as many slices of the head are on the GPU as may be there, by number or by nodes.
bool IsFullOfSlices(const StreamQueue& queue, std::uint64_t most_slices, std::uint64_t most_nodes) {
  const auto& slices = queue.waiting.front().slices;
  if (slices == nullptr) return false;
  const std::uint32_t done = queue.completed == queue.dispatched ? queue.slices_completed : 0;
  if (queue.slices_dispatched == done) return false;
  const std::uint64_t nodes = slices->begins()[queue.slices_dispatched] - slices->begins()[done];
  return queue.slices_dispatched - done >= most_slices || queue.nodes_in_flight + nodes >= most_nodes;
}

// Where the stream will be when its head, or the next slice of it, is done.
StreamPosition PositionBehindNext(const StreamQueue& queue) {
  const Command& head = queue.waiting.front();
  const bool is_last = head.slices == nullptr || queue.slices_dispatched + 1 == head.slices->count();
  return is_last ? PositionOf(head.sequence) : queue.dispatched_position() + 1;
}

}  // namespace

bool IsFatal(CUresult result) {
  switch (result) {
    case CUDA_ERROR_ECC_UNCORRECTABLE:
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_LAUNCH_TIMEOUT:
    case CUDA_ERROR_ASSERT:
    case CUDA_ERROR_HARDWARE_STACK_ERROR:
    case CUDA_ERROR_ILLEGAL_INSTRUCTION:
    case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_INVALID_ADDRESS_SPACE:
    case CUDA_ERROR_INVALID_PC:
    case CUDA_ERROR_LAUNCH_FAILED: return true;
    default: return false;
  }
}

void Scheduler::Add(std::unique_ptr<ClientSession> session, const TenantInfo& info, std::uint64_t now_ns) {
  auto client = std::make_unique<Client>();
  client->session = std::move(session);
  client->bindings.resize(ipc::kMaxStreams);
  const Tenant& tenant = client->session->tenant();
  feed_.flight().NameTenant(tenant.number, tenant.name);
  client->in_feed =
      feed_.AddClient(client->session->identity().client, tenant.number, HashOfText(tenant.name), info, now_ns);
  if (client->in_feed >= clients_of_feed_.size()) clients_of_feed_.resize(client->in_feed + 1);
  clients_of_feed_[client->in_feed] = client.get();
  clients_.push_back(std::move(client));
}

Tenant* Scheduler::FindTenant(std::string_view name) const {
  const auto found = std::ranges::find(clients_, name, [](const auto& client) -> std::string_view {
    return client->session->tenant().name;
  });
  return found == clients_.end() ? nullptr : &(*found)->session->tenant();
}

void Scheduler::SetTenant(std::string_view name, const TenantInfo& info, std::uint64_t now_ns) {
  if (const Tenant* const tenant = FindTenant(name)) feed_.host().SetTenant(tenant->number, info, now_ns);
}

bool Scheduler::WantsShare(std::string_view name, double percent) {
  Tenant* const tenant = FindTenant(name);
  if (tenant == nullptr || tenant->sm_share_percent == percent) return false;
  EndShare(*tenant);
  tenant->sm_share_percent = percent;
  return percent > 0 && percent < 100;
}

bool Scheduler::LacksShare(std::string_view name, double percent) const {
  const Tenant* const tenant = FindTenant(name);
  return tenant != nullptr && tenant->sm_share_percent == percent && tenant->sm_share == nullptr;
}

void Scheduler::SetShare(std::string_view name, double percent, std::shared_ptr<SmShare> share) {
  if (LacksShare(name, percent)) {
    FindTenant(name)->sm_share = std::move(share);
  } else {
    share->Retire();
  }
}

void Scheduler::EndShare(Tenant& tenant) {
  if (tenant.sm_share != nullptr) gpu_streams_.Retire(*tenant.sm_share);
  tenant.sm_share = nullptr;
  tenant.sm_share_percent = 0;
}

// On which the stream's next command is to run.
const std::shared_ptr<SmShare>& Scheduler::ShareOf(const Client& client, std::uint32_t stream) const {
  static const std::shared_ptr<SmShare> all;
  const StreamQueue& queue = client.session->streams().at(stream);
  const bool needs_all = !queue.waiting.empty() && queue.waiting.front().needs_all_sms;
  return needs_all ? all : client.session->tenant().sm_share;
}

void Scheduler::SetRecorder(Recorder recorder) {
  if (!recorder) return feed_.SetRecorder(nullptr);
  feed_.SetRecorder([this, recorder = std::move(recorder)](const RecordedJob& job) {
    for (const auto& client : clients_) {
      if (client->session == nullptr || client->session->identity().client != job.client) continue;
      recorder(job, client->session->tenant().name, feed_.host().Tenant(job.tenant));
    }
  });
}

void Scheduler::Detach(std::uint64_t number, std::uint64_t now_ns) {
  for (const auto& client : clients_) {
    if (client->session->identity().client != number || client->detached) continue;
    client->detached = true;
    DropWaiting(*client, now_ns);
  }
}

void Scheduler::DropWaiting(Client& client, std::uint64_t now_ns) {
  feed_.WithdrawAll(client.in_feed, now_ns);
  EndSlicedHeads(client, now_ns);
  client.session->DropWaiting();
  printing_.Forget(client.session->identity().client);
}

// What of a graph was not dispatched yet will not be: it ends with what was.
void Scheduler::EndSlicedHeads(Client& client, std::uint64_t now_ns) {
  StreamTable& streams = client.session->streams();
  const std::vector<std::uint32_t> active = streams.active();  // a copy: what is done leaves the list
  for (const std::uint32_t stream : active) {
    if (streams.at(stream).slices_dispatched == 0) continue;
    const bool is_on_gpu = streams.at(stream).in_flight();
    const std::uint64_t sequence = streams.TakeHead(stream).sequence;
    if (is_on_gpu) continue;  // a mark will follow
    CountDone(client, 1, now_ns);
    client.session->Complete(stream, sequence);
  }
}

bool Scheduler::Step(std::uint64_t now_ns) {
  if (failure_ != CUDA_SUCCESS) return false;
  const bool read = Read(now_ns);
  const bool completed = CompleteFinished(now_ns);
  const bool dispatched = Dispatch(now_ns);
  for (const auto& client : clients_) {
    client->session->AnswerEventWaiters();
    client->session->Announce();
  }
  return read || completed || dispatched;
}

bool Scheduler::Read(std::uint64_t now_ns) {
  bool any = false;
  const ReadTimes times{.looked_ns = std::exchange(looked_ns_, now_ns), .read_ns = now_ns};
  for (const auto& client : clients_) {
    ClientSession& session = *client->session;
    if (client->detached || !session.ready()) continue;
    if (session.streams().idle()) feed_.AtRest(client->in_feed, session.waits_ended());
    any |= session.Poll(kRecordsPerTurn, arrivals_, times) != 0;
  }
  return any;
}

bool Scheduler::CompleteFinished(std::uint64_t now_ns) {
  bool any = false;
  if (in_flight_ == 0) return any;
  for (const auto& client : clients_) {
    StreamTable& streams = client->session->streams();
    for (std::size_t i = streams.active().size(); i-- > 0;) {  // backwards: a finished stream leaves the list
      if (i >= streams.active().size()) continue;
      const std::uint32_t stream = streams.active()[i];
      const Binding& binding = client->bindings[stream];
      const StreamQueue& queue = streams.at(stream);
      if (binding.gpu == nullptr || !queue.in_flight() || queue.awaits_callback) continue;
      const std::uint64_t value = binding.gpu->word->load(std::memory_order_acquire);
      const StreamPosition position = std::min(value - binding.base, queue.dispatched_position());
      if (position <= queue.completed_position()) continue;
      CountDone(*client, SequenceAt(position) - queue.completed, now_ns);
      feed_.Completed(client->in_feed, stream, position, now_ns);
      client->session->Complete(stream, SequenceAt(position));
      streams.CompleteSlices(stream, SlicesAt(position));
      ReleaseIfDrained(*client, stream);
      any = true;
    }
  }
  return any;
}

void Scheduler::CountInFlight(Client& client, std::uint64_t count, std::uint64_t now_ns) {
  Tenant& tenant = client.session->tenant();
  if (tenant.in_flight == 0) tenant.busy_since_ns = now_ns;
  tenant.in_flight += count;
  in_flight_ += count;
}

void Scheduler::CountDone(Client& client, std::uint64_t count, std::uint64_t now_ns) {
  Tenant& tenant = client.session->tenant();
  tenant.in_flight -= count;
  in_flight_ -= count;
  if (tenant.in_flight == 0) tenant.busy_ns += now_ns - tenant.busy_since_ns;
}

// Commands that cost the GPU nothing ask no policy. One can make another ready, so this goes on until none moves.
bool Scheduler::DispatchAllSoftware(std::uint64_t now_ns) {
  bool any = false;
  holding_ = false;
  for (bool moved = true; std::exchange(moved, false);) {
    for (const auto& client : clients_) moved |= DispatchSoftware(*client, now_ns);
    any |= moved;
  }
  word_probes_.EndRound();
  return any;
}

bool Scheduler::DispatchSoftware(Client& client, std::uint64_t now_ns) {
  bool any = false;
  visited_ = client.session->streams().active();  // a copy: what is done leaves the list
  for (const std::uint32_t stream : visited_) {
    while (failure_ == CUDA_SUCCESS && DispatchSoftwareHead(client, stream, now_ns)) any = true;
  }
  return any;
}

bool Scheduler::DispatchSoftwareHead(Client& client, std::uint32_t stream, std::uint64_t now_ns) {
  ClientSession& session = *client.session;
  StreamTable& streams = session.streams();
  const StreamQueue& queue = streams.at(stream);
  holding_ |= !queue.waiting.empty() && queue.waiting.front().kind == Command::Kind::kHold;
  if (!streams.HeadIsReady(stream, WhoWaits()) || queue.waiting.front().kind == Command::Kind::kGpu) return false;
  if (queue.waiting.front().word && !MayPass(client, stream, now_ns)) return false;
  if (queue.waiting.front().kind == Command::Kind::kCallback) return session.PostCallback(stream);
  if (queue.in_flight() || !streams.Unfinished(queue.waiting.front()).empty()) {
    if (IsFull(queue)) return false;
    if (!Bind(client, stream)) return false;
    IssueHead(client, stream, now_ns);
    return true;
  }
  const std::uint64_t sequence = streams.TakeHead(stream).sequence;
  session.Complete(stream, sequence);
  return true;
}

bool Scheduler::MayPass(Client& client, std::uint32_t stream, std::uint64_t now_ns) {
  ClientSession& session = *client.session;
  const Command& hold = session.streams().at(stream).waiting.front();
  const WordCondition& word = *hold.word;
  if (!session.Owns(word.address, word.size_bytes, RangeUse::kRead)) {  // freed meanwhile: as a kernel would be told
    session.SetStickyError(CUDA_ERROR_ILLEGAL_ADDRESS);
    return true;
  }
  CUresult result = CUDA_SUCCESS;
  const bool holds = word_probes_.Look({&client, stream}, hold.sequence, word, now_ns, result);
  if (result != CUDA_SUCCESS) Check(client, result);
  return holds || result != CUDA_SUCCESS;
}

bool Scheduler::IsReady(const Client& client, std::uint32_t stream, std::uint64_t now_ns) {
  const StreamTable& streams = client.session->streams();
  const StreamQueue& queue = streams.at(stream);
  if (!streams.HeadIsReady(stream, WhoWaits()) || queue.waiting.front().kind != Command::Kind::kGpu) return false;
  if (IsFull(queue) || IsFullOfSlices(queue, kInFlightPerStream, kNodesPerStream)) return false;
  // What is on the GPU ends first where it is.
  if (const GpuStream* const gpu = client.bindings[stream].gpu; gpu != nullptr && gpu->share != ShareOf(client, stream)) {
    return false;
  }
  return !queue.waiting.front().prints || printing_.MayGo(client.session->identity().client, now_ns);
}

// Before the first of them is announced, and for all of them. Text is brought to its owner by the command.
void Scheduler::ChooseSlices(Client& client, std::uint32_t stream) {
  StreamQueue& queue = client.session->streams().at(stream);
  Command& head = queue.waiting.front();
  if (head.graph == nullptr || head.slices != nullptr || head.prints || !feed_.WantsSlices(client.in_feed)) return;
  auto slices = head.graph->slices();
  static const SliceBegins kWhole;
  static const std::vector<std::uint64_t> kNoShapes;
  if (!client.session->is_slicing()) {
    auto next = head.graph->slice_plan().Next(slices == nullptr ? kWhole : slices->begins(),
                                              slices == nullptr ? kNoShapes : slices->shapes(),
                                              feed_.knowledge().kernels, feed_.limits().slice_ns);
    if (next) client.session->Slice(head, std::move(*next));
  }
  head.slices = std::move(slices);
}

void Scheduler::Announce(Client& client, std::uint64_t now_ns) {
  const StreamTable& streams = client.session->streams();
  for (const std::uint32_t stream : streams.active()) {
    if (!feed_.WantsHead(client.in_feed, stream, now_ns) || !IsReady(client, stream, now_ns)) continue;
    ChooseSlices(client, stream);
    const StreamQueue& queue = streams.at(stream);
    const Command& head = queue.waiting.front();
    const bool is_slice = head.slices != nullptr;
    feed_.Ready(client.in_feed, stream, PositionBehindNext(queue), head.arrival,
                is_slice ? head.slices->WorkOf(queue.slices_dispatched) : head.work, now_ns, head.read);
  }
}

bool Scheduler::Dispatch(std::uint64_t now_ns) {
  bool any = false;
  feed_.BeginRound(now_ns);
  std::size_t left = kDispatchesPerStep;
  for (bool moved = true; failure_ == CUDA_SUCCESS && left > 0 && std::exchange(moved, false);) {
    any |= DispatchAllSoftware(now_ns);
    printing_.PassIfDue(now_ns);
    for (const auto& client : clients_) Announce(*client, now_ns);
    moved = DispatchAnnounced(left, now_ns);
    any |= moved;
  }
  MarkAll();
  return any;
}

// As long as the policy has something to go next. What a dispatched command makes ready is mostly its own client's.
bool Scheduler::DispatchAnnounced(std::size_t& left, std::uint64_t now_ns) {
  bool any = false;
  for (; failure_ == CUDA_SUCCESS && left > 0; --left) {
    const auto choice = feed_.Pick(now_ns);
    if (!choice) break;
    Client& client = *clients_of_feed_[choice->client];
    if (!IsReady(client, choice->stream, now_ns)) {  // no longer
      feed_.Withdraw(choice->client, choice->stream, now_ns);
      continue;
    }
    DispatchPicked(client, choice->stream, now_ns);
    DispatchSoftware(client, now_ns);
    Announce(client, now_ns);
    any = true;
  }
  return any;
}

// Nothing more can be dispatched now: what was, must be seen done.
void Scheduler::MarkAll() {
  for (const auto& client : clients_) {
    const StreamTable& streams = client->session->streams();
    for (const std::uint32_t stream : streams.active()) {
      const StreamQueue& queue = streams.at(stream);
      if (queue.in_flight() && !queue.awaits_callback) MarkUpTo(*client, stream, queue.dispatched_position());
    }
  }
}

void Scheduler::DispatchPicked(Client& client, std::uint32_t stream, std::uint64_t now_ns) {
  if (!Bind(client, stream)) {
    client.session->SetStickyError(CUDA_ERROR_OUT_OF_MEMORY);
    DropWaiting(client, now_ns);
    return;
  }
  const bool look = feed_.Dispatched(client.in_feed, stream, now_ns);
  IssueHead(client, stream, now_ns);
  if (look) MarkUpTo(client, stream, client.session->streams().at(stream).dispatched_position());
}

bool Scheduler::Bind(Client& client, std::uint32_t stream) {
  const StreamQueue& queue = client.session->streams().at(stream);
  Binding& binding = client.bindings[stream];
  if (binding.gpu != nullptr) return true;
  const TenantInfo& tenant = feed_.host().Tenant(client.session->tenant().number);
  binding.gpu = gpu_streams_.Take(tenant.tenant_class, queue.priority, ShareOf(client, stream));
  if (binding.gpu == nullptr) return false;
  // Positions of the stream continue from where they are, the word's values must only grow.
  binding.marked = queue.dispatched_position();
  binding.base = binding.gpu->marked - binding.marked;
  return true;
}

// Other streams need it: there are few queues in the hardware, and streams that share one can wait for each other.
void Scheduler::ReleaseIfDrained(Client& client, std::uint32_t stream) {
  Binding& binding = client.bindings[stream];
  if (client.session->streams().at(stream).in_flight()) return;
  gpu_streams_.Return(binding.gpu);
  binding.gpu = nullptr;
}

void Scheduler::IssueWaits(Client& client, std::uint32_t stream, const std::vector<Dependency>& unfinished) {
  for (const Dependency& dependency : unfinished) {
    Binding& other = client.bindings[dependency.stream];
    const StreamPosition position = PositionOf(dependency.sequence);
    MarkUpTo(client, dependency.stream, position);
    Check(client, gpu_streams_.WaitFor(*client.bindings[stream].gpu, *other.gpu, other.base + position));
  }
}

void Scheduler::IssueHead(Client& client, std::uint32_t stream, std::uint64_t now_ns) {
  const StreamTable& streams = client.session->streams();
  const StreamQueue& queue = streams.at(stream);
  const Command& head = queue.waiting.front();
  if (queue.slices_dispatched == 0) {
    IssueWaits(client, stream, streams.Unfinished(head));
    CountInFlight(client, 1, now_ns);
    if (head.prints || head.asserts) CountText(client, stream, head);
  }
  Check(client, IssueNext(client, stream));
  const StreamPosition position = queue.dispatched_position();
  const bool are_many = SequenceAt(position - client.bindings[stream].marked) >= kCommandsPerMark ||
                        (SlicesAt(position) != 0 && SlicesAt(position) % kCommandsPerMark == 0);
  if (are_many) MarkUpTo(client, stream, position);
}

// The head, or what of it is next.
CUresult Scheduler::IssueNext(Client& client, std::uint32_t stream) {
  StreamTable& streams = client.session->streams();
  const CUstream on = client.bindings[stream].gpu->stream;
  const StreamQueue& queue = streams.at(stream);
  const auto slices = queue.waiting.front().slices;
  if (slices == nullptr) {
    const Command command = streams.TakeHead(stream);
    return command.issue ? command.issue(on) : CUDA_SUCCESS;
  }
  const std::uint32_t slice = queue.slices_dispatched;
  std::optional<Command> last;  // it holds the graph: no update may change that meanwhile
  if (slice + 1 < slices->count()) {
    streams.TakeSlice(stream);
  } else {
    last = streams.TakeHead(stream);
  }
  ++client.session->slices;
  return slices->Launch(slice, on);
}

// Until the command is done.
void Scheduler::CountText(Client& client, std::uint32_t stream, const Command& command) {
  if (command.prints) printing_.OnDispatched();
  client.asserting += command.asserts ? 1 : 0;
  client.session->streams().at(stream).on_completed.emplace(
      command.sequence, [this, &client, prints = command.prints, asserts = command.asserts] {
        if (prints) printing_.OnDone();
        client.asserting -= asserts ? 1 : 0;
      });
}

std::shared_ptr<ClientText> Scheduler::TextOf(std::uint64_t number) const {
  const auto found = std::ranges::find_if(
      clients_, [number](const auto& client) { return client->session->identity().client == number; });
  return found == clients_.end() ? nullptr : (*found)->session->text();
}

void Scheduler::MarkUpTo(Client& client, std::uint32_t stream, StreamPosition position) {
  Binding& binding = client.bindings[stream];
  if (binding.marked >= position || failure_ != CUDA_SUCCESS) return;
  // The newest: a mark lies behind all that was issued, and says so.
  binding.marked = client.session->streams().at(stream).dispatched_position();
  Check(client, gpu_streams_.Mark(*binding.gpu, binding.base + binding.marked));
}

void Scheduler::Check(Client& client, CUresult result) {
  if (result == CUDA_SUCCESS) return;
  if (IsFatal(result)) {
    failure_ = result;
  } else {
    client.session->SetStickyError(result);
  }
}

void Scheduler::CheckHealth() {
  for (const auto& client : clients_) {
    const StreamTable& streams = client->session->streams();
    for (const std::uint32_t stream : streams.active()) {
      const Binding& binding = client->bindings[stream];
      if (binding.gpu == nullptr || !streams.at(stream).in_flight()) continue;
      const CUresult result = driver_.cuStreamQuery(binding.gpu->stream);
      if (result != CUDA_SUCCESS && result != CUDA_ERROR_NOT_READY) failure_ = result;
      return;  // a context fails as a whole
    }
  }
  if (const CUresult result = word_probes_.CheckHealth(); result != CUDA_SUCCESS) failure_ = result;
}

bool Scheduler::IsOnGpu(const Client& client) {
  const StreamTable& streams = client.session->streams();
  return std::ranges::any_of(streams.active(), [&](std::uint32_t stream) {
    return client.bindings[stream].gpu != nullptr && streams.at(stream).in_flight();
  });
}

void Scheduler::BlameInFlight() {
  const bool by_assertion = failure_ == CUDA_ERROR_ASSERT &&
                            std::ranges::any_of(clients_, [](const auto& client) { return client->asserting != 0; });
  for (const auto& client : clients_) {
    if (IsOnGpu(*client) && (!by_assertion || client->asserting != 0)) client->session->SetStickyError(failure_);
  }
}

ClientSession* Scheduler::OnlyOneThatAsserts() const {
  ClientSession* found = nullptr;
  for (const auto& client : clients_) {
    if (client->asserting == 0 || !IsOnGpu(*client)) continue;
    if (found != nullptr) return nullptr;
    found = client->session.get();
  }
  return found;
}

std::vector<std::unique_ptr<ClientSession>> Scheduler::Collect(std::uint64_t now_ns) {
  std::vector<std::unique_ptr<ClientSession>> done;
  for (const auto& client : clients_) {
    if (!client->detached || !client->session->streams().idle() || !client->session->ready()) continue;
    if (!word_probes_.Forget(client.get())) continue;
    feed_.RemoveClient(client->in_feed, now_ns);  // its last job ends, and who records that asks for the tenant
    done.push_back(std::move(client->session));
  }
  std::erase_if(clients_, [](const auto& client) { return client->session == nullptr; });
  for (const auto& session : done) {
    if (FindTenant(session->tenant().name) == nullptr) EndShare(session->tenant());
  }
  return done;
}

std::vector<Scheduler::Broken> Scheduler::TakeBroken() {
  std::vector<Broken> broken;
  for (const auto& client : clients_) {
    if (client->session->broken().empty() || std::exchange(client->reported, true)) continue;
    client->session->SetStickyError(CUDA_ERROR_INVALID_VALUE);
    broken.push_back({client->session->identity().client, client->session->broken()});
  }
  return broken;
}

}  // namespace paella::scheduler_daemon
