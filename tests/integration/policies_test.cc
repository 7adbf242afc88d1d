// What each policy does to the order of two programs' jobs, from end to end.
#include <cstdint>
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

// The long job is posted, and let begin, before the short one.
class Order : public DaemonTest, public testing::WithParamInterface<Case> {
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

TEST_P(Order, IsThePolicys) {
  const auto answer = daemon_->Ask("policy", GetParam().policy);
  ASSERT_FALSE(answer.failed) << answer.text;
  Tell("long", GetParam().long_job);
  Tell("short", GetParam().short_job);
  const auto long_job = StartClient(*daemon_, "long", Words{PAELLA_TEST_CLIENT, "racer", "60", "2000"});
  const auto short_job = StartClient(*daemon_, "short", Words{PAELLA_TEST_CLIENT, "racer", "10", "500"});
  for (const auto& racer : {long_job.get(), short_job.get()}) {
    ASSERT_TRUE(racer->WaitForOutput("ready")) << racer->errors();
  }
  Post(*long_job, "long", 60);
  Post(*short_job, "short", 10);
  for (const auto& racer : {long_job.get(), short_job.get()}) {
    racer->WriteInput("begin\n");
    ASSERT_TRUE(racer->WaitForOutput("begun")) << racer->errors();
  }
  const std::uint64_t long_done = DoneAt(*long_job), short_done = DoneAt(*short_job);
  EXPECT_EQ(short_done < long_done, GetParam().short_job_is_first);
  EXPECT_EQ(daemon_->Status()["policy"], GetParam().policy) << "no policy was evicted";
}

constexpr Case kCases[] = {
    {"fifo", "fifo", "", "", false},
    {"job_fifo", "job-fifo", "", "", false},
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
INSTANTIATE_TEST_SUITE_P(Of, Order, testing::ValuesIn(kCases),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace paella::integration
