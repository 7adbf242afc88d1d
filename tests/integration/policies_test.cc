// What each policy does to the order of two programs' jobs, from end to end.
#include <signal.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <ostream>
#include <string>

#include "tests/integration/support.h"

namespace paella::integration {
namespace {

struct Case {
  const char* name;
  const char* policy;
  const char* long_job;   // what its tenant is
  const char* short_job;
  bool short_job_is_first;

  friend void PrintTo(const Case& each, std::ostream* out) { *out << each.name; }
};

// The long job is posted, and let begin, before the short one. Its kernels are far longer, so that a few samples that
// waited for a core do not turn them round, and under sanitizers still shorter than what a command counts for at most.
class Order : public DaemonTest {
 protected:
  // A GPU that one kernel of a racer fills.
  void SetUp() override {
    StartDaemon({.environment = {{"PAELLA_SIMULATED_GPU_SMS", "1"}, {"PAELLA_SIMULATED_GPU_THREADS_PER_SM", "1024"}}});
  }

  void Tell(const char* tenant, const std::string& settings) {
    if (settings.empty()) return;
    const auto answer = daemon_->Ask("tenant", std::string(tenant) + " " + settings);
    EXPECT_FALSE(answer.failed) << answer.text;
  }

  static void AwaitReady(test::ChildProcess& racer) { ASSERT_TRUE(racer.WaitForOutput("ready")) << racer.errors(); }

  static void Begin(test::ChildProcess& racer) {
    racer.WriteInput("begin\n");
    ASSERT_TRUE(racer.WaitForOutput("begun")) << racer.errors();
  }

  // Until the daemon knows: "begun" is said before the client's host function returns.
  void Begin(test::ChildProcess& racer, const char* tenant, unsigned kernels) {
    Begin(racer);
    ASSERT_TRUE(daemon_->WaitForStatus([&](const nlohmann::json& status) {
      return test::TenantIn(status, tenant)["waiting"] < kernels;
    })) << daemon_->Status();
  }

  // Until the daemon has read it, which is what counts for the order of arrival.
  void Post(test::ChildProcess& racer, const char* tenant, unsigned kernels) {
    racer.WriteInput("post\n");
    ASSERT_TRUE(racer.WaitForOutput("posted")) << racer.errors();
    ASSERT_TRUE(daemon_->WaitForStatus([&](const nlohmann::json& status) {
      const nlohmann::json found = test::TenantIn(status, tenant);
      return !found.is_null() && found["waiting"] >= kernels;
    })) << daemon_->Status();
  }

