// Shares of the GPU's SMs: for each tenant that has one a green context, whose streams run kernels on its SMs alone.
//
//   SMs   │ 8 │ 8 │ 8 │ 8 │ 8 │ 8 │ ...  │ 4 │      split once, into the smallest groups that the GPU allows
//          └─ 25 % ──────┘ └─ 10 % ┘                 whole groups, rounded down, at least one
//
// What is loaded in the primary context runs there too. Who has no share runs on all SMs, those of others' shares among them.
//
// To make one takes milliseconds: on a worker. Thread-safe; the lock is never held across a call of the driver.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_SM_SHARES_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_SM_SHARES_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "scheduler_daemon/driver.h"

namespace paella::scheduler_daemon {

class SmShares;

class SmShare {
 public:
  ~SmShare();  // after its streams
  SmShare(const SmShare&) = delete;

  CUgreenCtx context() const { return context_; }
  unsigned multiprocessors() const { return multiprocessors_; }
  // Its SMs are free for another share, though what runs on them runs on.
  void Retire();
  bool retired() const { return retired_.load(std::memory_order_relaxed); }

 private:
  friend class SmShares;
  explicit SmShare(SmShares& shares) : shares_(shares) {}

  SmShares& shares_;
  std::vector<std::size_t> groups_;
  unsigned multiprocessors_ = 0;
  CUgreenCtx context_ = nullptr;
  std::atomic<bool> retired_{false};
};

class SmShares {
 public:
  // `later` runs a job on a thread that may wait: shares end there. Outlives its shares.
  SmShares(const Driver& driver, CUdevice device, std::function<void(std::function<void()>)> later)
      : driver_(driver), device_(device), later_(std::move(later)) {}

  // Null, with the reason in `error`, if the driver does not do that, or where too few groups are left.
  std::shared_ptr<SmShare> Make(double percent, std::string& error);

 private:
  friend class SmShare;

  CUresult Split();
  bool TakeGroups(double percent, SmShare& share);
  void GiveBack(const std::vector<std::size_t>& groups);
  CUresult MakeContext(SmShare& share);

  const Driver& driver_;
  const CUdevice device_;
  const std::function<void(std::function<void()>)> later_;
  std::once_flag once_;
  CUresult split_ = CUDA_ERROR_NOT_SUPPORTED;
  CUdevResource all_{};
  std::vector<CUdevResource> groups_;
  std::mutex mutex_;
  std::vector<bool> taken_;  // of groups_
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_SM_SHARES_H_
