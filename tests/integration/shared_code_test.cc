// Clients of several tenants that load the same code: the driver loads it once, and none of them can tell.
//
// Most clients here are written by hand, so that a test can say what each does before another does something.
#include <cuda.h>

#include <cstring>
#include <memory>

#include "tests/integration/rogue_client.h"
#include "tests/integration/support.h"

namespace paella::integration {
namespace {

constexpr std::uint64_t kWordBytes = 4;
constexpr std::uint32_t kMuchShared = 60'000;  // more than a kernel may use without asking
constexpr std::uint32_t kSlot = 1;              // of answers that nobody waits for

const std::string kHead = ".version 7.0\n.target sm_75\n.address_size 64\n";

// Doubles the word that its parameter points to.
const std::string kDouble = kHead + R"(
.visible .entry Double(.param .u64 word)
{
  .reg .b32 %r<3>;
  .reg .b64 %rd<3>;
  ld.param.u64 %rd1, [word];
  cvta.to.global.u64 %rd2, %rd1;
  ld.global.u32 %r1, [%rd2];
  add.u32 %r2, %r1, %r1;
  st.global.u32 [%rd2], %r2;
  ret;
}
)";

// Fetches a variable of the given name, 5 at first, into the word that its parameter points to.
std::string Fetch(const std::string& variable) {
  return kHead + ".visible .global .align 4 .u32 " + variable + " = 5;\n" + R"(
.visible .entry Fetch(.param .u64 word)
{
  .reg .b32 %r<3>;
  .reg .b64 %rd<3>;
  ld.param.u64 %rd1, [word];
  cvta.to.global.u64 %rd2, %rd1;
  ld.global.u32 %r1, [)" + variable + R"(];
  st.global.u32 [%rd2], %r1;
  ret;
}
)";
}

// A client with one image, one kernel of it, and one word of memory.
class Client {
 public:
  Client(const std::string& socket, const std::string& tenant) : rogue_(socket, Greeting(tenant)) {}

  RogueClient& rogue() { return rogue_; }
  std::uint64_t library() const { return library_; }
  const std::vector<std::int32_t>& attributes() const { return attributes_; }

  void Upload(const std::string& image) {
    ipc::UploadChunk chunk;
    chunk.upload = ++uploads_;
    chunk.data.resize(image.size());
    std::memcpy(chunk.data.data(), image.data(), image.size());
    rogue_.Post(chunk);
  }

  bool Load(const std::string& image) {
    Upload(image);
    ipc::LibraryLoad load;
    load.upload = uploads_;
    const auto loaded = rogue_.Ask(load);
    if (!loaded) return false;
    library_ = loaded->library;
    return true;
  }

  bool Find(const std::string& kernel) {
    ipc::LibraryGetKernel get;
    get.library = library_;
    get.name = kernel;
    const auto found = rogue_.Ask(get);
    ipc::AllocateDevice allocate;
    allocate.size_bytes = kWordBytes;
    const auto word = rogue_.Ask(allocate);
    if (!found || !word) return false;
    kernel_ = found->kernel;
    attributes_ = found->attributes;
    word_ = word->address;
    return true;
  }

  bool LoadAndFind(const std::string& image, const std::string& kernel) {
    return rogue_.welcomed() && Load(image) && Find(kernel);
  }

  bool Unload() {
    ipc::LibraryUnload unload;
    unload.library = library_;
    return rogue_.Ask(unload).has_value();
  }

  bool Set(CUfunction_attribute attribute, int value) {
    ipc::KernelSetAttribute set;
    set.kernel = kernel_;
    set.attribute = attribute;
    set.value = value;
    return rogue_.Ask(set).has_value();
  }

  int BlocksWith(std::uint64_t shared_bytes) {
    ipc::KernelOccupancy ask;
    ask.kernel = kernel_;
    ask.block_threads = 32;
    ask.dynamic_shared_bytes = shared_bytes;
    const auto answer = rogue_.Ask(ask);
    return answer ? answer->blocks_per_multiprocessor : -1;
  }

  std::optional<ipc::LibraryGetGlobalReply> Global(const std::string& name) {
    ipc::LibraryGetGlobal get;
    get.library = library_;
    get.name = name;
    return rogue_.Ask(get);
  }

  void Write(std::uint64_t address, std::uint32_t value) {
    std::memcpy(rogue_.channel().staging().data(), &value, sizeof value);
    ipc::CopyFromStaging copy;
    copy.sequence = ++sequence_;
    copy.destination = address;
    copy.size_bytes = kWordBytes;
    rogue_.Post(copy);
    EXPECT_TRUE(rogue_.WaitForCompletion(0, sequence_));
  }

