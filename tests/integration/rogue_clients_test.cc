// Clients that break the rules of the channel or of the socket: the daemon ends each of them with a reason in its log, and
// serves everybody else as if nothing had been.
#include <cuda.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <random>

#include "tests/integration/rogue_client.h"
#include "tests/integration/support.h"

namespace paella::integration {
namespace {

constexpr std::uint64_t kFar = std::numeric_limits<std::uint64_t>::max() - 7;
constexpr std::uint64_t kRingBytes = ipc::kRingBytes;

template <typename Message>
Message InOrder(std::uint32_t stream = 0, std::uint64_t sequence = 1) {
  Message message;
  message.stream = stream;
  message.sequence = sequence;
  return message;
}

std::vector<std::byte> Header(std::uint32_t size_bytes, std::uint32_t kind) {
  const ipc::RecordHeader header{size_bytes, kind, 0};
  std::vector<std::byte> bytes(sizeof header);
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

struct Misdeed {
  const char* name;
  const char* reason;  // what the daemon logs
  std::function<void(RogueClient&)> act;
};

void PrintTo(const Misdeed& misdeed, std::ostream* out) { *out << misdeed.name; }

constexpr const char* kMalformed = "is malformed";
constexpr const char* kCorrupt = "its submission ring is corrupt";
constexpr const char* kOutOfOrder = "a command is out of its stream's order";

// The graph's number, or nothing if the daemon does not take it.
std::optional<std::uint64_t> MakeGraph(RogueClient& rogue, std::span<const std::byte> bytes) {
  ipc::UploadChunk chunk;
  chunk.upload = 1;
  chunk.data.assign(bytes.begin(), bytes.end());
  if (bytes.empty()) {
    const ipc::GraphNodes none;
    chunk.data.resize(none.EncodedSize());
    none.Encode(chunk.data);
  }
  rogue.Post(chunk);
  ipc::GraphInstantiate call;
  call.upload = chunk.upload;
  const auto reply = rogue.Ask(call);
  return reply ? std::optional(reply->graph) : std::nullopt;
}

// One byte each.
void FloodWithUploads(RogueClient& rogue) {
  ipc::UploadChunk chunk;
  chunk.data.resize(1);
  for (chunk.upload = 0; chunk.upload < 1'000'000 && !rogue.socket().PeerIsGone(); ++chunk.upload) rogue.Post(chunk);
}

// Each of these ends the client.
const Misdeed kRecords[] = {
    {"LaunchOfNoGraph", "it launches a graph that does not exist",
     [](RogueClient& rogue) {
       auto launch = InOrder<ipc::LaunchGraph>();
       launch.graph = 4711;
       rogue.Post(launch);
     }},
    {"EndOfNoGraph", "it destroys a graph that does not exist",
     [](RogueClient& rogue) {
       ipc::GraphDestroy destroy;
       destroy.graph = 4711;
       rogue.Post(destroy);
     }},
    {"LaunchOfAGraphThatEnded", "it launches a graph that does not exist",
     [](RogueClient& rogue) {
       ipc::GraphDestroy destroy;
       destroy.graph = MakeGraph(rogue, {}).value_or(0);
       rogue.Post(destroy);
       auto launch = InOrder<ipc::LaunchGraph>();
       launch.graph = destroy.graph;
       rogue.Post(launch);
     }},
    {"UnknownKind", kMalformed, [](RogueClient& rogue) { rogue.PostBytes(4711, std::array<std::byte, 8>{}); }},
    {"KindOfAPacket", kMalformed, [](RogueClient& rogue) { rogue.Post(Greeting()); }},
    {"TruncatedRecord", kMalformed,
     [](RogueClient& rogue) {
       rogue.PostBytes(static_cast<std::uint32_t>(ipc::LaunchKernel::kKind), std::array<std::byte, 20>{});
     }},
    {"RecordTooLong", kMalformed,
     [](RogueClient& rogue) {
       rogue.PostBytes(static_cast<std::uint32_t>(ipc::StreamDestroy::kKind), std::array<std::byte, 64>{});
     }},
    {"LyingLength", kMalformed,
     [](RogueClient& rogue) {
       std::array<std::byte, 16> payload{};
       const std::uint32_t count = 0xffffffff;
       std::memcpy(payload.data() + 8, &count, sizeof count);
       rogue.PostBytes(static_cast<std::uint32_t>(ipc::UploadChunk::kKind), payload);
     }},
    {"RecordOfNoSize", kCorrupt, [](RogueClient& rogue) { rogue.WriteRing(Header(0, 1)); }},
    {"RecordSmallerThanItsHeader", kCorrupt, [](RogueClient& rogue) { rogue.WriteRing(Header(15, 1)); }},
    {"RecordBeyondTheEnd", kCorrupt, [](RogueClient& rogue) { rogue.WriteRing(Header(kRingBytes + 1, 1)); }},
    {"RecordOfEveryByte", kCorrupt, [](RogueClient& rogue) { rogue.WriteRing(Header(0xffffffff, 1)); }},
    {"PaddingShortOfTheEnd", kCorrupt, [](RogueClient& rogue) { rogue.WriteRing(Header(16, 0)); }},
    {"SequenceLeftOut", kOutOfOrder, [](RogueClient& rogue) { rogue.Post(InOrder<ipc::HostCallback>(0, 2)); }},
    {"SequenceTwice", kOutOfOrder,
     [](RogueClient& rogue) {
       rogue.Post(InOrder<ipc::HostCallback>());
       rogue.Post(InOrder<ipc::HostCallback>());
     }},
    {"StreamThatIsNot", kOutOfOrder, [](RogueClient& rogue) { rogue.Post(InOrder<ipc::HostCallback>(7)); }},
    {"StreamBeyondAll", kOutOfOrder, [](RogueClient& rogue) { rogue.Post(InOrder<ipc::HostCallback>(0xffffffff)); }},
    {"WaitForTheFuture", kOutOfOrder,
     [](RogueClient& rogue) {
       auto wait = InOrder<ipc::WaitForSequence>();
       wait.other_sequence = 5;
       rogue.Post(wait);
     }},
    {"WaitForAStreamBeyondAll", kOutOfOrder,
     [](RogueClient& rogue) {
       auto wait = InOrder<ipc::WaitForSequence>();
       wait.other_stream = 0x80000000;
       rogue.Post(wait);
     }},
    {"UnknownKernel", "it launches a kernel that does not exist",
     [](RogueClient& rogue) {
       auto launch = InOrder<ipc::LaunchKernel>();
       launch.kernel = 12345;
       rogue.Post(launch);
     }},
    {"StagingOffset", "a copy leaves the staging area",
     [](RogueClient& rogue) {
       auto copy = InOrder<ipc::CopyFromStaging>();
       copy.staging_offset = ipc::kStagingBytes - 8;
       copy.size_bytes = 16;
       rogue.Post(copy);
     }},
    {"StagingOffsetThatWraps", "a copy leaves the staging area",
     [](RogueClient& rogue) {
       auto copy = InOrder<ipc::CopyToStaging>();
       copy.staging_offset = kFar;
       copy.size_bytes = 16;
       rogue.Post(copy);
     }},
    {"StridedExtentThatWraps", "a strided copy has no form",
     [](RogueClient& rogue) {
       auto copy = InOrder<ipc::CopyStrided>();
       copy.destination_pitch_bytes = copy.source_pitch_bytes = kFar;
       copy.width_bytes = copy.depth_slices = 1;
       copy.height_rows = kFar;
       rogue.Post(copy);
     }},
    {"MemsetExtentThatWraps", "a memset has no form",
     [](RogueClient& rogue) {
       auto memset = InOrder<ipc::Memset>();
       memset.width_elements = kFar;
       memset.element_bytes = 4;
       memset.height_rows = 1;
       rogue.Post(memset);
     }},
    {"ReplySlot", "a call names a reply slot that does not exist",
     [](RogueClient& rogue) { rogue.PostCall(ipc::kReplySlots, ipc::Ping{}); }},
    {"ReplySlotFarAway", "a call names a reply slot that does not exist",
     [](RogueClient& rogue) { rogue.PostCall(0xffffffff, ipc::Ping{}); }},
    {"StreamTwice", "it creates a stream that exists",
     [](RogueClient& rogue) {
       ipc::StreamCreate create;
       create.stream = 1;
       rogue.Post(create);
       rogue.Post(create);
     }},
    {"StreamNumberBeyondAll", "it creates a stream that exists",
     [](RogueClient& rogue) {
       ipc::StreamCreate create;
       create.stream = ipc::kMaxStreams;
       rogue.Post(create);
     }},
    {"FloodOfStreams", "it creates a stream that exists",
     [](RogueClient& rogue) {
       for (std::uint32_t i = 1; i < 100'000 && !rogue.socket().PeerIsGone(); ++i) {
         ipc::StreamCreate create;
         create.stream = i;
         create.flags = 0xffffffff;
         create.priority = static_cast<std::int32_t>(i * 2654435761u);
         rogue.Post(create);
       }
     }},
    {"DestroyedLegacyStream", "it destroys a stream that does not exist",
     [](RogueClient& rogue) { rogue.Post(ipc::StreamDestroy{}); }},
    {"DestroyedUnknownStream", "it destroys a stream that does not exist",
     [](RogueClient& rogue) {
       ipc::StreamDestroy destroy;
       destroy.stream = 0xffffffff;
       rogue.Post(destroy);
     }},
    {"CallbackThatDidNotRun", "a callback ends that did not run",
     [](RogueClient& rogue) {
       rogue.channel().callbacks().head.store(1);
       rogue.RingDoorbell();
     }},
    {"CallbackThatDidNotRunYet", "a callback ends that did not run",
     [](RogueClient& rogue) {
       rogue.channel().callbacks().head.store(2);
       rogue.Post(InOrder<ipc::HostCallback>());
     }},
    {"MisalignedWaitForAValue", "a wait for a value has no form",
     [](RogueClient& rogue) {
       auto wait = InOrder<ipc::WaitValue>();
       wait.address = 2;
       wait.size_bytes = 4;
       rogue.Post(wait);
     }},
    {"WaitForAValueWithAnUnknownCondition", "a wait for a value has no form",
     [](RogueClient& rogue) {
       auto wait = InOrder<ipc::WaitValue>();
       wait.size_bytes = 4;
       wait.condition = 4;
       rogue.Post(wait);
     }},
    {"WriteOfThreeBytes", "a write of a value has no form",
     [](RogueClient& rogue) {
       auto write = InOrder<ipc::WriteValue>();
       write.size_bytes = 3;
       rogue.Post(write);
     }},
    {"PriorityOfAnUnknownStream", "it changes a stream that does not exist",
     [](RogueClient& rogue) {
       ipc::StreamSetPriority change;
       change.stream = ipc::kMaxStreams;
       rogue.Post(change);
     }},
    {"RecordOfAnUnknownSharedEvent", "a call names a shared event or a reply slot that does not exist",
     [](RogueClient& rogue) { rogue.PostCall(0, InOrder<ipc::SharedEventRecord>()); }},
    {"SharedEventInAnUnknownSlot", "a call names a reply slot that does not exist",
     [](RogueClient& rogue) { rogue.PostCall(ipc::kReplySlots, ipc::SharedEventCreate{}); }},
    {"RecordOfASharedEventOutOfOrder", kOutOfOrder,
     [](RogueClient& rogue) {
       rogue.Ask(ipc::SharedEventCreate{});
       rogue.PostCall(0, InOrder<ipc::SharedEventRecord>(0, 2));
     }},
    {"FloodOfUploads", "it uploads more than the daemon keeps", FloodWithUploads},
    {"OversizedUpload", "it uploads more than the daemon keeps",
     [](RogueClient& rogue) {
       ipc::UploadChunk chunk;
       chunk.data.resize(200'000);
       for (int i = 0; i < 20'000 && !rogue.socket().PeerIsGone(); ++i) {
         chunk.upload = static_cast<std::uint64_t>(i) % 3;
         rogue.Post(chunk);
       }
     }},
};

class RogueRecord : public DaemonTest, public testing::WithParamInterface<Misdeed> {};

TEST_P(RogueRecord, EndsItsClientAlone) {
  const auto neighbour = StartClient(*daemon_, "neighbour", Scenario("neighbour"));
  ASSERT_TRUE(neighbour->WaitForOutput("ready")) << neighbour->errors();
  const pid_t executor = daemon_->executor_pid();
  RogueClient rogue(daemon_->socket());
  ASSERT_TRUE(rogue.welcomed()) << rogue.refusal();
  GetParam().act(rogue);
  EXPECT_TRUE(rogue.IsEnded()) << rogue.sticky_error();
  EXPECT_TRUE(daemon_->WaitForLog(GetParam().reason)) << daemon_->log();
  EXPECT_TRUE(TenantIsGone("rogue"));
  EXPECT_TRUE(ServesNormalClients());
  neighbour->WriteInput("end\n");
  EXPECT_TRUE(EndsWell(*neighbour));
  EXPECT_EQ(daemon_->executor_pid(), executor);
}

INSTANTIATE_TEST_SUITE_P(All, RogueRecord, testing::ValuesIn(kRecords),
                         [](const auto& misdeed) { return std::string(misdeed.param.name); });

// What a program could do by mistake gives it CUDA's error, and no more.
struct Mistake {
  const char* name;
  CUresult error;
  std::function<void(RogueClient&, std::uint64_t own_address)> act;
};

void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.name; }

constexpr std::uint64_t kOwnBytes = 4096;

const Mistake kMistakes[] = {
    {"CopyFromNowhere", CUDA_ERROR_ILLEGAL_ADDRESS,
     [](RogueClient& rogue, std::uint64_t own) {
       auto copy = InOrder<ipc::Copy>();
       copy.destination = own;
       copy.source = 0x1000;
       copy.size_bytes = 16;
       rogue.Post(copy);
     }},
    {"CopyBeyondItsEnd", CUDA_ERROR_ILLEGAL_ADDRESS,
     [](RogueClient& rogue, std::uint64_t own) {
       auto copy = InOrder<ipc::Copy>();
       copy.destination = own;
       copy.source = own + 8;
       copy.size_bytes = kOwnBytes;
       rogue.Post(copy);
     }},
    {"CopyOfEveryByte", CUDA_ERROR_ILLEGAL_ADDRESS,
     [](RogueClient& rogue, std::uint64_t own) {
       auto copy = InOrder<ipc::CopyFromStaging>();
       copy.destination = own;
       copy.size_bytes = ipc::kStagingBytes;
       rogue.Post(copy);
     }},
    {"MemsetThatWraps", CUDA_ERROR_ILLEGAL_ADDRESS,
     [](RogueClient& rogue, std::uint64_t own) {
       auto memset = InOrder<ipc::Memset>();
       memset.destination = own;
       memset.element_bytes = 1;
       memset.width_elements = kFar;
       memset.height_rows = 1;
       rogue.Post(memset);
     }},
    {"MemsetOfOddElements", CUDA_ERROR_INVALID_VALUE,
     [](RogueClient& rogue, std::uint64_t own) {
       auto memset = InOrder<ipc::Memset>();
       memset.destination = own;
       memset.element_bytes = 3;
       memset.width_elements = memset.height_rows = 1;
       rogue.Post(memset);
     }},
    {"WriteOfAValueElsewhere", CUDA_ERROR_ILLEGAL_ADDRESS,
     [](RogueClient& rogue, std::uint64_t own) {
       auto write = InOrder<ipc::WriteValue>();
       write.address = own + kOwnBytes;
       write.size_bytes = 8;
       rogue.Post(write);
     }},
    {"WaitForAValueElsewhere", CUDA_ERROR_ILLEGAL_ADDRESS,
     [](RogueClient& rogue, std::uint64_t) {
       auto wait = InOrder<ipc::WaitValue>();
       wait.address = rogue.welcome().arena_base;  // nothing is allocated there
       wait.size_bytes = 8;
       rogue.Post(wait);
     }},
    {"WaitForAValueInMemoryThatItFrees", CUDA_ERROR_ILLEGAL_ADDRESS,
     [](RogueClient& rogue, std::uint64_t own) {
       auto wait = InOrder<ipc::WaitValue>();
       wait.address = own;
       wait.value = 4711;
       wait.size_bytes = 8;
       rogue.Post(wait);
       ipc::StreamCreate other;
       other.stream = 1;
       other.flags = CU_STREAM_NON_BLOCKING;
       rogue.Post(other);
       auto free = InOrder<ipc::FreeInOrder>(1);
       free.address = own;
       rogue.Post(free);
     }},
    {"FreeOfWhatIsNotItsOwn", CUDA_ERROR_INVALID_VALUE,
     [](RogueClient& rogue, std::uint64_t own) {
       auto free = InOrder<ipc::FreeInOrder>();
       free.address = own + 64;
       rogue.Post(free);
     }},
};

class RogueMistake : public DaemonTest, public testing::WithParamInterface<Mistake> {};

TEST_P(RogueMistake, GivesItAnErrorThatStays) {
  const pid_t executor = daemon_->executor_pid();
  RogueClient rogue(daemon_->socket());
  ASSERT_TRUE(rogue.welcomed()) << rogue.refusal();
  ipc::AllocateDevice allocate;
  allocate.size_bytes = kOwnBytes;
  const auto own = rogue.Ask(allocate);
  ASSERT_TRUE(own);
  GetParam().act(rogue, own->address);
  EXPECT_TRUE(rogue.WaitForStickyError());
  EXPECT_EQ(rogue.sticky_error(), static_cast<std::uint32_t>(GetParam().error));
  EXPECT_TRUE(ServesNormalClients());
  EXPECT_EQ(daemon_->executor_pid(), executor);
}

INSTANTIATE_TEST_SUITE_P(All, RogueMistake, testing::ValuesIn(kMistakes),
                         [](const auto& mistake) { return std::string(mistake.param.name); });

class Rogue : public DaemonTest {};

// Memory of another client of the same tenant, and of another tenant, is not the client's.
TEST_F(Rogue, CannotCopyWhatIsAnothers) {
  RogueClient owner(daemon_->socket(), Greeting("owner"));
  ASSERT_TRUE(owner.welcomed());
  ipc::AllocateDevice allocate;
  allocate.size_bytes = kOwnBytes;
  const auto theirs = owner.Ask(allocate);
  ASSERT_TRUE(theirs);
  for (const char* tenant : {"owner", "thief"}) {
    RogueClient thief(daemon_->socket(), Greeting(tenant));
    ASSERT_TRUE(thief.welcomed());
    auto copy = InOrder<ipc::CopyToStaging>();
    copy.source = theirs->address;
    copy.size_bytes = 16;
    thief.Post(copy);
    EXPECT_TRUE(thief.WaitForStickyError());
    EXPECT_EQ(thief.sticky_error(), static_cast<std::uint32_t>(CUDA_ERROR_ILLEGAL_ADDRESS));
    ipc::FreeDevice free;
    free.address = theirs->address;
    EXPECT_FALSE(thief.Ask(free));
  }
  EXPECT_TRUE(owner.Ask(ipc::Ping{}));
  EXPECT_EQ(owner.sticky_error(), 0u);
}

// Whoever shares an event with a client that ends in the middle of a bad record is not left waiting.
TEST_F(Rogue, LeavesNobodyWaitingForAnEventThatItRecordsOutOfOrder) {
  RogueClient rogue(daemon_->socket(), Greeting("shared"));
  RogueClient user(daemon_->socket(), Greeting("shared"));
  ASSERT_TRUE(rogue.welcomed() && user.welcomed());
  const auto token = rogue.Ask(ipc::SharedEventCreate{});
  ASSERT_TRUE(token);
  ipc::SharedEventOpen open;
  open.token_high = token->token_high;
  open.token_low = token->token_low;
  ASSERT_TRUE(user.Ask(open));
  rogue.PostCall(0, InOrder<ipc::SharedEventRecord>(0, 7));
  EXPECT_TRUE(rogue.IsEnded());
  ipc::SharedEventState state;
  state.when_complete = 1;
  const auto answer = user.Ask(state);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->complete, 1u);
}

template <typename Work>
ipc::GraphNodes OneNode(const Work& work) {
  ipc::GraphNodes nodes;
  nodes.kinds = {static_cast<std::uint32_t>(Work::kKind)};
  nodes.work.emplace_back(work.EncodedSize());
  work.Encode(nodes.work[0]);
  nodes.dependency_counts = {0};
  return nodes;
}

std::optional<std::uint64_t> MakeGraph(RogueClient& rogue, const ipc::GraphNodes& nodes) {
  std::vector<std::byte> bytes(nodes.EncodedSize());
  nodes.Encode(bytes);
  return MakeGraph(rogue, std::span<const std::byte>(bytes));
}

// Of all of some memory that the client allocates for it.
ipc::Memset MemsetOfItsOwn(RogueClient& rogue) {
  ipc::AllocateDevice allocate;
  allocate.size_bytes = kOwnBytes;
  const auto memory = rogue.Ask(allocate);
  EXPECT_TRUE(memory);
  ipc::Memset memset;
  memset.destination = memory ? memory->address : 0;
  memset.element_bytes = 1;
  memset.width_elements = kOwnBytes;
  memset.height_rows = 1;
  return memset;
}

// None of these is taken, and the client may go on.
TEST_F(Rogue, DescribesGraphsThatCannotBe) {
  RogueClient rogue(daemon_->socket());
  ASSERT_TRUE(rogue.welcomed());
  ipc::Memset memset = MemsetOfItsOwn(rogue);
  const ipc::GraphNodes good = OneNode(memset);
  EXPECT_TRUE(MakeGraph(rogue, good));

  EXPECT_FALSE(MakeGraph(rogue, std::array<std::byte, 3>{}));  // no graph at all
  memset.width_elements = kOwnBytes + 1;
  EXPECT_FALSE(MakeGraph(rogue, OneNode(memset))) << "memory that is not the client's";
  memset.width_elements = kFar;
  memset.element_bytes = 4;
  EXPECT_FALSE(MakeGraph(rogue, OneNode(memset))) << "an extent that wraps";
  ipc::LaunchKernel launch;
  launch.kernel = 4711;
  EXPECT_FALSE(MakeGraph(rogue, OneNode(launch))) << "a kernel that does not exist";
  EXPECT_FALSE(MakeGraph(rogue, OneNode(ipc::HostCallback{}))) << "what is no node";
  EXPECT_FALSE(MakeGraph(rogue, OneNode(ipc::CopyFromStaging{}))) << "what is no node";

  ipc::GraphNodes nodes = good;
  nodes.dependency_counts = {1};
  nodes.dependencies = {0};
  EXPECT_FALSE(MakeGraph(rogue, nodes)) << "a node behind itself";
  nodes.dependencies = {};
  EXPECT_FALSE(MakeGraph(rogue, nodes)) << "fewer dependencies than it says";
  nodes.dependency_counts = {0};
  nodes.dependencies = {0};
  EXPECT_FALSE(MakeGraph(rogue, nodes)) << "more dependencies than it says";
  nodes = good;
  nodes.kinds.push_back(0);
  EXPECT_FALSE(MakeGraph(rogue, nodes)) << "lists of different lengths";
  nodes.work.emplace_back();
  nodes.dependency_counts.push_back(2);
  nodes.dependencies = {0, 0};
  EXPECT_FALSE(MakeGraph(rogue, nodes)) << "a dependency that is named twice";
  nodes.dependency_counts[1] = 1;
  nodes.dependencies = {0};
  EXPECT_TRUE(MakeGraph(rogue, nodes));
  EXPECT_EQ(rogue.sticky_error(), 0u);
  EXPECT_TRUE(ServesNormalClients());
}

TEST_F(Rogue, ChangesAGraphIntoWhatItMayNotBe) {
  RogueClient rogue(daemon_->socket());
  ASSERT_TRUE(rogue.welcomed());
  ipc::Memset memset = MemsetOfItsOwn(rogue);
  const auto graph = MakeGraph(rogue, OneNode(memset));
  ASSERT_TRUE(graph);
  const auto change = [&](std::uint64_t number, std::uint32_t node) {
    ipc::GraphChanges changes;
    changes.nodes = {node};
    changes.kinds = {static_cast<std::uint32_t>(ipc::Memset::kKind)};
    changes.work.emplace_back(memset.EncodedSize());
    memset.Encode(changes.work[0]);
    ipc::UploadChunk chunk;
    chunk.upload = 9;
    chunk.data.resize(changes.EncodedSize());
    changes.Encode(chunk.data);
    rogue.Post(chunk);
    ipc::GraphUpdate call;
    call.graph = number;
    call.upload = chunk.upload;
    return rogue.Ask(call).has_value();
  };
  EXPECT_TRUE(change(*graph, 0));
  EXPECT_FALSE(change(*graph, 1)) << "a node that is not there";
  EXPECT_FALSE(change(*graph + 1, 0)) << "a graph that is not there";
  memset.destination -= kOwnBytes;
  EXPECT_FALSE(change(*graph, 0)) << "memory that is not the client's";
  auto launch = InOrder<ipc::LaunchGraph>();
  launch.graph = *graph;
  rogue.Post(launch);
  ipc::Ping ping;
  EXPECT_TRUE(rogue.Ask(ping));
  EXPECT_EQ(rogue.sticky_error(), 0u);
  EXPECT_TRUE(ServesNormalClients());
}

// A flood of calls for one slot, without waiting for any answer.
TEST_F(Rogue, FloodsOneReplySlot) {
  RogueClient rogue(daemon_->socket());
  ASSERT_TRUE(rogue.welcomed());
  ipc::AllocateDevice allocate;
  allocate.size_bytes = 1;
  for (int i = 0; i < 5000; ++i) rogue.PostCall(3, allocate);
  EXPECT_TRUE(ServesNormalClients());
}

TEST_F(Rogue, AsksForAbsurdAmounts) {
  RogueClient rogue(daemon_->socket());
  ASSERT_TRUE(rogue.welcomed());
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1} << 40, std::uint64_t{1} << 63, kFar, kFar + 7}) {
    ipc::AllocateDevice device;
    device.size_bytes = size;
    EXPECT_FALSE(rogue.Ask(device)) << size;
    ipc::AllocateHost host;
    host.size_bytes = size;
    EXPECT_FALSE(rogue.Ask(host)) << size;
  }
  EXPECT_TRUE(rogue.Ask(ipc::Ping{}));
  EXPECT_TRUE(ServesNormalClients());
}