  static std::uint64_t DoneAt(test::ChildProcess& racer) {
    EXPECT_TRUE(EndsWell(racer));
    const std::string output = racer.output();
    const std::size_t at = output.find("done at ");
    EXPECT_NE(at, output.npos) << output;
    return at == output.npos ? 0 : std::stoull(output.substr(at + 8));
  }
};

class OrderUnder : public Order, public testing::WithParamInterface<Case> {};

TEST_P(OrderUnder, IsThePolicys) {
  const auto answer = daemon_->Ask("policy", GetParam().policy);
  ASSERT_FALSE(answer.failed) << answer.text;
  Tell("long", GetParam().long_job);
  Tell("short", GetParam().short_job);
  const auto long_job = StartClient(*daemon_, "long", Words{PAELLA_TEST_CLIENT, "racer", "150", "300"});
  const auto short_job = StartClient(*daemon_, "short", Words{PAELLA_TEST_CLIENT, "racer", "10", "20"});
  for (const auto& racer : {long_job.get(), short_job.get()}) AwaitReady(*racer);
  Post(*long_job, "long", 150);
  Post(*short_job, "short", 10);
  Begin(*long_job, "long", 150);
  Begin(*short_job);
  const std::uint64_t long_done = DoneAt(*long_job), short_done = DoneAt(*short_job);
  EXPECT_EQ(short_done < long_done, GetParam().short_job_is_first);
  EXPECT_EQ(daemon_->Status()["policy"], GetParam().policy) << "no policy was evicted";
}

// Both are connected before the long job's program learns how long its graph takes, so that the graph is cut then.
TEST_F(Order, OfAGraphIsOvertakenInTheMiddle) {
  ASSERT_FALSE(daemon_->Ask("policy", "srpt").failed);
  const auto short_job = StartClient(*daemon_, "short", Words{PAELLA_TEST_CLIENT, "racer", "10", "20"});
  AwaitReady(*short_job);
  const auto long_job = StartClient(*daemon_, "long", Words{PAELLA_TEST_CLIENT, "racer", "150", "300", "graph"});
  AwaitReady(*long_job);
  Post(*long_job, "long", 1);
  Post(*short_job, "short", 10);
  Begin(*long_job);
  ASSERT_TRUE(daemon_->WaitForStatus([](const nlohmann::json& status) {
    return test::TenantIn(status, "long")["slices"] > 0;
  })) << daemon_->Status();
  Begin(*short_job);
  const std::uint64_t long_done = DoneAt(*long_job), short_done = DoneAt(*short_job);
  EXPECT_LT(short_done, long_done);
}

constexpr Case kCases[] = {
    {"fifo", "fifo starvation_ms=0", "", "", false},
    {"job_fifo", "job-fifo starvation_ms=0", "", "", false},
    {"round_robin", "round-robin", "", "", true},
    {"sjf", "sjf", "", "", true},
    {"srpt", "srpt", "", "", true},
    {"paella", "paella", "", "", true},
    {"priority_for_the_short_job", "priority", "class=best-effort", "class=latency", true},
    {"priority_for_the_long_job", "priority", "class=latency", "class=normal", false},
    {"edf_for_the_short_job", "edf", "", "deadline_ms=1", true},
    {"edf_for_the_long_job", "edf starvation_ms=0", "deadline_ms=1", "", false},
    {"wfq_for_the_short_job", "wfq", "weight=1", "weight=10", true},
    {"wfq_for_the_long_job", "wfq starvation_ms=0", "weight=1000", "weight=0.001", false},
};
INSTANTIATE_TEST_SUITE_P(Of, OrderUnder, testing::ValuesIn(kCases),
                         [](const auto& each) { return std::string(each.param.name); });

class Why : public Order {};

TEST_F(Why, TheJobThatWaitsNamesTheOther) {
  ASSERT_FALSE(daemon_->Ask("policy", "fifo starvation_ms=0").failed);
  const auto first = StartClient(*daemon_, "first", Words{PAELLA_TEST_CLIENT, "racer", "150", "300"});
  const auto second = StartClient(*daemon_, "second", Words{PAELLA_TEST_CLIENT, "racer", "10", "20"});
  for (const auto& racer : {first.get(), second.get()}) AwaitReady(*racer);
  Post(*first, "first", 150);
  Post(*second, "second", 10);
  for (const auto& racer : {first.get(), second.get()}) Begin(*racer);
  DoneAt(*first), DoneAt(*second);
  const auto job = nlohmann::json::parse(SaysCtl(*daemon_, {"why", "second", "--json"}));
  EXPECT_EQ(job["tenant"], "second");
  EXPECT_EQ(job["commands"], 10);
  EXPECT_EQ(job["is_over"], true);
  const auto names = [&](const char* tenant) {
    return std::ranges::count_if(job["waiting"], [&](const auto& wait) { return wait["tenant"] == tenant; });
  };
  EXPECT_GT(names("first"), 0) << job;
  EXPECT_EQ(names("second"), 0) << job;
  std::uint64_t parts_ns = 0, waits_ns = 0;
  for (const char* part : {"client_ns", "ring_ns", "waiting_ns", "gpu_queue_ns", "running_ns"}) {
    parts_ns += job[part].get<std::uint64_t>();
  }
  for (const nlohmann::json& wait : job["waiting"]) waits_ns += wait["time_ns"].get<std::uint64_t>();
  EXPECT_EQ(parts_ns, job["latency_ns"]);
  EXPECT_EQ(waits_ns, job["waiting_ns"]);
  const std::string words = SaysCtl(*daemon_, {"why", job["job"].dump()});
  EXPECT_NE(words.find("behind first"), words.npos) << words;
  const std::string list = SaysCtl(*daemon_, {"why", "--slowest"});
  EXPECT_NE(list.find("MOST BEHIND\n"), list.npos) << list;
}

TEST_F(Why, NonsenseIsRefused) {
  EXPECT_TRUE(daemon_->Ask("why", "something").failed);
  test::ChildProcess ctl({PAELLA_TEST_CTL, "why", "nobody", "--socket", daemon_->socket()}, {});
  EXPECT_TRUE(EndsWith(ctl, 1));
  EXPECT_NE(ctl.errors().find("no recent job"), std::string::npos) << ctl.errors();
}

class Top : public DaemonTest {
 protected:
  Words Command(Words words) const {
    words.insert(words.begin(), {PAELLA_TEST_CTL, "top", "--socket", daemon_->socket()});
    return words;
  }
};

TEST_F(Top, ShowsWhoIsThereAndIsPlainTextInAPipe) {
  const auto client = StartClient(*daemon_, "alice", Scenario("neighbour"));
  ASSERT_TRUE(client->WaitForOutput("ready")) << client->errors();
  test::ChildProcess once(Command({"--once", "--interval", "0.1"}), {});
  EXPECT_TRUE(EndsWell(once));
  EXPECT_NE(once.output().find("\nalice   normal"), std::string::npos) << once.output();
  EXPECT_EQ(once.output().find('\033'), std::string::npos);
  test::ChildProcess twice(Command({"--count", "2", "--interval", "0.1", "--json"}), {});
  EXPECT_TRUE(EndsWell(twice));
  const std::string lines = twice.output();
  EXPECT_EQ(std::ranges::count(lines, '\n'), 2);
  const auto line = nlohmann::json::parse(lines.substr(0, lines.find('\n')));
  EXPECT_EQ(line["tenants"][0]["tenant"], "alice");
  client->WriteInput("end\n");
  EXPECT_TRUE(EndsWell(*client));
}

TEST_F(Top, EndsWellBySignal) {
  test::ChildProcess top(Command({"--interval", "0.1"}), {});
  ASSERT_TRUE(top.WaitForOutput("TENANT"));
  top.Signal(SIGINT);
  EXPECT_TRUE(EndsWith(top, 0));
}

TEST_F(Top, TellsThatTheDaemonHasEnded) {
  test::ChildProcess top(Command({"--interval", "0.1"}), {});
  ASSERT_TRUE(top.WaitForOutput("TENANT"));
  StopDaemon();
  EXPECT_TRUE(EndsWith(top, 1));
  EXPECT_NE(top.errors().find("paellactl: "), std::string::npos) << top.errors();
  daemon_.reset();
}

class Scheduling : public DaemonTest {};

TEST_F(Scheduling, NonsenseIsRefusedAndAllStaysAsItIs) {
  ASSERT_FALSE(daemon_->Ask("policy", "paella threshold_ms=3").failed);
  const auto refused = [&](const std::string& verb, const std::string& argument, const std::string& reason) {
    const auto answer = daemon_->Ask(verb, argument);
    EXPECT_TRUE(answer.failed) << argument;
    EXPECT_NE(answer.text.find(reason), std::string::npos) << answer.text;
  };
  refused("policy", "paella threshold_ms=-1", "threshold_ms: expected a number from 0 to 3600000, got '-1'");
  refused("policy", "paella threshold=1", "no setting 'threshold'");
  refused("policy", "best", "there is no policy 'best'");
  refused("tenant", "alice weight=0", "weight: expected a number from 0.001 to 1000, got '0'");
  refused("tenant", "alice deadline_ms=0", "deadline_ms: expected a number");
  refused("tenant", "alice class=urgent", "class: expected latency, normal or best-effort");
  refused("tenant", "", "a tenant has a name");
  EXPECT_EQ(daemon_->Ask("policy").text, "paella threshold_ms=3");
}

TEST_F(Scheduling, PaellactlSetsPoliciesAndTenants) {
  EXPECT_EQ(SaysCtl(*daemon_, {"policy", "set", "wfq", "debt_kept_ms=50"}), "wfq debt_kept_ms=50\n");
  EXPECT_EQ(SaysCtl(*daemon_, {"policy", "get"}), "wfq debt_kept_ms=50\n");
  const auto client = StartClient(*daemon_, "alice", Scenario("neighbour"));
  ASSERT_TRUE(client->WaitForOutput("ready")) << client->errors();
  EXPECT_EQ(SaysCtl(*daemon_, {"tenant", "set", "ali*", "weight=3", "class=latency"}), "ali* weight=3 class=latency\n");
  const nlohmann::json alice = test::TenantIn(daemon_->Status(), "alice");
  EXPECT_EQ(alice["class"], "latency");
  EXPECT_EQ(alice["weight"], 3);
  client->WriteInput("end\n");
  EXPECT_TRUE(EndsWell(*client));
}

// Recorded over the simulated GPU, in the form that the simulator takes.
TEST_F(Scheduling, WhatProgramsDoIsRecorded) {
  ASSERT_FALSE(daemon_->Ask("trace", "start").failed);
  const auto racer = StartClient(*daemon_, "alice", Words{PAELLA_TEST_CLIENT, "racer", "7", "10"});
  ASSERT_TRUE(racer->WaitForOutput("ready")) << racer->errors();
  racer->WriteInput("post\nbegin\n");
  EXPECT_TRUE(EndsWell(*racer));
  ASSERT_TRUE(TenantIsGone("alice"));
  const auto trace = daemon_->Ask("trace", "stop");
  ASSERT_FALSE(trace.failed) << trace.text;
  EXPECT_NE(trace.text.find(R"({"tenant":"alice","class":"normal","weight":1.0})"), std::string::npos) << trace.text;
  EXPECT_NE(trace.text.find(R"({"at_ns":)"), std::string::npos) << trace.text;
  EXPECT_TRUE(daemon_->Ask("trace", "rewind").failed);
  EXPECT_EQ(daemon_->Ask("trace", "stop").text, "") << "none is recorded any more";
}

class Claims : public DaemonTest {
 protected:
  void SetUp() override {
    StartDaemon({.settings = "most_urgent_claim = 'normal'\n[tenants.\"trusted*\"]\nclass = 'latency'\n"});
  }
};

TEST_F(Claims, GetWhatTheConfigurationAllows) {
  const auto class_of = [&](const char* tenant, const char* claim) {
    auto environment = test::ClientEnvironment(daemon_->socket(), tenant);
    environment["PAELLA_CLASS"] = claim;
    test::ChildProcess client(Scenario("neighbour"), environment);
    EXPECT_TRUE(client.WaitForOutput("ready")) << client.errors();
    const nlohmann::json found = test::TenantIn(daemon_->Status(), tenant);
    client.WriteInput("end\n");
    EXPECT_TRUE(EndsWell(client));
    return found["class"];
  };
  EXPECT_EQ(class_of("liar", "latency"), "normal");
  EXPECT_EQ(class_of("modest", "best-effort"), "best-effort");
  EXPECT_EQ(class_of("trusted1", "normal"), "latency");
}

class Knowing : public DaemonTest {
 protected:
  void SetUp() override { Start(); }
  void Start() { StartDaemon({.arguments = {"--state-directory", folder_.path()}}); }
  std::uint64_t Kernels() { return daemon_->Status()["scheduling"]["kernels"].get<std::uint64_t>(); }

  const test::ScratchFolder folder_;
};

TEST_F(Knowing, WhatWasLearnedIsThereAfterARestart) {
  EXPECT_EQ(Kernels(), 0u);
  EXPECT_TRUE(ServesNormalClients());
  EXPECT_GT(Kernels(), 0u);
  const std::uint64_t known = Kernels();
  StopDaemon();
  Start();
  EXPECT_EQ(Kernels(), known);
}

TEST_F(Knowing, AFileOfSomethingElseIsPassedOver) {
  StopDaemon();
  std::ofstream(folder_.path() + "/gpu0.knowledge") << "something else";
  Start();
  EXPECT_NE(daemon_->log().find("they are learned anew"), std::string::npos) << daemon_->log();
  EXPECT_EQ(Kernels(), 0u);
  EXPECT_TRUE(ServesNormalClients());
}

}  // namespace
}  // namespace paella::integration
