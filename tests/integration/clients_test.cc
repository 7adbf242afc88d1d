// Clients that do nothing wrong: each gives natively what it gives through the daemon, alone and beside others.
#include "tests/integration/rogue_client.h"
#include "tests/integration/support.h"

namespace paella::integration {
namespace {

struct Program {
  const char* name;
  Words words;
};

void PrintTo(const Program& program, std::ostream* out) { *out << program.name; }

const Program kPrograms[] = {
    {"VectorAdd", {PAELLA_TEST_VECTOR_ADD, "--repeat", "3"}},
    {"Digits", {PAELLA_TEST_DIGITS}},
    {"Busy", {PAELLA_TEST_BUSY, "--kernels", "200", "--streams", "3", "--iterations", "100"}},
    {"ManyThreads", Scenario("many_threads")},
    {"StreamsAndEvents", Scenario("streams_and_events")},
    {"HostCallbacks", Scenario("host_callbacks")},
    {"ForkBeforeInit", Scenario("fork_before_init")},
    {"ForkAndExec", Scenario("fork_and_exec")},
    {"Memory", Scenario("memory")},
    {"RegisteredMemory", Scenario("registered_memory")},
};

class Programs : public DaemonTest, public testing::WithParamInterface<Program> {};

TEST_P(Programs, RunsNativelyToo) {
  test::ChildProcess native(GetParam().words, test::NativeEnvironment());
  EXPECT_TRUE(EndsWell(native));
}

TEST_P(Programs, RunsThroughTheDaemon) {
  const auto client = StartClient(*daemon_, "someone", GetParam().words);
  EXPECT_TRUE(EndsWell(*client));
  EXPECT_TRUE(TenantIsGone("someone"));
}

INSTANTIATE_TEST_SUITE_P(All, Programs, testing::ValuesIn(kPrograms),
                         [](const auto& program) { return std::string(program.param.name); });

// What a scenario prints is the same on every run, so it can be compared.
class Scenarios : public DaemonTest, public testing::WithParamInterface<const char*> {};

TEST_P(Scenarios, SaysTheSameNativelyAndThroughTheDaemon) {
  test::ChildProcess native(Scenario(GetParam()), test::NativeEnvironment());
  const auto client = StartClient(*daemon_, "someone", Scenario(GetParam()));
  EXPECT_TRUE(EndsWell(native));
  EXPECT_TRUE(EndsWell(*client));
  EXPECT_EQ(client->output(), native.output());
  EXPECT_EQ(client->errors(), "");
}

INSTANTIATE_TEST_SUITE_P(All, Scenarios,
                         testing::Values("many_threads", "streams_and_events", "host_callbacks", "memory",
                                         "registered_memory"),
                         [](const auto& scenario) { return std::string(scenario.param); });

class Clients : public DaemonTest {};

TEST_F(Clients, OfManyTenantsWorkAtOnce) {
  std::vector<std::unique_ptr<test::ChildProcess>> clients;
  for (const char* scenario : {"many_threads", "streams_and_events", "host_callbacks", "memory"}) {
    clients.push_back(StartClient(*daemon_, std::string("tenant-of-") + scenario, Scenario(scenario)));
  }
  clients.push_back(StartClient(*daemon_, "digits", {PAELLA_TEST_DIGITS}));
  clients.push_back(StartClient(*daemon_, "shared", {PAELLA_TEST_VECTOR_ADD}));
  clients.push_back(StartClient(*daemon_, "shared", {PAELLA_TEST_VECTOR_ADD}));
  for (const auto& client : clients) EXPECT_TRUE(EndsWell(*client));
}

TEST_F(Clients, AreShownInTheStatusWithWhatTheyHold) {
  const auto client = StartClient(*daemon_, "shown", Scenario("neighbour"));
  ASSERT_TRUE(client->WaitForOutput("ready"));
  EXPECT_TRUE(daemon_->WaitForStatus([&](const nlohmann::json& status) {
    const nlohmann::json tenant = test::TenantIn(status, "shown");
    return tenant.is_object() && tenant["clients"] == 1 && tenant["launches"] > 0 && tenant["memory_bytes"] > 0;
  })) << daemon_->Status().dump(2);
  client->WriteInput("end\n");
  EXPECT_TRUE(EndsWell(*client));
  EXPECT_TRUE(TenantIsGone("shown"));
}

TEST_F(Clients, LeaveTheGpuTimeThatTheirTenantUsed) {
  const auto client = StartClient(*daemon_, "passing", {PAELLA_TEST_VECTOR_ADD});
  ASSERT_TRUE(EndsWell(*client));
  EXPECT_TRUE(daemon_->WaitForStatus([](const nlohmann::json& status) {
    const nlohmann::json& finished = status["finished"];
    return finished.size() == 1 && finished[0]["tenant"] == "passing" && finished[0]["gpu_seconds"] > 0;
  }));
}

// shim/README.md says what a child gets; the simulated driver cannot tell it natively.
TEST_F(Clients, ThatForkAfterInitKeepTheGpuToThemselves) {
  const auto client = StartClient(*daemon_, "someone", Scenario("fork_after_init"));
  EXPECT_TRUE(EndsWell(*client));
}

TEST_F(Clients, ComeAndGoWithoutATrace) {
  constexpr int kTimes = 20;
  for (int i = 0; i < kTimes; ++i) ASSERT_TRUE(ServesNormalClients());
  EXPECT_TRUE(daemon_->WaitForStatus([](const nlohmann::json& status) { return status["clients"].empty(); }));
}

// What paellad makes, maps and tells must all be of the device that it was given, and none of the first one.
class SecondGpu : public DaemonTest {
 protected:
  void SetUp() override {
    StartDaemon({.arguments = {"--device", "1"}, .environment = {{"PAELLA_SIMULATED_GPU_DEVICES", "2"}}});
  }
};

TEST_F(SecondGpu, ServesPrograms) {
  const Words programs[] = {{PAELLA_TEST_VECTOR_ADD}, Scenario("memory"), {PAELLA_TEST_VIRTUAL_MEMORY, "check"}};
  for (const Words& words : programs) {
    const auto client = StartClient(*daemon_, "someone", words);
    EXPECT_TRUE(EndsWell(*client)) << words[0];
  }
}

TEST_F(SecondGpu, IsTheOneThatIsTold) {
  constexpr std::uint64_t kSecondBytes = 512ull << 20;  // half of the first one's
  const nlohmann::json device = daemon_->Status()["device"];
  EXPECT_EQ(device["ordinal"], 1);
  EXPECT_EQ(device["pci_bus_id"], "0000:01:00.0");
  EXPECT_EQ(device["total_memory_bytes"], kSecondBytes);
  RogueClient client(daemon_->socket());
  ASSERT_TRUE(client.welcomed()) << client.refusal();
  const auto memory = client.Ask(ipc::MemoryInfo{});
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->total_bytes, kSecondBytes);
}

class SmallGpu : public DaemonTest {
 protected:
  void SetUp() override { StartDaemon({.environment = {{"PAELLA_SIMULATED_GPU_MEMORY_MIB", "96"}}}); }
};

TEST_F(SmallGpu, RefusesWhatItDoesNotHaveAndGoesOn) {
  const auto client = StartClient(*daemon_, "greedy", Scenario("out_of_memory"));
  EXPECT_TRUE(EndsWell(*client));
  EXPECT_TRUE(TenantIsGone("greedy"));
  EXPECT_TRUE(ServesNormalClients());
}

TEST(SmallGpuNatively, RefusesWhatItDoesNotHaveAndGoesOn) {
  test::Environment environment = test::NativeEnvironment();
  environment["PAELLA_SIMULATED_GPU_MEMORY_MIB"] = "96";
  test::ChildProcess native(Scenario("out_of_memory"), environment);
  EXPECT_TRUE(EndsWell(native));
}

}  // namespace
}  // namespace paella::integration
