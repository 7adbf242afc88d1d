// What a client shares with others of its tenant, and what it waits for that others do: memory, events, and words of
// memory.
#include <utility>

#include "scheduler_daemon/executor/client_objects.h"
#include "scheduler_daemon/executor/client_session.h"
#include "scheduler_daemon/executor/shapes.h"

namespace paella::scheduler_daemon {

// --- memory, on the worker ---

CUresult ClientObjects::FreeOwn(std::uint64_t address, bool may_unmap) {
  if (!tenant_.shared_allocations.EndOwnership(address)) return CUDA_SUCCESS;
  return tenant_.memory.Free(address, may_unmap);
}

void ClientObjects::CloseOne(std::uint64_t address) {
  if (tenant_.shared_allocations.Close(address)) tenant_.memory.Free(address, tenant_.pending_commands == 0);
}

CUresult ClientObjects::Handle(const ipc::MemoryShare& call, ipc::MemoryShareReply& reply) {
  const std::lock_guard lock(mutex_);
  const auto found = device_.find(call.address);
  if (found == device_.end()) return CUDA_ERROR_INVALID_VALUE;
  const Token token = tenant_.shared_allocations.Share(this, found->first, found->second);
  reply.token_high = token.high;
  reply.token_low = token.low;
  return CUDA_SUCCESS;
}

CUresult ClientObjects::Handle(const ipc::MemoryOpen& call, ipc::MemoryOpenReply& reply) {
  const CUresult result = tenant_.shared_allocations.Open(this, {call.token_high, call.token_low}, reply.address,
                                                          reply.size_bytes);
  if (result != CUDA_SUCCESS) return result;
  const std::lock_guard lock(mutex_);
  if (opened_[reply.address]++ == 0) ranges_.Add(reply.address, reply.size_bytes);
  return CUDA_SUCCESS;
}

CUresult ClientObjects::Handle(const ipc::MemoryClose& call, ipc::MemoryCloseReply&) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = opened_.find(call.address);
    if (found == opened_.end()) return CUDA_ERROR_INVALID_VALUE;
    if (--found->second == 0) {
      opened_.erase(found);
      ranges_.Remove(call.address);
    }
  }
  CloseOne(call.address);
  return CUDA_SUCCESS;
}

// --- events, on the dispatching thread ---

SharedEvent* ClientSession::EventOfCall(std::uint32_t slot, std::uint64_t number) {
  SharedEvent* const event = slot < ipc::kReplySlots ? shared_events_.Find(number) : nullptr;
  if (event == nullptr) Break("a call names a shared event or a reply slot that does not exist");
  return event;
}

void ClientSession::OnCall(std::uint32_t slot, const ipc::SharedEventCreate& call) {
  if (slot >= ipc::kReplySlots) return Break("a call names a reply slot that does not exist");
  Token token;
  const CUresult result = shared_events_.Create(call.event, token);
  ipc::SharedEventCreateReply reply;
  reply.token_high = token.high;
  reply.token_low = token.low;
  AnswerWith(slot, result, reply);
}

void ClientSession::OnCall(std::uint32_t slot, const ipc::SharedEventOpen& call) {
  if (slot >= ipc::kReplySlots) return Break("a call names a reply slot that does not exist");
  AnswerWith(slot, shared_events_.Open(call.event, {call.token_high, call.token_low}), ipc::SharedEventOpenReply{});
}

void ClientSession::OnCall(std::uint32_t slot, const ipc::SharedEventRecord& call) {
  SharedEvent* const event = EventOfCall(slot, call.event);
  if (event == nullptr) return;
  const auto record = std::make_shared<SharedRecord>();
  Command command;
  command.stream = call.stream;
  command.sequence = call.sequence;
  command.kind = Command::Kind::kMarker;
  command.on_completed = [record] { record->complete = true; };
  EnqueueCommand(std::move(command));
  if (!broken_.empty()) return;  // it was not taken: nobody may wait for it
  event->last = record;
  AnswerWith(slot, CUDA_SUCCESS, ipc::SharedEventRecordReply{});
}

void ClientSession::OnCall(std::uint32_t slot, const ipc::SharedEventWait& call) {
  const SharedEvent* const event = EventOfCall(slot, call.event);
  if (event == nullptr) return;
  Command command;
  command.stream = call.stream;
  command.sequence = call.sequence;
  if (event->last == nullptr || event->last->complete) {
    command.kind = Command::Kind::kMarker;
  } else {
    command.kind = Command::Kind::kHold;
    command.may_pass = [record = event->last] { return record->complete; };
  }
  EnqueueCommand(std::move(command));
  AnswerWith(slot, CUDA_SUCCESS, ipc::SharedEventWaitReply{});
}

void ClientSession::OnCall(std::uint32_t slot, const ipc::SharedEventState& call) {
  const SharedEvent* const event = EventOfCall(slot, call.event);
  if (event == nullptr) return;
  const bool complete = event->last == nullptr || event->last->complete;
  if (!complete && call.when_complete != 0 && event_waiters_.size() < kMaxEventWaiters) {
    return event_waiters_.push_back({slot, event->last});
  }
  ipc::SharedEventStateReply reply;
  reply.complete = complete ? 1 : 0;
  AnswerWith(slot, CUDA_SUCCESS, reply);
}

void ClientSession::AnswerEventWaiters() {
  std::erase_if(event_waiters_, [this](const EventWaiter& waiter) {
    if (!waiter.record->complete) return false;
    ipc::SharedEventStateReply reply;
    reply.complete = 1;
    AnswerWith(waiter.slot, CUDA_SUCCESS, reply);
    return true;
  });
}

// --- words of memory, on the dispatching thread ---

void ClientSession::On(const ipc::WriteValue& message) {
  const bool has_form = WordCondition{message.address, 0, message.size_bytes, 0}.HasForm();
  if (!has_form) return Break("a write of a value has no form");
  const bool valid = objects_.Owns(message.address, message.size_bytes, RangeUse::kWrite);
  const Work work{.shape = ShapeOfTransfer(message.kKind, 0)};
  Enqueue(message.stream, message.sequence, work, valid, [this, message](CUstream stream) {
    if (message.size_bytes == 8) {
      return driver_.cuStreamWriteValue64(stream, message.address, message.value, CU_STREAM_WRITE_VALUE_DEFAULT);
    }
    const auto value = static_cast<std::uint32_t>(message.value);
    return driver_.cuStreamWriteValue32(stream, message.address, value, CU_STREAM_WRITE_VALUE_DEFAULT);
  });
}

void ClientSession::On(const ipc::WaitValue& message) {
  const WordCondition word{message.address, message.value, message.size_bytes, message.condition};
  if (!word.HasForm()) return Break("a wait for a value has no form");
  if (!objects_.Owns(word.address, word.size_bytes, RangeUse::kRead)) {
    SetStickyError(CUDA_ERROR_ILLEGAL_ADDRESS);
    return EnqueueMarker(message.stream, message.sequence, {});
  }
  Command command;
  command.stream = message.stream;
  command.sequence = message.sequence;
  command.kind = Command::Kind::kHold;
  if (word.address - identity_.arena_base < identity_.arena_bytes) {
    command.may_pass = [word] { return word.HoldsHere(); };
  } else {
    command.word = word;
  }
  EnqueueCommand(std::move(command));
}

}  // namespace paella::scheduler_daemon