  void Launch(std::uint32_t shared_bytes = 0) {
    ipc::LaunchKernel launch;
    launch.sequence = ++sequence_;
    launch.kernel = kernel_;
    launch.grid_x = launch.grid_y = launch.grid_z = launch.block_x = launch.block_y = launch.block_z = 1;
    launch.shared_bytes = shared_bytes;
    launch.parameters.resize(sizeof word_);
    std::memcpy(launch.parameters.data(), &word_, sizeof word_);
    rogue_.Post(launch);
  }

  // What the kernel makes of a word of that value.
  std::uint32_t Run(std::uint32_t value, std::uint32_t shared_bytes = 0) {
    Write(word_, value);
    Launch(shared_bytes);
    ipc::CopyToStaging copy;
    copy.sequence = ++sequence_;
    copy.source = word_;
    copy.size_bytes = kWordBytes;
    rogue_.Post(copy);
    EXPECT_TRUE(rogue_.WaitForCompletion(0, sequence_));
    std::memcpy(&value, rogue_.channel().staging().data(), sizeof value);
    return value;
  }

 private:
  RogueClient rogue_;
  std::uint64_t uploads_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t library_ = 0;
  std::uint64_t kernel_ = 0;
  std::uint64_t word_ = 0;
  std::vector<std::int32_t> attributes_;
};

class SharedCode : public DaemonTest {
 protected:
  std::uint64_t ModulesLoaded() { return daemon_->Status()["modules"]["loaded"].get<std::uint64_t>(); }
  std::uint64_t SharedLoads() { return daemon_->Status()["modules"]["shared_loads"].get<std::uint64_t>(); }

  Client Alice() { return {daemon_->socket(), "alice"}; }
  Client Bob() { return {daemon_->socket(), "bob"}; }
};

TEST_F(SharedCode, IsLoadedOnceAndStaysForWhoIsLeft) {
  Client alice = Alice();
  Client bob = Bob();
  ASSERT_TRUE(alice.LoadAndFind(kDouble, "Double"));
  ASSERT_TRUE(bob.LoadAndFind(kDouble, "Double"));
  EXPECT_EQ(ModulesLoaded(), 1u);
  EXPECT_EQ(SharedLoads(), 1u);
  EXPECT_EQ(alice.Run(3), 6u);
  EXPECT_EQ(bob.Run(20), 40u);
  ASSERT_TRUE(alice.Unload());
  EXPECT_FALSE(alice.Find("Double"));
  EXPECT_EQ(bob.Run(7), 14u);
  EXPECT_EQ(ModulesLoaded(), 1u);
  ASSERT_TRUE(bob.Unload());
  EXPECT_EQ(ModulesLoaded(), 0u);
}

TEST_F(SharedCode, OutlivesTheClientThatLoadedItFirst) {
  auto alice = std::make_unique<Client>(daemon_->socket(), "alice");
  Client bob = Bob();
  ASSERT_TRUE(alice->LoadAndFind(kDouble, "Double"));
  ASSERT_TRUE(bob.LoadAndFind(kDouble, "Double"));
  alice.reset();
  EXPECT_TRUE(TenantIsGone("alice"));
  EXPECT_EQ(bob.Run(7), 14u);
  EXPECT_EQ(ModulesLoaded(), 1u);
}

TEST_F(SharedCode, OfOneClientTwiceIsTwoLibrariesToIt) {
  Client alice = Alice();
  ASSERT_TRUE(alice.LoadAndFind(kDouble, "Double"));
  const std::uint64_t first = alice.library();
  ASSERT_TRUE(alice.LoadAndFind(kDouble, "Double"));
  EXPECT_NE(alice.library(), first);
  EXPECT_EQ(ModulesLoaded(), 1u);
  ipc::LibraryUnload unload;
  unload.library = first;
  EXPECT_TRUE(alice.rogue().Ask(unload));
  EXPECT_EQ(alice.Run(4), 8u);
}

TEST_F(SharedCode, ThatDiffersInOneByteIsNotTaken) {
  Client alice = Alice();
  Client bob = Bob();
  std::string same = kDouble;
  same.replace(same.find("%r2, %r1, %r1"), 13, "%r2, %r1, %r2");  // %r2 is 0 before
  ASSERT_EQ(same.size(), kDouble.size());
  ASSERT_TRUE(alice.LoadAndFind(kDouble, "Double"));
  ASSERT_TRUE(bob.LoadAndFind(same, "Double"));
  EXPECT_EQ(alice.Run(3), 6u);
  EXPECT_EQ(bob.Run(3), 3u);
  EXPECT_EQ(ModulesLoaded(), 2u);
}

