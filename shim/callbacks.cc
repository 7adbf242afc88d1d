#include "shim/callbacks.h"

#include <pthread.h>
#include <signal.h>

#include "ipc/waiting.h"

namespace paella::shim {
namespace {

void Invoke(const Callback& callback, CUresult status) {
  in_callback = true;
  try {
    if (callback.stream_callback != nullptr) {
      callback.stream_callback(callback.stream, status, callback.user_data);
    } else if (status == CUDA_SUCCESS) {
      callback.host_function(callback.user_data);
    }
  } catch (...) {  // the program's; CUDA does not say what becomes of it
  }
  in_callback = false;
}

}  // namespace

thread_local constinit bool in_callback = false;

bool Callbacks::StartThread() {
  // The program's signals are for its own threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const auto run = [](void* self) -> void* {
    static_cast<Callbacks*>(self)->Run();
    return nullptr;
  };
  const bool started = pthread_create(&thread, nullptr, run, this) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (started) pthread_detach(thread);
  return started;
}

CUresult Callbacks::Add(std::uint32_t stream, const Callback& callback) {
  ipc::HostCallback message;
  message.stream = stream;
  {
    const std::lock_guard lock(mutex_);
    if (!thread_runs_ && !StartThread()) return CUDA_ERROR_OUT_OF_MEMORY;
    thread_runs_ = true;
    message.callback = next_number_++;
    waiting_.emplace(message.callback, callback);
  }
  const CUresult posted = submission_.PostCommand(message);
  if (posted != CUDA_SUCCESS) {
    const std::lock_guard lock(mutex_);
    waiting_.erase(message.callback);
  }
  return posted;
}

void Callbacks::RunDueOnes() {
  ipc::CallbackQueue& queue = channel_.callbacks();
  const std::uint64_t tail = queue.tail.load(std::memory_order_acquire);  // pairs with the executor's store
  std::uint64_t head = queue.head.load(std::memory_order_relaxed);
  while (head != tail) {
    RunOne(queue.entries[head % ipc::kCallbackQueueEntries].callback);
    queue.head.store(++head, std::memory_order_release);  // pairs with the executor's load
    submission_.RingDoorbell();
  }
}

void Callbacks::RunOne(std::uint64_t number) {
  Callback callback;
  {
    const std::lock_guard lock(mutex_);
    const auto found = waiting_.find(number);
    if (found == waiting_.end()) return;
    callback = found->second;
    waiting_.erase(found);
  }
  Invoke(callback, CUDA_SUCCESS);
}

void Callbacks::FailTheRest(CUresult error) {
  std::unordered_map<std::uint64_t, Callback> rest;
  {
    const std::lock_guard lock(mutex_);
    rest.swap(waiting_);
  }
  for (const auto& [number, callback] : rest) Invoke(callback, error);
}

void Callbacks::Run() {
  const ipc::ChannelWaiter waiter(channel_);
  ipc::CallbackQueue& queue = channel_.callbacks();
  const auto due = [&] {
    return queue.tail.load(std::memory_order_acquire) != queue.head.load(std::memory_order_relaxed);
  };
  while (waiter.Wait(ipc::WaitStyle::kBlock, due, [this] { return !socket_.PeerIsGone(); })) RunDueOnes();
  const CUresult failure = submission_.Failure();
  FailTheRest(failure != CUDA_SUCCESS ? failure : CUDA_ERROR_DEVICE_UNAVAILABLE);
}

}  // namespace paella::shim