// Addresses that are the daemon's, other tenants' or nobody's: none is taken, and nothing that is there is replaced.
TEST_F(Rogue, RegistersMemoryWhereItIsNot) {
  RogueClient rogue(daemon_->socket());
  ASSERT_TRUE(rogue.welcomed());
  const std::uint64_t window = rogue.welcome().window_base, arena = rogue.welcome().arena_base;
  const std::uint64_t next_window = window + rogue.welcome().window_bytes;
  for (const std::uint64_t address : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{4095}, window, next_window, arena,
                                      arena + rogue.welcome().arena_bytes, std::uint64_t{0x0100'0000'0000} - 4095,
                                      std::uint64_t{0x5500'0000'0000} - 1, (std::uint64_t{1} << 47) - 4095,
                                      std::uint64_t{1} << 47, std::uint64_t{1} << 63, ~std::uint64_t{0} - 4095}) {
    ipc::RegisterHost call;
    call.address = address;
    call.size_bytes = 4096;
    EXPECT_FALSE(rogue.Ask(call)) << std::hex << address;
  }
  ipc::RegisterHost call;
  call.address = 0x7000'0000'0000;
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1} << 46, kFar}) {
    call.size_bytes = size;
    EXPECT_FALSE(rogue.Ask(call)) << size;
  }
  call.size_bytes = 8192;
  EXPECT_TRUE(rogue.Ask(call));
  EXPECT_FALSE(rogue.Ask(call));  // it is taken now
  ipc::UnregisterHost end;
  end.address = call.address + 4096;
  EXPECT_FALSE(rogue.Ask(end));
  end.address = call.address;
  EXPECT_TRUE(rogue.Ask(end));
  EXPECT_FALSE(rogue.Ask(end));
  EXPECT_TRUE(rogue.Ask(call));  // and goes with the client
  EXPECT_TRUE(ServesNormalClients());
}

