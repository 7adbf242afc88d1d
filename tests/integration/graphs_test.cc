// Graphs from end to end. The simulated driver captures nothing itself, so these programs run through the daemon alone.
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

class GraphsOfFreedMemory : public DaemonTest {};

TEST_F(GraphsOfFreedMemory, AreTheirProgramsOwnError) {
  const auto client = StartClient(*daemon_, "careless", {PAELLA_TEST_GRAPHS, "freed_memory"});
  EXPECT_TRUE(EndsWell(*client));
  EXPECT_TRUE(ServesNormalClients());
}

}  // namespace
}  // namespace paella::integration
