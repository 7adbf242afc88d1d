#include "fake_daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <iterator>

#include "ipc/arrays.h"
#include "ipc/submission_ring.h"

namespace paella {
namespace {

#if defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kBase = 0x1000000000;  // ThreadSanitizer allows mappings in few places
#else
constexpr std::uint64_t kBase = 0x200000000000;
#endif
constexpr std::uint64_t kWindowBase = kBase, kWindowBytes = 1ull << 36;
constexpr std::uint64_t kArenaBase = kBase + 2 * kWindowBytes, kArenaBytes = 64 << 20;
constexpr std::size_t kDeviceBytes = 64 << 20;
constexpr int kNotFound = 500;
constexpr int kAlreadyRegistered = 712, kNotRegistered = 713, kNotMapped = 205;
constexpr std::uint64_t kMemoryToken = 7, kEventToken = 9;
constexpr std::uint64_t kOpenedBytes = 4096;

}  // namespace

FakeDaemon::FakeDaemon() : device_(kDeviceBytes), next_device_(kWindowBase), next_host_(kArenaBase) {
  char pattern[] = "/tmp/paella_test_XXXXXX";
  folder_ = mkdtemp(pattern);
  path_ = folder_ + "/gpu.sock";
  std::string error;
  listener_ = ipc::ListenAt(path_, 0600, error);
  setenv("PAELLA_SOCKET", path_.c_str(), 1);
  thread_ = std::thread([this] { Run(); });
}

FakeDaemon::~FakeDaemon() {
  stop_ = true;
  thread_.join();
  unlink(path_.c_str());
  rmdir(folder_.c_str());
}

void FakeDaemon::Pause() {
  paused_ = true;
  while (!stands_still_) usleep(1000);  // a poll: the thread tells by this alone
}

void FakeDaemon::Die() {
  die_ = true;
  while (die_) usleep(1000);  // a poll, as above
}

void FakeDaemon::DieAsleep() {
  Die();
  channel_.header().daemon_sleeps = 1;
}

std::vector<ipc::UnsupportedCall> FakeDaemon::unsupported_calls() {
  std::vector<ipc::UnsupportedCall> calls;
  ipc::Packet packet;
  while (socket_.Receive(packet, std::chrono::milliseconds(0)) == ipc::ReceiveStatus::kPacket) {
    if (auto call = packet.As<ipc::UnsupportedCall>()) calls.push_back(std::move(*call));
  }
  return calls;
}

void FakeDaemon::Fail(int error) {
  channel_.header().sticky_error.store(static_cast<std::uint32_t>(error), std::memory_order_release);
  channel_.AnnounceNews();
}

std::vector<ipc::LaunchKernel> FakeDaemon::launches() {
  const std::lock_guard lock(mutex_);
  return launches_;
}

bool FakeDaemon::Greet() {
  pollfd input{listener_.get(), POLLIN, 0};
  while (poll(&input, 1, 10) == 0) {
    if (stop_) return false;
  }
  socket_ = ipc::ControlSocket(ipc::Fd(accept(listener_.get(), nullptr, nullptr)));
  ipc::Packet packet;
  if (socket_.Receive(packet, std::chrono::seconds(5)) != ipc::ReceiveStatus::kPacket) return false;
  const auto hello = packet.As<ipc::Hello>();
  if (!hello) return false;
  tenant_ = hello->tenant;

  greeted_ = true;
  if (mute_) {
    while (mute_ && !stop_) usleep(1000);
    socket_.Close();
    return false;
  }
  if (!refusal_.empty()) {
    ipc::Refusal refusal;
    refusal.version = version_;
    refusal.reason = refusal_;
    socket_.Send(refusal);
    return false;
  }
  ipc::Fd channel = ipc::MakeSealedMemory("channel", ipc::kChannelBytes);
  ipc::Fd arena = ipc::MakeSealedMemory("arena", kArenaBytes);
  doorbell_ = ipc::Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  channel_memory_ = ipc::Mapping::Shared(channel.get(), ipc::kChannelBytes);
  channel_ = ipc::Channel(channel_memory_.data());
  arena_ = ipc::Mapping::Shared(arena.get(), kArenaBytes);
  ipc::Welcome welcome;
  welcome.version = version_;
  welcome.features = ipc::kFeatureUnsupportedCalls;
  welcome.channel_bytes = ipc::kChannelBytes;
  welcome.window_base = kWindowBase;
  welcome.window_bytes = kWindowBytes;
  welcome.arena_base = kArenaBase;
  welcome.arena_bytes = kArenaBytes;
  welcome.driver_version = 13000;
  welcome.device_name = "Fake GPU";
  welcome.pci_bus_id = "0000:3B:00.0";
  welcome.uuid.assign(16, std::byte{7});
  welcome.total_memory_bytes = kDeviceBytes;
  welcome.attributes.assign(150, 0);
  welcome.attributes[1] = 1024;    // threads per block
  welcome.attributes[10] = 32;     // warp
  welcome.attributes[16] = 4;      // multiprocessors
  welcome.attributes[39] = 2048;   // threads per multiprocessor
  welcome.attributes[12] = 65536;  // registers per block
  welcome.attributes[89] = 1;      // concurrent managed access
  welcome.attributes[91] = 1;      // the GPU uses host pointers of registered memory
  welcome.attributes[99] = 1;      // registering memory
  welcome.attributes[102] = 1;     // virtual memory functions
  welcome.greatest_priority = -5;
  const bool is_sent = socket_.Send(welcome, {channel.get(), arena.get(), doorbell_.get()});
  arena_memory_ = std::move(arena);
  return is_sent;
}

void FakeDaemon::Run() {
  if (Greet()) Serve();
}

void FakeDaemon::Serve() {
  ipc::RingReader reader(channel_.ring());
  std::uint32_t kind;
  std::vector<std::byte> payload;
  while (!stop_) {
    if (die_) {
      socket_.Close();
      die_ = false;
      return;
    }
    stands_still_ = paused_.load();
    if (stands_still_) {
      usleep(1000);
      continue;
    }
    if (CompleteCallbacks()) continue;
    if (reader.Read(kind, payload) == ipc::ReadStatus::kRecord) {
      if (!ipc::DispatchRecord(kind, payload, *this)) Fail(999);
      continue;
    }
    std::atomic<std::uint32_t>& sleeps = channel_.header().daemon_sleeps;
    sleeps.exchange(1, std::memory_order_acq_rel);  // pairs with Submission::RingDoorbell
    if (!reader.HasRecord() && !CompleteCallbacks()) {
      pollfd bell{doorbell_.get(), POLLIN, 0};
      std::uint64_t rings;
      if (poll(&bell, 1, 10) == 1 && read(doorbell_.get(), &rings, sizeof rings) < 0) return;
    }
    sleeps.store(0, std::memory_order_relaxed);
  }
}

bool FakeDaemon::CompleteCallbacks() {
  const ipc::CallbackQueue& queue = channel_.callbacks();
  const std::uint64_t have_run = queue.head.load(std::memory_order_acquire);
  const bool any = callbacks_completed_ != have_run;
  for (; callbacks_completed_ != have_run; ++callbacks_completed_) {
    Complete(queue.entries[callbacks_completed_ % ipc::kCallbackQueueEntries]);
  }
  return any;
}

std::byte* FakeDaemon::Memory(std::uint64_t address) {
  if (const auto after = registered_.upper_bound(address); after != registered_.begin()) {
    const auto& [begin, registration] = *std::prev(after);
    if (address - begin < registration.size_bytes) {
      return registration.view.data() + begin % ipc::kPageBytes + (address - begin);
    }
  }
  if (address - kArenaBase < kArenaBytes) return arena_.data() + (address - kArenaBase);
  return device_.data() + (address - kWindowBase);
}

void FakeDaemon::Do(const ipc::LaunchKernel& m) {
  const std::lock_guard lock(mutex_);
  launches_.push_back(m);
}

void FakeDaemon::On(const ipc::LaunchKernel& m) {
  Do(m);
  Complete(m);
}

void FakeDaemon::Do(const ipc::Copy& m) {
  std::memmove(Memory(m.destination), Memory(m.source), m.size_bytes);
}

void FakeDaemon::On(const ipc::Copy& m) {
  Do(m);
  Complete(m);
}

void FakeDaemon::On(const ipc::CopyFromStaging& m) {
  std::memcpy(Memory(m.destination), channel_.staging().data() + m.staging_offset, m.size_bytes);
  Complete(m);
}

void FakeDaemon::On(const ipc::CopyToStaging& m) {
  std::memcpy(channel_.staging().data() + m.staging_offset, Memory(m.source), m.size_bytes);
  Complete(m);
}

void FakeDaemon::Do(const ipc::CopyStrided& m) {
  for (std::uint64_t slice = 0; slice < m.depth_slices; ++slice) {
    for (std::uint64_t row = 0; row < m.height_rows; ++row) {
      std::memmove(Memory(m.destination + slice * m.destination_slice_bytes + row * m.destination_pitch_bytes),
                   Memory(m.source + slice * m.source_slice_bytes + row * m.source_pitch_bytes), m.width_bytes);
    }
  }
}

void FakeDaemon::On(const ipc::CopyStrided& m) {
  Do(m);
  Complete(m);
}

FakeDaemon::Side FakeDaemon::ArraySide(std::uint64_t array, std::uint64_t x_bytes, std::uint64_t y, std::uint64_t z) {
  Array& found = arrays_.at(array);
  const std::uint64_t slice_bytes = found.row_bytes * found.rows;
  return {found.bytes.data() + z * slice_bytes + y * found.row_bytes + x_bytes, found.row_bytes, slice_bytes};
}

FakeDaemon::Side FakeDaemon::MemorySide(std::uint32_t kind, std::uint64_t place, std::uint64_t pitch_bytes,
                                        std::uint64_t slice_bytes) {
  const bool is_staging = static_cast<ipc::CopySideKind>(kind) == ipc::CopySideKind::kStaging;
  return {is_staging ? channel_.staging().data() + place : Memory(place), pitch_bytes, slice_bytes};
}

void FakeDaemon::On(const ipc::CopyArray& m) {
  constexpr auto kArray = static_cast<std::uint32_t>(ipc::CopySideKind::kArray);
  {
    const std::lock_guard lock(mutex_);
    const Side to = m.destination_kind == kArray
                        ? ArraySide(m.destination, m.destination_x_bytes, m.destination_y, m.destination_z)
                        : MemorySide(m.destination_kind, m.destination, m.destination_pitch_bytes,
                                     m.destination_slice_bytes);
    const Side from = m.source_kind == kArray
                          ? ArraySide(m.source, m.source_x_bytes, m.source_y, m.source_z)
                          : MemorySide(m.source_kind, m.source, m.source_pitch_bytes, m.source_slice_bytes);
    for (std::uint64_t z = 0; z < m.depth_slices; ++z) {
      for (std::uint64_t y = 0; y < m.height_rows; ++y) {
        std::memmove(to.corner + z * to.slice_bytes + y * to.pitch_bytes,
                     from.corner + z * from.slice_bytes + y * from.pitch_bytes, m.width_bytes);
      }
    }
  }
  ++array_copies_;
  Complete(m);
}

std::uint64_t FakeDaemon::MakeArray(std::uint64_t row_bytes, std::uint64_t rows, std::uint64_t slices) {
  rows = std::max<std::uint64_t>(1, rows);
  slices = std::max<std::uint64_t>(1, slices);
  arrays_[next_array_] = {row_bytes, rows, slices, std::vector<std::byte>(row_bytes * rows * slices)};
  return next_array_++;
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::ArrayCreate& m) {
  ipc::ArrayCreateReply reply;
  const std::uint64_t element_bytes = ipc::ArrayElementBytes(m.format, m.channels);
  {
    const std::lock_guard lock(mutex_);
    if (m.levels == 0) reply.array = MakeArray(m.width * element_bytes, m.height, m.depth);
    for (std::uint32_t i = 0; i < std::min(m.levels, 3u); ++i) {
      reply.levels.push_back(MakeArray((m.width >> i) * element_bytes, m.height >> i, m.depth));
      reply.extents.insert(reply.extents.end(), {m.width >> i, m.height >> i, m.depth});
    }
    if (m.levels != 0) levels_[reply.array = next_array_++] = reply.levels;
  }
  Reply(slot, 0, reply);
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::ArrayDestroy& m) {
  {
    const std::lock_guard lock(mutex_);
    const auto mipmapped = levels_.extract(m.array);
    if (mipmapped.empty() && arrays_.erase(m.array) != 1) Fail(999);
    if (!mipmapped.empty()) {
      for (const std::uint64_t level : mipmapped.mapped()) arrays_.erase(level);
    }
  }
  Reply(slot, 0, ipc::ArrayDestroyReply{});
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::TextureCreate& m) {
  ipc::TextureCreateReply reply;
  reply.texture = next_object_++;
  ++live_objects_;
  {
    const std::lock_guard lock(mutex_);
    last_texture_ = m;
  }
  Reply(slot, 0, reply);
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::SurfaceCreate&) {
  ipc::SurfaceCreateReply reply;
  reply.surface = next_object_++;
  ++live_objects_;
  Reply(slot, 0, reply);
}

std::size_t FakeDaemon::live_arrays() {
  const std::lock_guard lock(mutex_);
  return arrays_.size();
}

ipc::TextureCreate FakeDaemon::last_texture() {
  const std::lock_guard lock(mutex_);
  return last_texture_;
}

void FakeDaemon::Do(const ipc::Memset& m) {
  for (std::uint64_t row = 0; row < m.height_rows; ++row) {
    for (std::uint64_t i = 0; i < m.width_elements; ++i) {
      std::memcpy(Memory(m.destination + row * m.pitch_bytes + i * m.element_bytes), &m.value, m.element_bytes);
    }
  }
}

void FakeDaemon::On(const ipc::Memset& m) {
  Do(m);
  Complete(m);
}

void FakeDaemon::On(const ipc::UploadChunk& m) {
  auto& bytes = uploads_[m.upload];
  bytes.insert(bytes.end(), m.data.begin(), m.data.end());
}

void FakeDaemon::On(const ipc::LaunchGraph& m) {
  ipc::GraphNodes nodes;
  {
    const std::lock_guard lock(mutex_);
    const auto found = graphs_.find(m.graph);
    if (found == graphs_.end()) return Fail(999);
    nodes = found->second;
  }
  for (std::size_t i = 0; i < nodes.kinds.size(); ++i) {
    switch (static_cast<ipc::MessageKind>(nodes.kinds[i])) {
      case ipc::MessageKind::kLaunchKernel: DoNode<ipc::LaunchKernel>(nodes.work[i]); break;
      case ipc::MessageKind::kCopy: DoNode<ipc::Copy>(nodes.work[i]); break;
      case ipc::MessageKind::kCopyStrided: DoNode<ipc::CopyStrided>(nodes.work[i]); break;
      case ipc::MessageKind::kMemset: DoNode<ipc::Memset>(nodes.work[i]); break;
      default:
        if (nodes.kinds[i] != 0) Fail(999);
    }
  }
  Complete(m);
}

void FakeDaemon::On(const ipc::GraphDestroy& m) {
  const std::lock_guard lock(mutex_);
  if (graphs_.erase(m.graph) != 1) Fail(999);
}

std::vector<ipc::GraphNodes> FakeDaemon::graphs() {
  const std::lock_guard lock(mutex_);
  std::vector<ipc::GraphNodes> all;
  for (const auto& [number, nodes] : graphs_) all.push_back(nodes);
  return all;
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::GraphInstantiate& m) {
  ipc::GraphNodes nodes;
  ipc::GraphInstantiateReply reply;
  if (!nodes.Decode(uploads_[m.upload])) return Reply(slot, 1, reply);
  reply.graph = next_graph_++;
  {
    const std::lock_guard lock(mutex_);
    graphs_.emplace(reply.graph, std::move(nodes));
  }
  Reply(slot, 0, reply);
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::GraphUpdate& m) {
  ipc::GraphChanges changes;
  const bool decoded = changes.Decode(uploads_[m.upload]);
  {
    const std::lock_guard lock(mutex_);
    ipc::GraphNodes& nodes = graphs_.at(m.graph);
    for (std::size_t i = 0; decoded && i < changes.nodes.size(); ++i) {
      nodes.kinds[changes.nodes[i]] = changes.kinds[i];
      nodes.work[changes.nodes[i]] = changes.work[i];
    }
  }
  ++graph_updates_;
  Reply(slot, decoded ? 0 : 1, ipc::GraphUpdateReply{});
}

void FakeDaemon::On(const ipc::HostCallback& m) {
  ipc::CallbackQueue& queue = channel_.callbacks();
  const std::uint64_t tail = queue.tail.load(std::memory_order_relaxed);
  queue.entries[tail % ipc::kCallbackQueueEntries] = {m.callback, m.sequence, m.stream, 0};
  queue.tail.store(tail + 1, std::memory_order_release);
  channel_.AnnounceNews();
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::LibraryLoad& m) {
  ipc::LibraryLoadReply reply;
  const std::size_t size = uploads_[m.upload].size();
  reply.library = next_library_++;
  reply.info_log = "loaded " + std::to_string(size);
  if (size < 20) reply.error_log = "too short";
  Reply(slot, size < 20 ? 218 : 0, reply);
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::LibraryKernels&) {
  ipc::LibraryKernelsReply reply;
  reply.names = {"add", "sub"};
  Reply(slot, 0, reply);
}

// Every kernel but "missing" exists, and takes a pointer and an int; "plain" takes nothing, "fat" has many registers.
void FakeDaemon::OnCall(std::uint32_t slot, const ipc::LibraryGetKernel& m) {
  ipc::LibraryGetKernelReply reply;
  reply.kernel = 9;
  reply.parameter_offsets_bytes = {0, 8};
  reply.parameter_sizes_bytes = {8, 4};
  reply.attributes.assign(16, 0);
  reply.attributes[0] = 512;    // threads per block
  reply.attributes[8] = 49152;  // dynamic shared bytes
  if (m.name == "fat") reply.attributes[4] = 255;
  reply.prints = m.name == "talker" ? 1 : 0;
  if (m.name == "plain" || m.name == "talker") {
    reply.parameter_offsets_bytes.clear();
    reply.parameter_sizes_bytes.clear();
  }
  Reply(slot, m.name == "missing" ? kNotFound : 0, reply);
}

void FakeDaemon::HavePrinted(const std::string& text) {
  const std::lock_guard lock(mutex_);
  printed_ = text;
}

// In two pieces, as a long text comes.
void FakeDaemon::OnCall(std::uint32_t slot, const ipc::TextTake& m) {
  const std::lock_guard lock(mutex_);
  ipc::TextTakeReply reply;
  const std::size_t size = m.bring != 0 ? printed_.size() / 2 : printed_.size();
  const auto bytes = std::as_bytes(std::span(printed_).first(size));
  reply.text.assign(bytes.begin(), bytes.end());
  printed_.erase(0, size);
  reply.more = printed_.empty() ? 0 : 1;
  ++texts_taken_;
  Reply(slot, 0, reply);
}

void FakeDaemon::LeaveLastWords(const std::string& output, const std::string& errors) {
  ipc::LastWords& words = channel_.last_words();
  std::ranges::copy(output + errors, words.text);
  words.output_bytes = static_cast<std::uint32_t>(output.size());
  words.error_bytes = static_cast<std::uint32_t>(errors.size());
}

// What was added, one piece behind the other.
void FakeDaemon::OnCall(std::uint32_t slot, const ipc::LinkComplete& m) {
  linked_.clear();
  for (const std::uint64_t upload : m.uploads) {
    const auto& data = uploads_[upload];
    linked_.insert(linked_.end(), data.begin(), data.end());
  }
  {
    const std::lock_guard lock(mutex_);
    links_.push_back(m);
  }
  ipc::LinkCompleteReply reply;
  reply.result = 5;
  reply.size_bytes = linked_.size();
  reply.error_log = "no errors";
  reply.info_log = "linked";
  Reply(slot, 0, reply);
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::ResultTake& m) {
  constexpr std::size_t kPieceBytes = 1000;
  ipc::ResultTakeReply reply;
  const auto rest = std::span(linked_).subspan(m.offset_bytes);
  const auto piece = rest.first(std::min(rest.size(), kPieceBytes));
  reply.data.assign(piece.begin(), piece.end());
  Reply(slot, m.result == 5 ? 0 : kNotFound, reply);
}

std::vector<ipc::LinkComplete> FakeDaemon::links() {
  const std::lock_guard lock(mutex_);
  return links_;
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::LibraryGetGlobal& m) {
  ipc::LibraryGetGlobalReply reply;
  reply.address = next_device_;
  reply.size_bytes = 256;
  next_device_ += reply.size_bytes;
  Reply(slot, m.name == "missing" ? kNotFound : 0, reply);
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::KernelOccupancy& m) {
  ipc::KernelOccupancyReply reply;
  reply.blocks_per_multiprocessor = 2048 / m.block_threads;
  Reply(slot, 0, reply);
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::AllocateDevice& m) {
  ipc::AllocateDeviceReply reply;
  reply.address = next_device_;
  const bool fits = m.size_bytes <= kWindowBase + kDeviceBytes - next_device_;
  if (fits) next_device_ += (m.size_bytes + 511) & ~511ull;
  if (fits) ++live_allocations_;
  Reply(slot, fits ? 0 : 2, reply);
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::AllocateHost& m) {
  ipc::AllocateHostReply reply;
  reply.address = next_host_;
  next_host_ += (m.size_bytes + 4095) & ~4095ull;
  ++live_allocations_;
  Reply(slot, 0, reply);
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::RegisterHost& m) {
  ipc::RegisterHostReply reply;
  if (registering_error_ != 0) return Reply(slot, registering_error_, reply);
  if (registered_pages_.Overlaps(m.address, m.size_bytes)) return Reply(slot, kAlreadyRegistered, reply);
  const auto new_runs = registered_pages_.NewRunsOf(m.address, m.size_bytes);
  if (!new_runs.empty()) {
    reply.arena_address = next_host_;
    next_host_ += new_runs.back().end - new_runs.front().begin;
  }
  registered_pages_.Add(m.address, m.size_bytes, reply.arena_address);
  const auto runs = registered_pages_.RunsOf(m.address, m.size_bytes);
  auto view = ipc::Mapping::Inaccessible(0, runs.back().end - runs.front().begin);
  for (const ipc::PageRun& run : runs) {
    mmap(view.data() + (run.begin - runs.front().begin), run.size_bytes(), PROT_READ | PROT_WRITE,
         MAP_SHARED | MAP_FIXED, arena_memory_.get(), static_cast<off_t>(run.arena_address - kArenaBase));
  }
  ++live_allocations_;
  registered_.emplace(m.address, Registration{m.size_bytes, std::move(view)});
  Reply(slot, 0, reply);
}

// What is given back has no content any more, as with the real one.
void FakeDaemon::OnCall(std::uint32_t slot, const ipc::UnregisterHost& m) {
  if (registered_.erase(m.address) == 0) return Reply(slot, kNotRegistered, ipc::UnregisterHostReply{});
  for (const ipc::PageRun& run : registered_pages_.OwnRunsOf(m.address)) {
    fallocate(arena_memory_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
              static_cast<off_t>(run.arena_address - kArenaBase), static_cast<off_t>(run.size_bytes()));
  }
  registered_pages_.Remove(m.address);
  --live_allocations_;
  Reply(slot, 0, ipc::UnregisterHostReply{});
}

// Mappings are the shim's alone here: reserved addresses have memory from the start.
void FakeDaemon::OnCall(std::uint32_t slot, const ipc::AddressReserve& m) {
  ipc::AddressReserveReply reply;
  const std::uint64_t mask = ipc::kPhysicalGranularityBytes - 1;
  reply.address = (next_device_ + mask) & ~mask;
  next_device_ = reply.address + m.size_bytes;
  Reply(slot, 0, reply);
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::PhysicalCreate& m) {
  ipc::PhysicalCreateReply reply;
  reply.physical = 40 + m.handle_types;
  Reply(slot, 0, reply);
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::PhysicalProperties& m) {
  ipc::PhysicalPropertiesReply reply;
  reply.handle_types = static_cast<std::uint32_t>(m.physical - 40);
  Reply(slot, 0, reply);
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::AddressUnmap&) {
  Reply(slot, refuses_to_unmap_ ? 1 : 0, ipc::AddressUnmapReply{});
}

void FakeDaemon::On(const ipc::WaitForSequence& m) {
  {
    const std::lock_guard lock(mutex_);
    waits_for_sequences_.push_back(m);
  }
  Complete(m);
}

void FakeDaemon::On(const ipc::WriteValue& m) {
  std::memcpy(Memory(m.address), &m.value, m.size_bytes);
  Complete(m);
}

void FakeDaemon::On(const ipc::WaitValue& m) {
  {
    const std::lock_guard lock(mutex_);
    waits_for_values_.push_back(m);
  }
  Complete(m);
}

std::vector<ipc::WaitForSequence> FakeDaemon::waits_for_sequences() {
  const std::lock_guard lock(mutex_);
  return waits_for_sequences_;
}

std::vector<ipc::WaitValue> FakeDaemon::waits_for_values() {
  const std::lock_guard lock(mutex_);
  return waits_for_values_;
}

// A token is the address, or the event's number, and a mark of its kind: so a test makes those of another process.
void FakeDaemon::OnCall(std::uint32_t slot, const ipc::MemoryShare& m) {
  ipc::MemoryShareReply reply;
  reply.token_high = m.address;
  reply.token_low = kMemoryToken;
  Reply(slot, 0, reply);
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::MemoryOpen& m) {
  ipc::MemoryOpenReply reply;
  reply.address = m.token_high;
  reply.size_bytes = kOpenedBytes;
  const bool known = m.token_low == kMemoryToken;
  if (known) ++open_memories_;
  Reply(slot, known ? 0 : 1, reply);
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::MemoryClose&) {
  --open_memories_;
  Reply(slot, 0, ipc::MemoryCloseReply{});
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::SharedEventCreate& m) {
  ipc::SharedEventCreateReply reply;
  reply.token_high = m.event;
  reply.token_low = kEventToken;
  Reply(slot, 0, reply);
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::SharedEventOpen& m) {
  Reply(slot, m.token_low == kEventToken ? 0 : kNotMapped, ipc::SharedEventOpenReply{});
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::SharedEventRecord& m) {
  Complete(m);
  Reply(slot, 0, ipc::SharedEventRecordReply{});
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::SharedEventWait& m) {
  Complete(m);
  Reply(slot, 0, ipc::SharedEventWaitReply{});
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::SharedEventState&) {
  ipc::SharedEventStateReply reply;
  reply.complete = incomplete_answers_ > 0 ? 0 : 1;
  if (reply.complete == 0) --incomplete_answers_;
  Reply(slot, 0, reply);
}

// No maps, but some of what was said.
void FakeDaemon::OnCall(std::uint32_t slot, const ipc::EncodeTensorMapIm2col& m) {
  ipc::EncodeTensorMapIm2colReply reply;
  reply.tensor_map.assign(128, std::byte{0});
  reply.tensor_map[0] = static_cast<std::byte>(m.lower_corner.size());
  reply.tensor_map[1] = static_cast<std::byte>(m.wide);
  Reply(slot, 0, reply);
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::ReplaceTensorMapAddress& m) {
  ipc::ReplaceTensorMapAddressReply reply;
  reply.tensor_map = m.tensor_map;
  reply.tensor_map[2] = static_cast<std::byte>(m.address);
  Reply(slot, 0, reply);
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::FreeDevice&) {
  --live_allocations_;
  Reply(slot, 0, ipc::FreeDeviceReply{});
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::FreeHost&) {
  --live_allocations_;
  Reply(slot, 0, ipc::FreeHostReply{});
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::MemoryInfo&) {
  ipc::MemoryInfoReply reply;
  reply.free_bytes = 1000;
  reply.total_bytes = 2000;
  Reply(slot, 0, reply);
}

void FakeDaemon::OnCall(std::uint32_t slot, const ipc::EventElapsed&) {
  ipc::EventElapsedReply reply;
  reply.milliseconds = 1.5f;
  Reply(slot, 0, reply);
}

}  // namespace paella
