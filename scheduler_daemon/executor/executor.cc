#include "scheduler_daemon/executor/executor.h"

#include <poll.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "ipc/process_barrier.h"
#include "ipc/waiting.h"
#include "scheduler_daemon/executor/device_description.h"
#include "scheduler_daemon/executor/gpu_streams.h"
#include "scheduler_daemon/executor/job_report.h"
#include "scheduler_daemon/executor/knowledge_file.h"
#include "scheduler_daemon/executor/modules.h"
#include "scheduler_daemon/executor/output_capture.h"
#include "scheduler_daemon/executor/printed_text.h"
#include "scheduler_daemon/executor/scheduler.h"
#include "scheduler_daemon/executor/slab_broker.h"
#include "scheduler_daemon/executor/slab_stock.h"
#include "scheduler_daemon/executor/status.h"
#include "scheduler_daemon/executor/tenants.h"
#include "scheduler_daemon/policies/catalogue.h"
#include "scheduler_daemon/simulator/trace_writer.h"

namespace paella::scheduler_daemon {
namespace {

using Clock = std::chrono::steady_clock;

// Longer than the pauses of an eager program between its calls: each sleep costs the client a wake-up of a core and an
// interrupt for the barrier (GPT-2's `generate` on an H100 took 0.88 of its native time with 50 us, 0.72 with 1 ms).
std::chrono::microseconds SpinWithoutWork() { return std::chrono::microseconds(ipc::HasCoresToSpare() ? 1000 : 50); }
// While the GPU works it is watched without a pause at first, then in steps that add little to what has already taken
// much longer.
std::chrono::microseconds SpinWithWork() { return std::chrono::microseconds(ipc::HasCoresToSpare() ? 5000 : 500); }
constexpr std::chrono::microseconds kStepWithWork{20};
// The same for what a client waits for that nobody rings for, like a word of memory.
constexpr std::chrono::milliseconds kNapWithHold{5};
constexpr std::chrono::milliseconds kStepWithWaiting{1};
constexpr std::chrono::seconds kStepIdle{1};
constexpr std::chrono::milliseconds kHealthCheckAfter{1};
constexpr std::chrono::seconds kBetweenKeeping{60};
constexpr std::chrono::milliseconds kIdleBeforeKeeping{100};

std::uint64_t NowNs() {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now().time_since_epoch()).count());
}

// Never waits, whatever the client does with the flags of its bell or with what has been rung.
void ClearBell(const pollfd& bell) {
  std::uint64_t count = 0;
  const iovec to{&count, sizeof count};
  if ((bell.revents & POLLIN) != 0) [[maybe_unused]] const auto got = preadv2(bell.fd, &to, 1, -1, RWF_NOWAIT);
}

// The process's log keeps going there when standard error becomes something else.
void LogTo(int fd) {
  std::FILE* const file = fdopen(fd, "w");  // stays open, like the log
  if (file == nullptr) return;
  setvbuf(file, nullptr, _IONBF, 0);
  using Sink = spdlog::sinks::ansicolor_sink<spdlog::details::console_mutex>;
  const auto before = spdlog::default_logger();
  const auto logger =
      std::make_shared<spdlog::logger>(before->name(), std::make_shared<Sink>(file, spdlog::color_mode::automatic));
  logger->set_level(before->level());
  logger->flush_on(before->flush_level());
  spdlog::set_default_logger(logger);
}

// Of a packet that describes a tenant.
template <typename Packet>
TenantInfo TenantInfoOf(const Packet& packet) {
  return {.tenant_class = ClassOfName(packet.class_name).value_or(TenantClass::kNormal),
          .weight = packet.weight > 0 ? packet.weight : 1,
          .deadline_ns = packet.deadline_ns,
          .sm_share_percent = packet.sm_share_percent};
}

int ArchitectureMajor(const Driver& driver, CUdevice device) {
  int major = 0;
  driver.cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device);
  return major;
}

