// Which of the GPU's stream priorities the streams of a class have: each class a band of its own.
//
//   least                                 greatest
//     0     -1  │  -2     -3  │  -4     -5            the range that an H100 reports
//    best-effort│    normal   │   latency
//
// Within its band a program's own priorities keep their order: its least is the band's least, and anything greater is
// greater there too, as far as the band has room. Of a range of fewer than three values classes share one: of two the
// latency class has the greater, of one nobody has anything.
//
// Plain values.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_PRIORITY_BANDS_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_PRIORITY_BANDS_H_

#include <algorithm>
#include <cstdint>

#include "scheduler_daemon/policies/operations.h"

namespace paella::scheduler_daemon {

class PriorityBands {
 public:
  // As CUDA reports them: the greatest is the least number.
  PriorityBands(std::int32_t least, std::int32_t greatest) : least_(least), greatest_(std::min(least, greatest)) {}

  // What a program's own priority is among all; one out of the range is brought into it.
  std::int32_t Of(TenantClass tenant_class, std::int32_t own) const {
    constexpr std::int32_t kClasses = 3;
    const std::int32_t steps = least_ - greatest_;
    const std::int32_t rank = kClasses - 1 - static_cast<std::int32_t>(tenant_class);
    const std::int32_t first = rank * (steps + 1) / kClasses;
    const std::int32_t room = std::max(0, (rank + 1) * (steps + 1) / kClasses - 1 - first);
    const std::int32_t own_steps = least_ - std::clamp(own, greatest_, least_);
    // Rounded up: many programs ask for -1, and mean more than 0.
    const std::int32_t own_part = steps == 0 ? 0 : (own_steps * room + steps - 1) / steps;
    return least_ - first - own_part;
  }

  std::int32_t least() const { return least_; }
  std::int32_t greatest() const { return greatest_; }

 private:
  std::int32_t least_;
  std::int32_t greatest_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_PRIORITY_BANDS_H_
