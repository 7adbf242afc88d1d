#include "scheduler_daemon/paellad/executor_supervisor.h"

#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

namespace paella::scheduler_daemon {
namespace {

constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{30'000};
constexpr int kPacketsPerTurn = 256;  // so that a busy executor does not keep clients waiting
constexpr std::chrono::seconds kStopTimeout{5};
constexpr std::chrono::seconds kEndTimeout{10};  // of one that was killed: the driver gives its memory back first

// Whether a child is on its way out already: a signal that is sent now is not why. False where /proc does not tell.
bool IsExiting(pid_t pid) {
  constexpr int kFieldsBetween = 6;  // the command's name in parentheses, then these, then the flags
  constexpr unsigned kExiting = 0x4;  // PF_EXITING of the kernel
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  const std::size_t name_end = line.rfind(')');
  if (name_end == line.npos) return false;
  std::istringstream fields(line.substr(name_end + 1));
  std::string skipped;
  for (int i = 0; i < kFieldsBetween; ++i) fields >> skipped;
  unsigned flags = 0;
  return (fields >> flags) && (flags & kExiting) != 0;
}

}  // namespace

void ExecutorSupervisor::Tend(Clock::time_point now) {
  Reap();
  if (process_ || now < next_start_ || (!ending_.empty() && now < latest_end_)) return;
  if (!ending_.empty()) {
    spdlog::error("the executor, process {}, does not end: the next one starts beside it", ending_[0].pid);
  }
  Start(now);
}

void ExecutorSupervisor::Start(Clock::time_point now) {
  std::string error;
  process_ = StartExecutor(settings_, policy_, error);
  next_start_ = now + std::max(pause_, kFirstPause);
  if (!process_) {
    spdlog::error("cannot start the executor: {}", error);
    failed_to_start_ = true;
    return;
  }
  if (starts_++ > 0) ++restarts_;
  spdlog::info("started the executor, process {}", process_->pid);
}

void ExecutorSupervisor::Read(Clock::time_point now) {
  ipc::Packet packet;
  for (int i = 0; i < kPacketsPerTurn && process_; ++i) {
    switch (process_->socket.Receive(packet, std::chrono::milliseconds(0))) {
      case ipc::ReceiveStatus::kTimeout: return;
      case ipc::ReceiveStatus::kPacket:
        if (OnPacket(packet)) continue;
        spdlog::error("the executor sent a packet that has no sense here");
        [[fallthrough]];
      case ipc::ReceiveStatus::kClosed:
      case ipc::ReceiveStatus::kMalformed: return OnEnd(now);
    }
  }
}

bool ExecutorSupervisor::OnPacket(ipc::Packet& packet) {
  switch (packet.kind) {
    case ipc::ExecutorReady::kKind:
      device_ = packet.As<ipc::ExecutorReady>();
      if (!device_) return false;
      pause_ = std::chrono::milliseconds(0);
      listener_.OnExecutorReady();
      return true;
    case ipc::ExecutorFailing::kKind: is_failing_ = true; return true;
    case ipc::ClientFailed::kKind: {
      const auto message = packet.As<ipc::ClientFailed>();
      if (message) listener_.OnClientFailed(*message);
      return message.has_value();
    }
    case ipc::ClientDetached::kKind: {
      const auto message = packet.As<ipc::ClientDetached>();
      if (message) listener_.OnClientDetached(message->client);
      return message.has_value();
    }
    case ipc::SlabRequest::kKind: {
      const auto message = packet.As<ipc::SlabRequest>();
      if (message) OnSlabRequest(*message);
      return message.has_value();
    }
    case ipc::SlabReturn::kKind: {
      const auto message = packet.As<ipc::SlabReturn>();
      if (message) slabs_.Release(message->tag);
      return message.has_value();
    }
    case ipc::StatusReport::kKind: {
      const auto message = packet.AsText(&ipc::StatusReport::document);
      if (message) listener_.OnStatusReport(*message);
      return message.has_value();
    }
    default: return false;
  }
}

void ExecutorSupervisor::OnSlabRequest(const ipc::SlabRequest& request) {
  if (request.ahead != 0) {
    ahead_ = request;
    return;
  }
  const CUresult result = Grant(request);
  // Whoever was refused wants the slabs that are ready, and need not wait for one that would not be made.
  if (result == CUDA_ERROR_OUT_OF_MEMORY && ahead_) Refuse(*std::exchange(ahead_, std::nullopt), result);
}

void ExecutorSupervisor::MakeAhead() {
  if (ahead_) Grant(*std::exchange(ahead_, std::nullopt));
}

CUresult ExecutorSupervisor::Grant(const ipc::SlabRequest& request) {
  ipc::Fd memory;
  const CUresult result = slabs_.Make(request.tag, request.size_bytes, memory);
  if (result != CUDA_SUCCESS) {
    Refuse(request, result);
    return result;
  }
  ipc::SlabGrant grant;
  grant.tag = request.tag;
  grant.size_bytes = request.size_bytes;
  grant.result = CUDA_SUCCESS;
  if (!Send(grant, {memory.get()})) slabs_.Release(request.tag);
  return result;
}

void ExecutorSupervisor::Refuse(const ipc::SlabRequest& request, CUresult result) {
  ipc::SlabGrant refusal;
  refusal.tag = request.tag;
  refusal.size_bytes = request.size_bytes;
  refusal.result = result;
  Send(refusal);
}

void ExecutorSupervisor::OnEnd(Clock::time_point now) {
  const bool was_ready = device_.has_value();
  spdlog::warn("the executor, process {}, has ended{}", process_->pid, was_ready ? "" : " before it was ready");
  const bool ends_by_itself = IsExiting(process_->pid);
  kill(process_->pid, SIGKILL);  // a closed socket is as good as dead, and two must not share the GPU
  AwaitEnd(process_->pid, now);
  ending_.back().was_killed = !ends_by_itself;
  process_.reset();
  device_.reset();
  is_failing_ = false;
  ahead_.reset();
  slabs_.ReleaseAll();
  if (!was_ready) {
    failed_to_start_ = true;
    pause_ = std::clamp(pause_ * 2, kFirstPause, kLongestPause);
    next_start_ = now + pause_;
  }
  listener_.OnExecutorGone();
}

void ExecutorSupervisor::AwaitEnd(pid_t pid, Clock::time_point now) {
  ending_.push_back({pid, ipc::Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))), false});
  latest_end_ = now + kEndTimeout;
}

