// Quantiles of what was measured, by nearest rank: each is a value that was seen.
#ifndef PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_QUANTILE_H_
#define PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_QUANTILE_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace paella::scheduler_daemon {

// The least value that `part` (0 ... 1) of all are not above; 0 of none.
inline std::uint64_t Quantile(std::vector<std::uint64_t> values, double part) {
  if (values.empty()) return 0;
  const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(values.size())));
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(rank == 0 ? 0 : rank - 1);
  std::ranges::nth_element(values, nth);
  return *nth;
}

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_QUANTILE_H_
