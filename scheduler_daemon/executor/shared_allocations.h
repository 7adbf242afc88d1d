// Allocations of one tenant that several of its clients use (cuIpcGetMemHandle and its kin).
//
// All clients of a tenant see one window of addresses, so that to open an allocation is to be allowed its range. Here
// is counted who still needs the memory: it is freed when its owner has freed it and everybody else has closed it,
// whichever comes last. A token is good until the owner frees; no address is given out again before its memory is
// free.
//
// Called on the workers of the tenant's clients, and on the reaper; thread-safe. Owns no memory.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_SHARED_ALLOCATIONS_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_SHARED_ALLOCATIONS_H_

#include <cuda.h>

#include <cstdint>
#include <map>
#include <mutex>

#include "scheduler_daemon/executor/token.h"

namespace paella::scheduler_daemon {

class SharedAllocations {
 public:
  // Who shares or opens: told apart by an address of its own.
  using Party = const void*;

  // Always the same token for one allocation.
  Token Share(Party owner, std::uint64_t address, std::uint64_t size_bytes);

  // CUDA_ERROR_INVALID_VALUE: no such token; CUDA_ERROR_INVALID_CONTEXT: it is the party's own.
  CUresult Open(Party party, const Token& token, std::uint64_t& address, std::uint64_t& size_bytes);

  // The owner has no use for an allocation any more, shared or not; and one opening of it has ended. True: nobody has,
  // and the memory is to be freed.
  [[nodiscard]] bool EndOwnership(std::uint64_t address);
  [[nodiscard]] bool Close(std::uint64_t address);

 private:
  struct Shared {
    Token token;
    Party owner;  // null: it has freed the memory
    std::uint64_t size_bytes;
    std::uint64_t openings;
  };

  std::mutex mutex_;
  std::map<std::uint64_t, Shared> by_address_;
  std::map<Token, std::uint64_t> by_token_;  // of those that have an owner
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_SHARED_ALLOCATIONS_H_
