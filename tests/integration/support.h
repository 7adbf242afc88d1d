// What the end-to-end tests share: a daemon for each test, clients of it, and what must hold when the test is over.
#ifndef PAELLA_TESTS_INTEGRATION_SUPPORT_H_
#define PAELLA_TESTS_INTEGRATION_SUPPORT_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/daemon_process.h"

namespace paella::integration {

using Words = std::vector<std::string>;

Words Scenario(const std::string& name, const std::string& argument = "");

std::unique_ptr<test::ChildProcess> StartClient(const test::DaemonProcess& daemon, const std::string& tenant,
                                                const Words& words);

// Waits for the program's end: exit status 0, or what it wrote.
testing::AssertionResult EndsWell(test::ChildProcess& program);
testing::AssertionResult EndsWith(test::ChildProcess& program, int status);

// What paellactl says to these words, of that daemon; it has to end well.
std::string SaysCtl(const test::DaemonProcess& daemon, Words words);

// A daemon that serves when the test begins; it must end well, and with it every process of it.
class DaemonTest : public testing::Test {
 protected:
  void SetUp() override { StartDaemon({}); }
  void TearDown() override;

  void StartDaemon(const test::DaemonOptions& options);
  void StopDaemon();

  // A normal client is served, now.
  testing::AssertionResult ServesNormalClients();
  testing::AssertionResult TenantIsGone(const std::string& tenant);

  std::unique_ptr<test::DaemonProcess> daemon_;
};

}  // namespace paella::integration

#endif  // PAELLA_TESTS_INTEGRATION_SUPPORT_H_
