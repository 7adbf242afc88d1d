#include "shim/shared_events.h"

#include <chrono>
#include <thread>

namespace paella::shim {
namespace {

// Between two questions where more threads wait than the daemon answers later.
constexpr std::chrono::milliseconds kBetweenQuestions{1};

CUresult AskState(Submission& submission, const Event& event, bool when_complete, bool& complete) {
  ipc::SharedEventState message;
  message.event = event.number;
  message.when_complete = when_complete ? 1 : 0;
  ipc::SharedEventStateReply reply;
  const CUresult result = submission.Call(message, reply);
  complete = reply.complete != 0;
  return result;
}

}  // namespace

CUresult RecordShared(Submission& submission, const Event& event, const Stream& stream) {
  ipc::SharedEventRecord message;
  message.stream = stream.number;
  message.event = event.number;
  ipc::SharedEventRecordReply reply;
  return submission.CallCommand(message, reply);
}

CUresult WaitShared(Submission& submission, const Event& event, const Stream& stream) {
  ipc::SharedEventWait message;
  message.stream = stream.number;
  message.event = event.number;
  ipc::SharedEventWaitReply reply;
  return submission.CallCommand(message, reply);
}

CUresult QueryShared(Submission& submission, const Event& event) {
  bool complete = false;
  if (const CUresult result = AskState(submission, event, false, complete); result != CUDA_SUCCESS) return result;
  return complete ? CUDA_SUCCESS : submission.NotReady();
}

CUresult SynchronizeShared(Submission& submission, const Event& event) {
  for (;;) {
    bool complete = false;
    if (const CUresult result = AskState(submission, event, true, complete); result != CUDA_SUCCESS) return result;
    if (complete) {
      submission.BringText();
      return submission.Failure();
    }
    std::this_thread::sleep_for(kBetweenQuestions);
  }
}

}  // namespace paella::shim
