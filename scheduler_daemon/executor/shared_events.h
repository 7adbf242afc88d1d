// Events that clients of one tenant share (cuIpcGetEventHandle and its kin).
//
//   client A  SharedEventRecord ─▶ a marker in A's stream ──complete──▶ SharedRecord.complete
//   client B  SharedEventWait   ─▶ held in B's stream until then        (Command::Kind::kHold)
//
// What an event means is its last record, whoever made it. Who waits keeps that record, and a later one does not
// concern it. A client that ends completes its records: what it has not given to the GPU is dropped, and nobody waits
// for it.
//
// Events are recorded and asked about on the dispatching thread alone. The tokens have a lock: the reaper ends a
// client.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_SHARED_EVENTS_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_SHARED_EVENTS_H_

#include <cuda.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "scheduler_daemon/executor/token.h"

namespace paella::scheduler_daemon {

struct SharedRecord {
  bool complete = false;
};

struct SharedEvent {
  std::shared_ptr<SharedRecord> last;  // null: never recorded
};

// Of one tenant.
class SharedEvents {
 public:
  // Who shares or opens: told apart by an address of its own.
  using Party = const void*;

  Token Add(Party owner, std::shared_ptr<SharedEvent> event);
  void Remove(const Token& token);
  // CUDA_ERROR_MAP_FAILED: no such token; CUDA_ERROR_INVALID_CONTEXT: it is the party's own.
  CUresult Find(Party party, const Token& token, std::shared_ptr<SharedEvent>& event) const;

 private:
  struct Owned {
    Party owner;
    std::shared_ptr<SharedEvent> event;
  };

  mutable std::mutex mutex_;
  std::map<Token, Owned> by_token_;
};

// Of one client, by the client's numbers. The tokens of its own go with it.
class ClientSharedEvents {
 public:
  static constexpr std::size_t kMaxEvents = 1 << 16;

  explicit ClientSharedEvents(SharedEvents& tenant) : tenant_(tenant) {}
  ~ClientSharedEvents();
  ClientSharedEvents(const ClientSharedEvents&) = delete;

  CUresult Create(std::uint64_t number, Token& token);
  CUresult Open(std::uint64_t number, const Token& token);
  void Destroy(std::uint64_t number);  // nothing, if it is none of these
  // Null: there is none.
  SharedEvent* Find(std::uint64_t number) const;

 private:
  struct Known {
    std::shared_ptr<SharedEvent> event;
    Token token;
    bool is_own;
  };

  // Whether there is room for another one, of that number.
  CUresult CheckNew(std::uint64_t number) const;

  SharedEvents& tenant_;
  std::map<std::uint64_t, Known> by_number_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_SHARED_EVENTS_H_