class Executor {
 public:
  Executor(const Driver& driver, CUdevice device, CUcontext context, ipc::ControlSocket control,
           std::unique_ptr<PolicyOperations> policy, const ExecutorSettings& settings)
      : driver_(driver),
        context_(context),
        modules_(driver, ArchitectureMajor(driver, device), GpuCapacity::Of(driver, device)),
        control_(std::move(control)),
        wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        broker_(control_),
        slabs_(driver, broker_, TenantMemory::kFirstSlabBytes, [this] { driver_.cuCtxSetCurrent(context_); }),
        tenants_(driver, device, slabs_),
        sm_shares_(driver, device, [this](std::function<void()> job) { reaper_.Post(std::move(job)); }),
        gpu_streams_(driver, settings.stream_priorities),
        printed_(driver, context),
        knowledge_file_(settings.knowledge_file),
        scheduler_(driver, gpu_streams_, std::move(policy), LoadKnowledge(knowledge_file_),
                   [this](std::shared_ptr<ClientText> next) {
                     printed_.PassTo(std::move(next), [this] { Tell([this] { scheduler_.PrintingPassed(); }); });
                   }),
        reaper_([this] { driver_.cuCtxSetCurrent(context_); }) {}

  int Run(const DeviceDescription& device, std::uint64_t ready_memory_bytes);

 private:
  // Control thread.
  void Listen();
  bool OnPacket(ipc::Packet& packet);
  bool OnAttach(ipc::Packet& packet);
  void Refuse(std::uint64_t client, std::string reason);
  void Tell(std::function<void()> job);  // to be run on the main thread

  // Main thread.
  bool CaptureText();
  void BringLastWords();
  void RunInbox();
  void GiveShare(const std::string& tenant, double percent);
  void MakeShare(const std::string& tenant, double percent, int tries);
  void HandleDeparted();
  void SendReport(std::uint64_t tag, std::string document);
  void ReportJobs(std::uint64_t tag);
  void RecordTrace(const ipc::TraceControl& request);
  void LogEvictions();
  void KeepKnowledge(Clock::time_point now);
  void Wait(bool worked);
  void Nap();
  void Sleep();
  bool HasWaiting() const;
  std::chrono::nanoseconds SleepStep() const;

  const Driver& driver_;
  const CUcontext context_;
  ModuleCache modules_;
  ipc::ControlSocket control_;
  ipc::Fd wake_;
  const bool makes_barriers_ = ipc::CanMakeProcessBarriers();
  SlabBroker broker_;
  SlabStock slabs_;
  Tenants tenants_;
  SmShares sm_shares_;
  GpuStreams gpu_streams_;
  PrintedText printed_;
  AssertionCapture assertions_;
  const std::string knowledge_file_;
  Scheduler scheduler_;

  std::mutex inbox_mutex_;
  std::vector<std::function<void()>> inbox_;
  std::atomic<bool> has_inbox_{false};
  std::atomic<bool> stop_{false};

  Clock::time_point last_worked_ = Clock::now();
  Clock::time_point last_health_check_ = Clock::now();
  Clock::time_point last_kept_ = Clock::now();
  std::uint64_t learned_when_kept_ = 0;
  std::uint64_t evictions_logged_ = 0;
  std::shared_ptr<TraceWriter> trace_;  // while a trace is recorded
  Worker reaper_;
};

void Executor::Tell(std::function<void()> job) {
  {
    const std::lock_guard lock(inbox_mutex_);
    inbox_.push_back(std::move(job));
  }
  has_inbox_.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(wake_.get(), &one, sizeof one);
}

void Executor::Listen() {
  driver_.cuCtxSetCurrent(context_);
  ipc::Packet packet;
  for (;;) {
    switch (control_.Receive(packet, std::chrono::milliseconds(1000))) {
      case ipc::ReceiveStatus::kTimeout: continue;
      case ipc::ReceiveStatus::kPacket:
        if (OnPacket(packet)) continue;
        break;
      case ipc::ReceiveStatus::kClosed:
      case ipc::ReceiveStatus::kMalformed: break;
    }
    break;
  }
  stop_ = true;
  Tell([] {});
}

