#include "scheduler_daemon/paellactl/status.h"

#include <gtest/gtest.h>

#include "fake_control_server.h"
#include "scheduler_daemon/paellactl/table.h"

namespace paella::paellactl {
namespace {

using nlohmann::json;

json Document() {
  return json::parse(R"({
    "daemon": {"version": "0.1.0", "pid": 41, "socket": "/run/paella/gpu0.sock", "executor_pid": 42,
               "executor_restarts": 1, "uptime_s": 7384},
    "device": {"ordinal": 0, "name": "Some GPU", "pci_bus_id": "0000:3B:00.0", "driver_version": 13010,
               "total_memory_bytes": 85899345920},
    "policy": "srpt starvation_ms=5",
    "scheduling": {"running_policy": "srpt", "evictions": [], "kernels": 12, "job_prefixes": 3,
                   "kernel_accuracy": {"predictions": 10, "within_1.2": 0.905},
                   "job_accuracy": {"predictions": 0, "within_1.2": 0}},
    "tenants": [{"tenant": "a", "class": "normal", "clients": 2, "launches": 12345, "waiting": 3, "in_flight": 1,
                 "memory_bytes": 1610612736, "gpu_seconds": 1.5},
                {"tenant": "long-name", "class": "best-effort", "clients": 1, "launches": 7, "waiting": 0,
                 "in_flight": 0, "memory_bytes": 512, "gpu_seconds": 0}],
    "clients": [{"client": 9, "tenant": "a", "class": "normal", "program": "python3", "pid": 77, "launches": 12345,
                 "waiting": 3, "unsupported_calls": 4}],
    "unsupported": [{"function": "cuGraphCreate", "calls": 4}]})");
}

TEST(DescribeStatusTest, TellsEverything) {
  EXPECT_EQ(DescribeStatus(Document()),
            "paellad 0.1.0, pid 41, up 2 h 3 min, at /run/paella/gpu0.sock\n"
            "executor: pid 42, restarts 1\n"
            "GPU 0: Some GPU, 0000:3B:00.0, 80.0 GiB, CUDA 13.1\n"
            "policy: srpt starvation_ms=5\n"
            "known: 12 kernels, predicted within a factor of 1.2: 90 %, jobs: -\n"
            "\n"
            "TENANT     CLASS        CLIENTS  LAUNCHES  WAITING  IN FLIGHT   MEMORY  GPU TIME\n"
            "a          normal             2     12345        3          1  1.5 GiB   1.500 s\n"
            "long-name  best-effort        1         7        0          0    512 B   0.000 s\n"
            "\n"
            "CLIENT  TENANT  CLASS   PROGRAM  PID  LAUNCHES  WAITING  UNSUPPORTED\n"
            "     9  a       normal  python3   77     12345        3            4\n"
            "\n"
            "UNSUPPORTED FUNCTION  CALLS\n"
            "cuGraphCreate             4\n");
}

TEST(DescribeStatusTest, APolicyThatWasEvictedIsTold) {
  json document = Document();
  document["scheduling"]["running_policy"] = "fifo";
  document["scheduling"]["evictions"] = {{{"policy", "srpt"}, {"reason", "stalled"}, {"detail", "for long"}}};
  const std::string shown = DescribeStatus(document);
  EXPECT_NE(shown.find("policy: srpt starvation_ms=5, which stalled; fifo decides\n"), std::string::npos) << shown;
}

TEST(DescribeStatusTest, AnIdleDaemonTakesFiveLines) {
  json document = Document();
  for (const char* key : {"tenants", "clients", "unsupported"}) document[key] = json::array();
  document["daemon"]["executor_pid"] = nullptr;
  EXPECT_EQ(DescribeStatus(document),
            "paellad 0.1.0, pid 41, up 2 h 3 min, at /run/paella/gpu0.sock\n"
            "executor: none, restarts 1\n"
            "GPU 0: Some GPU, 0000:3B:00.0, 80.0 GiB, CUDA 13.1\n"
            "policy: srpt starvation_ms=5\n"
            "known: 12 kernels, predicted within a factor of 1.2: 90 %, jobs: -\n");
}

TEST(DescribeStatusTest, MemoryThatIsReadyIsTold) {
  json document = Document();
  document["device"]["ready_memory_bytes"] = 67108864;
  const std::string shown = DescribeStatus(document);
  EXPECT_NE(shown.find("80.0 GiB (64.0 MiB ready for programs), CUDA 13.1"), std::string::npos) << shown;
}

TEST(DescribeStatusTest, WhatIsMissingOrStrangeIsADash) {
  const std::string shown = DescribeStatus(json::parse(
      R"({"daemon": 5, "device": null, "policy": [], "clients": 1,
          "tenants": [{"tenant": "a", "launches": "many"}, 3]})"));
  EXPECT_EQ(shown,
            "paellad -, pid -, up -, at -\n"
            "executor: none, restarts -\n"
            "GPU: known when an executor has started\n"
            "policy: -\n"
            "\n"
            "TENANT  CLASS  CLIENTS  LAUNCHES  WAITING  IN FLIGHT  MEMORY  GPU TIME\n"
            "a       -            -      many        -          -       -         -\n"
            "-       -            -         -        -          -       -         -\n");
}

TEST(DescribeStatusTest, TimesAreShownInTwoUnits) {
  json document = Document();
  const auto shown = [&](double seconds) {
    document["daemon"]["uptime_s"] = seconds;
    const std::string text = DescribeStatus(document);
    const std::size_t start = text.find("up ") + 3;
    return text.substr(start, text.find(", at") - start);
  };
  EXPECT_EQ(shown(0.4), "0 s");
  EXPECT_EQ(shown(61), "1 min 1 s");
  EXPECT_EQ(shown(3600), "1 h 0 min");
  EXPECT_EQ(shown(200000), "2 d 7 h");
}

// A client chooses its tenant's name, and an administrator's terminal would obey it.
TEST(DescribeStatusTest, NamesDoNotSteerTheTerminal) {
  json document = Document();
  document["tenants"][0]["tenant"] = "\x1b]0;evil\x07\n\xc2\x9b" "2J";
  const std::string shown = DescribeStatus(document);
  EXPECT_NE(shown.find("?]0;evil???2J"), shown.npos) << shown;
}

TEST(TableTest, CharactersAreCountedNotBytes) {
  Table table({{"A", Table::Align::kLeft}, {"B", Table::Align::kRight}});
  table.Add({"\xc3\xbc", "1"});  // one character of two bytes
  table.Add({"xy", "22"});
  EXPECT_EQ(table.Text(), "A    B\n\xc3\xbc    1\nxy  22\n");
}

TEST(StatusTest, AsJsonItIsTheDocument) {
  FakeControlServer server;
  server.Reply(false, Document().dump());
  const Answer answer = Status({server.control_path()}, true);
  server.Finish();
  EXPECT_FALSE(answer.failed);
  EXPECT_EQ(json::parse(answer.text), Document());
  EXPECT_EQ(server.request().verb, "status");
  EXPECT_EQ(server.request().argument, "");
}

TEST(StatusTest, WhatIsNoDocumentIsAnError) {
  for (const char* text : {"", "hello", "[1]", "{\"policy\": \"fifo\"", "{\"policy\": \"\xff\"}"}) {
    for (const bool as_json : {false, true}) {
      FakeControlServer server;
      server.Reply(false, text);
      const Answer answer = Status({server.control_path()}, as_json);
      EXPECT_TRUE(answer.failed) << text;
      EXPECT_EQ(answer.text, "paellad's status is not a JSON document");
    }
  }
}

}  // namespace
}  // namespace paella::paellactl
