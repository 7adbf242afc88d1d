// Host functions in streams: the executor says when one is due, and one thread of ours runs them in that order.
//
// Add: any thread. The thread starts with the first callback. Owns the table of callbacks that are not run yet; the
// number that comes back from the channel is looked up there, so no pointer crosses.
#ifndef PAELLA_SHIM_CALLBACKS_H_
#define PAELLA_SHIM_CALLBACKS_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "ipc/channel.h"
#include "ipc/control_socket.h"
#include "shim/cuda_api.h"
#include "shim/submission.h"

namespace paella::shim {

// Whether this thread is inside a callback, where CUDA may not be called.
extern thread_local constinit bool in_callback;

struct Callback {
  CUhostFn host_function = nullptr;               // cuLaunchHostFunc
  CUstreamCallback stream_callback = nullptr;     // cuStreamAddCallback: also told of errors
  CUstream stream = nullptr;
  void* user_data = nullptr;
  std::shared_ptr<const void> owner = nullptr;    // of ours, lives until the callback has run
};

class Callbacks {
 public:
  Callbacks(ipc::Channel channel, const ipc::ControlSocket& socket, Submission& submission)
      : channel_(channel), socket_(socket), submission_(submission) {}

  CUresult Add(std::uint32_t stream, const Callback& callback);

 private:
  bool StartThread();
  void Run();
  void RunDueOnes();
  void RunOne(std::uint64_t number);
  void FailTheRest(CUresult error);

  ipc::Channel channel_;
  const ipc::ControlSocket& socket_;
  Submission& submission_;
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, Callback> waiting_;  // under mutex_
  std::uint64_t next_number_ = 1;                        // under mutex_
  bool thread_runs_ = false;                             // under mutex_
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_CALLBACKS_H_