// Bytes that share pages: the daemon keeps those as long as anything is registered in them, whatever the client says, and
// one client's pages are no other's.
TEST_F(Rogue, RegistersBytesOfOnePage) {
  RogueClient rogue(daemon_->socket());
  ASSERT_TRUE(rogue.welcomed());
  constexpr std::uint64_t kPage = 0x7000'0000'0000;
  const auto registers = [](RogueClient& client, std::uint64_t address, std::uint64_t size_bytes) {
    ipc::RegisterHost call;
    call.address = address;
    call.size_bytes = size_bytes;
    const auto reply = client.Ask(call);
    return reply ? std::optional(reply->arena_address) : std::nullopt;
  };
  const auto unregisters = [&rogue](std::uint64_t address) {
    ipc::UnregisterHost call;
    call.address = address;
    return rogue.Ask(call).has_value();
  };
  EXPECT_TRUE(registers(rogue, kPage + 100, 8));
  EXPECT_EQ(registers(rogue, kPage + 108, 8), 0u) << "nothing new in the page";
  EXPECT_FALSE(registers(rogue, kPage + 107, 1));
  EXPECT_FALSE(registers(rogue, kPage + 99, 2));
  EXPECT_FALSE(registers(rogue, kPage, 8192));
  EXPECT_TRUE(registers(rogue, kPage + 4000, 8192));
  RogueClient other(daemon_->socket());
  ASSERT_TRUE(other.welcomed());
  EXPECT_FALSE(registers(other, kPage + 200, 8));
  EXPECT_FALSE(registers(other, kPage + 8192 + 4000, 8));

  EXPECT_FALSE(unregisters(kPage));
  EXPECT_TRUE(unregisters(kPage + 100));
  EXPECT_TRUE(unregisters(kPage + 4000));
  EXPECT_FALSE(registers(other, kPage + 200, 8)) << "the page is still the first client's";
  EXPECT_TRUE(registers(other, kPage + 4096, 8));
  EXPECT_FALSE(registers(rogue, kPage + 4000, 8192)) << "into what another has now";
  auto memset = InOrder<ipc::Memset>();
  memset.destination = kPage + 108;
  memset.element_bytes = 1;
  memset.width_elements = 8;
  memset.height_rows = 1;
  rogue.Post(memset);
  EXPECT_TRUE(rogue.WaitForCompletion(0, 1));
  EXPECT_EQ(rogue.sticky_error(), 0u);
  EXPECT_TRUE(unregisters(kPage + 108));
  EXPECT_TRUE(registers(other, kPage + 200, 8));
  other.Post(memset);  // in its page, and not registered
  EXPECT_TRUE(other.WaitForStickyError());
  EXPECT_EQ(other.sticky_error(), static_cast<std::uint32_t>(CUDA_ERROR_ILLEGAL_ADDRESS));
  EXPECT_TRUE(ServesNormalClients());
}