bool Executor::OnPacket(ipc::Packet& packet) {
  switch (packet.kind) {
    case ipc::ClientAttach::kKind: return OnAttach(packet);
    case ipc::SlabGrant::kKind: return broker_.OnGrant(packet);
    case ipc::ClientDetach::kKind:
      if (const auto message = packet.As<ipc::ClientDetach>()) {
        Tell([this, client = message->client] { scheduler_.Detach(client, NowNs()); });
        return true;
      }
      return false;
    case ipc::SetPolicy::kKind:
      if (const auto message = packet.As<ipc::SetPolicy>()) {
        Tell([this, text = message->text] {
          std::string error;  // paellad has made it too
          if (auto policy = MakePolicyOfText(text, error)) scheduler_.SetPolicy(std::move(policy), NowNs());
        });
        return true;
      }
      return false;
    case ipc::SetTenant::kKind:
      if (const auto message = packet.As<ipc::SetTenant>()) {
        Tell([this, tenant = message->tenant, info = TenantInfoOf(*message)] {
          scheduler_.SetTenant(tenant, info, NowNs());
          GiveShare(tenant, info.sm_share_percent);
        });
        return true;
      }
      return false;
    case ipc::StatusRequest::kKind:
      if (const auto message = packet.As<ipc::StatusRequest>()) {
        Tell([this, tag = message->tag] {
          SendReport(tag, DescribeStatus({scheduler_, tenants_, modules_, slabs_}, NowNs()));
        });
        return true;
      }
      return false;
    case ipc::JobsRequest::kKind:
      if (const auto message = packet.As<ipc::JobsRequest>()) {
        Tell([this, tag = message->tag] { ReportJobs(tag); });
        return true;
      }
      return false;
    case ipc::TraceControl::kKind:
      if (const auto message = packet.As<ipc::TraceControl>()) {
        Tell([this, message = *message] { RecordTrace(message); });
        return true;
      }
      return false;
    default: return false;
  }
}

void Executor::Refuse(std::uint64_t client, std::string reason) {
  ipc::ClientFailed failed;
  failed.client = client;
  failed.reason = std::move(reason);
  control_.Send(failed);
  ipc::ClientDetached detached;
  detached.client = client;
  control_.Send(detached);
}

bool Executor::OnAttach(ipc::Packet& packet) {
  const auto client = packet.As<ipc::ClientAttach>();
  if (!client || packet.fds.size() != 3) return false;
  ClientSession::Resources resources;
  resources.channel = ipc::Mapping::Shared(packet.fds[0].get(), client->channel_bytes);
  resources.arena = ipc::Mapping::Shared(packet.fds[1].get(), client->arena_bytes, client->arena_base);
  resources.arena_memory = std::move(packet.fds[1]);
  resources.doorbell = std::move(packet.fds[2]);
  if (!resources.channel.valid() || !resources.arena.valid()) {
    Refuse(client->client, "the executor cannot map the client's channel or arena");
    return true;
  }
  CUresult result = CUDA_SUCCESS;
  auto tenant = tenants_.Get(*client, result);
  if (tenant == nullptr) {
    Refuse(client->client, "the executor cannot reserve the tenant's window: " + driver_.ErrorName(result));
    return true;
  }
  try {
    auto session = std::make_shared<std::unique_ptr<ClientSession>>(std::make_unique<ClientSession>(
        driver_, context_, modules_, printed_, *client, std::move(resources), std::move(tenant)));
    Tell([this, session, name = client->tenant, info = TenantInfoOf(*client)] {
      scheduler_.Add(std::move(*session), info, NowNs());
      GiveShare(name, info.sm_share_percent);
    });
  } catch (const std::system_error& error) {  // no thread for it
    Refuse(client->client, std::string("the executor cannot start a thread for it: ") + error.what());
  }
  return true;
}