void ExecutorSupervisor::SetPolicy(const std::string& text) {
  policy_ = text;
  ipc::SetPolicy message;
  message.text = text;
  Send(message);
}

void ExecutorSupervisor::Reap() {
  std::erase_if(ending_, [](const Ending& ending) {
    const pid_t pid = ending.pid;
    int status = 0;
    if (waitpid(pid, &status, WNOHANG) != pid) return false;
    if (WIFEXITED(status)) {
      spdlog::info("executor process {} exited with {}", pid, WEXITSTATUS(status));
    } else if (WIFSIGNALED(status) && !(ending.was_killed && WTERMSIG(status) == SIGKILL)) {
      spdlog::warn("executor process {} was ended by signal {} ({}){}", pid, WTERMSIG(status),
                   strsignal(WTERMSIG(status)), WTERMSIG(status) == SIGKILL ? ", which paellad did not send" : "");
    }
    return true;
  });
}

void ExecutorSupervisor::Stop() {
  if (process_) {
    process_->socket.Close();  // it sees that, and ends
    AwaitEnd(process_->pid, Clock::now());
    process_.reset();
    device_.reset();
  }
  const auto deadline = Clock::now() + kStopTimeout;
  for (bool killed = false; !ending_.empty(); Reap()) {
    if (Clock::now() > deadline) {
      if (std::exchange(killed, true)) break;
      for (Ending& ending : ending_) {
        ending.was_killed = true;
        kill(ending.pid, SIGKILL);
      }
    }
    constexpr std::chrono::milliseconds kStep{5};
    std::this_thread::sleep_for(kStep);
  }
}

}  // namespace paella::scheduler_daemon