// Each registration is mappings of the daemon's, of which it can have so many.
TEST_F(Rogue, RegistersMoreThanTheDaemonKeeps) {
  RogueClient rogue(daemon_->socket());
  ASSERT_TRUE(rogue.welcomed());
  ipc::RegisterHost call;
  call.size_bytes = 4096;
  int taken = 0;
  for (std::uint64_t i = 0; i < 5000; ++i) {
    call.address = 0x7000'0000'0000 + i * 8192;
    if (rogue.Ask(call)) ++taken;
  }
  EXPECT_EQ(taken, 4096);
  EXPECT_TRUE(ServesNormalClients());
}

// Rubbish as an image must not reach further than the driver's answer.
TEST_F(Rogue, LoadsRubbishAsAnImage) {
  RogueClient rogue(daemon_->socket());
  ASSERT_TRUE(rogue.welcomed());
  std::mt19937 random(1);
  for (std::uint64_t upload = 1; upload <= 20; ++upload) {
    ipc::UploadChunk chunk;
    chunk.upload = upload;
    chunk.data.resize(1 + random() % 5000);
    for (std::byte& byte : chunk.data) byte = static_cast<std::byte>(random());
    rogue.Post(chunk);
    ipc::LibraryLoad load;
    load.upload = upload;
    EXPECT_FALSE(rogue.Ask(load));
  }
  EXPECT_TRUE(rogue.Ask(ipc::Ping{}));
  EXPECT_TRUE(ServesNormalClients());
}

