// Calls that ask for what is not the client's, is nowhere or is too much, and lies in the parts of the channel that the
// daemon writes.
#include <array>
#include <optional>
#include <random>

#include "tests/integration/rogue_test.h"

namespace paella::integration {
namespace {

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

}  // namespace
}  // namespace paella::integration