TEST_F(SharedCode, HasEachClientsOwnLimitOfSharedMemory) {
  Client alice = Alice();
  Client bob = Bob();
  ASSERT_TRUE(alice.LoadAndFind(kDouble, "Double"));
  ASSERT_TRUE(alice.Set(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, kMuchShared));
  ASSERT_TRUE(bob.LoadAndFind(kDouble, "Double"));
  EXPECT_EQ(bob.attributes()[CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES],
            alice.attributes()[CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES]);
  EXPECT_EQ(alice.Run(3, kMuchShared), 6u);
  EXPECT_GT(alice.BlocksWith(kMuchShared), 0);
  EXPECT_EQ(bob.BlocksWith(kMuchShared), 0);
  ASSERT_TRUE(alice.Find("Double"));
  EXPECT_EQ(alice.attributes()[CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES], static_cast<int>(kMuchShared));

  // Bob's smaller limit takes nothing from Alice, and Bob may not have what she asked for.
  ASSERT_TRUE(bob.Set(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 1000));
  EXPECT_EQ(alice.Run(4, kMuchShared), 8u);
  EXPECT_EQ(bob.Run(4, 1000), 8u);
  EXPECT_FALSE(bob.Set(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, -1));
  EXPECT_FALSE(bob.Set(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 10'000'000));
  EXPECT_EQ(ModulesLoaded(), 1u);
  bob.Run(4, 1001);
  EXPECT_TRUE(bob.rogue().WaitForStickyError());
  EXPECT_EQ(bob.rogue().sticky_error(), static_cast<std::uint32_t>(CUDA_ERROR_INVALID_VALUE));
  EXPECT_EQ(alice.Run(5, kMuchShared), 10u);
}

TEST_F(SharedCode, IsCopiedForWhoSetsAnotherAttribute) {
  Client alice = Alice();
  Client bob = Bob();
  ASSERT_TRUE(alice.LoadAndFind(kDouble, "Double"));
  ASSERT_TRUE(bob.LoadAndFind(kDouble, "Double"));
  ASSERT_TRUE(alice.Set(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, kMuchShared));
  ASSERT_TRUE(alice.Set(CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, 50));
  EXPECT_EQ(ModulesLoaded(), 2u);
  ASSERT_TRUE(alice.Set(CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, 60));
  EXPECT_EQ(ModulesLoaded(), 2u);
  EXPECT_EQ(alice.Run(3, kMuchShared), 6u);
  EXPECT_EQ(bob.Run(3), 6u);
  for (Client* client : {&alice, &bob}) ASSERT_TRUE(client->Find("Double"));
  EXPECT_EQ(alice.attributes()[CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT], 60);
  EXPECT_NE(bob.attributes()[CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT], 60);
  ASSERT_TRUE(alice.Unload());
  EXPECT_EQ(ModulesLoaded(), 1u);
  EXPECT_EQ(bob.Run(4), 8u);
}

TEST_F(SharedCode, IsNotWhatHasVariables) {
  Client alice = Alice();
  Client bob = Bob();
  ASSERT_TRUE(alice.LoadAndFind(Fetch("counter"), "Fetch"));
  ASSERT_TRUE(bob.LoadAndFind(Fetch("counter"), "Fetch"));
  EXPECT_EQ(ModulesLoaded(), 2u);
  const auto hers = alice.Global("counter");
  const auto his = bob.Global("counter");
  ASSERT_TRUE(hers && his);
  EXPECT_NE(hers->address, his->address);
  alice.Write(hers->address, 77);
  EXPECT_EQ(alice.Run(0), 77u);
  EXPECT_EQ(bob.Run(0), 5u);
  EXPECT_EQ(SharedLoads(), 0u);
}

// A name that the compiler gives to constant texts does not open a way into another tenant's code.
TEST_F(SharedCode, IsWrittenByNobodyThoughItHasTexts) {
  Client alice = Alice();
  Client bob = Bob();
  Client eve(daemon_->socket(), "eve");
  const std::string image = Fetch("$str");
  for (Client* client : {&alice, &bob, &eve}) ASSERT_TRUE(client->LoadAndFind(image, "Fetch"));
  EXPECT_EQ(ModulesLoaded(), 1u);
  EXPECT_FALSE(eve.Global("other"));
  EXPECT_EQ(ModulesLoaded(), 1u);
  const auto hers = alice.Global("$str");
  const auto stolen = eve.Global("$str");
  ASSERT_TRUE(hers && stolen);
  EXPECT_NE(hers->address, stolen->address);
  EXPECT_EQ(ModulesLoaded(), 3u);
  eve.Write(stolen->address, 666);
  for (Client* client : {&alice, &bob}) EXPECT_EQ(client->Run(0), 5u);
  eve.Write(hers->address, 666);
  EXPECT_TRUE(eve.rogue().WaitForStickyError());
  EXPECT_EQ(eve.rogue().sticky_error(), static_cast<std::uint32_t>(CUDA_ERROR_ILLEGAL_ADDRESS));
  for (Client* client : {&alice, &bob}) EXPECT_EQ(client->Run(0), 5u);
}

