// What kernels print and assert comes out of the program that launched them, by the time that its waiting calls return.
#include <signal.h>

#include <string>

#include "tests/integration/support.h"

namespace paella::integration {
namespace {

Words Printing(const std::string& scenario, const Words& arguments = {}) {
  Words words{PAELLA_TEST_PRINTING, scenario};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

std::string RoundsOf(const std::string& who, int count) {
  std::string text;
  for (int round = 0; round < count; ++round) {
    text += who + " says " + std::to_string(round) + "\n" + who + " synchronised " + std::to_string(round) + "\n";
  }
  return text;
}

std::string LinesOf(const std::string& who, int count) {
  std::string text;
  for (int line = 0; line < count; ++line) {
    text += who + ": this is line " + std::to_string(line) + " of a longer text\n";
  }
  return text + "synchronised\n";
}

constexpr char kFormats[] =
    "plain\n"
    "-5 7 ff 0XFF    42|42   |00042 z %\n"
    "1099511627776 18446744073709551615 5\n"
    "1 0.250000 2 2.50e-01 text 0.5\n"
    "    12 0.2 again\n"
    "a value is 1.500\n"
    "synchronised\n";

constexpr char kEachWait[] =
    "1 says 0\n1 says 1\ncontext\n1 says 2\n1 says 3\nevent\n1 says 4\n1 says 5\nstream\n";

class KernelText : public DaemonTest {
 protected:
  // The same output natively and through the daemon.
  void ExpectOutput(const Words& words, const std::string& expected) {
    test::ChildProcess native(words, test::NativeEnvironment());
    EXPECT_TRUE(EndsWell(native));
    EXPECT_EQ(native.output(), expected) << "natively";
    const auto client = StartClient(*daemon_, "printer", words);
    EXPECT_TRUE(EndsWell(*client));
    EXPECT_EQ(client->output(), expected) << "through the daemon";
  }
};

TEST_F(KernelText, IsFormattedByTheDriver) { ExpectOutput(Printing("formats"), kFormats); }

TEST_F(KernelText, IsThereWhenAWaitReturns) {
  ExpectOutput(Printing("rounds", {"1", "20"}), RoundsOf("1", 20));
  ExpectOutput(Printing("each_wait"), kEachWait);
}

TEST_F(KernelText, MayBeLong) { ExpectOutput(Printing("lines", {"3", "2000"}), LinesOf("3", 2000)); }

// The simulated driver captures nothing itself.
TEST_F(KernelText, OfAGraphIsPrintedAtEachLaunch) {
  const auto client = StartClient(*daemon_, "printer", Printing("in_graph"));
  EXPECT_TRUE(EndsWell(*client));
  const std::string launch = "2 says 0\n2 says 1\n2 says 2\nlaunch ";
  EXPECT_EQ(client->output(), launch + "0\n" + launch + "1\n");
}

TEST_F(KernelText, OfManyTenantsAtOnceIsNotMixed) {
  std::vector<std::unique_ptr<test::ChildProcess>> clients;
  for (const char* who : {"1", "2", "3"}) {
    clients.push_back(StartClient(*daemon_, std::string("tenant-") + who, Printing("rounds", {who, "30"})));
  }
  clients.push_back(StartClient(*daemon_, "lines", Printing("lines", {"4", "500"})));
  clients.push_back(StartClient(*daemon_, "normal", Scenario("streams_and_events")));
  for (const auto& client : clients) EXPECT_TRUE(EndsWell(*client));
  EXPECT_EQ(clients[0]->output(), RoundsOf("1", 30));
  EXPECT_EQ(clients[1]->output(), RoundsOf("2", 30));
  EXPECT_EQ(clients[2]->output(), RoundsOf("3", 30));
  EXPECT_EQ(clients[3]->output(), LinesOf("4", 500));
  EXPECT_EQ(daemon_->process().output(), "");
}

// A kernel that has printed, and is not done, and prints again.
TEST_F(KernelText, OfTwoTenantsIsPrintedOneAfterTheOther) {
  const auto first = StartClient(*daemon_, "first", Printing("hold", {"1"}));
  ASSERT_TRUE(first->WaitForOutput("ready")) << first->errors();
  ASSERT_TRUE(daemon_->WaitForStatus([](const nlohmann::json& status) {
    const auto tenant = test::TenantIn(status, "first");
    return !tenant.is_null() && tenant["in_flight"] == 1;
  }));
  const auto second = StartClient(*daemon_, "second", Printing("rounds", {"2", "3"}));
  ASSERT_TRUE(daemon_->WaitForStatus([](const nlohmann::json& status) {
    const auto tenant = test::TenantIn(status, "second");
    return !tenant.is_null() && tenant["waiting"] == 1;
  }));
  // Whose kernels do not print waits for nobody.
  const auto third = StartClient(*daemon_, "third", {PAELLA_TEST_VECTOR_ADD, "--elements", "1000"});
  EXPECT_TRUE(EndsWell(*third));
  first->WriteInput("\n");
  EXPECT_TRUE(EndsWell(*first));
  EXPECT_TRUE(EndsWell(*second));
  EXPECT_EQ(first->output(), "ready\n1 waits\n1 goes on\nsynchronised\n");
  EXPECT_EQ(second->output(), RoundsOf("2", 3));
}

TEST_F(KernelText, OfAKilledClientGoesWithIt) {
  const auto victim = StartClient(*daemon_, "victim", Printing("for_ever", {"1"}));
  ASSERT_TRUE(victim->WaitForOutput("1 says 3\n")) << victim->errors();
  victim->Signal(SIGKILL);
  const auto other = StartClient(*daemon_, "other", Printing("rounds", {"2", "10"}));
  EXPECT_TRUE(EndsWell(*other));
  EXPECT_EQ(other->output(), RoundsOf("2", 10));
  EXPECT_TRUE(TenantIsGone("victim"));
}

// The text comes before the error, and to nobody else.
TEST_F(KernelText, OfAnAssertionComesToTheCulprit) {
  const auto neighbour = StartClient(*daemon_, "neighbour", Printing("quiet"));
  ASSERT_TRUE(neighbour->WaitForOutput("ready")) << neighbour->errors();
  const auto culprit = StartClient(*daemon_, "culprit", Printing("assertion"));
  EXPECT_TRUE(EndsWell(*culprit));
  EXPECT_TRUE(EndsWell(*neighbour));
  EXPECT_EQ(culprit->output(), "value 1\nvalue 7\ntold\n");
  const std::string errors = culprit->errors();
  EXPECT_NE(errors.find("printing.cu:"), std::string::npos) << errors;
  EXPECT_NE(errors.find("block: [0,0,0], thread: [0,0,0] Assertion `value == 1` failed.\ntold\n"), std::string::npos)
      << errors;
  EXPECT_EQ(neighbour->output(), "ready\nunavailable\n");
  EXPECT_EQ(neighbour->errors(), "");
  EXPECT_TRUE(ServesNormalClients());
}

}  // namespace
}  // namespace paella::integration
