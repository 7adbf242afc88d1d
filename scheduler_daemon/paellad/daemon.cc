#include "scheduler_daemon/paellad/daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "scheduler_daemon/paellad/status_document.h"
#include "scheduler_daemon/policies/catalogue.h"

namespace paella::scheduler_daemon {
namespace {

// Upper bound of a turn's wait: executors are started and reaped, deadlines looked at, systemd told.
constexpr std::chrono::milliseconds kTurn{250};
constexpr std::chrono::milliseconds kTurnWithDeadlines{20};
constexpr std::chrono::seconds kGuestTimeout{5};
constexpr std::chrono::seconds kReportTimeout{2};
constexpr std::size_t kMostPrograms = 256;  // that have not been admitted yet
constexpr std::size_t kMostControlGuests = 64;
constexpr std::chrono::seconds kAcceptPause{1};

void Reply(ipc::ControlSocket& socket, bool failed, const std::string& text) {
  ipc::ControlReply reply;
  reply.failed = failed;
  reply.text = text;
  if (socket.SendText(reply, &ipc::ControlReply::text) || socket.PeerIsGone()) return;
  reply.failed = true;
  reply.text = "paellad has no memory for the answer";
  socket.Send(reply);
}

// 0: systemd does not watch.
std::chrono::microseconds WatchdogPeriod() {
  std::uint64_t limit_us = 0;
  return std::chrono::microseconds(sd_watchdog_enabled(0, &limit_us) > 0 ? limit_us / 2 : 0);
}

}  // namespace

Daemon::Daemon(const Settings& settings, std::unique_ptr<const Driver> driver)
    : settings_(settings),
      driver_(std::move(driver)),
      slabs_(*driver_, settings.device),
      executor_(settings, slabs_, *this),
      clients_(settings, executor_),
      watchdog_period_(WatchdogPeriod()) {}

bool Daemon::Listen() {
  std::string error;
  programs_ = {ipc::Listener(settings_.socket, settings_.socket_mode, error), kMostPrograms};
  if (programs_.listener.valid()) {
    control_ = {ipc::Listener(settings_.control_socket, settings_.control_mode, error), kMostControlGuests};
  }
  if (!control_.listener.valid()) {
    spdlog::error("cannot listen at {}", error);
    return false;
  }
  for (const Door* door : {&programs_, &control_}) fcntl(door->listener.fd(), F_SETFL, O_NONBLOCK);
  return true;
}

int Daemon::Run(int signals) {
  signals_ = signals;
  if (!Listen()) return 1;
  int status = 0;
  while (stop_signals_ == 0) {
    Turn();
    if (!was_ready_ && executor_.failed_to_start()) {
      spdlog::error("the executor does not start: its messages are above");
      status = 1;
      break;
    }
  }
  TellSystemd("STOPPING=1");
  if (status == 0) Drain();
  clients_.FailAll(CUDA_ERROR_DEVICE_UNAVAILABLE);
  executor_.Stop();
  return status;
}

void Daemon::Turn() {
  executor_.Tend(Clock::now());
  std::vector<pollfd> polled = Descriptors();
  if (poll(polled.data(), polled.size(), static_cast<int>(LongestWait().count())) > 0) {
    Serve(polled);
  } else {
    executor_.MakeAhead();
  }
  DropLateGuests();
  AnswerLateQuestions();
  FeedWatchdog();
}

std::chrono::milliseconds Daemon::LongestWait() const {
  if (executor_.has_ahead()) return std::chrono::milliseconds(0);
  return guests_.empty() && questions_.empty() ? kTurn : kTurnWithDeadlines;
}

std::vector<pollfd> Daemon::Descriptors() const {
  std::vector<pollfd> polled;
  const auto add = [&](int fd) { polled.push_back({fd, POLLIN, 0}); };
  for (const int fd : {signals_, executor_.fd(), executor_.ending_fd()}) {
    if (fd >= 0) add(fd);
  }
  for (const Door* door : {&programs_, &control_}) {
    if (IsOpen(*door)) add(door->listener.fd());
  }
  for (const auto& guest : guests_) add(guest->socket.fd());
  for (const auto& [number, client] : clients_.clients()) {
    if (!client.leaving) add(client.socket.fd());
  }
  return polled;
}

void Daemon::Serve(const std::vector<pollfd>& polled) {
  const auto readable = [&](int fd) {
    return std::ranges::any_of(polled, [fd](const pollfd& p) { return p.fd == fd && p.revents != 0; });
  };
  if (readable(signals_)) OnSignal();
  if (executor_.fd() >= 0 && readable(executor_.fd())) executor_.Read(Clock::now());
  std::vector<std::uint64_t> talking;
  for (const auto& [number, client] : clients_.clients()) {
    if (!client.leaving && readable(client.socket.fd())) talking.push_back(number);
  }
  for (const std::uint64_t client : talking) clients_.Read(client);
  for (const auto& guest : guests_) {
    if (readable(guest->socket.fd())) ReadGuest(*guest);
  }
  std::erase_if(guests_, [](const auto& guest) { return guest->gone; });
  for (Door* door : {&programs_, &control_}) {
    if (door->listener.valid() && readable(door->listener.fd())) Accept(*door);
  }
}

void Daemon::OnSignal() {
  signalfd_siginfo info;
  while (read(signals_, &info, sizeof info) == sizeof info) {
    // A terminal that closes may tell twice, by the kernel and by the shell: that is no wish to cut the drain short.
    if (info.ssi_signo != SIGHUP || stop_signals_ == 0) ++stop_signals_;
  }
}

// A listener that is not accepted from stays readable: one that has no room is not polled.
bool Daemon::IsOpen(const Door& door) const {
  if (!door.listener.valid() || Clock::now() < next_accept_) return false;
  const bool is_control = &door == &control_;
  const auto came_here = [=](const auto& guest) { return guest->is_control == is_control; };
  return static_cast<std::size_t>(std::ranges::count_if(guests_, came_here)) < door.most_guests;
}

void Daemon::Accept(Door& door) {
  while (IsOpen(door)) {
    ipc::Fd fd(accept4(door.listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd.valid()) return OnAcceptError(errno);
    accept_failed_ = false;
    guests_.push_back(std::make_unique<Guest>(Guest{ipc::ControlSocket(std::move(fd)), Clock::now() + kGuestTimeout,
                                                    &door == &control_, std::nullopt, false}));
  }
}

void Daemon::OnAcceptError(int error) {
  if (error != EMFILE && error != ENFILE && error != ENOMEM && error != ENOBUFS) return;
  next_accept_ = Clock::now() + kAcceptPause;
  if (!std::exchange(accept_failed_, true)) spdlog::error("cannot take a connection: {}", std::strerror(error));
}

void Daemon::ReadGuest(Guest& guest) {
  ipc::Packet packet;
  const ipc::ReceiveStatus status = guest.socket.Receive(packet, std::chrono::milliseconds(0));
  if (status == ipc::ReceiveStatus::kTimeout) return;
  guest.gone = true;  // unless it has to wait for the executor
  if (status != ipc::ReceiveStatus::kPacket) return;
  if (guest.is_control) {
    if (const auto request = packet.As<ipc::ControlRequest>()) return OnControl(guest, *request);
    return Reply(guest.socket, true, "this is no request that paellad knows");
  }
  guest.hello = packet.As<ipc::Hello>();
  if (guest.hello) return OnHello(guest);
  Refuse(guest.socket, "this is no greeting that paellad knows");
}

void Daemon::OnHello(Guest& guest) {
  guest.gone = executor_.device() != nullptr;
  if (guest.gone) clients_.Admit(*guest.hello, std::move(guest.socket));
}

void Daemon::OnExecutorReady() {
  spdlog::info("serving {} ({}) at {}", executor_.device()->device_name, executor_.device()->pci_bus_id,
               settings_.socket);
  if (!std::exchange(was_ready_, true)) TellSystemd("READY=1");
  for (const auto& guest : guests_) {
    if (guest->hello) OnHello(*guest);
  }
  std::erase_if(guests_, [](const auto& guest) { return guest->gone; });
}

void Daemon::OnExecutorGone() {
  clients_.FailAll(CUDA_ERROR_DEVICE_UNAVAILABLE);
  for (auto& [tag, question] : questions_) question.deadline = Clock::now();  // nobody is left to answer them
}

void Daemon::DropLateGuests() {
  std::erase_if(guests_, [now = Clock::now()](const auto& guest) {
    if (now < guest->deadline) return false;
    if (guest->hello) Refuse(guest->socket, "the executor is starting, and takes its time");
    return true;
  });
}

void Daemon::OnControl(Guest& guest, const ipc::ControlRequest& request) {
  // It is logged, and answered with.
  if (std::ranges::any_of(request.argument, [](unsigned char c) { return c < ' ' || c == 0x7f; })) {
    return Reply(guest.socket, true, "a request is one line of text");
  }
  if (request.verb == "status") return AskForStatus(std::move(guest.socket));
  if (request.verb == "policy") return AnswerPolicy(guest.socket, request.argument);
  if (request.verb == "tenant") return AnswerTenant(guest.socket, request.argument);
  if (request.verb == "trace") return AskForTrace(std::move(guest.socket), request.argument);
  if (request.verb == "why") return AskForJobs(std::move(guest.socket), request.argument);
  Reply(guest.socket, true, "there is no verb '" + request.verb + "'; there are status, policy, tenant, trace, why");
}

void Daemon::AnswerPolicy(ipc::ControlSocket& socket, const std::string& text) {
  if (text.empty()) return Reply(socket, false, executor_.policy());
  std::string error;
  if (MakePolicyOfText(text, error) == nullptr) return Reply(socket, true, error);
  executor_.SetPolicy(text);
  spdlog::info("the policy is {} now", text);
  Reply(socket, false, text);
}

void Daemon::AnswerTenant(ipc::ControlSocket& socket, const std::string& text) {
  const NamedAssignments tenant(text);
  std::string error;
  if (!clients_.SetTenant(tenant.name, tenant.assignments, error)) return Reply(socket, true, error);
  spdlog::info("tenant {}", text);
  Reply(socket, false, text);
}

void Daemon::AskForStatus(ipc::ControlSocket socket) {
  ipc::StatusRequest request;
  request.tag = next_tag_++;
  // Without an executor the question's time is over at once.
  const bool asked = executor_.device() != nullptr && executor_.Send(request);
  questions_.emplace(request.tag, Question{std::move(socket), Clock::now() + (asked ? kReportTimeout : Clock::duration(0))});
}

void Daemon::AskForTrace(ipc::ControlSocket socket, const std::string& what) {
  if (what != "start" && what != "stop") return Reply(socket, true, "a trace can be told to start and to stop");
  ipc::TraceControl request;
  request.start = what == "start" ? 1 : 0;
  AskToHandOn(std::move(socket), request);
}

void Daemon::AskForJobs(ipc::ControlSocket socket, const std::string& argument) {
  if (!argument.empty()) return Reply(socket, true, "why tells of all jobs, and takes no argument");
  AskToHandOn(std::move(socket), ipc::JobsRequest());
}

template <typename Request>
void Daemon::AskToHandOn(ipc::ControlSocket socket, Request request) {
  request.tag = next_tag_++;
  if (executor_.device() == nullptr || !executor_.Send(request)) return Reply(socket, true, "there is no executor now");
  questions_.emplace(request.tag, Question{std::move(socket), Clock::now() + kReportTimeout, false});
}

void Daemon::OnStatusReport(const ipc::StatusReport& report) {
  if (drain_tag_ == report.tag) {
    drain_tag_.reset();
    drained_ = ReportsNoWork(report.document);
  }
  const auto question = questions_.find(report.tag);
  if (question == questions_.end()) return;
  Reply(question->second.socket, false,
        question->second.is_status
            ? StatusDocument(settings_, executor_, clients_, report.document, UptimeSeconds())
            : report.document);
  questions_.erase(question);
}

void Daemon::AnswerLateQuestions() {
  const auto now = Clock::now();
  for (auto question = questions_.begin(); question != questions_.end();) {
    if (now < question->second.deadline) {
      ++question;
      continue;
    }
    if (question->second.is_status) {
      Reply(question->second.socket, false, StatusDocument(settings_, executor_, clients_, "", UptimeSeconds()));
    } else {
      Reply(question->second.socket, true, "the executor does not answer");
    }
    question = questions_.erase(question);
  }
}

void Daemon::TellSystemd(const char* state) {
  sd_notify(0, state);  // does nothing where systemd did not start us
}

// Half of the time that systemd gives, and not each turn: under load that would be thousands of packets a second, and one
// that systemd has no room for stops us.
void Daemon::FeedWatchdog() {
  const auto now = Clock::now();
  if (watchdog_period_.count() == 0 || now < next_feed_) return;
  next_feed_ = now + watchdog_period_;
  TellSystemd("WATCHDOG=1");
}

// No new clients; those that are here may finish what they have asked for. A second signal cuts it short.
void Daemon::Drain() {
  spdlog::info("stopping: waiting up to {} s for the work that is there", settings_.drain_seconds);
  programs_.listener.Close();
  control_.listener.Close();
  guests_.clear();
  const auto deadline = Clock::now() + std::chrono::seconds(settings_.drain_seconds);
  const int signals_before = stop_signals_;
  while (executor_.device() != nullptr && !drained_ && stop_signals_ == signals_before && Clock::now() < deadline) {
    if (!drain_tag_) {
      ipc::StatusRequest request;
      request.tag = next_tag_++;
      drain_tag_ = request.tag;
      executor_.Send(request);
    }
    Turn();
  }
  if (!drained_ && !clients_.clients().empty()) spdlog::warn("stopping with work left undone");
}

std::uint64_t Daemon::UptimeSeconds() const {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - started_).count());
}

}  // namespace paella::scheduler_daemon
