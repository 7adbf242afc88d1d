// What goes into the simulator and comes out of it: traces, arrivals, tables.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include "scheduler_daemon/knowledge/quantile.h"
#include "scheduler_daemon/policies/catalogue.h"
#include "scheduler_daemon/simulator/report.h"
#include "scheduler_daemon/simulator/synthetic.h"
#include "scheduler_daemon/simulator/trace.h"
#include "scheduler_daemon/simulator/trace_writer.h"

namespace paella::scheduler_daemon {
namespace {

constexpr const char* kTrace =
    R"({"tenant": "alice", "class": "latency", "weight": 2.5, "deadline_ms": 20}
{"tenant": "bob"}

{"model": "small", "kernels": [{"shape": 7, "blocks": 4, "threads": 256, "block_ns": 9000}, {"threads": 32, "block_ns": 9}]}
{"client": 11, "tenant": "bob"}
{"client": 12, "tenant": "alice"}
{"at_ns": 1000, "client": 12, "model": "small"}
{"at_ns": 0, "client": 11, "model": "small"}
)";

std::string TraceError(const std::string& text) {
  std::istringstream lines(text);
  Workload workload;
  std::string error;
  EXPECT_FALSE(ReadTrace(lines, {}, workload, error)) << text;
  EXPECT_TRUE(workload.tenants.empty()) << "changed although refused";
  return error;
}

constexpr SimulationSettings kStrict{.limits = {.stream_ahead_ns = 0, .one_at_a_time = true}};

SimulationResult Simulate(const Workload& workload, const char* policy, const SimulationSettings& settings = {}) {
  std::string error;
  return Simulation(workload, MakePolicyOperations(policy, {}, error), settings).Run();
}

TEST(TraceTest, IsReplayed) {
  std::istringstream lines(kTrace);
  Workload workload;
  std::string error;
  ASSERT_TRUE(ReadTrace(lines, {}, workload, error)) << error;
  EXPECT_EQ(workload.tenants[0].info.tenant_class, TenantClass::kLatency);
  EXPECT_EQ(workload.tenants[0].info.weight, 2.5);
  EXPECT_EQ(workload.tenants[0].info.deadline_ns, 20'000'000u);
  const SimulationResult result = Simulate(workload, "fifo");
  EXPECT_EQ(result.commands, 4u);
  EXPECT_EQ(result.tenants[0].latencies_ns, std::vector<std::uint64_t>{9'009});
  EXPECT_EQ(result.lasted_ns, 10'009u);
}

TEST(TraceTest, NonsenseIsRefusedWithTheLine) {
  const std::string good(kTrace);
  EXPECT_TRUE(TraceError(good + "{").starts_with("line 9: "));
  EXPECT_EQ(TraceError("7"), "line 1: not a JSON object");
  EXPECT_EQ(TraceError("{}"), "line 1: neither a tenant, a model, a client nor a job");
  EXPECT_EQ(TraceError(R"({"tenant": "a", "weight": -1})"),
            "line 1: weight: expected a number from 0.001 to 1000, got '-1'");
  EXPECT_EQ(TraceError(R"({"tenant": "a", "deadline_ms": 0})"),
            "line 1: deadline_ms: expected a number from 0.001 to 3600000, got '0'");
  EXPECT_EQ(TraceError(R"({"client": 1, "tenant": "a"})"), "line 1: no such tenant before this line");
  EXPECT_EQ(TraceError(good + R"({"at_ns": 1, "client": 99, "model": "small"})"),
            "line 9: no such client before this line");
  EXPECT_EQ(TraceError(good + R"({"at_ns": 999, "client": 12, "model": "small"})"),
            "line 9: before its client's last job");
  EXPECT_EQ(TraceError(good + R"({"at_ns": -1, "client": 11, "model": "small"})"),
            "line 9: at_ns: expected a whole number from 0 to 1000000000000000");
  EXPECT_EQ(TraceError(R"({"model": "m", "kernels": [{"threads": 4096, "block_ns": 1}]})"),
            "line 1: threads: expected a whole number from 1 to 2048");
  EXPECT_EQ(TraceError(R"({"model": "m", "kernels": [{"threads": 32, "block_ns": 1, "color": 1}]})"),
            "line 1: 'color' is not known here");
  EXPECT_FALSE(TraceError(R"({"model": "m", "kernels": [{"threads": 32}]})").empty());
}

// What the daemon records, the simulator replays: the same jobs, at the same times, as long.
TEST(TraceWriterTest, WritesWhatIsReplayed) {
  TraceWriter writer(1'000);
  const RecordedJob job{.tenant = 0,
                        .client = 7,
                        .began_ns = 6'000,
                        .commands = {{.shape = 1, .share = 0.5, .duration_ns = 10'000},
                                     {.shape = 2, .share = 0.001, .duration_ns = 5'000}}};
  RecordedJob later = job;
  later.began_ns = 100'000;
  later.commands[0].duration_ns = 20'000;
  writer.Add(later, "alice", {.tenant_class = TenantClass::kLatency, .deadline_ns = 3'000'000});
  writer.Add(job, "alice", {.tenant_class = TenantClass::kLatency, .deadline_ns = 3'000'000});
  std::istringstream lines(writer.Text());
  Workload workload;
  std::string error;
  ASSERT_TRUE(ReadTrace(lines, {}, workload, error)) << error << writer.Text();
  ASSERT_EQ(workload.models.size(), 1u) << "jobs of the same commands are one model";
  EXPECT_EQ(workload.models[0][0].block_ns, 15'000u) << "the mean of both";
  EXPECT_EQ(workload.models[0][0].blocks * workload.models[0][0].threads, 132u * 2'048 / 2);
  EXPECT_EQ(workload.tenants[0].info.tenant_class, TenantClass::kLatency);
  EXPECT_EQ(workload.tenants[0].info.deadline_ns, 3'000'000u);
  ASSERT_EQ(workload.clients[0].jobs.size(), 2u);
  EXPECT_EQ(workload.clients[0].jobs[0].arrival_ns, 5'000u);
  EXPECT_EQ(Simulate(workload, "srpt").tenants[0].latencies_ns, (std::vector<std::uint64_t>{20'000, 20'000}));
}

TEST(TraceWriterTest, LeavesOutWhatBeganBeforeIt) {
  TraceWriter writer(1'000);
  writer.Add({.began_ns = 999, .commands = std::vector<RecordedCommand>(1)}, "alice", {});
  EXPECT_EQ(writer.Text(), "");
}

TEST(TraceWriterTest, RecordsNoMoreThanSoManyCommands) {
  TraceWriter writer(0);
  RecordedJob job{.commands = std::vector<RecordedCommand>(TraceWriter::kMostCommands - 1)};
  writer.Add(job, "alice", {});
  job.commands.resize(2);
  writer.Add(job, "bob", {});
  EXPECT_EQ(writer.Text().find("bob"), std::string::npos);
}

TEST(ArrivalsTest, HaveTheirRateAndComeFromTheSeed) {
  for (const ArrivalKind kind : {ArrivalKind::kPoisson, ArrivalKind::kLognormal, ArrivalKind::kBursty}) {
    RandomNumbers random(5), same(5), other(6);
    const auto arrivals = Arrivals(kind, 1'000, 1, 100'000'000'000, random);
    EXPECT_NEAR(static_cast<double>(arrivals.size()), 100'000, 3'000);
    EXPECT_TRUE(std::is_sorted(arrivals.begin(), arrivals.end()));
    EXPECT_EQ(arrivals, Arrivals(kind, 1'000, 1, 100'000'000'000, same));
    EXPECT_NE(arrivals, Arrivals(kind, 1'000, 1, 100'000'000'000, other));
  }
}

TEST(SimulationTest, SrptBringsTheMeanDownAndPredictionsBecomeGood) {
  const Workload workload =
      MakeSyntheticWorkload({.load = 1.5, .arrivals = ArrivalKind::kBursty, .end_ns = 300'000'000});
  const auto mean = [](const SimulationResult& result) {
    double sum = 0, jobs = 0;
    for (const TenantResult& tenant : result.tenants) {
      for (const std::uint64_t latency : tenant.latencies_ns) sum += static_cast<double>(latency), ++jobs;
    }
    return sum / jobs;
  };
  EXPECT_LT(mean(Simulate(workload, "srpt", kStrict)), 0.8 * mean(Simulate(workload, "fifo", kStrict)));
  std::string error;
  Simulation simulation(workload, MakePolicyOperations("srpt", {}, error), kStrict);
  simulation.Run();
  EXPECT_GT(simulation.knowledge().kernel_accuracy.WithinFactor(1.2), 0.9);
  EXPECT_GT(simulation.knowledge().job_accuracy.WithinFactor(1.2), 0.9);
}

TEST(SimulationTest, PriorityKeepsALatencyTenantFromABusyNeighbour) {
  Workload workload;
  workload.models = {Model(20, {.shape = 1, .blocks = 33, .block_ns = 10'000}),
                     Model(500, {.shape = 2, .blocks = 2'640, .threads = 1'024, .block_ns = 50'000})};
  workload.tenants = {{"latency", {.tenant_class = TenantClass::kLatency}},
                      {"neighbour", {.tenant_class = TenantClass::kBestEffort}}};
  workload.clients = {{0, {}}, {1, {{0, 1}}}, {1, {{0, 1}}}, {1, {{0, 1}}}};
  for (std::uint64_t i = 0; i < 50; ++i) workload.clients[0].jobs.push_back({i * 2'000'000, 0});
  const auto p50 = [&](const char* policy) {
    return Quantile(Simulate(workload, policy).tenants[0].latencies_ns, 0.5);
  };
  EXPECT_LT(p50("priority"), p50("fifo"));
}

// What a GPU showed (../../scheduler_daemon/simulator/traces).
class RecordedTrace : public testing::Test {
 protected:
  void Read(const std::string& name) {
    std::ifstream file(std::string(PAELLA_TRACES) + "/" + name);
    std::string error;
    ASSERT_TRUE(ReadTrace(file, {}, workload_, error)) << name << ": " << error;
  }
  std::size_t Jobs() const {
    std::size_t jobs = 0;
    for (const SimulatedClient& client : workload_.clients) jobs += client.jobs.size();
    return jobs;
  }
  std::uint64_t P99Ns(const char* tenant, const char* policy) const {
    const SimulationResult result = Simulate(workload_, policy);
    const auto found = std::ranges::find(workload_.tenants, tenant, &SimulatedTenant::name);
    return Quantile(result.tenants[static_cast<std::size_t>(found - workload_.tenants.begin())].latencies_ns, 0.99);
  }

  Workload workload_;
};

TEST_F(RecordedTrace, RunsToItsEndUnderEveryPolicy) {
  for (const char* name : {"three_models.jsonl", "resnet50_beside_vit.jsonl"}) {
    workload_ = {};
    ASSERT_NO_FATAL_FAILURE(Read(name));
    for (const PolicyDescription& policy : PolicyCatalogue()) {
      const SimulationResult result = Simulate(workload_, std::string(policy.name).c_str());
      std::size_t done = 0;
      for (const TenantResult& tenant : result.tenants) done += tenant.latencies_ns.size();
      EXPECT_EQ(done, Jobs()) << name << " under " << policy.name;
    }
  }
}

TEST_F(RecordedTrace, RequestsBesideABatchAreQuickerWhereTheyGoFirst) {
  ASSERT_NO_FATAL_FAILURE(Read("resnet50_beside_vit.jsonl"));
  const std::uint64_t fifo_ns = P99Ns("resnet50", "fifo");
  for (const char* policy : {"srpt", "paella", "priority"}) EXPECT_LT(P99Ns("resnet50", policy), fifo_ns) << policy;
}

TEST(ReportTest, QuantilesAreOfTheValues) {
  EXPECT_EQ(Quantile({}, 0.5), 0u);
  EXPECT_EQ(Quantile({3, 1, 2}, 0.5), 2u);
  EXPECT_EQ(Quantile({3, 1, 2}, 0.99), 3u);
  EXPECT_EQ(Quantile({3, 1, 2}, 0), 1u);
}

TEST(ReportTest, NothingSimulatedIsATableOfZeros) {
  const Workload workload{.models = {}, .tenants = {{"idle", {}}}, .clients = {}};
  const std::string table = ReportTable(workload, Simulate(workload, "fifo"));
  EXPECT_NE(table.find("idle"), table.npos);
  EXPECT_EQ(table.find(" nan"), table.npos);
}

}  // namespace
}  // namespace paella::scheduler_daemon