void Executor::RunInbox() {
  if (!has_inbox_.exchange(false, std::memory_order_acquire)) return;
  std::vector<std::function<void()>> jobs;
  {
    const std::lock_guard lock(inbox_mutex_);
    jobs.swap(inbox_);
  }
  for (const auto& job : jobs) job();
}

// To make it takes milliseconds. Until it is there the tenant runs on all SMs, as it does where it cannot be had.
void Executor::GiveShare(const std::string& tenant, double percent) {
  constexpr int kTries = 2;  // the SMs may be in a share that was just made and that nobody wants any more
  if (scheduler_.WantsShare(tenant, percent)) MakeShare(tenant, percent, kTries);
}

void Executor::MakeShare(const std::string& tenant, double percent, int tries) {
  reaper_.Post([this, tenant, percent, tries] {
    std::string error;
    auto share = sm_shares_.Make(percent, error);
    if (share == nullptr && tries > 1) {  // behind what gives such a share back
      return Tell([this, tenant, percent, tries] {
        if (scheduler_.LacksShare(tenant, percent)) MakeShare(tenant, percent, tries - 1);
      });
    }
    if (share == nullptr) return spdlog::error("no share of {} % of the SMs for tenant {}: {}", percent, tenant, error);
    spdlog::info("tenant {} runs on {} SMs", tenant, share->multiprocessors());
    Tell([this, tenant, percent, share] { scheduler_.SetShare(tenant, percent, share); });
  });
}

void Executor::HandleDeparted() {
  for (auto& broken : scheduler_.TakeBroken()) {
    ipc::ClientFailed message;
    message.client = broken.client;
    message.reason = std::move(broken.reason);
    control_.Send(message);
  }
  for (auto& session : scheduler_.Collect(NowNs())) {
    auto owned = std::make_shared<std::unique_ptr<ClientSession>>(std::move(session));
    reaper_.Post([this, owned] {
      ipc::ClientDetached message;
      message.client = (*owned)->identity().client;
      owned->reset();
      tenants_.Tidy();
      control_.Send(message);
    });
  }
}

bool Executor::HasWaiting() const {
  bool waiting = false;
  scheduler_.ForEachSession([&](ClientSession& session) { waiting |= !session.ready() || !session.streams().idle(); });
  return waiting;
}

std::chrono::nanoseconds Executor::SleepStep() const {
  return HasWaiting() ? std::chrono::nanoseconds(kStepWithWaiting) : std::chrono::nanoseconds(kStepIdle);
}

// While the GPU works, the next look is near: nobody needs to ring for it.
void Executor::Nap() {
  pollfd wake{wake_.get(), POLLIN, 0};
  const timespec timeout{0, std::chrono::nanoseconds(kStepWithWork).count()};
  ppoll(&wake, 1, &timeout, nullptr);
  ClearBell(wake);
}

void Executor::Sleep() {
  const auto set_sleeping = [this](std::uint32_t value) {
    // Read-modify-writes, and then a barrier in the clients: one that writes a record sees that we sleep, or we see its
    // record (Channel).
    scheduler_.ForEachSession([value](ClientSession& session) {
      session.channel().header().daemon_sleeps.exchange(value, std::memory_order_seq_cst);
    });
  };
  set_sleeping(1);
  if (makes_barriers_) ipc::BarrierInRegisteredProcesses();
  if (!scheduler_.Step(NowNs()) && !has_inbox_.load(std::memory_order_acquire)) {
    std::vector<pollfd> fds{{wake_.get(), POLLIN, 0}};
    scheduler_.ForEachSession([&](ClientSession& session) { fds.push_back({session.doorbell(), POLLIN, 0}); });
    const auto step = SleepStep();
    const timespec timeout{step.count() / 1'000'000'000, step.count() % 1'000'000'000};
    ppoll(fds.data(), fds.size(), &timeout, nullptr);
    scheduler_.WokeUp(NowNs());
    for (const pollfd& fd : fds) ClearBell(fd);
  } else {
    last_worked_ = Clock::now();
  }
  set_sleeping(0);
}

