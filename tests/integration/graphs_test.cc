// Graphs from end to end. The simulated driver captures nothing itself, so these programs run through the daemon alone.
#include <memory>
#include <string>
#include <vector>

#include "tests/integration/support.h"

namespace paella::integration {
namespace {

class Graphs : public DaemonTest, public testing::WithParamInterface<const char*> {};

TEST_P(Graphs, GiveWhatTheStreamsWouldHaveGiven) {
  const auto client = StartClient(*daemon_, "grapher", {PAELLA_TEST_GRAPHS, GetParam()});
  EXPECT_TRUE(EndsWell(*client));
  EXPECT_TRUE(TenantIsGone("grapher"));
}

INSTANTIATE_TEST_SUITE_P(All, Graphs,
                         testing::Values("capture_fork_join", "graph_api", "host_nodes", "one_after_the_other",
                                         "update_behind_launches", "graph_memory", "large_graph"),
                         [](const auto& scenario) { return std::string(scenario.param); });

class ManyGraphs : public DaemonTest {};

TEST_F(ManyGraphs, OfManyTenantsRunAtOnce) {
  std::vector<std::unique_ptr<test::ChildProcess>> clients;
  for (const char* scenario : {"capture_fork_join", "host_nodes", "large_graph", "one_after_the_other"}) {
    clients.push_back(StartClient(*daemon_, std::string("tenant-of-") + scenario, {PAELLA_TEST_GRAPHS, scenario}));
  }
  clients.push_back(StartClient(*daemon_, "streams", Scenario("streams_and_events")));
  for (const auto& client : clients) EXPECT_TRUE(EndsWell(*client));
}

class SlicedGraphs : public DaemonTest {};

TEST_F(SlicedGraphs, GiveWhatTheWholeWouldHaveGiven) {
  const auto alone = StartClient(*daemon_, "grapher", {PAELLA_TEST_GRAPHS, "often_launched"});
  ASSERT_TRUE(alone->WaitForOutput("launched")) << alone->errors();
  EXPECT_EQ(test::TenantIn(daemon_->Status(), "grapher")["slices"], 0) << "nobody is there to overtake it";
  const auto neighbour = StartClient(*daemon_, "neighbour", Scenario("neighbour"));
  ASSERT_TRUE(neighbour->WaitForOutput("ready")) << neighbour->errors();
  EXPECT_TRUE(daemon_->WaitForStatus([](const nlohmann::json& status) {
    return test::TenantIn(status, "grapher")["slices"] > 0;
  })) << daemon_->Status();
  for (const auto& client : {alone.get(), neighbour.get()}) {
    client->WriteInput("end\n");
    EXPECT_TRUE(EndsWell(*client));
  }
}

TEST_F(SlicedGraphs, MayLoseTheirClient) {
  const auto neighbour = StartClient(*daemon_, "neighbour", Scenario("neighbour"));
  ASSERT_TRUE(neighbour->WaitForOutput("ready")) << neighbour->errors();
  const auto killed = StartClient(*daemon_, "killed", Words{PAELLA_TEST_CLIENT, "racer", "400", "300", "graph"});
  ASSERT_TRUE(killed->WaitForOutput("ready")) << killed->errors();
  killed->WriteInput("post\nbegin\n");
  ASSERT_TRUE(killed->WaitForOutput("begun")) << killed->errors();
  EXPECT_TRUE(daemon_->WaitForStatus([](const nlohmann::json& status) {
    const nlohmann::json found = test::TenantIn(status, "killed");
    return !found.is_null() && found["slices"] > 0;
  })) << daemon_->Status();
  killed->Signal(SIGKILL);
  EXPECT_TRUE(TenantIsGone("killed"));
  neighbour->WriteInput("end\n");
  EXPECT_TRUE(EndsWell(*neighbour));
  EXPECT_TRUE(ServesNormalClients());
}

class GraphsOfFreedMemory : public DaemonTest {};

TEST_F(GraphsOfFreedMemory, AreTheirProgramsOwnError) {
  const auto client = StartClient(*daemon_, "careless", {PAELLA_TEST_GRAPHS, "freed_memory"});
  EXPECT_TRUE(EndsWell(*client));
  EXPECT_TRUE(ServesNormalClients());
}

}  // namespace
}  // namespace paella::integration