// A reader of the callback queue that says it is somewhere else.
TEST_F(Rogue, LinksWhatCannotBeLinked) {
  RogueClient rogue(daemon_->socket());
  ASSERT_TRUE(rogue.welcomed());
  const auto upload_rubbish = [&rogue](std::uint64_t number) {
    ipc::UploadChunk chunk;
    chunk.upload = number;
    chunk.data.assign(100, std::byte{'x'});
    rogue.Post(chunk);
  };
  ipc::LinkComplete link;
  EXPECT_FALSE(rogue.Ask(link)) << "nothing at all";
  link.uploads = {17};
  link.input_types = {CU_JIT_INPUT_PTX};
  link.input_names = {"x"};
  link.input_option_counts = {0};
  EXPECT_FALSE(rogue.Ask(link)) << "an upload that is not there";
  upload_rubbish(17);
  EXPECT_FALSE(rogue.Ask(link)) << "rubbish";
  upload_rubbish(17);
  link.input_option_counts = {0xffffffff};
  EXPECT_FALSE(rogue.Ask(link)) << "more options than there are";
  upload_rubbish(17);
  link.input_types = {0x80000000};
  link.input_option_counts = {0};
  EXPECT_FALSE(rogue.Ask(link)) << "no type";
  link.input_names.clear();
  EXPECT_FALSE(rogue.Ask(link)) << "no name";
  link.jit_options = {CU_JIT_INFO_LOG_BUFFER};
  EXPECT_FALSE(rogue.Ask(link)) << "no value";
  ipc::ResultTake take;
  take.result = 1;
  take.offset_bytes = ~0ull;
  EXPECT_FALSE(rogue.Ask(take)) << "a result that is not there";
  const auto text = rogue.Ask(ipc::TextTake{.bring = 1});
  ASSERT_TRUE(text);
  EXPECT_TRUE(text->text.empty());
  EXPECT_TRUE(ServesNormalClients());
}

