// A thread that runs jobs in order: where a client's slow calls happen, so that dispatching never waits for them.
//
// The destructor runs what is queued and joins.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_WORKER_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_WORKER_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace paella::scheduler_daemon {

class Worker {
 public:
  // `prepare` runs first, on the new thread.
  explicit Worker(std::function<void()> prepare)
      : thread_([this, first = std::move(prepare)] {
          first();
          Run();
        }) {}

  ~Worker() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    news_.notify_one();
    thread_.join();
  }

  void Post(std::function<void()> job) {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    news_.notify_one();
  }

  std::size_t queued() const {
    const std::lock_guard lock(mutex_);
    return jobs_.size();
  }

 private:
  void Run() {
    for (std::unique_lock lock(mutex_);;) {
      news_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      const auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      lock.lock();
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable news_;
  std::deque<std::function<void()>> jobs_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_WORKER_H_
