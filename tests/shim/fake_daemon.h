// A daemon and a GPU in one thread of the test: speaks the client's side of the protocol, keeps device memory in a plain
// buffer, and runs every command at once. Not the daemon's code: what it checks is the shim.
#ifndef PAELLA_TESTS_SHIM_FAKE_DAEMON_H_
#define PAELLA_TESTS_SHIM_FAKE_DAEMON_H_

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ipc/channel.h"
#include "ipc/control_socket.h"
#include "ipc/registered_pages.h"
#include "ipc/shared_memory.h"
#include "messages.h"

namespace paella {

class FakeDaemon {
 public:
  // Listens at a socket of its own and sets PAELLA_SOCKET.
  FakeDaemon();
  ~FakeDaemon();

  // Before cuInit: the client is turned away, or met by a daemon of another version.
  void Refuse(const std::string& reason) { refusal_ = reason; }
  void BeOfVersion(std::uint32_t version) { version_ = version; }
  void BeMute() { mute_ = true; }  // answers no greeting
  void HangUp() { mute_ = false; }
  bool WasGreeted() const { return greeted_; }
  void Pause();  // returns when it reads no more records
  void Resume() { paused_ = false; }
  void Die();        // closes the control socket, as the end of a process does
  void DieAsleep();  // the same of a daemon that waits for its doorbell
  void Fail(int error);
  // Of its kernels, "talker" is the one that prints.
  void HavePrinted(const std::string& text);
  int texts_taken() const { return texts_taken_; }
  void LeaveLastWords(const std::string& output, const std::string& errors);  // before Fail
  std::vector<ipc::LinkComplete> links();
  std::vector<ipc::LaunchKernel> launches();
  std::string tenant() const { return tenant_; }
  std::size_t live_allocations() const { return live_allocations_; }
  int live_streams() const { return live_streams_; }
  std::size_t live_arrays();  // levels too
  int live_objects() const { return live_objects_; }  // textures and surfaces
  ipc::TextureCreate last_texture();
  int array_copies() const { return array_copies_; }
  std::vector<ipc::GraphNodes> graphs();  // that are alive, in the order of their making
  int graph_updates() const { return graph_updates_; }
  void RefuseToRegister(int error) { registering_error_ = error; }
  // So many questions about shared events are answered with "not yet".
  void KeepEventsIncomplete(int questions) { incomplete_answers_ = questions; }
  int open_memories() const { return open_memories_; }
  std::vector<ipc::WaitValue> waits_for_values();
  std::vector<ipc::WaitForSequence> waits_for_sequences();
  void RefuseToUnmap(bool refuse) { refuses_to_unmap_ = refuse; }
  std::vector<ipc::UnsupportedCall> unsupported_calls();  // all that has arrived by now

  // The handlers of records.
  void On(const ipc::StreamCreate&) { ++live_streams_; }
  void On(const ipc::StreamDestroy&) { --live_streams_; }
  void On(const ipc::LaunchKernel& m);
  void On(const ipc::Copy& m);
  void On(const ipc::CopyFromStaging& m);
  void On(const ipc::CopyToStaging& m);
  void On(const ipc::CopyStrided& m);
  void On(const ipc::CopyArray& m);
  void On(const ipc::Memset& m);
  void On(const ipc::WaitForSequence& m);
  void On(const ipc::StreamSetPriority&) {}
  void On(const ipc::WriteValue& m);
  void On(const ipc::WaitValue& m);
  void On(const ipc::HostCallback& m);
  void On(const ipc::RecordTime& m) { Complete(m); }
  void On(const ipc::EventDestroy&) {}
  void On(const ipc::FreeInOrder& m) { Complete(m); }
  void On(const ipc::UploadChunk& m);
  void On(const ipc::TextureDestroy&) { --live_objects_; }
  void On(const ipc::SurfaceDestroy&) { --live_objects_; }
  void On(const ipc::LaunchGraph& m);
  void On(const ipc::GraphDestroy& m);