TEST_F(Rogue, LiesAboutItsCallbackQueue) {
  RogueClient rogue(daemon_->socket());
  ASSERT_TRUE(rogue.welcomed());
  for (const std::uint64_t head : {kFar, std::uint64_t{1} << 40, std::uint64_t{5}}) {
    rogue.channel().callbacks().head.store(head);
    rogue.RingDoorbell();
  }
  for (std::uint64_t sequence = 1; sequence <= 3000; ++sequence) {
    rogue.Post(InOrder<ipc::HostCallback>(0, sequence));
  }
  EXPECT_TRUE(ServesNormalClients());
}

// Every field of the channel that the daemon writes, overwritten by the client.
TEST_F(Rogue, OverwritesWhatTheDaemonWrites) {
  RogueClient rogue(daemon_->socket());
  ASSERT_TRUE(rogue.welcomed());
  const auto& channel = rogue.channel();
  for (std::uint32_t stream = 0; stream < ipc::kMaxStreams; ++stream) channel.completed(stream).store(kFar);
  channel.callbacks().tail.store(kFar);
  channel.ring().control->head.store(kFar);
  channel.header().daemon_sleeps.store(77);
  channel.header().client_sleepers.store(0xffffffff);
  for (std::uint32_t slot = 0; slot < ipc::kReplySlots; ++slot) channel.reply(slot).size_bytes = 0xffffffff;
  EXPECT_TRUE(rogue.Ask(ipc::Ping{}));
  EXPECT_TRUE(ServesNormalClients());
}