// The answer to what paellad asked under that tag.
void Executor::SendReport(std::uint64_t tag, std::string document) {
  ipc::StatusReport report;
  report.tag = tag;
  report.document = std::move(document);
  control_.SendText(report, &ipc::StatusReport::document);
}

void Executor::ReportJobs(std::uint64_t tag) {
  auto jobs = std::make_shared<const FlightReport>(scheduler_.ReportJobs(NowNs()));
  reaper_.Post([this, tag, jobs] { SendReport(tag, DescribeJobs(*jobs)); });  // the text of many takes a while
}

void Executor::RecordTrace(const ipc::TraceControl& request) {
  const auto recorded = request.start == 0 ? std::exchange(trace_, nullptr) : nullptr;
  trace_ = request.start != 0 ? std::make_shared<TraceWriter>(NowNs()) : nullptr;
  scheduler_.SetRecorder(trace_ ? [this](const RecordedJob& job, const std::string& tenant, const TenantInfo& info) {
    trace_->Add(job, tenant, info);
  } : Scheduler::Recorder());
  reaper_.Post([this, tag = request.tag, recorded] {  // as above
    SendReport(tag, recorded != nullptr ? recorded->Text() : std::string());
  });
}

void Executor::LogEvictions() {
  const PolicyHost& host = scheduler_.feed().host();
  if (host.evicted() == evictions_logged_) return;
  evictions_logged_ = host.evicted();
  const Eviction& last = host.evictions().back();
  spdlog::error("the policy {} {} ({}); {} decides from now on", last.policy, ReasonName(last.reason), last.detail,
                host.policy_name());
}

// Now and then, while nobody works: the copy takes up to some milliseconds.
void Executor::KeepKnowledge(Clock::time_point now) {
  const Knowledge& knowledge = scheduler_.feed().knowledge();
  if (now - last_kept_ < kBetweenKeeping || now - last_worked_ < kIdleBeforeKeeping) return;
  last_kept_ = now;
  if (knowledge_file_.empty() || std::exchange(learned_when_kept_, knowledge.learned) == knowledge.learned) return;
  reaper_.Post([this, copy = knowledge] { StoreKnowledge(knowledge_file_, copy); });
}

void Executor::Wait(bool worked) {
  const auto now = Clock::now();
  if (worked) {
    last_worked_ = now;
    return;
  }
  if (scheduler_.in_flight() && now - last_worked_ > kHealthCheckAfter && now - last_health_check_ > kHealthCheckAfter) {
    last_health_check_ = now;
    scheduler_.CheckHealth();
  }
  KeepKnowledge(now);
  if (now - last_worked_ > (scheduler_.in_flight() ? SpinWithWork() : SpinWithoutWork())) {
    const bool naps = scheduler_.in_flight() || (scheduler_.holding() && now - last_worked_ < kNapWithHold);
    naps ? Nap() : Sleep();
  } else {
    ipc::CpuRelax();
  }
}

bool Executor::CaptureText() {
  if (!assertions_.Start()) return false;
  LogTo(dup(assertions_.original_fd()));
  return printed_.Start() == CUDA_SUCCESS;
}

// The context is lost. What its kernels wrote goes to their clients before the error that they are about to see.
void Executor::BringLastWords() {
  std::string lines;
  if (scheduler_.failure() == CUDA_ERROR_ASSERT) {
    // The driver tells of assertions when a thread waits for the GPU. It says at once that the context is lost; but if
    // it does not, this process ends all the same.
    constexpr std::chrono::seconds kPatience{2};
    std::packaged_task<void()> wait([this] {
      driver_.cuCtxSetCurrent(context_);
      driver_.cuCtxSynchronize();
    });
    std::future<void> done = wait.get_future();
    std::thread(std::move(wait)).detach();
    done.wait_for(kPatience);
    lines = assertions_.Take();
  }
  printed_.BringWhatIsWritten();
  const ClientSession* const culprit = scheduler_.OnlyOneThatAsserts();
  scheduler_.ForEachSession([&](ClientSession& session) {
    session.SetLastWords(&session == culprit ? std::string_view(lines) : std::string_view());
  });
}

