// Records that break the rules of the channel, and mistakes in good ones: the daemon ends a client with a reason in its
// log, or gives it CUDA's error.
#include <array>
#include <cstring>
#include <functional>
#include <random>

#include "tests/integration/rogue_test.h"

namespace paella::integration {
namespace {

constexpr std::uint64_t kRingBytes = ipc::kRingBytes;

struct Misdeed {
  const char* name;
  const char* reason;  // what the daemon logs
  std::function<void(RogueClient&)> act;
};

void PrintTo(const Misdeed& misdeed, std::ostream* out) { *out << misdeed.name; }

constexpr const char* kMalformed = "is malformed";
constexpr const char* kCorrupt = "its submission ring is corrupt";
constexpr const char* kOutOfOrder = "a command is out of its stream's order";

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

}  // namespace
}  // namespace paella::integration
