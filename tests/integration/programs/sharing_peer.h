// One of several processes that share memory and events: it does what it is told, a line at a time, and answers each
// line with one. Knows nothing of who tells it: a test, or the program itself in another process (sharing.cc).
//
//   allocate             memory of kCount words, filled by nobody                  -> ok
//   share                                                                          -> the handle in hexadecimal digits
//   open HANDLE          from now on that is the memory                            -> ok, or an error's name
//   close, free          the memory                                                -> ok, or an error's name
//   fill FIRST, mix ROUNDS                 kernels on the memory, in the stream    -> ok
//   check FIRST ROUNDS   after waiting for the stream                              -> right, or wrong
//   block, unblock       a kernel in the stream that does not end meanwhile        -> ok
//   stall                a wait in the stream for a value that never comes         -> ok
//   event, share_event, open_event HANDLE, destroy_event                           -> as with memory
//   record, await        the event, in the stream                                  -> ok, or an error's name
//   query, synchronize   the event                                                 -> ok, or an error's name
//   synchronize_many     the same by many threads at once; the stream is unblocked when they have begun
//   query_stream                                                                   -> ok, or an error's name
//   end
#ifndef PAELLA_TESTS_INTEGRATION_PROGRAMS_SHARING_PEER_H_
#define PAELLA_TESTS_INTEGRATION_PROGRAMS_SHARING_PEER_H_

#include <memory>
#include <optional>
#include <string>

#include "tests/integration/programs/scenarios.h"

extern "C" const unsigned long long integration_sharing_kernels[];

namespace paella::integration {

class SharingPeer {
 public:
  SharingPeer();

  std::string Answer(const std::string& command, const std::string& first, const std::string& second);

 private:
  static constexpr unsigned kCount = 3000;

  std::string SynchronizeMany();
  std::string Check(unsigned first, unsigned rounds);
  std::optional<std::string> AnswerAboutMemory(const std::string& command, const std::string& first,
                                               const std::string& second);
  std::optional<std::string> AnswerAboutEvent(const std::string& command, const std::string& handle);
  std::optional<std::string> AnswerAboutStream(const std::string& command);

  const examples::Gpu gpu_;
  const Kernels kernels_;
  const Stream stream_;
  Flag flag_;
  Flag never_;
  CUdeviceptr memory_ = 0;
  CUevent event_ = nullptr;
};

}  // namespace paella::integration

#endif  // PAELLA_TESTS_INTEGRATION_PROGRAMS_SHARING_PEER_H_
