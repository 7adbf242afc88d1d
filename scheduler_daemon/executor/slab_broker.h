// Asks paellad for slabs of physical memory, over the control socket.
//
// Take is called on the clients' workers and the stock's keeper, and waits for the answer, which OnGrant brings on the
// control thread.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_SLAB_BROKER_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_SLAB_BROKER_H_

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>

#include "ipc/control_socket.h"
#include "scheduler_daemon/executor/slab_source.h"

namespace paella::scheduler_daemon {

class SlabBroker : public SlabSource {
 public:
  // The driver makes 100 GiB in less than this; a paellad that takes longer is not well.
  static constexpr std::chrono::seconds kAnswerTimeout{30};

  explicit SlabBroker(ipc::ControlSocket& socket) : socket_(socket) {}

  std::optional<Grant> Take(std::uint64_t size_bytes, Need need, CUresult& result) override;
  void Return(std::uint64_t tag) override;

  // `packet` is a SlabGrant. False: malformed.
  bool OnGrant(ipc::Packet& packet);

 private:
  struct Answer {
    CUresult result;
    ipc::Fd memory;
    Answer(CUresult what, ipc::Fd fd) : result(what), memory(std::move(fd)) {}
  };

  ipc::ControlSocket& socket_;
  std::mutex mutex_;
  std::condition_variable news_;
  std::uint64_t next_tag_ = 1;
  std::map<std::uint64_t, std::optional<Answer>> waiting_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_SLAB_BROKER_H_
