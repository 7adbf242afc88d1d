#include "tests/integration/support.h"

namespace paella::integration {

Words Scenario(const std::string& name, const std::string& argument) {
  Words words{PAELLA_TEST_CLIENT, name};
  if (!argument.empty()) words.push_back(argument);
  return words;
}

std::unique_ptr<test::ChildProcess> StartClient(const test::DaemonProcess& daemon, const std::string& tenant,
                                                const Words& words) {
  return std::make_unique<test::ChildProcess>(words, test::ClientEnvironment(daemon.socket(), tenant));
}

testing::AssertionResult EndsWith(test::ChildProcess& program, int expected) {
  const auto status = program.Wait();
  if (status == expected) return testing::AssertionSuccess();
  return testing::AssertionFailure() << (status ? "exit status " + std::to_string(*status) : std::string("it runs on"))
                                     << ", not " << expected << "\noutput: " << program.output()
                                     << "\nerrors: " << program.errors();
}

testing::AssertionResult EndsWell(test::ChildProcess& program) { return EndsWith(program, 0); }

std::string SaysCtl(const test::DaemonProcess& daemon, Words words) {
  words.insert(words.begin(), PAELLA_TEST_CTL);
  words.insert(words.end(), {"--socket", daemon.socket()});
  test::ChildProcess ctl(words, {});
  EXPECT_TRUE(EndsWell(ctl));
  return ctl.output();
}

void DaemonTest::StartDaemon(const test::DaemonOptions& options) {
  daemon_ = std::make_unique<test::DaemonProcess>(options);
  ASSERT_TRUE(daemon_->WaitUntilServing()) << daemon_->log();
}

void DaemonTest::StopDaemon() {
  const test::EndOfProcess executor(daemon_->executor_pid());
  EXPECT_EQ(daemon_->Stop(), 0) << daemon_->log();
  EXPECT_TRUE(executor.Await()) << "the executor outlives paellad";
}

void DaemonTest::TearDown() {
  if (daemon_ == nullptr) return;
  StopDaemon();
  if (HasFailure()) std::cerr << "--- the daemon's log\n" << daemon_->log() << "---\n";
}

testing::AssertionResult DaemonTest::ServesNormalClients() {
  const auto client = StartClient(*daemon_, "normal", {PAELLA_TEST_VECTOR_ADD, "--elements", "1000"});
  return EndsWell(*client);
}

testing::AssertionResult DaemonTest::TenantIsGone(const std::string& tenant) {
  const auto is_gone = [&](const nlohmann::json& status) { return test::TenantIn(status, tenant).is_null(); };
  if (daemon_->WaitForStatus(is_gone)) return testing::AssertionSuccess();
  return testing::AssertionFailure() << daemon_->Status().dump(2);
}

}  // namespace paella::integration