class RogueSeed : public DaemonTest, public testing::WithParamInterface<unsigned> {};

TEST_P(RogueSeed, RandomBytesInTheRing) {
  std::mt19937 random(GetParam());
  for (int round = 0; round < 10; ++round) {
    RogueClient rogue(daemon_->socket());
    ASSERT_TRUE(rogue.welcomed()) << rogue.refusal();
    std::vector<std::byte> bytes((1 + random() % 256) * 16);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    // Half of them look like the start of a record, so that they come further.
    if (round % 2 == 0) {
      const auto size_bytes = static_cast<std::uint32_t>(17 + random() % bytes.size());
      const std::vector<std::byte> header = Header(size_bytes, static_cast<std::uint32_t>(1 + random() % 33));
      std::ranges::copy(header, bytes.begin());
    }
    rogue.WriteRing(bytes);
    EXPECT_TRUE(rogue.IsEnded());
  }
  EXPECT_TRUE(ServesNormalClients());
}

// Records of every kind whose form is right and whose content is random.
TEST_P(RogueSeed, RandomContentInRecords) {
  std::mt19937 random(GetParam());
  constexpr std::uint32_t kKinds = static_cast<std::uint32_t>(ipc::MessageKind::kEncodeTensorMap);
  for (int round = 0; round < 10; ++round) {
    RogueClient rogue(daemon_->socket());
    ASSERT_TRUE(rogue.welcomed()) << rogue.refusal();
    for (int i = 0; i < 200 && !rogue.socket().PeerIsGone(); ++i) {
      std::vector<std::byte> payload(1 + random() % 100);
      for (std::byte& byte : payload) byte = static_cast<std::byte>(random() % 4 == 0 ? random() : 0);
      rogue.PostBytes(static_cast<std::uint32_t>(1 + random() % kKinds), payload);
    }
  }
  EXPECT_TRUE(ServesNormalClients());
}

