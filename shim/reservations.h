// The addresses that the program has reserved for its mappings: what a pointer into one of them may be moved in. Any
// thread. The daemon owns them; this is what it said.
#ifndef PAELLA_SHIM_RESERVATIONS_H_
#define PAELLA_SHIM_RESERVATIONS_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

namespace paella::shim {

struct Reservation {
  std::uint64_t base = 0;
  std::uint64_t size_bytes = 0;
};

class Reservations {
 public:
  void Add(Reservation reservation);
  void Remove(std::uint64_t base);
  // The one that holds an address.
  std::optional<Reservation> Find(std::uint64_t address) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::uint64_t> size_by_base_;
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_RESERVATIONS_H_