  void OnCall(std::uint32_t slot, const ipc::GraphInstantiate& m);
  void OnCall(std::uint32_t slot, const ipc::GraphUpdate& m);
  void OnCall(std::uint32_t slot, const ipc::ArrayCreate& m);
  void OnCall(std::uint32_t slot, const ipc::ArrayDestroy& m);
  void OnCall(std::uint32_t slot, const ipc::TextureCreate& m);
  void OnCall(std::uint32_t slot, const ipc::SurfaceCreate& m);
  void OnCall(std::uint32_t slot, const ipc::LibraryLoad& m);
  void OnCall(std::uint32_t slot, const ipc::LibraryKernels& m);
  void OnCall(std::uint32_t slot, const ipc::LibraryGetKernel& m);
  void OnCall(std::uint32_t slot, const ipc::LibraryGetGlobal& m);
  void OnCall(std::uint32_t slot, const ipc::TextTake& m);
  void OnCall(std::uint32_t slot, const ipc::LinkComplete& m);
  void OnCall(std::uint32_t slot, const ipc::ResultTake& m);
  void OnCall(std::uint32_t slot, const ipc::KernelOccupancy& m);
  void OnCall(std::uint32_t slot, const ipc::AllocateDevice& m);
  void OnCall(std::uint32_t slot, const ipc::AllocateHost& m);
  void OnCall(std::uint32_t slot, const ipc::RegisterHost& m);
  void OnCall(std::uint32_t slot, const ipc::UnregisterHost& m);
  void OnCall(std::uint32_t slot, const ipc::AddressReserve& m);
  void OnCall(std::uint32_t slot, const ipc::PhysicalCreate& m);
  void OnCall(std::uint32_t slot, const ipc::PhysicalProperties& m);
  void OnCall(std::uint32_t slot, const ipc::AddressUnmap& m);
  void OnCall(std::uint32_t slot, const ipc::MemoryShare& m);
  void OnCall(std::uint32_t slot, const ipc::MemoryOpen& m);
  void OnCall(std::uint32_t slot, const ipc::MemoryClose& m);
  void OnCall(std::uint32_t slot, const ipc::SharedEventCreate& m);
  void OnCall(std::uint32_t slot, const ipc::SharedEventOpen& m);
  void OnCall(std::uint32_t slot, const ipc::SharedEventRecord& m);
  void OnCall(std::uint32_t slot, const ipc::SharedEventWait& m);
  void OnCall(std::uint32_t slot, const ipc::SharedEventState& m);
  void OnCall(std::uint32_t slot, const ipc::EncodeTensorMapIm2col& m);
  void OnCall(std::uint32_t slot, const ipc::ReplaceTensorMapAddress& m);
  void OnCall(std::uint32_t slot, const ipc::FreeDevice&);
  void OnCall(std::uint32_t slot, const ipc::FreeHost&);
  void OnCall(std::uint32_t slot, const ipc::MemoryInfo& m);
  void OnCall(std::uint32_t slot, const ipc::EventElapsed& m);
  template <typename Other>  // succeeds and says nothing
  void OnCall(std::uint32_t slot, const Other&) {
    Reply(slot, 0, typename ipc::ReplyOf<Other>::Type{});
  }

