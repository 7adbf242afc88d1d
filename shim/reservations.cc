#include "shim/reservations.h"

#include <iterator>

namespace paella::shim {

void Reservations::Add(Reservation reservation) {
  const std::lock_guard lock(mutex_);
  size_by_base_[reservation.base] = reservation.size_bytes;
}

void Reservations::Remove(std::uint64_t base) {
  const std::lock_guard lock(mutex_);
  size_by_base_.erase(base);
}

std::optional<Reservation> Reservations::Find(std::uint64_t address) const {
  const std::lock_guard lock(mutex_);
  const auto after = size_by_base_.upper_bound(address);
  if (after == size_by_base_.begin()) return std::nullopt;
  const auto& [base, size_bytes] = *std::prev(after);
  if (address - base >= size_bytes) return std::nullopt;
  return Reservation{base, size_bytes};
}

}  // namespace paella::shim