// Whoever was alone with it and may have written it keeps it; those who come later get another.
TEST_F(SharedCode, IsNotWhatSomebodyCanWriteAlready) {
  Client eve(daemon_->socket(), "eve");
  Client bob = Bob();
  ASSERT_TRUE(eve.LoadAndFind(Fetch("$str"), "Fetch"));
  const auto own = eve.Global("$str");
  ASSERT_TRUE(own);
  EXPECT_EQ(ModulesLoaded(), 1u);
  eve.Write(own->address, 666);
  EXPECT_EQ(eve.Run(0), 666u);
  ASSERT_TRUE(bob.LoadAndFind(Fetch("$str"), "Fetch"));
  EXPECT_EQ(bob.Run(0), 5u);
}

// The unload waits for what was launched before it; what is launched after it must not find the code half gone.
TEST_F(SharedCode, CannotBeLaunchedOnceItsUnloadIsAskedFor) {
  Client eve(daemon_->socket(), "eve");
  Client bob = Bob();
  ASSERT_TRUE(eve.LoadAndFind(kDouble, "Double"));
  ASSERT_TRUE(bob.LoadAndFind(kDouble, "Double"));
  eve.Launch();
  ipc::LibraryUnload unload;
  unload.library = eve.library();
  eve.rogue().PostCall(kSlot, unload);
  eve.Launch();
  EXPECT_TRUE(eve.rogue().IsEnded());
  EXPECT_TRUE(daemon_->WaitForLog("it launches a kernel that does not exist")) << daemon_->log();
  EXPECT_EQ(bob.Run(3), 6u);
}


class ManyClients : public SharedCode {
 protected:
  // All load it at once, and all have their answer in kSlot.
  void LoadAtOnce(const std::string& image) {
    constexpr int kClients = 8;
    for (int i = 0; i < kClients; ++i) {
      clients_.push_back(std::make_unique<Client>(daemon_->socket(), "tenant-" + std::to_string(i)));
      ASSERT_TRUE(clients_.back()->rogue().welcomed());
      clients_.back()->Upload(image);
    }
    ipc::LibraryLoad load;
    load.upload = 1;
    for (const auto& client : clients_) client->rogue().PostCall(kSlot, load);
    for (const auto& client : clients_) ASSERT_TRUE(client->rogue().Ask(ipc::Ping{}));  // answered in order
  }

  static const ipc::ReplySlot& AnswerTo(Client& client) { return client.rogue().channel().reply(kSlot); }

  std::vector<std::unique_ptr<Client>> clients_;
};

TEST_F(ManyClients, LoadAtOnceWhatIsLoadedOnce) {
  ASSERT_NO_FATAL_FAILURE(LoadAtOnce(kDouble));
  for (const auto& client : clients_) EXPECT_EQ(AnswerTo(*client).result, static_cast<std::uint32_t>(CUDA_SUCCESS));
  EXPECT_EQ(ModulesLoaded(), 1u);
  EXPECT_EQ(SharedLoads(), clients_.size() - 1);
}

TEST_F(ManyClients, EachHearWhatIsWrong) {
  ASSERT_NO_FATAL_FAILURE(LoadAtOnce(kHead + "nonsense"));
  for (const auto& client : clients_) {
    EXPECT_EQ(AnswerTo(*client).result, static_cast<std::uint32_t>(CUDA_ERROR_INVALID_PTX));
  }
  EXPECT_EQ(ModulesLoaded(), 0u);
  EXPECT_TRUE(ServesNormalClients());
}

TEST_F(SharedCode, IsWhatOrdinaryProgramsRunFrom) {
  std::vector<std::unique_ptr<test::ChildProcess>> programs;
  for (const char* tenant : {"alice", "bob"}) {
    programs.push_back(StartClient(*daemon_, tenant, Scenario("neighbour")));
    ASSERT_TRUE(programs.back()->WaitForOutput("ready"));
  }
  EXPECT_EQ(ModulesLoaded(), 1u);
  programs[0]->WriteInput("end\n");
  EXPECT_TRUE(EndsWell(*programs[0]));
  EXPECT_TRUE(TenantIsGone("alice"));
  EXPECT_EQ(ModulesLoaded(), 1u);
  programs[1]->WriteInput("end\n");
  EXPECT_TRUE(EndsWell(*programs[1]));
}

}  // namespace
}  // namespace paella::integration
