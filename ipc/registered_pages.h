// How the memory that a program registers (cuMemHostRegister) lies in pages. Shim and executor keep one of these each,
// and cut alike, so that the messages need not name pages.
//
//            ┌─ in part ─┐┌───── whole ─────┐┌─ in part ─┐
//            │  ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒  ▒▒▒ │     ▒ registered
//            └───────────┘└─────────────────┘└───────────┘
//
// Registrations have no byte in common, so a page that one fills is of that one alone. One that it fills in part may be
// shared, and stays as long as anything is registered in it. Not thread-safe.
#ifndef PAELLA_IPC_REGISTERED_PAGES_H_
#define PAELLA_IPC_REGISTERED_PAGES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

namespace paella::ipc {

// Pages that come and go together: all that a registration fills, or one that it fills in part.
struct PageRun {
  std::uint64_t begin = 0, end = 0;  // where the program has them
  std::uint64_t arena_address = 0;   // where the arena has them; 0: nothing is registered in them yet
  bool is_partial = false;

  std::uint64_t size_bytes() const { return end - begin; }
};

class RegisteredPages {
 public:
  std::size_t registrations() const { return registrations_.size(); }
  std::vector<std::uint64_t> Addresses() const;
  // Whether a registration starts there.
  bool Contains(std::uint64_t address) const { return registrations_.contains(address); }
  // Whether one has a byte of it.
  bool Overlaps(std::uint64_t address, std::uint64_t size_bytes) const;

  // The pages that a range lies in, by address: at most three runs. `size_bytes` is at least 1, and the last page ends
  // below 2^64.
  std::vector<PageRun> RunsOf(std::uint64_t address, std::uint64_t size_bytes) const;
  // Those of them that nothing is registered in yet. They lie side by side.
  std::vector<PageRun> NewRunsOf(std::uint64_t address, std::uint64_t size_bytes) const;

  // What overlaps nothing; `arena_address` is where the arena has the first of its new runs, and behind it the others.
  void Add(std::uint64_t address, std::uint64_t size_bytes, std::uint64_t arena_address);
  // The runs that nothing else is registered in. `address` is a registration's.
  std::vector<PageRun> OwnRunsOf(std::uint64_t address) const;
  void Remove(std::uint64_t address);

 private:
  struct Pages {
    std::uint64_t arena_address;
    std::size_t registrations;
  };

  std::map<std::uint64_t, std::uint64_t> registrations_;  // address -> size
  std::unordered_map<std::uint64_t, Pages> pages_;        // by the begin of their run
};

}  // namespace paella::ipc

#endif  // PAELLA_IPC_REGISTERED_PAGES_H_