INSTANTIATE_TEST_SUITE_P(Of, RogueSeed, testing::Values(1u, 2u, 3u));

// --- the handshake and the control socket ---

void Send(const std::string& path, std::span<const std::byte> bytes) {
  const ipc::Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  std::byte answer[4096];
  recv(fd.get(), answer, sizeof answer, 0);  // an answer or the end: the daemon has seen it
}

TEST_F(Rogue, SendsRubbishToBothSockets) {
  std::mt19937 random(7);
  for (const std::string& path : {daemon_->socket(), daemon_->socket() + ".control"}) {
    for (const std::size_t size : {1u, 3u, 4u, 5u, 100u, 60'000u, 100'000u}) {
      std::vector<std::byte> bytes(size);
      for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
      Send(path, bytes);
      const auto kind = static_cast<std::uint32_t>(ipc::MessageKind::kHello);
      if (size >= sizeof kind) std::memcpy(bytes.data(), &kind, sizeof kind);
      Send(path, bytes);
    }
  }
  EXPECT_TRUE(ServesNormalClients());
  EXPECT_TRUE(daemon_->Status().is_object());
}

TEST_F(Rogue, SendsWhatAClientDoesNotSend) {
  RogueClient rogue(daemon_->socket());
  ASSERT_TRUE(rogue.welcomed());
  rogue.socket().Send(Greeting());
  EXPECT_TRUE(rogue.IsEnded());
  EXPECT_TRUE(daemon_->WaitForLog("it sent a packet that a client does not send")) << daemon_->log();
  EXPECT_TRUE(ServesNormalClients());
}

// Only paellad may speak to the executor like that, and over another socket.
TEST_F(Rogue, SendsThePacketsOfPaellad) {
  ipc::ClientDetach detach;
  detach.client = 1;
  for (int i = 0; i < 2; ++i) {
    RogueClient rogue(daemon_->socket());
    ASSERT_TRUE(rogue.welcomed());
    rogue.socket().Send(detach);
    EXPECT_TRUE(rogue.IsEnded());
  }
  EXPECT_TRUE(ServesNormalClients());
}

TEST_F(Rogue, IsOfAnotherVersion) {
  ipc::Hello hello = Greeting();
  hello.version = ipc::kProtocolVersion + 1;
  const RogueClient rogue(daemon_->socket(), hello);
  EXPECT_FALSE(rogue.welcomed());
  EXPECT_NE(rogue.refusal().find("they come from different releases"), std::string::npos) << rogue.refusal();
  EXPECT_TRUE(daemon_->WaitForLog("turned ")) << daemon_->log();
  EXPECT_TRUE(ServesNormalClients());
}

TEST_F(Rogue, HasAnAbsurdName) {
  const std::string absurd[] = {"", std::string(129, 'x'), std::string(60'000, 'x'), "two words", "line\nbreak",
                                "\x1b[2J", std::string("zero\0byte", 9), "\xff\xfe"};
  for (const std::string& tenant : absurd) {
    const RogueClient rogue(daemon_->socket(), Greeting(tenant));
    EXPECT_FALSE(rogue.welcomed());
    EXPECT_NE(rogue.refusal().find("a tenant's name has"), std::string::npos) << rogue.refusal();
  }
  EXPECT_TRUE(daemon_->Status().is_object());
  EXPECT_TRUE(ServesNormalClients());
}

TEST_F(Rogue, HasNoSuchClassOrDriver) {
  ipc::Hello hello = Greeting();
  hello.class_name = "first";
  EXPECT_NE(RogueClient(daemon_->socket(), hello).refusal().find("there is no class 'first'"), std::string::npos);
  hello = Greeting();
  hello.driver_version = 1;
  EXPECT_NE(RogueClient(daemon_->socket(), hello).refusal().find("the program's driver is of version 1"),
            std::string::npos);
  EXPECT_TRUE(ServesNormalClients());
}

// Many connections that say nothing keep nobody from being served.
TEST_F(Rogue, ConnectsAndSaysNothing) {
  std::vector<ipc::ControlSocket> silent;
  for (int i = 0; i < 100; ++i) {
    auto socket = ipc::ControlSocket::Connect(daemon_->socket());
    ASSERT_TRUE(socket);
    silent.push_back(std::move(*socket));
  }
  EXPECT_TRUE(ServesNormalClients());
}

// Gone before the welcome comes, with a record begun, with commands in the ring.
TEST_F(Rogue, LeavesAtOddMoments) {
  constexpr int kTimes = 10;
  for (int i = 0; i < kTimes; ++i) {
    auto socket = ipc::ControlSocket::Connect(daemon_->socket());
    ASSERT_TRUE(socket);
    ASSERT_TRUE(socket->Send(Greeting()));
    socket.reset();
    RogueClient begun(daemon_->socket());
    ASSERT_TRUE(begun.welcomed());
    begun.WriteRing(Header(64, 3), /*published=*/false);
    RogueClient waiting(daemon_->socket());
    ASSERT_TRUE(waiting.welcomed());
    waiting.Post(InOrder<ipc::HostCallback>());
    waiting.Post(InOrder<ipc::HostCallback>(0, 2));
  }
  EXPECT_TRUE(TenantIsGone("rogue"));
  EXPECT_TRUE(ServesNormalClients());
}

}  // namespace
}  // namespace paella::integration