 private:
  void Run();
  void Serve();
  bool CompleteCallbacks();  // that have run; false if none has
  bool Greet();
  // An array's memory is packed, row by row, slice by slice.
  struct Array {
    std::uint64_t row_bytes, rows, slices;
    std::vector<std::byte> bytes;
  };
  std::uint64_t MakeArray(std::uint64_t row_bytes, std::uint64_t rows, std::uint64_t slices);
  // Where a side of a copy begins, and how far apart its rows and slices are there.
  struct Side {
    std::byte* corner;
    std::uint64_t pitch_bytes, slice_bytes;
  };
  Side ArraySide(std::uint64_t array, std::uint64_t x_bytes, std::uint64_t y, std::uint64_t z);
  Side MemorySide(std::uint32_t kind, std::uint64_t place, std::uint64_t pitch_bytes, std::uint64_t slice_bytes);
  std::byte* Memory(std::uint64_t address);
  // What the commands do, in a stream or in a graph.
  void Do(const ipc::LaunchKernel& m);
  void Do(const ipc::Copy& m);
  void Do(const ipc::CopyStrided& m);
  void Do(const ipc::Memset& m);
  template <typename Message>
  void DoNode(const std::vector<std::byte>& work) {
    Message message;
    if (message.Decode(work)) {
      Do(message);
    } else {
      Fail(999);
    }
  }
  template <typename Message>
  void Complete(const Message& message) {
    channel_.completed(message.stream).store(message.sequence, std::memory_order_release);
    channel_.AnnounceNews();
  }
  template <typename Message>
  void Reply(std::uint32_t slot, int result, const Message& message) {
    std::vector<std::byte> data(message.EncodedSize());
    message.Encode(data);
    ipc::ReplySlot& reply = channel_.reply(slot);
    reply.result = static_cast<std::uint32_t>(result);
    reply.size_bytes = static_cast<std::uint32_t>(data.size());
    std::copy(data.begin(), data.end(), reply.data);
    reply.ready.store(1, std::memory_order_release);
    channel_.AnnounceNews();
  }

  std::string folder_, path_, tenant_, refusal_;
  std::uint32_t version_ = ipc::kProtocolVersion;
  ipc::Fd listener_;
  ipc::ControlSocket socket_;
  ipc::Fd doorbell_;
  ipc::Mapping channel_memory_, arena_;
  ipc::Channel channel_;
  std::uint64_t callbacks_completed_ = 0;
  std::vector<std::byte> device_;
  std::uint64_t next_device_, next_host_, next_library_ = 1;
  std::map<std::uint64_t, std::vector<std::byte>> uploads_;
  // By the client's own address: the same pages of the arena, side by side as the GPU sees them.
  struct Registration {
    std::uint64_t size_bytes;
    ipc::Mapping view;
  };
  std::map<std::uint64_t, Registration> registered_;
  ipc::RegisteredPages registered_pages_;
  ipc::Fd arena_memory_;
  std::mutex mutex_;
  std::vector<ipc::LaunchKernel> launches_;  // under mutex_
  std::map<std::uint64_t, ipc::GraphNodes> graphs_;  // under mutex_
  std::uint64_t next_graph_ = 1;
  std::map<std::uint64_t, Array> arrays_;  // under mutex_
  std::map<std::uint64_t, std::vector<std::uint64_t>> levels_;  // of mipmapped arrays; under mutex_
  ipc::TextureCreate last_texture_;        // under mutex_
  std::uint64_t next_array_ = 1, next_object_ = 1000;
  std::atomic<int> live_objects_{0}, array_copies_{0};
  std::vector<ipc::WaitValue> waits_for_values_;  // under mutex_
  std::vector<ipc::WaitForSequence> waits_for_sequences_;  // under mutex_
  std::atomic<int> incomplete_answers_{0}, open_memories_{0};
  std::atomic<int> graph_updates_{0};
  std::string printed_;  // under mutex_
  std::atomic<int> texts_taken_{0};
  std::vector<ipc::LinkComplete> links_;  // under mutex_
  std::vector<std::byte> linked_;
  std::atomic<bool> refuses_to_unmap_{false};
  std::atomic<int> registering_error_{0};
  std::atomic<bool> mute_{false}, greeted_{false}, stop_{false}, paused_{false}, stands_still_{false}, die_{false};
  std::atomic<std::size_t> live_allocations_{0};
  std::atomic<int> live_streams_{0};
  std::thread thread_;
};

}  // namespace paella

#endif  // PAELLA_TESTS_SHIM_FAKE_DAEMON_H_