int Executor::Run(const DeviceDescription& device, std::uint64_t ready_memory_bytes) {
  prctl(PR_SET_TIMERSLACK, 1);  // a sleep of microseconds takes microseconds
  if (const CUresult result = gpu_streams_.Start(); result != CUDA_SUCCESS) {
    spdlog::error("executor: cannot make streams: {}", driver_.ErrorName(result));
    return kExecutorNoGpu;
  }
  std::uint64_t sight_latency_ns = 0;
  if (const CUresult result = gpu_streams_.MeasureSightLatency(sight_latency_ns); result != CUDA_SUCCESS) {
    spdlog::error("executor: cannot see the GPU's progress: {}", driver_.ErrorName(result));
    return kExecutorNoGpu;
  }
  scheduler_.SetSightLatency(sight_latency_ns);
  scheduler_.LetClassesPass();
  if (!CaptureText()) {
    spdlog::error("executor: cannot catch what kernels print");
    return kExecutorNoGpu;
  }
  std::size_t free = 0;
  std::size_t total = 0;
  driver_.cuMemGetInfo(&free, &total);
  tenants_.SetFreeAtStart(free);
  std::thread listener([this] { Listen(); });  // before we are ready: who has no thread for it is not
  if (!control_.Send(device)) {  // paellad is gone, so the listener ends too
    listener.join();
    return kExecutorDone;
  }
  slabs_.Keep(ready_memory_bytes / TenantMemory::kFirstSlabBytes);
  while (!stop_ && scheduler_.failure() == CUDA_SUCCESS) {
    RunInbox();
    const bool worked = scheduler_.Step(NowNs());
    HandleDeparted();
    LogEvictions();
    Wait(worked);
  }
  // From here on nothing is given back piece by piece: the driver frees all with the process, and a lost context
  // answers every call with its error.
  int status = kExecutorDone;
  if (scheduler_.failure() != CUDA_SUCCESS) {
    spdlog::error("executor: the context is lost: {}", driver_.ErrorName(scheduler_.failure()));
    // paellad must know before the culprit does, or it hands us the program that comes next.
    control_.Send(ipc::ExecutorFailing{});
    BringLastWords();
    scheduler_.BlameInFlight();
    // The driver takes its time to end this process.
    shutdown(control_.fd(), SHUT_RDWR);
    status = kExecutorGpuFault;
  }
  if (scheduler_.feed().knowledge().learned != 0) StoreKnowledge(knowledge_file_, scheduler_.feed().knowledge());
  spdlog::shutdown();
  _exit(status);
}

}  // namespace

int RunExecutor(const ExecutorSettings& settings, ipc::ControlSocket control) {
  std::string error;
  setenv("CUDA_DEVICE_MAX_CONNECTIONS", std::to_string(GpuStreams::kHardwareQueues).c_str(), 1);
  const auto driver = Driver::Load(settings.driver, error);
  if (driver == nullptr) {
    spdlog::error("executor: {}", error);
    return kExecutorNoGpu;
  }
  CUdevice device = 0;
  CUcontext context = nullptr;
  CUresult result = driver->cuDeviceGet(&device, settings.device);
  if (result == CUDA_SUCCESS) result = driver->cuDevicePrimaryCtxRetain(&context, device);
  if (result == CUDA_SUCCESS) result = driver->cuCtxSetCurrent(context);
  if (result != CUDA_SUCCESS) {
    spdlog::error("executor: no context on device {}: {}", settings.device, driver->ErrorName(result));
    return kExecutorNoGpu;
  }
  auto policy = MakePolicyOfText(settings.policy, error);
  if (policy == nullptr) {
    spdlog::error("executor: {}", error);
    return kExecutorNoGpu;
  }
  Executor executor(*driver, device, context, std::move(control), std::move(policy), settings);
  return executor.Run(DescribeDevice(*driver, device), settings.ready_memory_bytes);
}

}  // namespace paella::scheduler_daemon
